/* The bus between simulated pods: Redis as the design fears it. It loses, delays, reorders, dies, comes back empty; a
 * pod's link may be half-open: nothing goes through, and nobody says so. */
#ifndef LINNET_SIM_BUS_H
#define LINNET_SIM_BUS_H
#include "bus/bus.h"
#include "world.h"

struct redis {
	struct world *world;
	bool up;
	double loss, reorder, thin;  /* of a message to one pod; thin: sent without its content */
	VEC(struct sim_bus *) buses; /* of living pods */
};
struct sim_bus;
struct redis *redis_create(struct world *w);
void redis_destroy(struct redis *r);
void redis_down(struct redis *r); /* every subscription is forgotten */

/* The pod's end. Its own sink is served at once. */
struct bus *sim_bus_create(struct redis *r, const char *pod);
void sim_bus_kill(struct bus *b);      /* the pod is dead: nothing goes in or out any more */
void sim_bus_half_open(struct bus *b); /* until it is noticed, within a second */
#endif
