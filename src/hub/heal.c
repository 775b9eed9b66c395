#include "hub/heal.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/heads.h"
#include "store/sync.h"

#define HEAL_EVENTS 500 /* of one read */

struct heal {
	struct job job;
	struct hub_reactor *here;
	uint64_t gen, epoch, asked;
	struct arena arena;
	struct sync_log log;
};

void heal_start(struct owner *o)
{
	if (o->healing || fault_on(o->here->hub->config, STR("no_heal"))) return;
	o->healing = true;
	timer_set(o->here->reactor, &o->heal, o->here->hub->config->heal_wait_ms);
}

static void heal_run(struct job *j, void *state)
{
	struct heal *h = container_of(j, struct heal, job);
	j->err = sync_logs(state, &h->arena, &h->log, 1, &h->epoch);
}

static void heal_free(struct heal *h)
{
	for (size_t i = 0; i < h->log.n_events; i++) event_unref(h->log.events[i]);
	arena_release(&h->arena);
	mem_free(h);
}

static bool behind(const struct owner *o)
{
	return o->held_n || o->target > o->last;
}

/* What the owner would have to deliver next is gone: by retention, or with a channel that was deleted long ago. */
static bool overtaken(const struct owner *o, const struct sync_log *log)
{
	if (log->min_rev > o->last) return true;
	return log->row.deleted && !log->n_events && o->last < log->head;
}

/* Applies what was read. The read began at `since`; by now the bus may have brought a part of it. */
static void apply(struct owner *o, struct heal *h)
{
	if (h->log.head < h->log.since || h->log.verdict == SYNC_RESET) {
		hub_went_back(o->here);
	} else if (overtaken(o, &h->log)) {
		o->ended = h->log.row.deleted;
		owner_overtaken(o, h->log.head, h->log.head_at, h->log.min_rev);
	} else {
		owner_healed(o, h->log.events, h->log.n_events);
	}
	owner_refute(o, h->log.head);
}

static void heal_done(struct job *j)
{
	struct heal *h = container_of(j, struct heal, job);
	struct owner *o = owner_get(h->here, h->log.channel_id);
	if (o && o->gen == h->gen) {
		if (!j->err && hub_ours(o->here, h->asked, h->epoch)) apply(o, h);
		o->healing = behind(o); /* by more than one read holds; or what was heard of is not there yet */
		if (o->healing) timer_set(o->here->reactor, &o->heal, o->last > h->log.since ? 0 : HUB_RETRY_MS);
	}
	heal_free(h);
}

void heal_due(struct reactor *r, struct timer *t)
{
	struct owner *o = container_of(t, struct owner, heal);
	if (!behind(o)) {
		o->healing = false;
		return;
	}
	struct heal *h = mem_new(struct heal);
	arena_init(&h->arena);
	h->here = o->here;
	h->gen = o->gen;
	h->asked = o->here->history;
	h->log.channel_id = o->channel_id;
	h->log.since = o->last, h->log.since_at = o->last_at;
	h->log.most = HEAL_EVENTS;
	h->job.home = r;
	h->job.sure = true;
	h->job.run = heal_run;
	h->job.done = heal_done;
	o->news = 0;
	if (lane_submit(o->here->hub->sync, &h->job)) {
		heal_free(h);
		timer_set(r, &o->heal, HUB_RETRY_MS);
	}
}
