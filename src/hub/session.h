/* A session: one connection of one person, attached to all of their channels. It knows no dialect: how things are
 * written is its table of functions. Its list of channels follows the person's head (list.h), its streams the owners.
 * reactor */
#ifndef LINNET_HUB_SESSION_H
#define LINNET_HUB_SESSION_H
#include "hub/local.h"
#include "hub/person.h"
#include "loop/conn.h"
#include "store/sync.h"

struct cursor {
	int64_t channel_id, rev, at; /* at 0: not told */
};
struct hello {
	struct cursor *cursors; /* by channel_id, ascending */
	size_t n;
	uint64_t epoch;   /* of the cursors; 0: the present one */
	int64_t user_rev; /* 0: none: the whole list is wanted */
};
/* What a ready says: rows without a cursor, or whose own part changed; channels that one has left since or named in
 * vain.
 */
struct ready {
	const struct sync_list *list;
	const struct channel **channels;
	size_t n_channels;
	const int64_t *gone;
	size_t n_gone;
	uint64_t epoch;
	bool whole;       /* of one's own things nothing is known to the client: it asks for all of them */
	int64_t user_rev; /* told so far; other own things that the client has missed follow */
};
struct ready_place { /* how much of it was written */
	bool begun;
	size_t channel, gone, user;
};

struct session;
struct greeting;
struct presence_item;
struct watch;
struct session_ops {
	/* Writes the next part, and moves the place; true: it was the last. */
	bool (*ready)(struct session *s, const struct ready *r, struct ready_place *at);
	void (*channel)(struct session *s, const struct channel *c, int64_t user_rev); /* new, or one's own part changed */
	void (*gone)(struct session *s, int64_t channel_id, int64_t user_rev);
	void (*synced)(struct session *s, int64_t channel_id, int64_t rev);
	void (*reset)(struct session *s, int64_t channel_id, int64_t rev, const struct channel *row);
	void (*read)(struct session *s, const struct channel *c);   /* a marker stands elsewhere than was told */
	void (*news)(struct session *s, const struct user_news *n); /* a frame of one's own things */
	void (*hint)(struct session *s, const struct hint *h);      /* queues; closes nothing */
	void (*drain)(struct session *s, int64_t reconnect_in_ms);
	void (*kick)(struct session *s, enum err why); /* closes the connection with the error's close code */
	/* whole: the answer to watch_set(); else what has changed of it since */
	void (*presence)(struct session *s, const struct presence_item *items, size_t n, bool whole);
	void (*own)(struct session *s, const struct own *o); /* one of one's own things has changed */
};

struct session {
	/* what the fan-out looks at, close together */
	struct hub_reactor *here;
	struct conn *conn;      /* NULL once it is closed */
	VEC(struct sub *) subs; /* its channels, by channel_id, ascending */
	uint8_t dialect;
	bool greeted, ready, parked, closed;
	bool list_wanted, list_asked; /* the list is to be read for it; is being read */
	uint8_t presence;             /* enum presence, as a device; offline: it is none yet, or no more */

	struct list link;        /* hub_reactor.sessions */
	struct list person_link; /* person.sessions */
	struct person *person;
	const struct session_ops *ops;
	void *data; /* the dialect's */
	int64_t user_id;
	char session_id[SESSION_ID + 1];
	uint32_t busy;           /* attaches and jobs that know it */
	uint32_t device;         /* its number among the devices of the pod */
	uint64_t history, epoch; /* in which it was opened */
	uint32_t next_gen;
	int64_t user_rev;   /* it was told everything up to it, */
	int64_t list_rev;   /* by lists up to this one */
	int64_t list_least; /* the one that is asked for, or told, is too old if it is below: they left a channel since */
	int64_t rows_rev;   /* its ready had all that was listed, up to this one */
	int64_t drain_at_ms;
	int64_t replay_left;       /* events that its hello may still replay */
	struct hello *hello;       /* until ready */
	struct greeting *greeting; /* the ready that is being written (list.c) */
	struct watch *watch;       /* whom it watches; NULL: nobody */
	struct deferred free_later;
};

/* `dialect` is an index into the hub's table. The connection's handler calls session_drained and session_close. */
/* ERR_LIMIT_REACHED: the person has as many as are allowed. */
enum err session_open(struct reactor *r, const struct session_ops *ops, void *data, struct conn *conn, int dialect,
					  int64_t user_id, const char *session_id, struct session **out);
void session_hello(struct session *s, const struct hello *h); /* once; copies */
void session_drained(struct session *s);                      /* the connection's queue is empty again */
void session_close(struct session *s);                        /* the connection is gone; s is not used any more */
/* The history that the ids in its client's requests are of: of the cursors until it is ready, from then on the one in
 * which the session was opened, also when the pod has found another meanwhile. */
uint64_t session_epoch(const struct session *s);

/* ---- within the hub */
struct sub *session_sub(const struct session *s, int64_t channel_id); /* NULL */
struct sub *session_sub_add(struct session *s, int64_t channel_id);   /* there is none; detached, without a position */
/* Of one that is detached; membership is known as of this rev. counted: what it replays counts for the hello's or the
 * resume's `replay_left`. Who begins at a row's rev is behind by no fault of a client, and is not reset for what others
 * had replayed. */
void session_attach(struct sub *sub, int64_t known, bool counted);
/* One event of a stream, the next after the subscription's position; false when the session takes no more of it now
 * (parked, or this removed the person). */
/* May more be queued for it? What was queued in this very turn is no sign of a slow reader: the kernel is asked first.
 */
bool session_takes(struct session *s);
bool session_give(struct sub *sub, const struct event *e, struct chunk *bytes);
struct chunk *session_bytes(const struct session *s, struct frame *f);        /* not a new reference */
struct chunk *session_encode(const struct session *s, const struct event *e); /* a new one */
void session_gone(struct session *s, int64_t channel_id);                     /* detached, forgotten, told */
void session_stream_ended(struct session *s, const struct event *e); /* was given the last event of its stream */
/* Its membership ended at this rev, of which the stream does not tell: nothing beyond it is given. */
void session_stream_ends(struct sub *sub, int64_t rev);
void session_park(struct session *s);    /* past the soft limit: keeps positions only */
void session_detach(struct session *s);  /* from all channels; keeps the positions */
void session_refresh(struct session *s); /* its list is read again */
void session_forget_hello(struct session *s);
void session_reattach(struct sub *sub); /* from its position, membership included */
void session_unbusy(struct session *s);
#endif
