#include "hub/heads.h"

#include "base/mem.h"
#include "hub/owner.h"
#include "store/sync.h"

#define HEADS_MOST 1000 /* of one statement */
#define RETRY_MS 100

struct heads {
	struct job job;
	struct hub_reactor *here;
	struct timer retry;
	uint64_t epoch;
	size_t n;
	struct sync_head heads[];
};

static void heads_run(struct job *j, void *state)
{
	struct heads *h = container_of(j, struct heads, job);
	j->err = sync_heads(state, h->heads, h->n, &h->epoch);
}

static void apply(struct hub_reactor *hr, const struct sync_head *head)
{
	struct owner *o = owner_get(hr, head->channel_id);
	if (!o) return;
	if (o->open && head->rev < o->asked)
		hub_went_back(hr->hub);
	else
		owner_head(hr, head->channel_id, head->rev, head->at, head->min_rev);
}

static void heads_done(struct job *j)
{
	struct heads *h = container_of(j, struct heads, job);
	if (j->err && !h->here->hub->stopping) {
		timer_set(h->here->reactor, &h->retry, RETRY_MS);
		return;
	}
	if (!j->err && hub_same_epoch(h->here, h->epoch))
		for (size_t i = 0; i < h->n; i++) apply(h->here, &h->heads[i]);
	mem_free(h);
}

static void heads_submit(struct heads *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct owner *o = owner_get(h->here, h->heads[i].channel_id);
		if (o) o->asked = o->open ? o->last : 0; /* "below what it had" compares with what it had when it asked */
	}
	if (lane_submit(h->here->hub->sync, &h->job)) timer_set(h->here->reactor, &h->retry, RETRY_MS);
}

static void heads_retry(struct reactor *r, struct timer *t)
{
	heads_submit(container_of(t, struct heads, retry));
}

void heads_open(struct hub_reactor *hr)
{
	for (size_t at = 0; at < hr->opening.n; at += HEADS_MOST) {
		size_t n = hr->opening.n - at < HEADS_MOST ? hr->opening.n - at : HEADS_MOST;
		struct heads *h = mem_zalloc(sizeof *h + n * sizeof *h->heads);
		timer_init(&h->retry, heads_retry);
		h->here = hr;
		h->n = n;
		for (size_t i = 0; i < n; i++) h->heads[i].channel_id = hr->opening.p[at + i];
		h->job.home = hr->reactor;
		h->job.sure = true;
		h->job.run = heads_run;
		h->job.done = heads_done;
		heads_submit(h);
	}
	vec_clear(&hr->opening);
}

/* While the bus may lose things: the heads of all that is served, by id. */
void heads_check_due(struct reactor *r, struct timer *t)
{
	struct hub_reactor *hr = container_of(t, struct hub_reactor, head_check);
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&hr->owners, &i, &slot);)
		if (((struct owner *)slot.value)->subscribed) vec_push(&hr->opening, slot.key);
	timer_set(r, t, hr->hub->config->head_check_ms);
}
