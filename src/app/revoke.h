/* `linnet admin revoke-sessions`: one person's, or everybody's. */
#ifndef LINNET_APP_REVOKE_H
#define LINNET_APP_REVOKE_H
#include "db/db.h"

struct revoke {
	struct str username; /* STR_NONE: everybody's */
	bool keep_tokens;    /* API tokens go on */
	int64_t now_ms;
	int64_t people, ended; /* out: of whom something ended, and what */
};
/* A transaction a person, all within one audit's word. Where it fails half-way, what was ended is, and it may be run
 * again. ERR_NOT_FOUND with whom in *problem. */
enum err revoke_sessions(struct db_conn *c, struct revoke *r, struct problem *problem);
#endif
