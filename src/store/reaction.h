/* Reading who has given which reaction. (What a message's readers are shown of them is read with it: rows.h.) */
#ifndef LINNET_STORE_REACTION_H
#define LINNET_STORE_REACTION_H
#include "db/db.h"
#include "model/user.h"

struct own_reaction {
	int64_t message_id;
	struct str emoji;
};
/* A person's own to these messages of one channel, ascending by message. */
enum err reactions_mine(struct db_conn *c, struct arena *a, int64_t channel_id, int64_t user_id, const int64_t *ids,
						size_t n, struct own_reaction **out, size_t *n_out);

struct reaction_query {
	int64_t channel_id, message_id;
	struct str emoji, cursor; /* cursor STR_NONE: from the beginning */
	size_t limit;
};
struct given {
	struct user user;
	int64_t at;
};
struct given_page {
	struct given *items; /* ascending by the person's id */
	size_t n;
	struct str next; /* STR_NONE: that was all */
};
/* Who has given one of them. ERR_INVALID: the cursor is none of ours. */
enum err reaction_givers(struct db_conn *c, struct arena *a, const struct reaction_query *q, struct given_page *out);
#endif
