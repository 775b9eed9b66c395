/* Joins and leaves that took no rev. Those in the channel get one hint a batch; the person's own sessions are cut off
 * by news, which name the rev at which their streams end. */
#include <string.h>

#include "app/append_private.h"
#include "proto/json.h"

#define NAMED_MOST 100 /* people in one hint: beyond it only how many there are */

struct crowd {
	int64_t joined[NAMED_MOST], left[NAMED_MOST];
	size_t n_joined, n_left;
};

static void drop(int64_t *ids, size_t *n, int64_t id)
{
	for (size_t i = 0; i < *n; i++)
		if (ids[i] == id) ids[i--] = ids[--*n];
}

/* What somebody did last counts. */
static void take(struct crowd *w, const struct change *c)
{
	bool came = !c->left_rev;
	drop(w->joined, &w->n_joined, c->about_id);
	drop(w->left, &w->n_left, c->about_id);
	if (w->n_joined + w->n_left == NAMED_MOST) return;
	if (came)
		w->joined[w->n_joined++] = c->about_id;
	else
		w->left[w->n_left++] = c->about_id;
}

static void put_ids(struct json_out *o, const char *name, const int64_t *ids, size_t n)
{
	json_key(o, name);
	json_open(o, '[');
	for (size_t i = 0; i < n; i++) json_put_i64(o, ids[i]);
	json_close(o, ']');
}

static void publish_hint(struct append *a, int64_t channel_id, const struct crowd *w, int64_t member_count)
{
	struct json_out o;
	a->scratch.n = 0;
	json_out_init(&o, &a->scratch);
	json_open(&o, '{');
	json_field_text(&o, "op", "members");
	json_field_i64(&o, "channel_id", channel_id);
	put_ids(&o, "joined", w->joined, w->n_joined);
	put_ids(&o, "left", w->left, w->n_left);
	json_field_i64(&o, "member_count", member_count);
	json_close(&o, '}');
	struct hint *h = hint_create(a->scratch.n);
	h->channel_id = channel_id;
	memcpy(h->json, a->scratch.p, a->scratch.n);
	bus_publish_hint(a->o.bus, h);
	hint_unref(h);
}

static void publish_left(struct append *a, const struct append_batch *b, const struct change *c)
{
	struct user_news *news = user_news_create(0);
	news->user_id = c->about_id;
	news->user_rev = c->user_rev;
	news->epoch = b->epoch;
	news->list_moved = true;
	news->left_channel = c->channel_id, news->left_rev = c->left_rev;
	bus_publish_user(a->o.bus, news);
	user_news_unref(news);
}

/* All of the channel of the `from`-th, which is the first. */
static void publish_channel(struct append *a, const struct append_batch *b, size_t from)
{
	struct crowd w = { .n_joined = 0 };
	int64_t channel_id = b->changes[from]->channel_id, member_count = 0;
	for (size_t i = from; i < b->n; i++) {
		struct change *c = b->changes[i];
		if (c->err || !c->quiet || c->channel_id != channel_id) continue;
		take(&w, c);
		member_count = c->member_count;
		c->quiet = false;
	}
	publish_hint(a, channel_id, &w, member_count);
}

void append_publish_left(struct append *a, const struct append_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct change *c = b->changes[i];
		if (!c->err && c->quiet && c->left_rev) publish_left(a, b, c);
	}
}

void append_publish_quiet(struct append *a, const struct append_batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->changes[i]->err && b->changes[i]->quiet) publish_channel(a, b, i);
}
