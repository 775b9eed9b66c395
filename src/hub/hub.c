#include "hub/hub.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "eph/eph.h"
#include "hub/attach.h"
#include "hub/check.h"
#include "hub/heads.h"
#include "hub/hub_reactor.h"
#include "hub/inbox.h"
#include "hub/local.h"
#include "hub/owner.h"
#include "hub/person.h"
#include "hub/presence.h"
#include "hub/present.h"
#include "hub/reading.h"
#include "hub/session.h"
#include "hub/settle.h"
#include "hub/watch.h"

#define SWEEP_MS 10000
#define DRAIN_TICK_MS 20

struct hub_reactor *hub_here(struct reactor *r)
{
	return reactor_get(r, SLOT_HUB);
}

void *hub_dialect_state(const struct hub_reactor *hr, int dialect)
{
	return hr->dialect_state[dialect];
}

size_t hub_sessions(const struct hub *h)
{
	return (size_t)atomic_load_explicit(&h->sessions, memory_order_relaxed);
}

bool hub_presences(struct hub *h, const int64_t *ids, size_t n, uint8_t *out)
{
	bool known = true;
	for (size_t i = 0; i < n; i += EPH_KEYS_MOST) {
		size_t k = n - i < EPH_KEYS_MOST ? n - i : EPH_KEYS_MOST;
		if (h->shared)
			known &= h->eph->ops->presences(h->eph, ids + i, k, out + i);
		else
			memset(out + i, PRESENCE_OFFLINE, k);
	}
	for (size_t i = 0; i < n; i++) {
		enum presence own = hub_person_presence(h, ids[i]);
		if (own > out[i]) out[i] = (uint8_t)own;
	}
	return known;
}

int64_t hub_watches(const struct hub *h)
{
	return atomic_load_explicit(&h->watches, memory_order_relaxed);
}

/* ---- how many sockets a person has, over all reactors */

/* Three counts in one value: sessions, and of these the idle and the online ones. */
#define COUNT_BITS 20
#define COUNT_ONE(field) ((uintptr_t)1 << (field)*COUNT_BITS)
#define COUNT_OF(v, field) ((v) >> (field)*COUNT_BITS & (COUNT_ONE(1) - 1))
enum count_field { COUNT_SESSIONS, COUNT_IDLE, COUNT_ONLINE };
_Static_assert(sizeof(uintptr_t) * 8 >= 3 * COUNT_BITS, "three counts in a pointer");

static uintptr_t counts_of(const struct hub *h, int64_t user_id)
{
	return (uintptr_t)id_map_get(&h->counts, user_id);
}

bool hub_person_enter(struct hub *h, int64_t user_id)
{
	pthread_mutex_lock(&h->lock);
	uintptr_t n = counts_of(h, user_id);
	bool ok = (int64_t)COUNT_OF(n, COUNT_SESSIONS) < h->config->connections_per_person;
	if (ok) id_map_put(&h->counts, user_id, (void *)(n + COUNT_ONE(COUNT_SESSIONS)));
	pthread_mutex_unlock(&h->lock);
	return ok;
}

void hub_person_leave(struct hub *h, int64_t user_id)
{
	pthread_mutex_lock(&h->lock);
	uintptr_t n = counts_of(h, user_id);
	if (COUNT_OF(n, COUNT_SESSIONS) > 1)
		id_map_put(&h->counts, user_id, (void *)(n - COUNT_ONE(COUNT_SESSIONS)));
	else
		id_map_take(&h->counts, user_id);
	pthread_mutex_unlock(&h->lock);
}

static enum presence presence_in(uintptr_t n)
{
	return COUNT_OF(n, COUNT_ONLINE) ? PRESENCE_ONLINE : COUNT_OF(n, COUNT_IDLE) ? PRESENCE_IDLE : PRESENCE_OFFLINE;
}

bool hub_person_device(struct hub *h, int64_t user_id, enum presence was, enum presence is)
{
	static const uintptr_t one[] = {
		[PRESENCE_IDLE] = COUNT_ONE(COUNT_IDLE), [PRESENCE_ONLINE] = COUNT_ONE(COUNT_ONLINE)
	};
	pthread_mutex_lock(&h->lock);
	uintptr_t before = counts_of(h, user_id), n = before - one[was] + one[is];
	id_map_put(&h->counts, user_id, (void *)n);
	pthread_mutex_unlock(&h->lock);
	return presence_in(before) != presence_in(n);
}

enum presence hub_person_presence(struct hub *h, int64_t user_id)
{
	pthread_mutex_lock(&h->lock);
	enum presence p = presence_in(counts_of(h, user_id));
	pthread_mutex_unlock(&h->lock);
	return p;
}

/* ---- draining */

struct drain_mail {
	struct mail mail;
	int64_t spread_ms;
};

/* Sessions go in the order of their list: the i-th of n after i/n of the time. */
static void drain_tick(struct reactor *r, struct timer *t)
{
	struct hub_reactor *hr = container_of(t, struct hub_reactor, drain);
	int64_t now = reactor_now_ms(r);
	for (struct list *i = hr->sessions.next, *next; i != &hr->sessions; i = next) {
		next = i->next;
		struct session *s = container_of(i, struct session, link);
		if (s->drain_at_ms <= now) s->ops->kick(s, ERR_DRAINING);
	}
	if (!list_empty(&hr->sessions)) timer_set(r, t, DRAIN_TICK_MS);
}

static void drain_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct drain_mail *dm = container_of(m, struct drain_mail, mail);
	int64_t n = 0, k = 0, now = reactor_now_ms(r);
	for (struct list *i = hr->sessions.next; i != &hr->sessions; i = i->next) n++;
	for (struct list *i = hr->sessions.next; i != &hr->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, link);
		int64_t in_ms = dm->spread_ms * k++ / n;
		s->drain_at_ms = now + in_ms;
		s->ops->drain(s, in_ms);
	}
	timer_set(r, &hr->drain, DRAIN_TICK_MS);
	mem_free(dm);
}

