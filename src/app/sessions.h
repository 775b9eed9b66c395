/* Ending sessions and tokens: written in one transaction, then told, so that open sockets are cut at once. Lane. */
#ifndef LINNET_APP_SESSIONS_H
#define LINNET_APP_SESSIONS_H
#include "bus/bus.h"
#include "store/session.h"
#include "store/token.h"

/* After the commit of a transaction that ended these. */
void sessions_tell(struct bus *bus, const struct sessions_ended *ended);

/* Transactions of their own, told when committed. ERR_NOT_FOUND as in store. */
enum err sessions_end(struct db_conn *c, struct bus *bus, int64_t user_id, struct str session_id, int64_t now_ms);
/* All but `kept`; tokens stay. OK too where there is none. */
enum err sessions_end_others(struct db_conn *c, struct bus *bus, int64_t user_id, struct str kept, int64_t now_ms);
enum err sessions_end_token(struct db_conn *c, struct bus *bus, int64_t user_id, struct str token_id, int64_t now_ms);

/* A session for somebody whose password was right, as read in `before`; stale: the new hash, STR_NONE to leave it.
 * ERR_BAD_CREDENTIALS: the password was changed meanwhile, or the person is gone. */
enum err sessions_login(struct db_conn *c, struct bus *bus, struct session_new *n, struct str before, struct str stale);
/* ERR_UNAUTHENTICATED, ERR_SESSION_REVOKED, ERR_RATE_LIMITED. */
enum err sessions_refresh(struct db_conn *c, struct bus *bus, struct str token, int64_t now_ms, struct refreshed *out);
/* The new password, and an end to all sessions but `kept`; tokens stay. ERR_BAD_CREDENTIALS: it was changed meanwhile.
 */
enum err sessions_new_password(struct db_conn *c, struct bus *bus, int64_t user_id, struct str before, struct str after,
							   struct str kept, int64_t now_ms);
enum err sessions_new_token(struct db_conn *c, struct token_new *n); /* errors as token_create() */
#endif
