/* Accounts that admins make for others, and how those come to a password: each a transaction on the write lane, with
 * its row of the audit. */
#ifndef LINNET_APP_ACCOUNT_H
#define LINNET_APP_ACCOUNT_H
#include "bus/bus.h"
#include "store/person.h"
#include "store/reset_code.h"
#include "store/token.h"

struct account_by { /* who does it */
	const struct actor *actor;
	int need_scope;
	struct str address, request_id;
	int64_t now_ms;
};
struct account_new {
	struct person_new person;
	struct token_new token; /* of a bot: its secret and verifier are made */
	struct reset_code code; /* out: of anybody else */
};
/* ERR_NOT_ALLOWED, ERR_NAME_TAKEN, with the reason in *p. */
enum err account_make(struct db_conn *c, const struct account_by *by, struct account_new *n, struct problem *p);
/* A code for r->user_id. ERR_NOT_FOUND, ERR_NOT_ALLOWED. */
enum err account_code(struct db_conn *c, const struct account_by *by, struct reset_code *r, struct problem *p);
/* By a code: ends all sessions and tokens of the person, and their codes. ERR_NOT_FOUND: it is none, or not any more.
 */
enum err account_reset(struct db_conn *c, struct bus *bus, const struct account_by *by, struct str code,
					   struct str password_hash);
#endif
