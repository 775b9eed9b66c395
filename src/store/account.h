/* Sessions as rows: who is behind a credential. The first statement of each job that needs one. */
#ifndef LINNET_STORE_ACCOUNT_H
#define LINNET_STORE_ACCOUNT_H
#include "db/array.h"
#include "db/db.h"
#include "model/user.h"

/* ERR_UNAUTHENTICATED: no such session, expired, or its person deactivated; ERR_SESSION_REVOKED: ended on purpose. *out
 * is all zero with any error. */
enum err session_actor(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out);

/* In Postgres for many at once, by one statement. verdicts: for each what session_actor() would return. */
enum err session_actors(struct db_conn *c, struct arena *a, const struct credential *const *creds, size_t n,
						int64_t now_ms, struct actor *out, enum err *verdicts);
/* A credential as elements of arrays: who (0 the session named, 1 a cookie, 2 a token; 0 and no name: none), the
 * secret's hash, the session, and its person. */
#define CREDENTIAL_ARRAYS 4
void credential_put(struct db_array to[CREDENTIAL_ARRAYS], const struct credential *k);
#endif
