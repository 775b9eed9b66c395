/* Making the index of messages (0011_search.sql), in two steps of which neither holds up who appends: `segment_make`
 * reads and computes, on a connection that only reads; `segment_store` writes what came of it, if no body of it has
 * changed meanwhile. Both may run in several processes at once: what comes second is not written. */
#ifndef LINNET_STORE_SEGMENT_H
#define LINNET_STORE_SEGMENT_H
#include "db/db.h"
#include "store/leaf.h"

#define SEGMENT_LEAST 64 /* messages; the newest that are fewer have no segment and are read by the search */
#define SEGMENT_MOST LEAF_PLACES

struct segment_leaf {
	int64_t first_gram;
	struct str data;
};
struct segment { /* strings and arrays in the arena that it was made with */
	int64_t channel_id, lo, hi;
	int64_t done_before, done_after; /* search_channels.done_id, as found and as it will be */
	bool known;                      /* it is there already: only done_id moves */
	int64_t first_at, last_at;
	int64_t rows, deleted, body_revs; /* what it was made from: the same when it is stored */
	struct segment_leaf *leaves;
	size_t n_leaves;
};
struct segment_work { /* where there is something to do */
	int64_t channel_id, last_id, done_id;
};
/* The first `most` channels with messages that no segment covers, though there could be one. *waiting: how many such
 * messages there are in all channels. */
enum err segment_find(struct db_conn *c, struct segment_work *out, size_t most, size_t *n, int64_t *waiting);
/* The next segments of a channel, up to `messages` of them read and `most` made. */
enum err segment_make(struct db_conn *c, struct arena *a, const struct segment_work *w, int64_t messages,
					  struct segment *out, size_t most, size_t *n);
/* stored[i] false: a body has changed, or somebody else was quicker. In transactions of its own: in Postgres each
 * segment in one, for its lock is held only for so long. */
enum err segment_store(struct db_conn *c, const struct segment *s, size_t n, bool *stored);
/* May this pod make them for the next for_ms? In Postgres by its clock; embedded there is no other. */
enum err segment_lease(struct db_conn *c, struct str pod, int64_t now_ms, int64_t for_ms, bool *mine);
#endif
