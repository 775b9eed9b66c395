/* Attaching a session to a channel's stream without a window (sync: Attaching a session). The session's reactor asks
 * the owner; the owner replays from its ring, or says that a snapshot is needed; the snapshot brings the session to T,
 * and the owner supplies T + 1 and on. An attach travels between the two as one object; whoever holds it owns it. */
#ifndef LINNET_HUB_ATTACH_H
#define LINNET_HUB_ATTACH_H
#include "base/list.h"
#include "hub/hub_reactor.h"

struct session;
struct owner;
#define CURSOR_NONE ((int64_t)-1)

struct attach {
	struct mail mail;
	struct list link;         /* owner.waiting, owner.followers */
	struct hub_reactor *home; /* the session's */
	struct session *session;  /* counted by session.attaches: lives until the attach has ended */
	int64_t channel_id, user_id;
	uint64_t gen;              /* of the subscription: another gen means that it was detached meanwhile */
	int64_t cursor, cursor_at; /* position asked for; CURSOR_NONE: wherever the head is. cursor_at 0: not known */
	int64_t known;             /* membership is known as of this rev; CURSOR_NONE: not */
	int64_t joined_rev;
	bool clipped;     /* history: joined */
	bool counted;     /* what it replays counts for session.replay_left; no more once a snapshot has brought it to T */
	bool lost;        /* the owner went away meanwhile: ask again, unless that was another history */
	uint64_t history; /* in which the session was opened */
	struct event *
		*events; /* what a snapshot has read, (cursor, T], on the way to the owner, which keeps it for others */
	size_t n_events;
	int64_t events_at; /* the time of the rev before the first; 0: not known */
	/* the owner's answer */
	bool pinned; /* the owner `pin_gen` keeps what follows pin_rev until this comes back or has ended */
	uint64_t pin_gen;
	int64_t pin_rev;
	bool leads;   /* others wait for what its snapshot brings */
	bool alone;   /* waits for nobody's any more */
	bool by_ring; /* frames hold (cursor, last]; else a snapshot is needed */
	struct frame **frames;
	size_t n_frames;
	int64_t reached; /* the owner's `last`, or the cursor when the owner is behind it */
};
/* Session's reactor: begins; the subscription's gen was taken. */
void attach_begin(struct attach *a);
/* Owner's reactor: the owner goes away before it could answer. */
void attach_lost(struct attach *a);
/* Owner's reactor: an attach that waited for the owner to open. */
void attach_try(struct owner *o, struct attach *a);
/* Turn hook: the snapshots that gathered go to the sync lane. */
void attach_snapshots(struct hub_reactor *hr);
void attach_drop_snapshots(struct hub_reactor *hr);
#endif
