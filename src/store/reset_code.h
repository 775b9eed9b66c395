/* Codes by which somebody who lost their password sets another: shown once, kept as a hash, good for a day. Each in the
 * caller's transaction. */
#ifndef LINNET_STORE_RESET_CODE_H
#define LINNET_STORE_RESET_CODE_H
#include "store/session.h"

#define RESET_CODE_MS (INT64_C(24) * 3600 * 1000)

struct reset_code {
	int64_t user_id, created_by, now_ms;
	char text[SECRET_TEXT]; /* out */
	int64_t expires_at;     /* out */
};
enum err reset_code_make(struct db_conn *c, struct reset_code *r);                              /* ends earlier ones */
enum err reset_code_find(struct db_conn *c, struct str text, int64_t now_ms, int64_t *user_id); /* ERR_NOT_FOUND */
enum err reset_codes_end(struct db_conn *c, int64_t user_id);
#endif
