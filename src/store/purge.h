/* What is left of deleted channels goes some rows at a time, oldest deletion first; heads and the channel's own row
 * stay, so that no id is ever another's. */
#ifndef LINNET_STORE_PURGE_H
#define LINNET_STORE_PURGE_H
#include "db/db.h"

struct purge {
	int64_t before_ms;  /* in: of channels that were deleted up to then */
	int64_t most;       /* in: rows of one turn */
	int64_t channel_id; /* out: whose rows went; 0: nothing is due, or others are at it */
	int64_t gone;       /* out: how many; below `most`: the channel has none any more */
};
/* In the caller's transaction. */
enum err purge_turn(struct db_conn *c, struct purge *p);
#endif
