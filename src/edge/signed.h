/* What registering, signing in and refreshing have in common: the session that is made, and the answer that tells of
 * it. */
#ifndef LINNET_EDGE_SIGNED_H
#define LINNET_EDGE_SIGNED_H
#include "app/welcome.h"
#include "edge/request.h"
#include "store/session.h"

/* A session for who asks: by cookie, or for a client. user_id and the secret come later. */
struct session_new signed_session(struct request *q, bool cookie);
/* The answer: the person, an access token, and the secret as cookie or refresh token. Reads the person. Lane. */
struct signed_in {
	int64_t user_id;
	struct str session_id, secret; /* secret STR_NONE: neither cookie nor refresh token */
	bool cookie;
	int status;
};
enum err signed_reply(struct request *q, struct db_conn *c, const struct signed_in *s);
/* Starts what a new account still needs (app/welcome.h), which ends in `done`. Reactor. */
void signed_welcome(struct request *q, struct welcome *w, const struct credential *who,
					void (*done)(struct welcome *w, enum err e));
struct credential signed_credential(int64_t user_id, struct str session_id);
struct str lowered(struct arena *a, struct str name); /* ASCII letters */
#endif
