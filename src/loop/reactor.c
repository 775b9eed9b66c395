/* A turn of the real loop, in libuv's order: timers, mails of our own thread (idle), then `prepare`: hooks, deferred;
 * then libuv polls: sockets, mails of other threads (async). The virtual form does the same steps without libuv.
 *
 * The mailbox is a stack that any thread pushes to; the reactor takes it whole and turns it round. Who pushes on an
 * empty one wakes the loop. Its own thread need not: the end of each turn looks whether something waits. */
#include "loop/reactor.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/wheel.h"

#define LONGEST_MS (INT64_C(1) << 40) /* of a timer: 34 years */

struct reactor {
	int index;
	bool is_virtual;
	const struct clock *clock;

	uv_loop_t uv;
	uv_async_t wake;
	uv_timer_t alarm;
	uv_prepare_t before_sleep;
	uv_idle_t awake;
	int64_t alarm_ms; /* what `alarm` is set to; INT64_MAX: it is not */

	struct wheel wheel;
	struct list hooks; /* by rank */
	struct deferred *deferred, **deferred_end;
	struct deferred *on_destroy;
	void *slots[SLOT_COUNT];
	int64_t now_ms; /* the virtual one's */

	_Atomic(struct mail *) mails;
	_Atomic bool stopping, running;
	_Atomic pthread_t thread; /* that runs it, while it does */
	pthread_t started;        /* of reactor_start() */
};

/* ---- time */

int64_t reactor_now_ms(const struct reactor *r)
{
	if (r->is_virtual) return r->now_ms;
	if (r->clock == &clock_real) return (int64_t)uv_now(&r->uv);
	return clock_monotonic_ns(r->clock) / 1000000;
}

int64_t reactor_now_ns(const struct reactor *r)
{
	return clock_monotonic_ns(r->clock);
}

int64_t reactor_wall_ms(const struct reactor *r)
{
	return clock_wall_ms(r->clock);
}

/* ---- who and where */

int reactor_index(const struct reactor *r)
{
	return r->index;
}

static bool reactor_own_thread(const struct reactor *r)
{
	return atomic_load_explicit(&r->running, memory_order_acquire) &&
		   pthread_equal(atomic_load_explicit(&r->thread, memory_order_relaxed), pthread_self());
}

bool reactor_here(const struct reactor *r)
{
	return !atomic_load_explicit(&r->running, memory_order_acquire) ||
		   pthread_equal(atomic_load_explicit(&r->thread, memory_order_relaxed), pthread_self());
}

struct uv_loop_s *reactor_uv(struct reactor *r)
{
	return r->is_virtual ? NULL : &r->uv;
}

void reactor_set(struct reactor *r, enum reactor_slot slot, void *p)
{
	assert(reactor_here(r));
	r->slots[slot] = p;
}

void *reactor_get(const struct reactor *r, enum reactor_slot slot)
{
	return r->slots[slot];
}

/* ---- mails */

void reactor_post(struct reactor *r, struct mail *m)
{
	struct mail *old = atomic_load_explicit(&r->mails, memory_order_relaxed);
	do {
		m->next = old;
	} while (!atomic_compare_exchange_weak_explicit(&r->mails, &old, m, memory_order_acq_rel, memory_order_relaxed));
	if (!old && !r->is_virtual && !reactor_own_thread(r)) uv_async_send(&r->wake);
}

static bool reactor_has_mail(struct reactor *r)
{
	return atomic_load_explicit(&r->mails, memory_order_acquire) != NULL;
}

static void reactor_deliver(struct reactor *r)
{
	struct mail *m = atomic_exchange_explicit(&r->mails, NULL, memory_order_acq_rel), *first = NULL;
	while (m) {
		struct mail *next = m->next;
		m->next = first;
		first = m, m = next;
	}
	while (first) {
		m = first;
		first = m->next;
		m->deliver(r, m);
	}
}

/* ---- timers */

void timer_init(struct timer *t, void (*fire)(struct reactor *, struct timer *))
{
	*t = (struct timer){ .fire = fire };
	list_init(&t->link);
}

void timer_set(struct reactor *r, struct timer *t, int64_t delay_ms)
{
	assert(reactor_here(r) && t->fire);
	list_del(&t->link);
	if (delay_ms < 0) delay_ms = 0;
	if (delay_ms > LONGEST_MS) delay_ms = LONGEST_MS;
	t->due_ms = (reactor_now_ns(r) + 999999) / 1000000 + delay_ms;
	wheel_put(&r->wheel, t);
}

