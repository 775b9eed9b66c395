/* API tokens: sessions that a person makes for programs. The token is shown once; its row keeps a hash, and a verifier
 * for SCRAM-SHA-256 (RFC 5802, 7677), by which IRC clients sign in without sending it. */
#ifndef LINNET_STORE_TOKEN_H
#define LINNET_STORE_TOKEN_H
#include "store/session.h"

#define TOKEN_PREFIX "linnet_"
#define SCRAM_ROUNDS 4096
#define SCRAM_SALT 16
#define SCRAM_BYTES (4 + SCRAM_SALT + 32 + 32) /* rounds (big endian), salt, StoredKey, ServerKey */

struct token_row {
	struct str id, name;
	int scopes;
	int64_t created_at, used_at, expires_at; /* used_at 0: never; expires_at 0: no end */
};
struct token_page {
	struct token_row *items;
	size_t n;
	struct str next;
};
/* Living ones, the newest first; as session_list. */
enum err token_list(struct db_conn *c, struct arena *a, int64_t user_id, int64_t now_ms, struct str cursor,
					size_t limit, struct token_page *out);

struct token_new {
	int64_t user_id;
	const struct credential *by; /* who asks for it, for themselves; NULL: the server */
	struct str name;
	int scopes;
	int64_t expires_at, now_ms;      /* expires_at 0: no end */
	int64_t most_alive;              /* of the person; 0: no limit */
	const uint8_t *scram;            /* SCRAM_BYTES, of `secret`; NULL: none */
	char secret[SECRET_TEXT];        /* by token_make() */
	char session_id[SESSION_ID + 1]; /* out */
};
void token_make(char out[SECRET_TEXT]);
/* The verifier of a token with this salt; takes a millisecond or two. */
void token_scram(struct str token, const uint8_t salt[SCRAM_SALT], uint8_t out[SCRAM_BYTES]);
/* In the caller's transaction. ERR_LIMIT_REACHED: most_alive. ERR_SESSION_REVOKED, ERR_UNAUTHENTICATED: what asks has
 * ended, maybe just now: what ends all of a person's tokens leaves none behind. */
enum err token_create(struct db_conn *c, struct token_new *n);
/* As session_end. */
enum err token_end(struct db_conn *c, int64_t user_id, struct str id, int64_t now_ms, struct sessions_ended *ended);
/* Of the newest, also if it has ended; 0: there was none. */
enum err token_last_scopes(struct db_conn *c, int64_t user_id, int *out);
/* All of the person's. */
enum err token_end_all(struct db_conn *c, int64_t user_id, int64_t now_ms, struct sessions_ended *ended);
#endif
