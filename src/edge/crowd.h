/* How many connections each address has, over all reactors (LINNET_CONNECTIONS_PER_ADDRESS). Any thread. */
#ifndef LINNET_EDGE_CROWD_H
#define LINNET_EDGE_CROWD_H
#include <pthread.h>

#include "base/map.h"
#include "edge/proxy.h"

struct crowd {
	pthread_mutex_t lock;
	struct id_map counts; /* by a hash of the address, or of an IPv6 /64 */
	uint64_t seed;
};
void crowd_init(struct crowd *c);
void crowd_release(struct crowd *c);
size_t crowd_enter(struct crowd *c, const struct address *a); /* the count with this one */
void crowd_leave(struct crowd *c, const struct address *a);
#endif