void timer_clear(struct timer *t)
{
	list_del(&t->link);
}

bool timer_pending(const struct timer *t)
{
	return !list_empty(&t->link);
}

static void reactor_fire(struct reactor *r)
{
	struct list due, *l;
	list_init(&due);
	wheel_advance(&r->wheel, reactor_now_ms(r), &due);
	while ((l = list_pop(&due))) {
		struct timer *t = container_of(l, struct timer, link);
		t->fire(r, t);
	}
}

static void on_alarm(uv_timer_t *alarm)
{
	struct reactor *r = alarm->data;
	r->alarm_ms = INT64_MAX;
	reactor_fire(r);
}

static void reactor_set_alarm(struct reactor *r)
{
	int64_t next = wheel_next(&r->wheel);
	if (next == INT64_MAX) {
		if (r->alarm_ms != INT64_MAX) uv_timer_stop(&r->alarm);
		r->alarm_ms = INT64_MAX;
		return;
	}
	uv_update_time(&r->uv); /* else the loop sleeps too long by the length of this turn */
	if (next == r->alarm_ms) return;
	int64_t delay = next - reactor_now_ms(r);
	uv_timer_start(&r->alarm, on_alarm, delay > 0 ? (uint64_t)delay : 0, 0);
	r->alarm_ms = r->clock == &clock_real ? next : 0; /* with another clock it is only a time to look again */
}

/* ---- hooks and deferred */

void reactor_hook(struct reactor *r, struct turn_hook *h)
{
	assert(reactor_here(r));
	struct list *at = r->hooks.next;
	while (at != &r->hooks && container_of(at, struct turn_hook, link)->rank <= h->rank) at = at->next;
	list_add_tail(at, &h->link);
}

static bool reactor_run_hooks(struct reactor *r)
{
	bool more = false;
	for (struct list *l = r->hooks.next; l != &r->hooks; l = l->next) {
		struct turn_hook *h = container_of(l, struct turn_hook, link);
		more |= h->run(r, h);
	}
	return more;
}

void reactor_defer(struct reactor *r, struct deferred *d)
{
	assert(reactor_here(r));
	d->next = NULL;
	*r->deferred_end = d;
	r->deferred_end = &d->next;
}

/* True when there was something: it may have left work for the hooks. */
static bool reactor_run_deferred(struct reactor *r)
{
	struct deferred *d = r->deferred, *next;
	r->deferred = NULL, r->deferred_end = &r->deferred;
	bool any = d != NULL;
	for (; d; d = next) {
		next = d->next;
		d->run(d);
	}
	return any;
}

void reactor_on_destroy(struct reactor *r, struct deferred *d)
{
	assert(reactor_here(r));
	d->next = r->on_destroy;
	r->on_destroy = d;
}

/* ---- the turn */

static bool reactor_end_turn(struct reactor *r)
{
	bool more = reactor_run_hooks(r);
	more |= reactor_run_deferred(r);
	return more || reactor_has_mail(r);
}

static void on_awake(uv_idle_t *idle)
{
	reactor_deliver(idle->data);
}

static void on_before_sleep(uv_prepare_t *prepare)
{
	struct reactor *r = prepare->data;
	if (r->clock != &clock_real) reactor_fire(r);
	if (reactor_end_turn(r))
		uv_idle_start(&r->awake, on_awake);
	else
		uv_idle_stop(&r->awake);
	reactor_set_alarm(r);
}

static void on_wake(uv_async_t *wake)
{
	struct reactor *r = wake->data;
	reactor_deliver(r);
	if (atomic_load_explicit(&r->stopping, memory_order_acquire)) uv_stop(&r->uv);
}

bool reactor_turn(struct reactor *r)
{
	assert(r->is_virtual);
	r->now_ms = clock_monotonic_ns(r->clock) / 1000000;
	reactor_deliver(r);
	reactor_fire(r);
	return reactor_end_turn(r);
}

int64_t reactor_next_ms(struct reactor *r)
{
	assert(r->is_virtual);
	return reactor_has_mail(r) || r->deferred ? r->now_ms : wheel_next(&r->wheel);
}

