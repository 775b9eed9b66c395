/* Sessions: a browser's cookie, a client that refreshes. What they show is random and kept as a hash; rows that ended
 * stay for 30 days, since a login asks from where somebody was seen. Each function runs in the caller's transaction
 * unless it says otherwise. API tokens, which are rows of the same table, are in store/token.h. */
#ifndef LINNET_STORE_SESSION_H
#define LINNET_STORE_SESSION_H
#include "base/vec.h"
#include "db/db.h"
#include "model/user.h"

#define SESSION_LIFE_MS (INT64_C(30) * 86400 * 1000) /* sliding */
#define SECRET_TEXT 96                               /* room for any of the texts that a client shows */
#define SESSION_TOUCH_MS 3600000                     /* how often a use is noted */
#define REFRESH_AGAIN_MS 60000                       /* for so long a rotated token answers its successor, at least */

/* What ended with a change, to be told after the commit: each session is cut off. */
struct session_id {
	char id[SESSION_ID + 1];
};
struct sessions_ended {
	int64_t user_id, user_rev; /* user_rev 0: nothing ended */
	uint64_t epoch;
	VEC(struct session_id) ids;
};
void sessions_ended_release(struct sessions_ended *ended);

struct session_new {
	int64_t user_id;
	enum session_kind kind;    /* SESSION_COOKIE or SESSION_CLIENT */
	struct str address, agent; /* agent: what the client calls itself, any bytes; STR_NONE */
	int64_t most_alive;        /* of the person: past it the one longest unused goes; 0: no limit */
	int64_t now_ms;
	/* out */
	char session_id[SESSION_ID + 1];
	char secret[SECRET_TEXT]; /* the cookie's value, or the refresh token */
};
/* Makes room first: *ended is what had to go. */
enum err session_create(struct db_conn *c, struct session_new *n, struct sessions_ended *ended);

struct session_row {
	struct str id, address, agent; /* STR_NONE: not known */
	enum session_kind kind;
	int64_t created_at, used_at, expires_at;
};
struct session_page {
	struct session_row *items;
	size_t n;
	struct str next; /* STR_NONE at the end */
};
/* Living cookies and clients, the newest first. cursor: the last page's next; STR_NONE: from the newest. No
 * transaction. */
enum err session_list(struct db_conn *c, struct arena *a, int64_t user_id, int64_t now_ms, struct str cursor,
					  size_t limit, struct session_page *out);

/* Ends one of the person's cookies or clients. ERR_NOT_FOUND: there is no such one alive. */
enum err session_end(struct db_conn *c, int64_t user_id, struct str session_id, int64_t now_ms,
					 struct sessions_ended *ended);
/* Ends all cookies and clients but `kept` (STR_NONE: all). */
enum err session_end_others(struct db_conn *c, int64_t user_id, struct str kept, int64_t now_ms,
							struct sessions_ended *ended);

/* It was used: a cookie's end moves on. Nothing happens within every_ms of the last time, nor to a session that has
 * ended. A statement of its own. */
enum err session_touch(struct db_conn *c, struct str session_id, int64_t now_ms, int64_t every_ms);

/* Addresses of the person's sessions that were used since then, the latest first, at most 256. No transaction. */
enum err session_addresses(struct db_conn *c, struct arena *a, int64_t user_id, int64_t since_ms, struct str **out,
						   size_t *n);

/* ---- refresh.c: one family of refresh tokens a client session. The successor is made from its predecessor with a key
 * of the database's, so that whoever lost an answer can be given the same one again although only a hash is kept, and
 * that whoever has only the token, or only the database, cannot tell the next one. */
struct refreshed {
	int64_t user_id;
	char session_id[SESSION_ID + 1];
	char secret[SECRET_TEXT];
	int64_t retry_ms; /* ERR_RATE_LIMITED */
};
/* OK: the successor, as new or as it was given already. ERR_UNAUTHENTICATED: never was, has expired, or the person is
 * gone; ERR_SESSION_REVOKED: its session was ended before, or just now, because a token was used again that had its
 * successor used: then *ended says so, and the caller commits. ERR_RATE_LIMITED: rotated all too often. Any other: roll
 * back. */
enum err session_rotate(struct db_conn *c, struct str token, int64_t now_ms, struct refreshed *out,
						struct sessions_ended *ended);

/* For refresh.c and token.c: 32 random bytes as text (43 characters); SHA-256 of a text; what has ended, and then that
 * the person's head moves by it. */
void session_random(char out[SECRET_TEXT]);
struct str session_hash(struct str text, uint8_t out[32]);
void sessions_ended_note(struct sessions_ended *ended, struct str session_id);
enum err session_ended(struct db_conn *c, int64_t user_id, struct sessions_ended *ended);
#endif
