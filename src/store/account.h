/* Sessions as rows: who is behind a credential. The first statement of each job that needs one. */
#ifndef LINNET_STORE_ACCOUNT_H
#define LINNET_STORE_ACCOUNT_H
#include "db/db.h"
#include "model/user.h"

/* ERR_UNAUTHENTICATED: no such session, expired, or its person deactivated; ERR_SESSION_REVOKED: ended on purpose. *out
 * is all zero with any error. */
enum err session_actor(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out);
#endif
