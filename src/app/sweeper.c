/* Each turn takes a snapshot and sweeps by the oldest that it keeps, once that one is old enough; while a slice was
 * full the next turn follows at once, behind whatever waits in the lane. Snapshots are of one connection: after another
 * one was made the server may be another, or have lost what it had not yet written. */
#include "app/sweeper.h"

#include "app/turns.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/moves.h"

#define SLICE 10000
#define SNAPSHOTS_MOST 1024 /* kept_ms / every_ms of them are enough */

struct sweeper {
	struct sweeper_options o;
	struct metrics_cell *cell;
	struct turns turns;
	_Atomic int64_t left; /* -1: not known */
	bool failed;
	/* while a turn runs the lane's, else the reactor's */
	VEC(struct moment) snapshots; /* the oldest first */
	struct moment done;           /* what this one saw is gone */
	int64_t generation;           /* of the connection that took them */
	struct sweep sweep;
	bool full; /* the slice was */
};

/* ---- on the lane */

static const struct sql SQL_NO_WAIT = { "SET LOCAL synchronous_commit TO off", NULL };

static void forget_oldest(struct sweeper *s)
{
	moment_release(&s->snapshots.p[0]);
	for (size_t i = 1; i < s->snapshots.n; i++) s->snapshots.p[i - 1] = s->snapshots.p[i];
	s->snapshots.n--;
}

static void forget_all(struct sweeper *s)
{
	while (s->snapshots.n) forget_oldest(s);
	moment_release(&s->done);
}

/* In the transaction, on the connection that it will be committed on. */
static enum err sweep_in(struct sweeper *s, struct db_conn *c, struct arena *a)
{
	if (db_conn_generation(c) != s->generation) forget_all(s);
	s->generation = db_conn_generation(c);
	s->sweep = (struct sweep){ .done = s->done, .kept_ms = s->o.kept_ms, .most = s->o.slice };
	if (s->snapshots.n) s->sweep.old = s->snapshots.p[0];
	enum err e = db_exec(c, &SQL_NO_WAIT, DB_NO_ARGS, NULL); /* rows that come back after a crash harm nobody */
	return e ? e : moves_sweep(c, a, &s->sweep);
}

/* What the oldest saw is gone. Of those behind it, the last one that is old enough has seen most. */
static void swept_by_oldest(struct sweeper *s)
{
	moment_release(&s->done);
	s->done = moment_copy(&s->snapshots.p[0]);
	forget_oldest(s);
	while (s->snapshots.n > 1 && s->sweep.now.asked_ms - s->snapshots.p[1].taken_ms >= s->o.kept_ms) forget_oldest(s);
}

static void take(struct sweeper *s)
{
	s->full = s->sweep.mine && s->sweep.swept >= s->o.slice;
	if (s->full) return; /* the next turn follows at once, by the same snapshot */
	if (s->sweep.mine) swept_by_oldest(s);
	if (s->snapshots.n < SNAPSHOTS_MOST) vec_push(&s->snapshots, moment_copy(&s->sweep.now));
}

static enum err sweep_run(struct turns *t, struct db_conn *c)
{
	struct sweeper *s = container_of(t, struct sweeper, turns);
	struct arena a;
	s->full = false;
	enum err e = db_begin(c);
	if (e) return e;
	arena_init(&a);
	e = sweep_in(s, c, &a);
	if (!e) e = db_commit(c);
	db_rollback(c);
	if (!e) take(s);
	arena_release(&a);
	return e;
}

/* ---- on the reactor */

static void say_outcome(struct sweeper *s, enum err e)
{
	if (!e && s->sweep.mine) metric_add(s->cell, METRIC_MOVES_SWEPT, s->sweep.swept);
	if (!e) atomic_store(&s->left, s->sweep.left);
	if (err_ends(&s->failed, e)) log_event(LOG_INFO, "moves.sweep_back");
	if (err_begins(&s->failed, e)) log_event(LOG_WARN, "moves.sweep_failed", LOG_TEXT("error", err_row(e)->code));
}

static void sweep_done(struct turns *t, enum err e)
{
	struct sweeper *s = container_of(t, struct sweeper, turns);
	say_outcome(s, e);
	turns_again(t, s->full ? 0 : s->o.every_ms);
}

/* ---- life */

static void write_left(void *arg, struct buf *out)
{
	struct sweeper *s = arg;
	int64_t left = atomic_load(&s->left);
	if (left >= 0) metrics_line(out, METRIC_MOVES_LEFT, NULL, left);
}

struct sweeper *sweeper_create(const struct sweeper_options *o)
{
	struct sweeper *s = mem_new(struct sweeper);
	s->o = *o;
	if (s->o.slice <= 0) s->o.slice = SLICE;
	s->cell = metrics_cell(o->metrics);
	atomic_init(&s->left, -1);
	metrics_source(o->metrics, write_left, s);
	s->turns = (struct turns){
		.home = o->home, .lane = o->write, .every_ms = o->every_ms, .run = sweep_run, .done = sweep_done
	};
	turns_begin(&s->turns, 0);
	return s;
}

void sweeper_stop(struct sweeper *s)
{
	turns_stop(&s->turns);
}

void sweeper_destroy(struct sweeper *s)
{
	forget_all(s);
	vec_release(&s->snapshots);
	mem_free(s);
}
