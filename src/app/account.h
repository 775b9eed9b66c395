/* Accounts that admins make for others, and how those come to a password: each a transaction on the write lane, with
 * its row of the audit. */
#ifndef LINNET_APP_ACCOUNT_H
#define LINNET_APP_ACCOUNT_H
#include "bus/bus.h"
#include "store/person.h"
#include "store/reset_code.h"
#include "store/token.h"

#define BOT_SCOPES (SCOPE_READ | SCOPE_WRITE) /* of a token that is made without saying which */

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
struct account_reset {
	struct reset_code code; /* of user_id: out, where it is a person */
	struct token_new token; /* its secret and verifier are made; out, with the scopes of the last, where it is a bot */
	bool bot;               /* out */
};
/* A code, which ends their earlier ones; of a bot a token, which ends its others. ERR_NOT_FOUND, ERR_NOT_ALLOWED. */
enum err account_give(struct db_conn *c, struct bus *bus, const struct account_by *by, struct account_reset *r,
					  struct problem *p);
/* By a code: ends all sessions and tokens of the person, and their codes. ERR_NOT_FOUND: it is none, or not any more.
 */
enum err account_reset(struct db_conn *c, struct bus *bus, const struct account_by *by, struct str code,
					   struct str password_hash);
#endif
