/* What the database knows of the server itself: rows of `meta`. */
#ifndef LINNET_STORE_SERVER_H
#define LINNET_STORE_SERVER_H
#include "db/db.h"

#define SETUP_CODE_TEXT 30 /* five groups with dashes, 130 random bits */

struct server_row {
	struct str name;         /* as people call it */
	struct str registration; /* open, invite, closed; STR_NONE: not set */
	struct str setup_hash;   /* SHA-256 of the setup code, hex; STR_NONE: none, or used */
	bool any_account;
};
enum err server_read(struct db_conn *c, struct arena *a, struct server_row *out);

/* A code for the first account, unless there is an account or a code: true in *made, and it is in `code`, for the only
 * time. A transaction of its own. */
enum err server_make_setup(struct db_conn *c, char code[SETUP_CODE_TEXT + 1], bool *made);
/* Is it the code of this hash? In constant time; dashes, blanks and case do not count. */
bool server_setup_matches(struct str setup_hash, struct str code);
bool server_setup_is(struct str wanted, struct str code); /* the same, of a code in plain text */
/* The first account is made: the code is of no more use. In its transaction. */
enum err server_end_setup(struct db_conn *c);
#endif
