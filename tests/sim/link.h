/* A connection between a client and a pod: the session's end as a gate would have it, with a dialect of the
 * simulation, and the client's end, which bytes reach later. Either side may vanish without the other's knowledge. */
#ifndef LINNET_SIM_LINK_H
#define LINNET_SIM_LINK_H
#include "hub/frame.h"
#include "hub/session.h"
#include "pod.h"
#include "store/change.h"
#include "world.h"

enum wire_op {
	WIRE_READY, /* payload: n wire_rows, n_gone ids */
	WIRE_CHANNEL,
	WIRE_GONE,
	WIRE_SYNCED,
	WIRE_RESET,
	WIRE_EVENT, /* payload: the event's JSON */
	WIRE_KICK,
	WIRE_DRAIN,
	WIRE_ANSWER,
	WIRE_ME /* number: of one's name, as in a ready */
};
struct wire {       /* the same for every frame */
	uint32_t bytes; /* with the payload */
	uint32_t op;
	int64_t channel_id, rev, at, user_rev;
	int64_t kind, user_id, message_id; /* of an event */
	int64_t number, err, n, n_gone;    /* number: the request's */
	uint64_t epoch;
};
struct wire_row {
	int64_t channel_id, rev, at;
};
extern const struct dialect link_dialects[1];

struct client;
struct link {
	struct world *world;
	struct client *client;
	struct sim_pod *pod;
	int loop; /* of the pod's reactors */
	/* the pod's side */
	struct conn *near, *far;
	struct session *session;
	struct deferred kick;
	enum err why;
	/* the client's side */
	bool open, lost;       /* open: the client holds it; lost: it has been told that it ended */
	struct buf in;         /* what has arrived and is no whole frame yet */
	int64_t in_ns, out_ns; /* each direction keeps its order */
};
struct link *link_open(struct client *k, struct sim_pod *p); /* lives until the world's end */
void link_free(struct link *l);

/* ---- the client's calls: each takes its time to get there, in order */
void link_hello(struct link *l, const struct hello *h); /* copies */
struct request {
	enum change_kind kind;
	int64_t channel_id, user_id, message_id, thread_id,
		number; /* number: the nonce of a message; else only to tell them apart */
	uint64_t epoch;
	bool on, in_channel;
	int voice; /* CHANGE_ROLE; -1: as it is */
	struct change_until until;
	bool patches; /* CHANGE_CHANNEL: by `patch` */
	struct channel_patch patch;
	char text[48];
};
void link_request(struct link *l, const struct request *r);
void link_cut(struct link *l, int64_t noticed_ns); /* the client lets go; the pod notices later */
void link_pause(struct link *l, bool paused);      /* the client does not read */

void link_pod_died(struct link *l);
void nonce_of(int64_t number, uint8_t out[16]);
int64_t link_name(struct str display_name); /* a number that stands for it; 0: none */
#endif
