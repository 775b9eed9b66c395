#include "model/reaction.h"

#include <string.h>

#include "base/buf.h"

static size_t ids_parse(struct str list, int64_t *out, size_t most)
{
	size_t n = 0;
	for (struct str part; n < most && str_split(&list, ',', &part);)
		if (str_i64(part, 1, INT64_MAX, &out[n])) n++;
	return n;
}

static bool reaction_parse(struct str item, struct reaction *out)
{
	struct str emoji, count;
	if (!str_split(&item, ' ', &emoji) || !str_split(&item, ' ', &count)) return false;
	out->emoji = emoji;
	out->n_users = ids_parse(item, out->user_ids, REACTION_USERS);
	return emoji.n && str_i64(count, 1, INT64_MAX, &out->count);
}

void reactions_parse(struct arena *a, struct str text, struct reactions *out)
{
	size_t room = 1;
	*out = (struct reactions){ 0 };
	for (size_t i = 0; i < text.n; i++) room += text.p[i] == ';';
	if (!text.n) return;
	out->items = arena_array(a, struct reaction, room);
	struct str rest = arena_str(a, text), item;
	while (str_split(&rest, ';', &item))
		if (reaction_parse(item, &out->items[out->n])) out->n++;
}

struct str reactions_text(struct arena *a, const struct reactions *r)
{
	struct buf b;
	if (!r->n) return STR_NONE;
	buf_init(&b);
	for (size_t i = 0; i < r->n; i++) {
		const struct reaction *x = &r->items[i];
		if (i) buf_add_byte(&b, ';');
		buf_add_str(&b, x->emoji);
		buf_add_byte(&b, ' ');
		buf_add_i64(&b, x->count);
		for (size_t k = 0; k < x->n_users; k++) {
			buf_add_byte(&b, k ? ',' : ' ');
			buf_add_i64(&b, x->user_ids[k]);
		}
	}
	struct str s = arena_str(a, buf_str(&b));
	buf_release(&b);
	return s;
}

struct reaction *reactions_find(const struct reactions *r, struct str emoji)
{
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->items[i].emoji, emoji)) return &r->items[i];
	return NULL;
}

static struct reaction *another(struct arena *a, struct reactions *r, struct str emoji)
{
	struct reaction *items = arena_array(a, struct reaction, r->n + 1);
	if (r->n) memcpy(items, r->items, r->n * sizeof *items);
	r->items = items;
	items[r->n].emoji = emoji;
	return &items[r->n++];
}

struct reaction *reactions_add(struct arena *a, struct reactions *r, struct str emoji, int64_t user_id)
{
	struct reaction *x = reactions_find(r, emoji);
	if (!x) x = another(a, r, emoji);
	/* a place that is free though others are not named is theirs */
	if (x->n_users < REACTION_USERS && (int64_t)x->n_users == x->count) x->user_ids[x->n_users++] = user_id;
	x->count++;
	return x;
}

void reactions_remove(struct reaction *x, int64_t user_id, bool *more)
{
	size_t i = 0;
	while (i < x->n_users && x->user_ids[i] != user_id) i++;
	if (i < x->n_users) {
		memmove(&x->user_ids[i], &x->user_ids[i + 1], (x->n_users - i - 1) * sizeof x->user_ids[0]);
		x->n_users--;
	}
	x->count--;
	*more = x->n_users < REACTION_USERS && x->count > (int64_t)x->n_users;
}

void reactions_tidy(struct reactions *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].count > 0) r->items[n++] = r->items[i];
	r->n = n;
}
