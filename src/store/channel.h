/* Channels and memberships as requests see them. Strings live in the arena. */
#ifndef LINNET_STORE_CHANNEL_H
#define LINNET_STORE_CHANNEL_H
#include "db/db.h"
#include "model/channel.h"
#include "model/user.h"

/* One channel as this person sees it: `me` when a member. ERR_NOT_FOUND: none, deleted, or not to be known of;
 * ERR_NOT_MEMBER: one to be known of, public or to an admin private, and `need_member`. */
enum err channel_read(struct db_conn *c, struct arena *a, int64_t id, const struct actor *who, bool need_member,
					  struct channel *out);

/* Whether who is a member may say something there now, which permit_speak() decides; *why is for the client.
 * ERR_NOT_ALLOWED; else as channel_read with need_member. */
enum err channel_speak(struct db_conn *c, struct arena *a, int64_t id, const struct actor *who, int64_t now_ms,
					   const char **why);

/* The direct message of these people; 0: there is none. */
enum err channel_of_dm(struct db_conn *c, struct str dm_key, int64_t *channel_id);

struct channel_page {
	struct channel *items;
	size_t n;
	struct str next; /* STR_NONE at the end */
};
/* One's own, by id; cursor: the last page's next, STR_NONE at first. ERR_INVALID: a cursor that is none. */
enum err channel_mine(struct db_conn *c, struct arena *a, int64_t user_id, struct str cursor, size_t limit,
					  struct channel_page *out);
/* Public ones by name, `me` where one is a member; q: a part of name or topic, folded; STR_NONE: all. */
enum err channel_browse(struct db_conn *c, struct arena *a, int64_t user_id, struct str q, struct str cursor,
						size_t limit, struct channel_page *out);

struct member {
	struct user user;
	enum channel_role role;
	bool voice;
	int64_t joined_at, silenced_until;
};
struct member_page {
	struct member *items;
	size_t n;
	struct str next;
};
/* By user id; q: how the username or the display name begins, folded. ids: only of these; NULL: of all. */
struct member_ids {
	const int64_t *ids;
	size_t n;
};
enum err member_list(struct db_conn *c, struct arena *a, int64_t channel_id, const struct member_ids *ids, struct str q,
					 struct str cursor, size_t limit, struct member_page *out);
/* The same of a large channel: from the people of that name to their memberships, not the other way. q: not empty. */
enum err member_list_named(struct db_conn *c, struct arena *a, int64_t channel_id, struct str q, struct str cursor,
						   size_t limit, struct member_page *out);

/* ---- one's own part */
struct me_patch {
	bool has_level, has_muted, has_hidden;
	enum notify_level level;
	int64_t muted_until; /* 0: not muted */
	bool hidden;
	int64_t user_rev; /* out: the person's head is moved to it, */
	uint64_t epoch;   /* out: in this epoch */
};
/* ERR_NOT_MEMBER where one is none. */
enum err member_patch(struct db_conn *c, int64_t channel_id, int64_t user_id, struct me_patch *p);

struct marker {
	int64_t channel_id, user_id, message_id; /* in */
	uint64_t epoch; /* in: that message_id is of; 0: the present one; for whoever compares it in his transaction */
	int64_t read_id, read_seq, mention_count, read_at; /* out */
	bool moved, back;                                  /* out */
};
/* Forward to message_id; one that is further already stays. back: so that message_id is the first unread one.
 * ERR_NOT_FOUND: no member, or no such message yet. One statement or two; no transaction of its own, and no look at the
 * epoch. */
enum err marker_move(struct db_conn *c, struct marker *m, bool back, int64_t now_ms);
/* Many forward, in the caller's transaction: ascending by channel and person, each pair once, so that nobody who does
 * the same waits for the other in a circle. Those that change nothing have not `moved`. */
enum err markers_forward(struct db_conn *c, struct arena *a, struct marker *m, size_t n, int64_t now_ms);
int marker_order(const void *a, const void *b); /* for qsort */
#endif
