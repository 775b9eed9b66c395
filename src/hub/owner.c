/* What an owner knows is `last`. It learns of more by events (bus), by heads (head check, attach, the first read after
 * its subscription) and by its own healing reads; `target` remembers the highest rev heard of, also before it is open
 * and while a read is on its way, so that a read which ends below it is followed by another. But what was heard of
 * before a read began and is beyond the head that it saw was never written: forged, or of a history that has ended. */
#include "hub/owner.h"

#include "base/fault.h"
#include "base/mem.h"
#include "hub/heads.h"
#include "hub/heal.h"
#include "hub/local.h"

#define UNUSED_MS 60000 /* an owner without interest keeps its ring so long: sessions that come back find it */

struct owner *owner_get(struct hub_reactor *hr, int64_t channel_id)
{
	return id_map_get(&hr->owners, channel_id);
}

struct owner *owner_need(struct hub_reactor *hr, int64_t channel_id)
{
	struct owner *o = owner_get(hr, channel_id);
	if (o) return o;
	o = mem_new(struct owner);
	o->channel_id = channel_id;
	o->here = hr;
	o->gen = ++hr->next_gen;
	o->check = hr->check;
	o->interest = mem_zalloc(hr->hub->n * sizeof *o->interest);
	o->unused_since_ms = reactor_now_ms(hr->reactor);
	list_init(&o->waiting);
	list_init(&o->followers);
	list_init(&o->dirty);
	timer_init(&o->heal, heal_due);
	id_map_put(&hr->owners, channel_id, o);
	/* The head is read after the subscription is confirmed, never before: what moves in between would be missed. */
	hr->hub->bus->ops->subscribe(hr->hub->bus, TOPIC_CHANNEL, channel_id);
	if (hr->away) heads_want(o); /* nobody confirms: head checks tell what moves, and the subscription reads again */
	return o;
}

static void account(struct owner *o, int64_t bytes)
{
	o->bytes += bytes;
	atomic_fetch_add_explicit(&o->here->hub->ring_bytes, bytes, memory_order_relaxed);
}

static bool over_cap(const struct owner *o)
{
	const struct hub *h = o->here->hub;
	return atomic_load_explicit(&h->ring_bytes, memory_order_relaxed) > h->config->ring_bytes;
}

/* ---- the ring */

static void ring_pop(struct owner *o)
{
	struct frame *f = o->ring[o->ring_at];
	o->ring_at = (o->ring_at + 1) % o->ring_cap;
	o->ring_n--;
	o->below_at = f->event->at;
	account(o, -(int64_t)frame_size(f));
	frame_unref(f);
}

/* So many at the ring's end are kept whatever the cap says: reactors were not given them yet, or an attach will come
 * back for them. Those for attaches take no more beyond LINNET_RING_EVENTS than all rings together may. */
static size_t ring_kept(const struct owner *o)
{
	const struct hub *h = o->here->hub;
	size_t most = (size_t)h->config->ring_events;
	int64_t pinned = o->last - pins_least(&o->pins);
	size_t n = pinned > 0 ? (size_t)pinned : 0;
	if (n > o->ring_n) n = o->ring_n;
	if (n > most && atomic_load_explicit(&h->ring_bytes, memory_order_relaxed) > 2 * h->config->ring_bytes) n = most;
	return n > o->fresh ? n : o->fresh;
}

static void ring_trim(struct owner *o, size_t most)
{
	size_t kept = ring_kept(o);
	while (o->ring_n > kept && (o->ring_n > most || over_cap(o))) ring_pop(o);
}

static void ring_grow(struct owner *o)
{
	size_t most = (size_t)o->here->hub->config->ring_events, cap = o->ring_cap ? o->ring_cap * 2 : 8;
	if (cap > most && o->ring_n < most) cap = most;
	struct frame **ring = mem_alloc(cap * sizeof *ring);
	for (size_t i = 0; i < o->ring_n; i++) ring[i] = o->ring[(o->ring_at + i) % o->ring_cap];
	mem_free(o->ring);
	o->ring = ring, o->ring_cap = cap, o->ring_at = 0;
}

