/* What the hub reads: heads, logs, lists. Each result carries the epoch of its own transaction; the hub drops what is
 * of another. Runs on the sync lane; results live in the arena given (events by reference, to be unreferenced). */
#ifndef LINNET_STORE_SYNC_H
#define LINNET_STORE_SYNC_H
#include "base/vec.h"
#include "db/db.h"
#include "model/channel.h"
#include "model/event.h"
#include "model/user.h"
#include "store/own.h"

struct sync_head {
	int64_t channel_id, rev, at, min_rev; /* at: of the row at rev */
	bool missing;                         /* there is no such channel */
};
/* Heads by id, in one statement. */
enum err sync_heads(struct db_conn *c, struct sync_head *heads, size_t n, uint64_t *epoch);

struct sync_person_head {
	int64_t user_id, rev;
	int64_t markers; /* the sum of their read_at, in the channels that they are in: grows with each move, which has no
						rev */
};
enum err sync_person_heads(struct db_conn *c, struct sync_person_head *heads, size_t n, uint64_t *epoch);

enum sync_verdict {
	SYNC_EVENTS, /* events follow since */
	SYNC_RESET,  /* `since` cannot be gone on from: below what is kept or may be seen, too far behind, above the head,
					another history */
	SYNC_GONE    /* user_id is no member, or there is no such channel */
};
struct sync_log {
	int64_t channel_id, since, since_at; /* in; since_at 0: not known */
	int64_t user_id;           /* in; 0: no membership is read, nothing is clipped, `most` only bounds the events, and
								* only another history is a SYNC_RESET */
	size_t most;               /* in: events at most */
	enum sync_verdict verdict; /* out */
	int64_t head, head_at, min_rev; /* out */
	int64_t joined_rev;             /* out: of the present membership */
	bool clipped;                   /* out: history is `joined` */
	struct channel row;             /* out with SYNC_RESET: as of head, with `me` */
	struct event **events;          /* out: ascending, since + 1 and on */
	size_t n_events;
};
/* Membership, head and the log since a rev of each entry, all in one snapshot. */
enum err sync_logs(struct db_conn *c, struct arena *a, struct sync_log *logs, size_t n, uint64_t *epoch);

/* The person's channels as of one snapshot: rows with `me`; those that they left lately; and the person's head. */
#define SYNC_LEFT_MOST 1000
#define SYNC_LEFT_MS (INT64_C(30) * 86400 * 1000) /* so long a row tells of a membership that has ended */
struct sync_left {
	int64_t channel_id, user_rev; /* of the leaving */
	int64_t cut_rev;              /* it took no rev: the channel's then; 0: the stream tells of it */
};
struct sync_session { /* one whose life is asked for */
	char id[SESSION_ID + 1];
	bool alive; /* out: neither revoked nor expired; without an id: always */
};
struct sync_list {
	int64_t user_id, now_ms;       /* in */
	int64_t own_since;             /* in: whoever asks was told of `own` so far; INT64_MAX: nobody wants any */
	struct sync_session *sessions; /* in */
	size_t n_sessions;
	int64_t user_rev;         /* out: all the rest */
	struct channel *channels; /* by id: all memberships, channel 0 among them */
	size_t n_channels;
	struct sync_left *left; /* the last of them first */
	size_t n_left;
	int64_t left_reach;   /* `left` has everything after this user_rev */
	struct own_list own;  /* their other things that changed after own_since */
	struct user user;     /* who they are */
	bool active;          /* neither deactivated nor deleted */
	int64_t *blocked_ids; /* whom they have blocked, ascending */
	size_t n_blocked;
	int64_t *blocker_ids; /* who have blocked them, ascending: never told */
	size_t n_blockers;
	struct user *users; /* those named by the channels (DMs) */
	size_t n_users;
};
enum err sync_list(struct db_conn *c, struct arena *a, struct sync_list *list, uint64_t *epoch);
#endif
