/* Who a message names, as rows. */
#ifndef LINNET_STORE_MENTION_H
#define LINNET_STORE_MENTION_H
#include "db/db.h"
#include "model/message.h"
#include "model/user.h"

/* Fills m's mentions from its body: members of the channel, but for the author and who has blocked them. `all`: whether
 * @channel counts. */
enum err mentions_resolve(struct db_conn *c, struct arena *a, struct message *m, bool all);
enum err mentions_write(struct db_conn *c, const struct message *m, int64_t at);
enum err mentions_rewrite(struct db_conn *c, const struct message *m, int64_t at); /* of an edit */

/* Those of one person, by name and as one of everybody, newest first: of what they may read, not by themselves nor by
 * whom they have blocked. */
struct mentions_query {
	int64_t user_id;
	struct str cursor; /* STR_NONE: from the newest */
	size_t limit;
};
struct mention_page {
	struct message *items;
	size_t n;
	struct user *users; /* all who are named */
	size_t n_users;
	struct str next; /* STR_NONE at the end */
};
/* ERR_INVALID: the cursor is none of ours. */
enum err mentions_list(struct db_conn *c, struct arena *a, const struct mentions_query *q, struct mention_page *out);
#endif
