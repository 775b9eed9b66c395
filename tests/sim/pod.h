/* A pod: the project's own hub, append queue and reactors, over a lane whose jobs run at drawn moments and the
 * simulated bus. It may be killed between any two steps. */
#ifndef LINNET_SIM_POD_H
#define LINNET_SIM_POD_H
#include "app/append.h"
#include "base/metrics.h"
#include "db.h"
#include "hub/hub.h"
#include "loop/lane.h"
#include "loop/reactor.h"
#include "world.h"

#define POD_REACTORS 2

struct pod_task;
struct link;
struct sim_pod;
struct pod_loop {
	struct sim_pod *pod;
	struct reactor *reactor;
	int64_t turn_ns; /* when it turns next; INT64_MAX: nothing to do */
};
struct wrote { /* a change that was written: in which order did they come, and which rev did they get? */
	int64_t channel_id, submitted, rev;
};
struct sim_pod {
	struct clock clock;
	struct world *world;
	char name[8];
	int slot;           /* which of PODS it is */
	int64_t ahead_ns;   /* of its clock: once it is dead nothing waits any more */
	int64_t stalled_ns; /* its reactors do not turn before */
	struct metrics *metrics;
	struct pod_loop loops[POD_REACTORS];
	struct lane *sync, *write;
	struct bus *bus;
	struct append *append;
	struct sweeper *sweeper;
	struct retention *retention; /* NULL: everything is kept */
	struct hub *hub;
	struct epoch epoch;
	VEC(struct pod_task *) tasks; /* of its lanes, not ended */
	VEC(struct link *) links;
	VEC(struct wrote) wrote;
	int64_t next_submitted;
	bool dead, draining;
};
void pod_boot(struct world *w, int slot); /* tries again while the database is away */
void pod_kill(struct sim_pod *p);
void pod_drain(struct sim_pod *p, int64_t within_ms); /* sends its clients away, writes what waits, ends */
void pod_free(struct sim_pod *p);                     /* dead */
struct sim_pod *pod_any(struct world *w);             /* one that takes clients; NULL: none at the moment */
struct sim_pod *pod_in(struct world *w, int slot);    /* NULL: none now */
void pods_wake(struct world *w); /* reactors that have something to do will turn; after each event of the world */
/* What was done to a connection outside of a turn is seen in the next one. */
void pod_poke(struct sim_pod *p, int loop);
void pod_submit(struct sim_pod *p, struct change *c, int64_t *number); /* done comes, whatever happens */
#endif
