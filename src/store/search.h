/* Messages by what they say, of the channels that one may read and nothing else: membership, index and bodies are of
 * one snapshot, and what the index names is looked at before it is told. Newest first, in windows: it begins with the
 * newest part of each channel and goes back until the page is full, everything is read, or its time is over. */
#ifndef LINNET_STORE_SEARCH_H
#define LINNET_STORE_SEARCH_H
#include "db/db.h"
#include "model/message.h"
#include "model/query.h"
#include "model/user.h"

struct search_ask {
	const struct query *query;
	int64_t channel_id; /* 0: all of one's own */
	struct str cursor;  /* STR_NONE: from the newest */
	size_t limit;
	int64_t for_ms; /* ends after about so long */
};
struct search_hit {
	struct message message;
	struct str *snippet; /* plain, match, plain, match ... plain */
	size_t n_snippet;
};
struct search_page {
	struct search_hit *items; /* the newest first */
	size_t n;
	struct user *users; /* all who are named */
	size_t n_users;
	struct str next; /* STR_NONE: that was all. It may go on after fewer than `limit`: time was over */
	int64_t scanned; /* bodies read */
};
/* ERR_INVALID: the cursor is none of ours. ERR_NOT_FOUND, ERR_NOT_MEMBER: of channel_id. Strings in the arena. */
enum err search_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct search_ask *ask,
					 struct search_page *out);
#endif
