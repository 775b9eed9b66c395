/* What the hub reads: heads, logs, lists. Each result carries the epoch of its own transaction; the hub drops what is
 * of another. Runs on the sync lane; results live in the arena given (events by reference, to be unreferenced). */
#ifndef LINNET_STORE_SYNC_H
#define LINNET_STORE_SYNC_H
#include "base/vec.h"
#include "db/db.h"
#include "model/channel.h"
#include "model/event.h"
#include "model/user.h"

struct sync_head {
	int64_t channel_id, rev, at, min_rev; /* at: of the row at rev */
	bool missing;                         /* there is no such channel */
};
/* Heads by id, in one statement. */
enum err sync_heads(struct db_conn *c, struct sync_head *heads, size_t n, uint64_t *epoch);

struct sync_person_head {
	int64_t user_id, rev;
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

/* The person's channels as of one statement: rows with `me`; and the person's head. */
struct sync_list {
	int64_t user_rev;
	struct channel *channels; /* all memberships, channel 0 among them */
	size_t n_channels;
	struct user user; /* who they are */
	bool active;      /* not deactivated or deleted, and the session (if one was named) still lives */
	int64_t *blocked_ids;
	size_t n_blocked;
	struct user *users; /* those named by the channels (DMs) */
	size_t n_users;
};
enum err sync_list(struct db_conn *c, struct arena *a, int64_t user_id, struct str session_id, struct sync_list *out,
				   uint64_t *epoch);
#endif