static void ring_push(struct owner *o, struct frame *f) /* the one after `last` */
{
	ring_trim(o, (size_t)o->here->hub->config->ring_events - 1);
	if (o->ring_n == o->ring_cap) ring_grow(o);
	if (!o->ring_n) o->below_at = o->last_at;
	o->ring[(o->ring_at + o->ring_n++) % o->ring_cap] = f;
	account(o, (int64_t)frame_size(f));
}

static void ring_unshift(struct owner *o, struct frame *f) /* the one before the first */
{
	if (o->ring_n == o->ring_cap) ring_grow(o);
	o->ring_at = (o->ring_at + o->ring_cap - 1) % o->ring_cap;
	o->ring[o->ring_at] = f;
	o->ring_n++;
	account(o, (int64_t)frame_size(f));
}

static void ring_clear(struct owner *o)
{
	while (o->ring_n) ring_pop(o);
	o->fresh = 0;
}

struct frame *owner_ring(const struct owner *o, int64_t rev)
{
	int64_t first = o->last - (int64_t)o->ring_n + 1;
	if (rev < first || rev > o->last) return NULL;
	return o->ring[(o->ring_at + (size_t)(rev - first)) % o->ring_cap];
}

bool owner_covers(const struct owner *o, int64_t rev)
{
	return o->open && rev <= o->last && rev >= o->last - (int64_t)o->ring_n;
}

int64_t owner_time(const struct owner *o, int64_t rev)
{
	if (rev == o->last) return o->last_at;
	if (rev == o->last - (int64_t)o->ring_n) return o->below_at;
	struct frame *f = owner_ring(o, rev);
	return f ? f->event->at : 0;
}

/* What is at or below min_rev is gone, also from the ring, but for what reactors were not given yet. */
static void owner_retain(struct owner *o, int64_t min_rev)
{
	if (min_rev <= o->min_rev) return;
	o->min_rev = min_rev;
	while (o->ring_n > o->fresh && o->last - (int64_t)o->ring_n < min_rev) ring_pop(o);
}

void owner_recall(struct owner *o, struct event *const *events, size_t n, int64_t below_at)
{
	size_t most = (size_t)o->here->hub->config->ring_events, before = o->ring_n;
	while (n && events[n - 1]->rev > o->last - (int64_t)o->ring_n) n--; /* it has these */
	while (n && events[n - 1]->rev == o->last - (int64_t)o->ring_n && o->ring_n < most && !over_cap(o) &&
		   events[n - 1]->rev > o->min_rev)
		ring_unshift(o, frame_create(events[--n]));
	if (o->ring_n > before) o->below_at = n ? events[n - 1]->at : below_at;
}

void owner_pin(struct owner *o)
{
	pins_add(&o->pins, o->last);
}

void owner_unpin(struct owner *o, int64_t rev)
{
	pins_drop(&o->pins, rev);
	ring_trim(o, (size_t)o->here->hub->config->ring_events);
}

int64_t owner_had(const struct owner *o)
{
	return o->check == o->here->check ? o->had : o->last;
}

/* ---- order */

static void advance(struct owner *o, int64_t rev, int64_t at)
{
	o->had = owner_had(o);
	o->check = o->here->check;
	o->last = rev, o->last_at = at;
}

static void deliver(struct owner *o, struct event *e)
{
	ring_push(o, frame_create(e));
	advance(o, e->rev, e->at);
	o->fresh++;
	if (list_empty(&o->dirty)) list_add_tail(&o->here->dirty_owners, &o->dirty);
	metric_add(o->here->cell, METRIC_HUB_EVENTS, 1);
	if (e->kind == CHANGE_DELETED) o->ended = true;
	if (event_clips(e)) o->clips = true;
	if (e->kind == CHANGE_RETAIN) owner_retain(o, event_min_rev(e));
}

static void held_drop_first(struct owner *o, size_t n)
{
	o->held_n -= n;
	for (size_t i = 0; i < o->held_n; i++) o->held[i] = o->held[i + n];
}

static void drain_held(struct owner *o)
{
	size_t n = 0;
	for (; n < o->held_n && o->held[n]->rev <= o->last + 1; n++) {
		struct event *e = o->held[n];
		account(o, -(int64_t)(sizeof *e + e->json_n));
		if (e->rev == o->last + 1) deliver(o, e);
		event_unref(e);
	}
	if (n) held_drop_first(o, n);
}

