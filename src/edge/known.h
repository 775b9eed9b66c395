/* Guessing passwords, as a request does it: from which address, and whether somebody is known there. */
#ifndef LINNET_EDGE_KNOWN_H
#define LINNET_EDGE_KNOWN_H
#include "app/login.h"
#include "edge/request.h"

/* Fills in all but whose it is (of, name). user_id 0: nobody. Lane. */
enum err known_guess(struct request *q, struct db_conn *c, int64_t user_id, struct login_try *out);
/* Asks login_admit() or login_confirm(), and says in the problem when to come again. */
enum err known_refusal(struct request *q, enum err (*ask)(const struct login_try *, int64_t *),
					   const struct login_try *t);
#endif