/* ---- running */

void reactor_run(struct reactor *r)
{
	assert(!r->is_virtual && !atomic_load(&r->running));
	atomic_store_explicit(&r->thread, pthread_self(), memory_order_relaxed);
	atomic_store_explicit(&r->running, true, memory_order_release);
	uv_run(&r->uv, UV_RUN_DEFAULT);
	reactor_end_turn(r); /* libuv stopped after its poll: what this turn handled is still flushed */
	atomic_store(&r->stopping, false);
	atomic_store_explicit(&r->running, false, memory_order_release);
}

void reactor_stop(struct reactor *r)
{
	atomic_store_explicit(&r->stopping, true, memory_order_release);
	uv_async_send(&r->wake);
}

static void *reactor_main(void *arg)
{
	reactor_run(arg);
	return NULL;
}

/* Signals are the main thread's. */
void reactor_start(struct reactor *r)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int e = pthread_create(&r->started, NULL, reactor_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e) {
		log_event(LOG_ERROR, "loop.thread_failed", LOG_INT("errno", e));
		abort();
	}
	char name[16];
	snprintf(name, sizeof name, "reactor-%d", r->index & 0xffff);
	pthread_setname_np(r->started, name);
}

void reactor_join(struct reactor *r)
{
	pthread_join(r->started, NULL);
}

/* ---- making */

static struct reactor *reactor_new(const struct reactor_options *o)
{
	struct reactor *r = mem_new(struct reactor);
	r->index = o->index;
	r->clock = o->clock ? o->clock : &clock_real;
	r->alarm_ms = INT64_MAX;
	r->deferred_end = &r->deferred;
	list_init(&r->hooks);
	wheel_init(&r->wheel, clock_monotonic_ns(r->clock) / 1000000);
	return r;
}

struct reactor *reactor_create_virtual(const struct reactor_options *o)
{
	assert(o->clock);
	struct reactor *r = reactor_new(o);
	r->is_virtual = true;
	r->now_ms = r->wheel.now_ms;
	return r;
}

struct reactor *reactor_create(const struct reactor_options *o)
{
	struct reactor *r = reactor_new(o);
	int e = uv_loop_init(&r->uv);
	if (!e) e = uv_async_init(&r->uv, &r->wake, on_wake);
	if (!e) e = uv_timer_init(&r->uv, &r->alarm);
	if (!e) e = uv_prepare_init(&r->uv, &r->before_sleep);
	if (!e) e = uv_prepare_start(&r->before_sleep, on_before_sleep);
	if (!e) e = uv_idle_init(&r->uv, &r->awake);
	if (e) {
		log_event(LOG_ERROR, "loop.create_failed", LOG_TEXT("why", uv_strerror(e)));
		abort();
	}
	r->wake.data = r->alarm.data = r->before_sleep.data = r->awake.data = r;
	return r;
}

static void reactor_close_uv(struct reactor *r)
{
	uv_close((uv_handle_t *)&r->wake, NULL);
	uv_close((uv_handle_t *)&r->alarm, NULL);
	uv_close((uv_handle_t *)&r->before_sleep, NULL);
	uv_close((uv_handle_t *)&r->awake, NULL);
}

/* Until no mail, nothing deferred and no closing handle is left: each may bring forth another. */
static void reactor_wind_up(struct reactor *r)
{
	bool more = true;
	for (int i = 0; i < 1000 && more; i++) {
		reactor_deliver(r);
		reactor_run_deferred(r);
		more = !r->is_virtual && uv_run(&r->uv, UV_RUN_NOWAIT);
		more |= reactor_has_mail(r) || r->deferred;
	}
}

void reactor_destroy(struct reactor *r)
{
	assert(!atomic_load(&r->running));
	atomic_store(&r->thread, pthread_self()); /* and it wakes nobody any more */
	atomic_store(&r->running, true);
	if (!r->is_virtual) reactor_close_uv(r);
	reactor_wind_up(r);
	int e = r->is_virtual ? 0 : uv_loop_close(&r->uv);
	assert(e == 0); /* UV_EBUSY: a connection or a listener was left */
	(void)e;
	while (r->on_destroy) {
		struct deferred *d = r->on_destroy;
		r->on_destroy = d->next;
		d->run(d);
	}
	mem_free(r);
}