void hub_drain(struct hub *h, int64_t spread_ms)
{
	for (size_t i = 0; i < h->n; i++) {
		struct drain_mail *dm = mem_new(struct drain_mail);
		dm->mail.deliver = drain_arrives;
		dm->spread_ms = spread_ms;
		reactor_post(h->r[i]->reactor, &dm->mail);
	}
}

/* ---- each turn */

static bool hub_turn(struct reactor *r, struct turn_hook *hook)
{
	struct hub_reactor *hr = container_of(hook, struct hub_reactor, hook);
	while (!list_empty(&hr->dirty_owners)) owner_flush(container_of(hr->dirty_owners.next, struct owner, dirty));
	if (hr->opening.n) heads_open(hr);
	if (hr->doubted.n) heads_people(hr);
	if (hr->snapshots.n) attach_snapshots(hr);
	return fanout_run(hr);
}

static void sweep_due(struct reactor *r, struct timer *t)
{
	present_sweep(container_of(t, struct hub_reactor, sweep));
	owner_sweep(container_of(t, struct hub_reactor, sweep));
	timer_set(r, t, SWEEP_MS);
}

/* ---- making */

static struct hub_reactor *reactor_part(struct hub *h, struct reactor *r)
{
	struct hub_reactor *hr = mem_new(struct hub_reactor);
	hr->hub = h;
	hr->reactor = r;
	hr->epoch = hub_epoch(h);
	hr->cell = metrics_cell(h->metrics);
	hr->inbox = inbox_create(hr);
	list_init(&hr->sessions);
	slab_init(&hr->subs, sizeof(struct sub));
	list_init(&hr->dirty_owners);
	list_init(&hr->dirty_locals);
	list_init(&hr->retrying);
	timer_init(&hr->sweep, sweep_due);
	timer_init(&hr->drain, drain_tick);
	for (size_t d = 0; d < h->n_dialects; d++)
		if (h->dialects[d].open) hr->dialect_state[d] = h->dialects[d].open();
	reactor_set(r, SLOT_HUB, hr);
	watch_open(hr);
	hr->hook.rank = TURN_FANOUT;
	hr->hook.run = hub_turn;
	reactor_hook(r, &hr->hook);
	return hr;
}

/* Timers are set on their reactor's thread. */
static void begin_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	timer_set(r, &hr->sweep, SWEEP_MS);
	if (hr == hr->hub->r[0] && hr->hub->check) check_begin(hr->hub->check);
	mem_free(m);
}

struct hub *hub_create(const struct hub_options *o)
{
	struct hub *h = mem_new(struct hub);
	h->config = o->config;
	h->bus = o->bus;
	h->sync = o->sync;
	h->write = o->write;
	h->metrics = o->metrics;
	h->dialects = o->dialects;
	h->n_dialects = o->n_dialects;
	h->n = o->n_reactors;
	memcpy(h->uuid, o->epoch.uuid, sizeof h->uuid);
	atomic_init(&h->epoch, o->epoch.hash);
	pthread_mutex_init(&h->lock, NULL);
	h->eph = o->eph;
	h->shared = o->eph && o->eph->shared;
	h->look = o->look ? o->look : o->sync;
	snprintf(h->pod, sizeof h->pod, "%s", o->pod ? o->pod : "");
	h->gate = presence_gate_create(h);
	h->r = mem_zalloc(h->n * sizeof *h->r);
	for (size_t i = 0; i < h->n; i++) h->r[i] = reactor_part(h, o->reactors[i]);
	h->settle = settle_create(h);
	if (o->others || !h->bus->ops->certain(h->bus)) h->check = check_create(h);
	const struct bus_sink sink = inbox_sink(h);
	h->bus->ops->attach(h->bus, &sink);
	for (size_t i = 0; i < h->n; i++) {
		struct mail *m = mem_new(struct mail);
		m->deliver = begin_arrives;
		reactor_post(h->r[i]->reactor, m);
	}
	return h;
}

void hub_stop(struct hub *h)
{
	struct id_slot slot;
	presence_gate_close(h->gate);
	h->bus->ops->detach(h->bus);
	h->stopping = true;
	if (h->check) check_stop(h->check);
	for (size_t i = 0; i < h->n; i++) {
		struct hub_reactor *hr = h->r[i];
		owner_drop_all(hr);
		attach_drop_snapshots(hr);
		retry_drop_all(hr);
		for (size_t p = 0; id_map_next(&hr->people, &p, &slot);) reading_forget(slot.value);
		watch_stop(hr);
		timer_clear(&hr->sweep);
		timer_clear(&hr->drain);
	}
}

void hub_destroy(struct hub *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct hub_reactor *hr = h->r[i];
		local_drop_all(hr);
		watch_close(hr);
		for (size_t d = 0; d < h->n_dialects; d++)
			if (h->dialects[d].close) h->dialects[d].close(hr->dialect_state[d]);
		id_map_release(&hr->owners);
		id_map_release(&hr->locals);
		id_map_release(&hr->people);
		slab_release(&hr->subs);
		vec_release(&hr->walked);
		vec_release(&hr->opening);
		vec_release(&hr->doubted);
		vec_release(&hr->snapshots);
		inbox_destroy(hr->inbox);
		mem_free(hr);
	}
	if (h->check) check_destroy(h->check);
	settle_destroy(h->settle);
	presence_gate_unref(h->gate);
	id_map_release(&h->counts);
	pthread_mutex_destroy(&h->lock);
	mem_free(h->r);
	mem_free(h);
}
