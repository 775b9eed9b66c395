/* A reactor: one thread, one libuv loop, its own connections, timers and mailbox. Everything that says "reactor" is
 * touched by that thread only, and asserts it. Reactors meet through mails: what crosses is immutable.
 *
 * A turn of the loop: sockets and mails are handled; then, before the loop sleeps, the turn hooks run in the order of
 * their `rank` (answers are flushed before the fan-out). What is put off with reactor_defer() happens at the very end.
 */
#ifndef LINNET_LOOP_REACTOR_H
#define LINNET_LOOP_REACTOR_H
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"

struct reactor;
struct uv_loop_s;

struct reactor_options {
	int index;                 /* 0 .. reactors - 1 */
	const struct clock *clock; /* NULL: the real one */
};

struct reactor *reactor_create(const struct reactor_options *o);
/* Stopped, and without connections. Mails that still wait are delivered and what was put off is run, in this thread. */
void reactor_destroy(struct reactor *r);
void reactor_start(struct reactor *r); /* runs it in a thread of its own */
void reactor_run(struct reactor *r);   /* runs it in this thread until reactor_stop() */
void reactor_stop(struct reactor *r);  /* any thread: ends after the present turn */
void reactor_join(struct reactor *r);  /* waits for the thread of reactor_start() */

int reactor_index(const struct reactor *r);
bool reactor_here(
	const struct reactor *r); /* is this its thread? Before it runs and after it stopped every thread is */
struct uv_loop_s *reactor_uv(struct reactor *r);  /* NULL: virtual */
int64_t reactor_now_ms(const struct reactor *r);  /* monotonic, read once a turn */
int64_t reactor_now_ns(const struct reactor *r);  /* monotonic, read now */
int64_t reactor_wall_ms(const struct reactor *r); /* Unix time, read now */

/* ---- mails: from any thread, first in first out for each sender; waking costs one write only if nobody woke it yet */
struct mail {
	struct mail *next;
	void (*deliver)(struct reactor *r, struct mail *m); /* owns m from now on */
};
void reactor_post(struct reactor *r, struct mail *m);

/* ---- timers: embedded in their owner; a timer that is set again moves, at a cost of O(1). Resolution 1 ms, never
 * early, in the order of their times and among equals in that of their setting. A delay of 0 waits for the next
 * millisecond. */
struct timer {
	struct list link;
	int64_t due_ms;
	void (*fire)(struct reactor *r, struct timer *t);
};
void timer_init(struct timer *t, void (*fire)(struct reactor *, struct timer *));
void timer_set(struct reactor *r, struct timer *t, int64_t delay_ms);
void timer_clear(struct timer *t); /* also when not set */
bool timer_pending(const struct timer *t);

/* ---- turn hooks: before the loop sleeps. A hook that returns true has more to do: the loop turns without sleeping. */
enum turn_rank { TURN_ANSWERS = 10, TURN_FANOUT = 20, TURN_FLUSH = 30 };
struct turn_hook {
	struct list link;
	int rank;
	bool (*run)(struct reactor *r, struct turn_hook *h);
};
void reactor_hook(struct reactor *r, struct turn_hook *h); /* stays until the reactor is destroyed */

/* ---- deferred: at the end of the turn, after the hooks. Nothing is freed inside its own callback. */
struct deferred {
	struct deferred *next;
	void (*run)(struct deferred *d);
};
void reactor_defer(struct reactor *r, struct deferred *d); /* from a deferred call: at the end of the next turn */
void reactor_on_destroy(struct reactor *r,
						struct deferred *d); /* the last thing that reactor_destroy does; newest first */

/* Objects of one reactor's layers, found without globals: edge, hub and bench each have a slot. */
enum reactor_slot { SLOT_CONN, SLOT_HUB, SLOT_EDGE, SLOT_HTTP, SLOT_TEST, SLOT_COUNT };
void reactor_set(struct reactor *r, enum reactor_slot slot, void *p);
void *reactor_get(const struct reactor *r, enum reactor_slot slot);

/* ---- simulation: no loop of libuv, no sockets, no thread; conn_pair works. The clock is the simulator's, and must be
 * given. One turn: mails, timers that are due, hooks, deferred. */
struct reactor *reactor_create_virtual(const struct reactor_options *o);
bool reactor_turn(struct reactor *r); /* true: another turn has something to do at this very time */
int64_t
reactor_next_ms(struct reactor *r); /* when the next turn is wanted (monotonic, at times too early); INT64_MAX: never */
#endif
