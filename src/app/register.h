/* Who may make an account, and how it comes to be: person and first session in one transaction on the write lane, and
 * with the first account #general, a default channel that nobody can have heard of yet. What takes revs of channels
 * that are in use follows through the append queue: app/welcome.h. So that a channel's invite is not forgotten on the
 * way there, its use is exchanged for an invite to that person alone, which the account keeps until it is in. */
#ifndef LINNET_APP_REGISTER_H
#define LINNET_APP_REGISTER_H
#include "base/config.h"
#include "store/invite.h"
#include "store/person.h"
#include "store/server.h"
#include "store/session.h"

enum registration { REGISTRATION_OPEN, REGISTRATION_INVITE, REGISTRATION_CLOSED };
const char *registration_name(enum registration r);
bool registration_parse(struct str s, enum registration *out);
/* The setting; else what the database says (STR_NONE: nothing); else open where the server is local, invite elsewhere.
 */
enum registration registration_mode(const struct config *c, struct str stored, bool local);

struct register_ask {
	const struct config *config;
	const struct server_row *server;
	bool local;                  /* a loopback server without an address of its own, asked without a proxy */
	struct str setup_code;       /* STR_NONE: not given */
	const struct invite *invite; /* NULL: none given; else one that lets in, or did a moment ago */
};
/* What may come of it: it is known only at the end whether it was the first. */
struct register_permit {
	bool as_first, as_later;
};
/* Before a password is hashed. ERR_BAD_SETUP_CODE, ERR_REGISTRATION_CLOSED, ERR_INVALID. */
enum err register_judge(const struct register_ask *ask, struct problem *p, struct register_permit *out);

struct registering {
	struct register_permit permit;
	struct person_new person;
	struct session_new session; /* user_id is filled in */
	struct str request_id;
	struct str invite;                /* the code it came with; STR_NONE: none. A use of it is taken, */
	char own_invite[INVITE_CODE + 1]; /* out: and the account has one of its own to that channel */
	int64_t invite_channel;           /* out; 0: to none */
	int64_t *defaults;                /* out: channels to join, at most `most_defaults` */
	size_t most_defaults, n_defaults;
};
/* A transaction of its own. ERR_NAME_TAKEN, ERR_BAD_SETUP_CODE, ERR_REGISTRATION_CLOSED, ERR_NOT_FOUND and others of
 * the invite. */
enum err register_write(struct db_conn *c, struct registering *r);

/* At start: a setup code where there is no account yet and none is set; said in the log this once. */
enum err register_open(struct db_conn *c, const struct config *config);
#endif
