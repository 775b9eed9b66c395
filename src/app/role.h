/* `linnet admin set-role`: another role on the server, by whoever has the machine. */
#ifndef LINNET_APP_ROLE_H
#define LINNET_APP_ROLE_H
#include "db/db.h"
#include "model/user.h"

struct role_set {
	struct str username;
	enum user_role role;
	int64_t now_ms;
	enum user_role before; /* out; as `role`: it was so already, and nothing was written */
	size_t n_ended;        /* out: sessions and tokens; only of who becomes a guest */
};
/* One transaction, which takes a rev of channel 0. Guests are no members of that channel: who becomes one leaves it and
 * is cut off everywhere, who no longer is one joins it. No process that serves need be told: heads and moves do.
 * ERR_NOT_FOUND, and what permit_person() refuses an owner (the last one goes, a bot becomes one), with why in
 * *problem. */
enum err role_set(struct db_conn *c, struct role_set *r, struct problem *problem);
#endif
