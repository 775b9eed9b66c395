#include "hub/presence.h"

#include <stdio.h>

#include "base/mem.h"
#include "eph/eph.h"
#include "hub/session.h"
#include "hub/watch.h"

#define PUT_MOST 500 /* of one tick */

/* ---- telling: from any thread, also after the hub has gone */

struct presence_gate {
	pthread_mutex_t lock;
	struct hub *hub; /* lock; NULL: stopped */
	_Atomic uint32_t refs;
};

struct presence_gate *presence_gate_create(struct hub *h)
{
	struct presence_gate *g = mem_new(struct presence_gate);
	pthread_mutex_init(&g->lock, NULL);
	g->hub = h;
	atomic_init(&g->refs, 1);
	return g;
}

void presence_gate_unref(struct presence_gate *g)
{
	if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1) return;
	pthread_mutex_destroy(&g->lock);
	mem_free(g);
}

void presence_gate_close(struct presence_gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->hub = NULL;
	pthread_mutex_unlock(&g->lock);
}

static void tell(struct hub *h, int64_t user_id)
{
	struct user_news *n = user_news_create(0);
	n->user_id = user_id;
	n->epoch = hub_epoch(h);
	n->presence = true;
	bus_publish_user(h->bus, n);
	user_news_unref(n);
}

struct telling {
	struct presence_gate *gate;
	int64_t user_id;
	bool again; /* nothing has changed here */
};

static void put_told(void *arg, enum eph_said said)
{
	struct telling *t = arg;
	bool changed = said == EPH_CHANGED || (said == EPH_UNKNOWN && !t->again);
	pthread_mutex_lock(&t->gate->lock);
	if (changed && t->gate->hub) tell(t->gate->hub, t->user_id);
	pthread_mutex_unlock(&t->gate->lock);
	presence_gate_unref(t->gate);
	mem_free(t);
}

/* ---- devices */

static void put(struct session *s, enum presence state, bool again)
{
	struct hub *h = s->here->hub;
	char name[64];
	struct telling *t = mem_new(struct telling);
	atomic_fetch_add_explicit(&h->gate->refs, 1, memory_order_relaxed);
	t->gate = h->gate;
	t->user_id = s->user_id;
	t->again = again;
	int n = snprintf(name, sizeof name, "%s-%u", h->pod, s->device);
	const struct eph_device d = {
		.user_id = s->user_id,
		.name = { name, (size_t)n },
		.state = state,
		.ttl_ms = presence_life_ms(h->config),
		.told = put_told,
		.arg = t,
	};
	metric_add(s->here->cell, METRIC_PRESENCE_PUTS, 1);
	h->eph->ops->device(h->eph, &d);
}

static void change(struct session *s, enum presence state)
{
	struct hub *h = s->here->hub;
	if (s->presence == state) return;
	bool changed = hub_person_device(h, s->user_id, s->presence, state);
	s->presence = (uint8_t)state;
	if (h->shared)
		put(s, state, false);
	else if (changed && !h->stopping && atomic_load_explicit(&h->watches, memory_order_relaxed))
		tell(h, s->user_id);
}

void presence_begin(struct session *s)
{
	struct hub *h = s->here->hub;
	if (s->presence) return;
	s->device = atomic_fetch_add_explicit(&h->devices, 1, memory_order_relaxed);
	change(s, PRESENCE_ONLINE);
	watch_wake(s->here);
}

void presence_set(struct session *s, enum presence state)
{
	if (s->presence) change(s, state);
}

void presence_end(struct session *s)
{
	change(s, PRESENCE_OFFLINE);
}

/* ---- again, before they are forgotten */

size_t presence_share(size_t n, int64_t elapsed_ms, int64_t every_ms, int64_t *carry)
{
	int64_t most = every_ms * (int64_t)n;
	*carry += elapsed_ms < every_ms ? (int64_t)n * elapsed_ms : most;
	if (*carry > most) *carry = most;
	int64_t due = *carry / every_ms;
	*carry -= due * every_ms;
	return (size_t)due;
}

/* All of them at once, in slices, when what was put may have been lost. */
static size_t due(struct hub_reactor *hr, int64_t elapsed_ms)
{
	const struct hub *h = hr->hub;
	size_t n = presence_share(hr->n_sessions, elapsed_ms, presence_again_ms(h->config), &hr->put_carry);
	uint64_t lives = h->eph->ops->lives(h->eph);
	if (lives != hr->eph_lives) hr->put_all = hr->n_sessions;
	hr->eph_lives = lives;
	if (hr->put_all > hr->n_sessions) hr->put_all = hr->n_sessions;
	if (n < hr->put_all) n = hr->put_all;
	if (n > PUT_MOST) n = PUT_MOST;
	hr->put_all -= n < hr->put_all ? n : hr->put_all;
	return n;
}

/* Sessions go round in their list: those put longest ago come first. */
void presence_sweep(struct hub_reactor *hr, int64_t elapsed_ms)
{
	if (!hr->hub->shared) return;
	for (size_t n = due(hr, elapsed_ms); n--;) {
		struct list *first = list_pop(&hr->sessions);
		if (!first) return; /* as many are listed as their number says: for the optimising compiler */
		struct session *s = container_of(first, struct session, link);
		list_add_tail(&hr->sessions, first);
		if (s->presence) put(s, (enum presence)s->presence, true);
	}
}