static void heard(struct owner *o, int64_t rev)
{
	if (rev > o->target) o->target = rev;
	if (rev > o->news) o->news = rev;
}

/* What does not fit is read again later: `target` remembers it. */
static void hold(struct owner *o, struct event *e)
{
	heard(o, e->rev);
	if (o->held_n >= (size_t)o->here->hub->config->ring_events || over_cap(o)) return;
	size_t at = o->held_n;
	while (at && o->held[at - 1]->rev > e->rev) at--;
	if (at && o->held[at - 1]->rev == e->rev) return;
	if (o->held_n == o->held_cap) o->held = vec_grow(o->held, &o->held_cap, o->held_n + 1, sizeof *o->held);
	for (size_t i = o->held_n++; i > at; i--) o->held[i] = o->held[i - 1];
	o->held[at] = event_ref(e);
	account(o, (int64_t)(sizeof *e + e->json_n));
	metric_add(o->here->cell, METRIC_HUB_HELD, 1);
}

static void heal_if_behind(struct owner *o)
{
	if (o->open && (o->held_n || o->target > o->last)) heal_start(o);
}

static void owner_take(struct owner *o, struct event *e)
{
	if (!o->open) {
		heard(o, e->rev);
	} else if (e->rev == o->last + 1) {
		deliver(o, e);
		if (o->held_n) drain_held(o);
	} else if (e->rev > o->last) {
		hold(o, e);
	} else {
		metric_add(o->here->cell, METRIC_HUB_DROPPED, 1);
	}
	heal_if_behind(o);
}

void owner_event(struct hub_reactor *hr, struct event *e)
{
	struct owner *o = owner_get(hr, e->channel_id);
	if (!o) return; /* nobody here is in this channel */
	if (e->epoch == hr->epoch || fault_on(hr->hub->config, STR("no_epoch")))
		owner_take(o, e);
	else
		metric_add(hr->cell, METRIC_HUB_DROPPED, 1);
}

void owner_behind(struct owner *o, int64_t rev)
{
	heard(o, rev);
	heal_if_behind(o);
}

void owner_refute(struct owner *o, int64_t head)
{
	int64_t most = o->news > head ? o->news : head;
	if (o->target > most) o->target = most;
	while (o->held_n && o->held[o->held_n - 1]->rev > most) {
		struct event *e = o->held[--o->held_n];
		account(o, -(int64_t)(sizeof *e + e->json_n));
		metric_add(o->here->cell, METRIC_HUB_DROPPED, 1);
		event_unref(e);
	}
}

void owner_healed(struct owner *o, struct event *const *events, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (events[i]->rev != o->last + 1) continue;
		deliver(o, events[i]);
		metric_add(o->here->cell, METRIC_HUB_HEALED, 1);
	}
	drain_held(o);
}

/* Retention has overtaken it: what it would have to deliver next is gone. Its sessions attach anew, membership
 * included. */
void owner_overtaken(struct owner *o, int64_t head, int64_t head_at, int64_t min_rev)
{
	owner_flush(o);
	ring_clear(o);
	advance(o, head, head_at);
	o->min_rev = min_rev;
	drain_held(o);
	for (size_t r = 0; r < o->here->hub->n; r++)
		if (o->interest[r]) local_reattach(o->here, o->here->hub->r[r], o->channel_id, head);
}

/* ---- opening */

void owner_subscribed(struct hub_reactor *hr, int64_t channel_id)
{
	struct owner *o = owner_get(hr, channel_id);
	if (!o) return;
	o->subscribed = true;
	heads_want(o); /* also when it is open: a new subscription after the link was lost */
}

void owner_doubt(struct hub_reactor *hr, int64_t channel_id)
{
	struct owner *o = owner_get(hr, channel_id);
	if (o && (o->open || o->subscribed || hr->away)) heads_want(o); /* else it is read once it is confirmed */
}

static void owner_open(struct owner *o, int64_t rev, int64_t at, int64_t min_rev)
{
	o->open = true;
	advance(o, rev, at);
	o->min_rev = min_rev;
	struct list *l;
	while ((l = list_pop(&o->waiting))) attach_try(o, container_of(l, struct attach, link));
	heal_if_behind(o);
}

