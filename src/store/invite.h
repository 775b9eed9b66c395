/* Rows of `invites`. Strings live in the arena. */
#ifndef LINNET_STORE_INVITE_H
#define LINNET_STORE_INVITE_H
#include "db/db.h"
#include "model/invite.h"

/* With what there is to know of its channel and its maker. ERR_NOT_FOUND: none, or it does not hold any more. lock: it
 * stays as it is until the transaction's end; heads and people are locked before it. */
enum err invite_read(struct db_conn *c, struct arena *a, struct str code, bool lock, struct invite *out);
/* The same of one that may not hold any more. */
enum err invite_find(struct db_conn *c, struct arena *a, struct str code, struct invite *out);
/* One more has come in by it; judged under its lock before. */
enum err invite_use(struct db_conn *c, struct str code);
/* code: its 26 characters, made by the caller. Only what is in the row counts. */
enum err invite_insert(struct db_conn *c, const struct invite *i);
enum err invite_delete(struct db_conn *c, struct str code);
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
