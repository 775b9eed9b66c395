/* The owner of a channel: one reactor of the pod that puts the channel's events in order. It delivers strictly: rev ==
 * last + 1 is delivered, rev <= last dropped, what is beyond a gap is held until the gap was filled by the bus or by
 * one read of the database. reactor (the owner's) */
#ifndef LINNET_HUB_OWNER_H
#define LINNET_HUB_OWNER_H
#include "hub/attach.h"
#include "hub/hub_reactor.h"
#include "hub/pins.h"

struct owner {
	int64_t channel_id;
	struct hub_reactor *here;
	uint64_t gen; /* tells this owner from a later one of the same channel */
	bool open, healing, subscribed, head_wanted;
	bool ended;            /* its channel was deleted: nothing follows `last`, nobody attaches any more */
	bool clips;            /* a fresh one clips what is older */
	int64_t last, last_at; /* the rev delivered last, and its time; not open: unknown */
	uint64_t check;        /* since this head check was asked `last` has moved on from `had` */
	int64_t had;
	int64_t present_rev; /* whose authors up to it have been put where present.h says */
	int64_t target;      /* the highest rev heard of, from the moment it subscribes, and not refuted since */
	int64_t news;        /* the highest heard of since its last healing read began */
	int64_t min_rev;
	struct frame **ring; /* recent frames, dense up to `last`: ring[(at + i) % cap] */
	size_t ring_at, ring_n, ring_cap;
	int64_t below_at; /* the time of the rev below the ring; 0: not known. Without a ring it is last_at that counts */
	struct event **held; /* beyond a gap, ascending */
	size_t held_n, held_cap;
	int64_t bytes;         /* of ring and held */
	struct pins pins;      /* of attaches that were sent for a snapshot: what follows is kept until they come back */
	struct list waiting;   /* attaches until it is open */
	struct list followers; /* attaches until the snapshot of another one, from led_from on, is back */
	bool led;              /* there is such a one */
	int64_t led_from;
	struct list dirty;  /* hub_reactor.dirty_owners */
	size_t fresh;       /* frames at the ring's end that reactors were not given yet */
	uint32_t *interest; /* for each reactor: 1 if it has subscribers */
	size_t n_interested;
	int64_t unused_since_ms; /* no interest and nobody waiting since; 0: in use */
	struct timer heal;
};

struct owner *owner_get(struct hub_reactor *hr, int64_t channel_id);  /* NULL: not served */
struct owner *owner_need(struct hub_reactor *hr, int64_t channel_id); /* opens it */
void owner_event(struct hub_reactor *hr, struct event *e);
void owner_behind(struct owner *o, int64_t rev); /* the channel is known to have reached rev */
void owner_head(struct hub_reactor *hr, int64_t channel_id, int64_t rev, int64_t at,
				int64_t min_rev);                             /* its head, as read */
void owner_doubt(struct hub_reactor *hr, int64_t channel_id); /* it may have missed something: its head is read */
void owner_subscribed(struct hub_reactor *hr, int64_t channel_id);
bool owner_covers(const struct owner *o, int64_t rev);        /* everything after rev is in the ring */
struct frame *owner_ring(const struct owner *o, int64_t rev); /* NULL: not there */
/* The past as a snapshot has read it, ascending, and the time of the rev before it (0: not known): what reaches down
 * from the ring is put before it, as far as there is room. */
void owner_recall(struct owner *o, struct event *const *events, size_t n, int64_t below_at);
/* The time of the row at `rev`, if the owner knows it; 0. */
int64_t owner_time(const struct owner *o, int64_t rev);
void owner_pin(struct owner *o); /* keeps what comes after `last`, which the caller remembers, until */
void owner_unpin(struct owner *o, int64_t rev);
int64_t owner_had(const struct owner *o); /* its `last` when the present head check was asked; 0: it was not open */
void owner_interest(struct owner *o, size_t reactor, bool on);
void owner_flush(struct owner *o);                                         /* gives fresh frames to the reactors now */
void owner_healed(struct owner *o, struct event *const *events, size_t n); /* as read, ascending */
/* A healing read has seen this head: what was heard of beyond it before the read began is nothing. */
void owner_refute(struct owner *o, int64_t head);
void owner_overtaken(struct owner *o, int64_t head, int64_t head_at, int64_t min_rev);
void owner_drop(struct owner *o);
void owner_drop_all(struct hub_reactor *hr);
void owner_sweep(struct hub_reactor *hr);
#endif
