/* A lane: a small pool of threads that may block, each with a state of its own (a database connection). A job is one
 * whole use case: `run` on a thread of the lane, then `done` on the reactor that asked. Nothing is cancelled: a job
 * whose asker has gone is dropped when it is taken if it says it is `unwanted`, and its `done` runs all the same. */
#ifndef LINNET_LOOP_LANE_H
#define LINNET_LOOP_LANE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "loop/reactor.h"

struct lane;
struct job {
	struct mail mail; /* the way back */
	struct job *next;
	struct reactor *home; /* where `done` runs; NULL: on the lane, right after `run` */
	int64_t queued_ns;    /* set by lane_submit */
	bool sure;            /* never refused, never dropped, goes first, at most two in a row: the append, healing */
	enum err err;         /* set by lane_submit: OK; ERR_BUSY when it was dropped before it ran */
	bool (*unwanted)(const struct job *j);   /* lane; may be NULL */
	void (*run)(struct job *j, void *state); /* lane; state as `open` made it */
	void (*done)(struct job *j);             /* reactor; owns j */
};

struct lane_options {
	const char *name;
	int threads;
	size_t most_queued;                   /* jobs waiting */
	int64_t most_wait_ms;                 /* a job that waited longer is dropped with ERR_BUSY; 0: never */
	void *(*open)(void *arg, int thread); /* on the thread, at its start; opens connections only on demand */
	void (*close)(void *state);
	void (*idle)(void *state); /* each idle_ms while nothing waits; may be NULL */
	int idle_ms;               /* 0: 1000 */
	void *arg;
	const struct clock *clock; /* NULL: the real one */
};
struct lane *lane_create(const struct lane_options *o);
void lane_destroy(struct lane *l); /* takes no more, runs what waits, joins */
/* ERR_BUSY when full (j is still the caller's, nothing runs). Any thread. */
enum err lane_submit(struct lane *l, struct job *j);
size_t lane_depth(const struct lane *l); /* waiting jobs */
struct lane_stats {
	_Atomic int64_t jobs, dropped, refused, wait_ns, run_ns;
};
const struct lane_stats *lane_stats(const struct lane *l);

/* ---- simulation: no threads. Each job taken is given to `submitted`, and runs when the simulator says so, in its
 * thread, with the one state that `open` made. Before lane_destroy each must have been run or dropped (its `done` comes
 * with ERR_BUSY). */
typedef void (*lane_submitted)(void *arg, struct lane *l, struct job *j);
struct lane *lane_create_virtual(const struct lane_options *o, lane_submitted submitted, void *arg);
void lane_run_job(struct lane *l, struct job *j);
void lane_drop_job(struct lane *l, struct job *j);
#endif
