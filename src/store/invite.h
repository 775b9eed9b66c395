/* Rows of `invites`. Strings live in the arena. */
#ifndef LINNET_STORE_INVITE_H
#define LINNET_STORE_INVITE_H
#include "db/db.h"
#include "model/invite.h"

/* ---- for those who read them: of `invites i` */
#define INVITE_COLUMNS                                                                                                 \
	"i.code, i.channel_id, i.user_id, i.created_by, i.created_at, i.expires_at, i.max_uses, i.uses, i.guest, h.kind, " \
	"c.name, c.topic, h.member_count, u.username, u.display_name, u.avatar, i.user_rev"
#define INVITE_FROM                                                                                                    \
	" FROM invites i JOIN users u ON u.user_id = i.created_by LEFT JOIN heads h ON h.channel_id = i.channel_id "       \
	"LEFT JOIN channels c ON c.channel_id = i.channel_id WHERE "
/* Whoever made it could make it anew (model/permit.c: permit_invite). */
#define INVITE_HOLDS                                                                                                   \
	"u.deactivated_at IS NULL AND u.deleted_at IS NULL AND u.role > 0 AND (i.channel_id IS NULL OR (h.deleted_at IS "  \
	"NULL AND EXISTS (SELECT 1 FROM members m WHERE m.channel_id = i.channel_id AND m.user_id = i.created_by AND "     \
	"m.left_rev IS NULL AND (h.kind = 0 OR i.user_id IS NOT NULL OR m.role > 0 OR u.role > 1))))"

/* Nobody was quicker, and whom it is to is not in the channel, nor has blocked whoever made it. */
#define INVITE_WAITS                                                                                                   \
	"i.uses < i.max_uses AND NOT EXISTS (SELECT 1 FROM members k WHERE k.channel_id = i.channel_id AND k.user_id = "   \
	"i.user_id AND k.left_rev IS NULL) AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = i.user_id AND "        \
	"b.blocked_id = i.created_by)"
void invite_take(const struct db_rows *r, int at, struct arena *a, struct invite *out);

/* With what there is to know of its channel and its maker. ERR_NOT_FOUND: none, or it does not hold any more. lock: it
 * stays as it is until the transaction's end; heads and people are locked before it. */
enum err invite_read(struct db_conn *c, struct arena *a, struct str code, bool lock, struct invite *out);
/* The same of one that may not hold any more. */
enum err invite_find(struct db_conn *c, struct arena *a, struct str code, struct invite *out);
/* One more has come in by it; judged under its lock before. */
enum err invite_use(struct db_conn *c, struct str code);
/* code: its 26 characters, made by the caller. Only what is in the row counts. */
enum err invite_insert(struct db_conn *c, const struct invite *i);
enum err invite_delete(struct db_conn *c, struct str code); /* ERR_NOT_FOUND: somebody was quicker */
/* One that its person was told of is over: so are they told, at this rev of their head, which the transaction has
 * moved. Of those only the last INVITES_ENDED are kept; how far back they reach says settings_reach(). */
#define INVITES_ENDED 200
enum err invite_ended(struct db_conn *c, int64_t user_id, struct str code, int64_t user_rev);
/* How many of this person's can still be used; those that ended a month ago are forgotten. */
enum err invite_count(struct db_conn *c, int64_t created_by, int64_t now_ms, int64_t *n);
/* The one that this person has made already for that one, and that can still be used. ERR_NOT_FOUND. */
enum err invite_same(struct db_conn *c, struct arena *a, const struct invite *like, struct invite *out);

struct invite_page {
	struct invite *items;
	size_t n;
	struct str next; /* STR_NONE at the end */
};
/* Those that can still be used, newest first. ERR_INVALID: a cursor that is none. */
struct invites_query {
	int64_t now_ms, channel_id; /* channel_id 0: to the server */
	int64_t created_by;         /* 0: whoever made them */
	struct str cursor;
	size_t limit;
};
enum err invites_of_channel(struct db_conn *c, struct arena *a, const struct invites_query *q, struct invite_page *out);
/* Those that wait for this person's answer: not where they are a member or banned, nor by whom they have blocked. */
enum err invites_to(struct db_conn *c, struct arena *a, int64_t user_id, const struct invites_query *q,
					struct invite_page *out);

/* The one that a new account was given by the link that it came with (app/register.h). ERR_NOT_FOUND. */
enum err invite_of_new(struct db_conn *c, struct arena *a, int64_t user_id, struct invite *out);
/* Whether the person has blocked whoever invites them. */
enum err invite_blocked(struct db_conn *c, int64_t user_id, int64_t created_by, bool *out);
#endif
