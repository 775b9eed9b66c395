/* One job at a time on the write lane, made again until the database has taken it. What it finds counts for the history
 * in which it was asked: was another one found meanwhile, it asks again. */
#include "hub/settle.h"

#include "base/log.h"
#include "base/mem.h"

struct settle {
	struct job job;
	struct retry retry;
	struct hub *hub;
	uint64_t asked;
	struct epoch found;
	bool asking; /* under way, or waits for its next try */
	bool failed; /* the last try */
};

static void settle_run(struct job *j, void *state)
{
	struct settle *s = container_of(j, struct settle, job);
	j->err = epoch_open(state, &s->found);
}

static void submit(struct settle *s)
{
	struct hub *h = s->hub;
	pthread_mutex_lock(&h->lock);
	s->asked = h->history;
	s->asking = !h->closing;
	pthread_mutex_unlock(&h->lock);
	if (!s->asking) return;
	if (lane_submit(h->write, &s->job)) retry_later(h->r[0], &s->retry);
}

static void ask(struct settle *s)
{
	if (!s->asking && !s->hub->stopping && !hub_settled(s->hub)) submit(s);
}

static void settle_done(struct job *j)
{
	struct settle *s = container_of(j, struct settle, job);
	s->asking = false;
	if (s->hub->stopping) return;
	if (err_begins(&s->failed, j->err))
		log_event(LOG_WARN, "hub.epoch_not_stored", LOG_TEXT("error", err_row(j->err)->code));
	if (j->err) {
		s->asking = true;
		retry_later(s->hub->r[0], &s->retry);
	} else {
		hub_settle(s->hub, s->asked, s->found.hash);
		ask(s); /* another one was found meanwhile */
	}
}

/* It may have been stored by the append meanwhile. */
static void settle_again(struct retry *t)
{
	struct settle *s = container_of(t, struct settle, retry);
	s->asking = false;
	ask(s);
}

static void settle_drop(struct retry *t) {}

static void soon_arrives(struct reactor *r, struct mail *m)
{
	ask(hub_here(r)->hub->settle);
	mem_free(m);
}

void settle_soon(struct settle *s)
{
	struct mail *m = mem_new(struct mail);
	m->deliver = soon_arrives;
	reactor_post(s->hub->r[0]->reactor, m);
}

struct settle *settle_create(struct hub *h)
{
	struct settle *s = mem_new(struct settle);
	s->hub = h;
	s->job = (struct job){ .home = h->r[0]->reactor, .sure = true, .run = settle_run, .done = settle_done };
	retry_init(&s->retry, settle_again, settle_drop);
	return s;
}

void settle_destroy(struct settle *s)
{
	mem_free(s);
}
