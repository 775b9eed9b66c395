/* People with a WebSocket each who keep what a client keeps: the cursor of every channel that they are in, by which
 * they come back. Every event must be the next of its channel for its reader; a reset, an error or a closed socket ends
 * the program. Sockets are opened without waiting: whoever drives the crowd decides how many are on their way. */
#ifndef LINNET_BENCH_CROWD_H
#define LINNET_BENCH_CROWD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"
#include "measure.h"

struct place { /* in the stream of a channel */
	int64_t channel_id, rev;
	char at[32];
};
enum person_state { PERSON_AWAY, PERSON_CONNECTING, PERSON_UPGRADING, PERSON_GREETING, PERSON_READY };
struct person {
	enum person_state state;
	int fd, port;
	const char *token;
	struct place *places; /* ascending */
	size_t n_places, unsynced;
	bool known; /* it was ready once, and comes back */
	int64_t user_rev, begun_ns;
	size_t kept_n; /* bytes of a frame that came in part */
	char *kept;
};
struct crowd {
	struct person *all;
	size_t n, opening, ready,
		synced;           /* of those that were opened: on their way, ready, and ready without a stream behind */
	int epoll, lost_port; /* lost_port: that server is meant to close its sockets; 0 */
	char *in, epoch[32];
	struct random_seeded random;
	uint64_t events, others, asked, acked;
	struct hist to_ready, to_synced; /* from the beginning of the connection */
	void (*ack)(void *arg, int64_t channel_id, int64_t rev, int64_t ref);
	void *arg;
};
void crowd_init(struct crowd *c, const char *const *tokens, size_t n);
void crowd_release(struct crowd *c);
void crowd_open(struct crowd *c, struct person *p, int port);
/* Handles what there is; false: nothing came within wait_ms. */
bool crowd_turn(struct crowd *c, int wait_ms);
struct place *person_place(const struct person *p, int64_t channel_id); /* NULL: not in it */
/* A message of `size` bytes by the socket; `ref` comes back with its ack. */
void person_send(struct crowd *c, struct person *p, int64_t channel_id, int64_t ref, size_t size);
#endif
