/* Accounts that were deleted, as long as something of them is left. */
#ifndef LINNET_STORE_DELETION_H
#define LINNET_STORE_DELETION_H
#include "base/arena.h"
#include "db/db.h"

struct deletion {
	int64_t user_id;
	bool messages; /* go too */
};
/* Takes one that nobody works at until then. ERR_NOT_FOUND: there is none. A statement of its own, as all here. */
enum err deletion_take(struct db_conn *c, int64_t now_ms, int64_t until_ms, struct deletion *out);
enum err deletion_keep(struct db_conn *c, int64_t user_id, int64_t until_ms);
enum err deletion_over(struct db_conn *c, int64_t user_id);

struct deletion_at { /* where a walk over somebody's messages, or channels, has come to */
	uint8_t nonce[16];
	int64_t channel_id;
	bool begun;
};
struct deletion_item {
	int64_t channel_id, message_id; /* message_id 0: a membership */
};
/* Of the next `most` messages those that are no tombstones yet: may be none, and yet not be over. */
enum err deletion_messages(struct db_conn *c, int64_t user_id, struct deletion_at *at, struct deletion_item *items,
						   size_t most, size_t *n, bool *over);
/* The next memberships but those of direct messages, which stay; none: they are over. */
enum err deletion_channels(struct db_conn *c, int64_t user_id, struct deletion_at *at, struct deletion_item *items,
						   size_t most, size_t *n);
#endif
