#include "hub/reading.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hub/list.h"
#include "hub/session.h"

#define PAUSE_SHARE 9
#define PAUSE_MOST_MS 1000

struct reading *reading_ref(struct reading *r)
{
	r->refs++;
	return r;
}

/* When all have been told only the pause keeps it, which needs nothing of what was read. */
static void lighten(struct reading *r)
{
	if (r->over && r->refs == 1 && r->person) arena_release(&r->arena);
}

void reading_unref(struct reading *r)
{
	if (!r) return;
	if (--r->refs) {
		lighten(r);
		return;
	}
	arena_release(&r->arena);
	mem_free(r);
}

/* ---- on the lane */

static int by_user_rev(const void *a, const void *b)
{
	const struct channel *x = *(const struct channel *const *)a, *y = *(const struct channel *const *)b;
	if (x->me.user_rev != y->me.user_rev) return x->me.user_rev < y->me.user_rev ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void reading_run(struct job *j, void *state)
{
	struct reading *r = container_of(j, struct reading, job);
	struct sync_list *l = &r->list;
	j->err = sync_list(state, &r->arena, l, &r->epoch);
	if (j->err) return;
	r->by_user_rev = arena_array(&r->arena, const struct channel *, l->n_channels + 1);
	for (size_t i = 0; i < l->n_channels; i++) r->by_user_rev[i] = &l->channels[i];
	qsort(r->by_user_rev, l->n_channels, sizeof *r->by_user_rev, by_user_rev);
}

/* ---- asking */

/* Who is parked, or has not yet been told the first one, asks again once that is over. */
static bool is_waiting(const struct session *s)
{
	return s->list_wanted && !s->parked && !s->greeting && s->history == s->here->history;
}

static void put_session(struct sync_list *l, const char *id)
{
	for (size_t i = 0; i < l->n_sessions; i++)
		if (!strcmp(l->sessions[i].id, id)) return;
	memcpy(l->sessions[l->n_sessions++].id, id, sizeof l->sessions->id);
}

/* What it was told of its own things, or its client says that it knows. */
static int64_t own_since(const struct session *s)
{
	const struct hello *h = s->hello;
	if (s->ready) return s->user_rev;
	return h && h->user_rev > 0 && (!h->epoch || h->epoch == s->epoch) ? h->user_rev : INT64_MAX;
}

static void take_askers(struct person *p, struct reading *r, size_t n)
{
	r->list.own_since = INT64_MAX;
	r->list.sessions = arena_array(&r->arena, struct sync_session, n);
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, person_link);
		if (!is_waiting(s)) continue;
		s->list_wanted = false;
		s->list_asked = true;
		if (own_since(s) < r->list.own_since) r->list.own_since = own_since(s);
		put_session(&r->list, s->session_id);
	}
}

static void reading_done(struct job *j);

/* Lets go of the one whose pause it is. */
static void pause_end(struct person *p)
{
	struct reading *r = p->reading;
	p->reading = NULL;
	r->person = NULL;
	timer_clear(&r->pause);
	reading_unref(r);
}

static void pause_due(struct reactor *reactor, struct timer *t)
{
	struct person *p = container_of(t, struct reading, pause)->person;
	pause_end(p);
	reading_next(p);
}

static void start(struct person *p, size_t n_waiting)
{
	struct hub_reactor *hr = p->here;
	struct reading *r = mem_new(struct reading);
	if (p->reading) pause_end(p);
	arena_init(&r->arena);
	timer_init(&r->pause, pause_due);
	r->refs = 1;
	r->here = hr;
	r->person = p;
	r->asked = hr->history;
	r->began_ns = reactor_now_ns(hr->reactor);
	r->list.user_id = p->user_id;
	r->list.now_ms = reactor_wall_ms(hr->reactor);
	take_askers(p, r, n_waiting);
	p->reading = r;
	p->news = 0;
	metric_add(hr->cell, METRIC_HUB_LISTS, 1);
	r->job.home = hr->reactor;
	r->job.sure = true;
	r->job.run = reading_run;
	r->job.done = reading_done;
	enum err e = lane_submit(hr->hub->sync, &r->job); /* from here on it is the lane's */
	if (!e) return;
	r->job.err = e;
	reading_done(&r->job);
}

void reading_next(struct person *p)
{
	size_t waiting = 0, greeting = 0;
	const struct reading *last = p->reading;
	if ((last && !last->over) || p->here->hub->stopping || (!p->subscribed && !p->here->away)) return;
	if (!hub_settled(p->here->hub)) return; /* its mail comes here */
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		const struct session *s = container_of(i, struct session, person_link);
		waiting += is_waiting(s);
		greeting += is_waiting(s) && !s->ready;
	}
	if (!waiting || (last && (!greeting || last->failed))) return; /* the pause's end goes on */
	start(p, waiting);
}

void reading_want(struct session *s)
{
	s->list_wanted = true;
	reading_next(s->person);
}

/* ---- answers */

static void give(struct person *p, struct reading *r, bool good)
{
	for (struct list *i = p->sessions.next, *next; i != &p->sessions; i = next) {
		struct session *s = container_of(i, struct session, person_link);
		next = i->next; /* none leaves here: who is closed is so at the end of the turn */
		if (!s->list_asked) continue;
		s->list_asked = false;
		if (good)
			list_take(s, r);
		else
			s->list_wanted = true;
	}
}

/* What waited for a thread counts as well: when all are busy there are fewer reads. */
static int64_t pause_ms(const struct reading *r)
{
	int64_t took_ms = (reactor_now_ns(r->here->reactor) - r->began_ns) / 1000000,
			ms = r->here->hub->config->list_pause_ms;
	if (r->failed) return HUB_RETRY_MS;
	int64_t share = took_ms * PAUSE_SHARE < PAUSE_MOST_MS ? took_ms * PAUSE_SHARE : PAUSE_MOST_MS;
	return share > ms ? share : ms;
}

static void reading_done(struct job *j)
{
	struct reading *r = container_of(j, struct reading, job);
	struct hub *h = r->here->hub;
	struct person *p = r->person;
	if (p && !h->stopping) {
		bool good = !j->err && hub_ours(r->here, r->asked, r->epoch);
		if (good) person_refute(p, r->list.user_rev);
		if (good) person_blocks(p, &r->list);
		give(p, r, good); /* nothing is begun until all have it */
		r->over = true;
		r->failed = !good;
		timer_set(r->here->reactor, &r->pause, pause_ms(r));
		lighten(r);
		reading_next(p);
		return;
	}
	if (p) p->reading = NULL;
	reading_unref(r);
}

void reading_forget(struct person *p)
{
	if (p->reading && p->reading->over)
		pause_end(p);
	else if (p->reading)
		p->reading->person = NULL;
	p->reading = NULL;
}
