/* Who is banned from a channel. (Bans are written by the append.) */
#ifndef LINNET_STORE_BAN_H
#define LINNET_STORE_BAN_H
#include "db/db.h"
#include "model/user.h"

struct ban {
	struct user user;
	int64_t actor_id, at, until; /* until 0: without an end */
	struct str reason;           /* STR_NONE */
};
struct ban_page {
	struct ban *items;
	size_t n;
	struct str next; /* STR_NONE at the end */
};
/* By user id; those that are not over. cursor: the last page's next, STR_NONE at first; ERR_INVALID: one that is none.
 */
enum err ban_list(struct db_conn *c, struct arena *a, int64_t channel_id, int64_t now_ms, struct str cursor,
				  size_t limit, struct ban_page *out);
#endif
