#include "hub/heads.h"

#include "base/mem.h"
#include "hub/owner.h"
#include "store/sync.h"

#define HEADS_MOST 1000 /* of one statement */

struct asked { /* what the owner was when its head was asked for */
	uint64_t gen;
	int64_t last; /* 0: it was not open */
};
struct heads {
	struct job job;
	struct hub_reactor *here;
	struct retry retry;
	uint64_t epoch, history;
	size_t n;
	struct asked *asked; /* as many */
	struct sync_head heads[];
};

static void heads_run(struct job *j, void *state)
{
	struct heads *h = container_of(j, struct heads, job);
	j->err = sync_heads(state, h->heads, h->n, &h->epoch);
}

/* Below what it had when it asked, or another time of the same rev. */
static bool other_history(const struct owner *o, const struct asked *asked, const struct sync_head *head)
{
	if (!o->open || o->gen != asked->gen) return false;
	int64_t at = owner_time(o, head->rev);
	return head->rev < asked->last || (head->rev && at && head->at != at);
}

/* The answer counts for whoever serves the channel now; but only the owner that asked may open with it: a later one's
 * subscription was confirmed after it was asked. */
static void apply(struct heads *h, size_t i)
{
	const struct sync_head *head = &h->heads[i];
	struct owner *o = owner_get(h->here, head->channel_id);
	if (!o) return;
	if (other_history(o, &h->asked[i], head))
		hub_went_back(h->here);
	else if (!o->open && o->gen != h->asked[i].gen)
		owner_behind(o, head->rev);
	else
		owner_head(h->here, head->channel_id, head->rev, head->at, head->min_rev);
}

static void heads_free(struct heads *h)
{
	mem_free(h->asked);
	mem_free(h);
}

static void heads_done(struct job *j)
{
	struct heads *h = container_of(j, struct heads, job);
	if (j->err && !h->here->hub->stopping) {
		retry_later(h->here, &h->retry);
		return;
	}
	if (!j->err && hub_ours(h->here, h->history, h->epoch))
		for (size_t i = 0; i < h->n; i++) apply(h, i);
	heads_free(h);
}

static void heads_submit(struct heads *h)
{
	h->history = h->here->history;
	for (size_t i = 0; i < h->n; i++) {
		const struct owner *o = owner_get(h->here, h->heads[i].channel_id);
		h->asked[i] = o ? (struct asked){ o->gen, o->open ? o->last : 0 } : (struct asked){ 0 };
	}
	if (lane_submit(h->here->hub->sync, &h->job)) retry_later(h->here, &h->retry);
}

static void heads_again(struct retry *t)
{
	heads_submit(container_of(t, struct heads, retry));
}

static void heads_drop(struct retry *t)
{
	heads_free(container_of(t, struct heads, retry));
}

/* Each owner once, though it may have been put down several times in this turn. */
static size_t pick(struct hub_reactor *hr, size_t *at, struct sync_head *heads)
{
	size_t n = 0;
	while (*at < hr->opening.n && n < HEADS_MOST) {
		int64_t channel_id = hr->opening.p[(*at)++];
		struct owner *o = owner_get(hr, channel_id);
		if (!o || !o->head_wanted) continue;
		o->head_wanted = false;
		heads[n++].channel_id = channel_id;
	}
	return n;
}

void heads_open(struct hub_reactor *hr)
{
	for (size_t at = 0; at < hr->opening.n;) {
		size_t most = hr->opening.n - at < HEADS_MOST ? hr->opening.n - at : HEADS_MOST;
		struct heads *h = mem_zalloc(sizeof *h + most * sizeof *h->heads);
		retry_init(&h->retry, heads_again, heads_drop);
		h->here = hr;
		h->n = pick(hr, &at, h->heads);
		h->asked = mem_zalloc((h->n + 1) * sizeof *h->asked);
		h->job.home = hr->reactor;
		h->job.sure = true;
		h->job.run = heads_run;
		h->job.done = heads_done;
		if (h->n)
			heads_submit(h);
		else
			heads_free(h);
	}
	vec_clear(&hr->opening);
}

void heads_want(struct owner *o)
{
	if (o->head_wanted) return;
	o->head_wanted = true;
	vec_push(&o->here->opening, o->channel_id);
}

/* ---- people */

struct people {
	struct job job;
	struct hub_reactor *here;
	struct retry retry;
	uint64_t epoch, history;
	size_t n;
	struct sync_person_head heads[];
};

static void people_run(struct job *j, void *state)
{
	struct people *p = container_of(j, struct people, job);
	j->err = sync_person_heads(state, p->heads, p->n, &p->epoch);
}

static void people_done(struct job *j)
{
	struct people *p = container_of(j, struct people, job);
	if (j->err && !p->here->hub->stopping) {
		retry_later(p->here, &p->retry);
		return;
	}
	if (!j->err && hub_ours(p->here, p->history, p->epoch))
		for (size_t i = 0; i < p->n; i++) person_compare(p->here, &p->heads[i]);
	mem_free(p);
}

static void people_submit(struct people *p)
{
	p->history = p->here->history;
	if (lane_submit(p->here->hub->sync, &p->job)) retry_later(p->here, &p->retry);
}

static void people_again(struct retry *t)
{
	people_submit(container_of(t, struct people, retry));
}

static void people_drop(struct retry *t)
{
	mem_free(container_of(t, struct people, retry));
}

static void people_ask(struct hub_reactor *hr, const int64_t *ids, size_t n)
{
	struct people *p = mem_zalloc(sizeof *p + n * sizeof *p->heads);
	retry_init(&p->retry, people_again, people_drop);
	p->here = hr;
	p->job = (struct job){ .home = hr->reactor, .sure = true, .run = people_run, .done = people_done };
	for (size_t i = 0; i < n; i++) p->heads[i].user_id = ids[i];
	p->n = n;
	people_submit(p);
}

void heads_want_person(struct person *p)
{
	if (p->head_wanted) return;
	p->head_wanted = true;
	vec_push(&p->here->doubted, p->user_id);
}

/* Some may have gone meanwhile, and be there again. */
void heads_people(struct hub_reactor *hr)
{
	size_t n = 0;
	for (size_t i = 0; i < hr->doubted.n; i++) {
		struct person *p = id_map_get(&hr->people, hr->doubted.p[i]);
		if (!p || !p->head_wanted) continue;
		p->head_wanted = false;
		hr->doubted.p[n++] = p->user_id;
	}
	for (size_t at = 0; at < n; at += HEADS_MOST)
		people_ask(hr, hr->doubted.p + at, n - at < HEADS_MOST ? n - at : HEADS_MOST);
	vec_clear(&hr->doubted);
}

/* ---- all */

void heads_all(struct hub_reactor *hr)
{
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&hr->owners, &i, &slot);) {
		struct owner *o = slot.value;
		if (o->open || o->subscribed) heads_want(o); /* the others once they are confirmed */
	}
	for (size_t i = 0; id_map_next(&hr->people, &i, &slot);) heads_want_person(slot.value);
}

void heads_unconfirmed(struct hub_reactor *hr)
{
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&hr->owners, &i, &slot);) {
		struct owner *o = slot.value;
		if (!o->subscribed) heads_want(o);
	}
	for (size_t i = 0; id_map_next(&hr->people, &i, &slot);) person_unconfirmed(slot.value);
}
