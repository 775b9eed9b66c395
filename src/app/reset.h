/* `linnet admin reset-password`: a new password for somebody who lost theirs, whatever there was before. */
#ifndef LINNET_APP_RESET_H
#define LINNET_APP_RESET_H
#include "db/db.h"

struct reset_password {
	struct str username, password_hash;
	int64_t now_ms;
	size_t n_ended; /* out */
};
/* One transaction, which ends all their sessions and API tokens too: somebody else may have them. No process that
 * serves need know: the person's head tells the head checks. ERR_NOT_FOUND, ERR_CONFLICT (a bot), with whom in
 * *problem. */
enum err reset_password(struct db_conn *c, struct reset_password *r, struct problem *problem);
#endif
