/* Pages of messages, single messages, and catch-up by rev. Each is one snapshot; strings live in the arena. */
#ifndef LINNET_STORE_HISTORY_H
#define LINNET_STORE_HISTORY_H
#include "db/db.h"
#include "model/channel.h"
#include "model/event.h"
#include "model/message.h"
#include "model/user.h"
#include "store/reaction.h"

enum page_kind { PAGE_LAST, PAGE_BEFORE, PAGE_AFTER, PAGE_AROUND };
struct page_query {
	int64_t channel_id;
	enum page_kind kind;
	int64_t message_id, seq, time_ms; /* the place: one of them; the others 0 */
	bool threads;                     /* replies in threads, too */
	size_t limit;
};
struct page {
	struct channel channel;
	struct message *items; /* ascending */
	size_t n;
	bool before, after;     /* there are more */
	int64_t before_rev;     /* of the last one before */
	struct event **changes; /* system lines since that one, up to the last; references of the caller's */
	size_t n_changes;
	struct message *refs; /* quoted ones */
	size_t n_refs;
	struct own_reaction *mine;
	size_t n_mine;
	struct user *users; /* all who are named */
	size_t n_users;
	uint64_t epoch;
};
enum err page_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct page_query *q,
				   struct page *out);
void page_release(struct page *p); /* the references */

/* The pinned ones that the person may read, those pinned last first. */
struct pins_query {
	int64_t channel_id;
	struct str cursor; /* STR_NONE: from the beginning */
	size_t limit;
};
struct pins {
	struct page page; /* items, refs, mine, users, epoch */
	struct {
		int64_t user_id, at; /* who has pinned it, and when */
	} * pins;                /* of each item */
	struct str next;         /* STR_NONE: that was all */
};
/* ERR_INVALID: the cursor is none of ours. */
enum err pins_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct pins_query *q,
				   struct pins *out);

enum err message_read(struct db_conn *c, struct arena *a, const struct actor *who, int64_t channel_id,
					  int64_t message_id, struct message *out);

/* The same where the channel was read already: of one that the person is in. */
enum err message_find(struct db_conn *c, struct arena *a, const struct channel *ch, int64_t message_id,
					  struct message *out);

struct changes_query {
	int64_t channel_id, since_rev, since_message_id; /* since_rev -1: since_message_id counts */
	uint64_t epoch;                                  /* 0: the present */
	size_t limit;
};
struct changes {
	struct event **items; /* references of the caller's */
	size_t n;
	bool after;
	int64_t rev, at; /* the channel's */
	uint64_t epoch;
};
/* ERR_RESET: older than what is kept, of another epoch, or above the head. */
enum err changes_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct changes_query *q,
					  struct changes *out);
void changes_release(struct changes *p);

/* All whom these messages name. */
enum err users_of_messages(struct db_conn *c, struct arena *a, const struct message *m, size_t n, struct user **out,
						   size_t *found);
/* People by id, ascending; *n those that were found. */
enum err users_by_id(struct db_conn *c, struct arena *a, const int64_t *ids, size_t n, struct user **out,
					 size_t *found);
#endif