void owner_head(struct hub_reactor *hr, int64_t channel_id, int64_t rev, int64_t at, int64_t min_rev)
{
	struct owner *o = owner_get(hr, channel_id);
	if (!o) return;
	if (!o->open) {
		owner_open(o, rev, at, min_rev);
		return;
	}
	owner_retain(o, min_rev);
	owner_behind(o, rev);
}

/* ---- to the reactors */

struct frames_mail {
	struct mail mail;
	int64_t channel_id;
	size_t n;
	struct frame *frames[];
};

static void frames_arrive(struct reactor *r, struct mail *m)
{
	struct frames_mail *fm = container_of(m, struct frames_mail, mail);
	local_frames(hub_here(r), fm->channel_id, fm->frames, fm->n);
	for (size_t i = 0; i < fm->n; i++) frame_unref(fm->frames[i]);
	mem_free(fm);
}

static void give(struct owner *o, size_t reactor, struct frame *const *frames, size_t n)
{
	struct hub_reactor *to = o->here->hub->r[reactor];
	if (to == o->here) {
		local_frames(to, o->channel_id, frames, n);
		return;
	}
	struct frames_mail *fm = mem_alloc(sizeof *fm + n * sizeof(struct frame *));
	fm->mail.deliver = frames_arrive;
	fm->channel_id = o->channel_id;
	fm->n = n;
	for (size_t i = 0; i < n; i++) fm->frames[i] = frame_ref(frames[i]);
	reactor_post(to->reactor, &fm->mail);
}

void owner_flush(struct owner *o)
{
	list_del(&o->dirty);
	size_t n = o->fresh;
	o->fresh = 0;
	while (n && o->n_interested) {
		struct frame *run[64];
		size_t k = n < countof(run) ? n : countof(run);
		for (size_t i = 0; i < k; i++) run[i] = owner_ring(o, o->last - (int64_t)n + 1 + (int64_t)i);
		for (size_t r = 0; r < o->here->hub->n; r++)
			if (o->interest[r]) give(o, r, run, k);
		n -= k;
	}
	/* What was told with its text is not told so again: who comes back reads it from the database. */
	if (o->clips) ring_clear(o);
	o->clips = false;
	ring_trim(o, (size_t)o->here->hub->config->ring_events);
}

void owner_interest(struct owner *o, size_t reactor, bool on)
{
	if (on == (o->interest[reactor] != 0)) return;
	o->interest[reactor] = on;
	o->n_interested += on ? 1 : (size_t)-1;
	o->unused_since_ms = o->n_interested ? 0 : reactor_now_ms(o->here->reactor);
}

/* ---- ending */

void owner_drop(struct owner *o)
{
	struct list *l;
	while ((l = list_pop(&o->waiting)) || (l = list_pop(&o->followers)))
		attach_lost(container_of(l, struct attach, link));
	id_map_take(&o->here->owners, o->channel_id);
	timer_clear(&o->heal);
	list_del(&o->dirty);
	ring_clear(o);
	for (size_t i = 0; i < o->held_n; i++) event_unref(o->held[i]);
	account(o, -o->bytes);
	o->here->hub->bus->ops->unsubscribe(o->here->hub->bus, TOPIC_CHANNEL, o->channel_id);
	pins_release(&o->pins);
	mem_free(o->held);
	mem_free(o->ring);
	mem_free(o->interest);
	mem_free(o);
}

static void owner_each(struct hub_reactor *hr, bool (*goes)(const struct owner *, int64_t), int64_t now_ms)
{
	VEC(struct owner *) going = { 0 };
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&hr->owners, &i, &slot);)
		if (goes(slot.value, now_ms)) vec_push(&going, slot.value);
	for (size_t i = 0; i < going.n; i++) owner_drop(going.p[i]);
	vec_release(&going);
}

static bool is_unused(const struct owner *o, int64_t now_ms)
{
	if (!o->unused_since_ms || !list_empty(&o->waiting) || !list_empty(&o->followers)) return false;
	return o->ended || now_ms - o->unused_since_ms > UNUSED_MS;
}

static bool always(const struct owner *o, int64_t now_ms)
{
	return true;
}

void owner_sweep(struct hub_reactor *hr)
{
	owner_each(hr, is_unused, reactor_now_ms(hr->reactor));
}

void owner_drop_all(struct hub_reactor *hr)
{
	owner_each(hr, always, 0);
}
