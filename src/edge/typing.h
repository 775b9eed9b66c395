/* Somebody is typing: a hint to those who are in the channel now. */
#ifndef LINNET_EDGE_TYPING_H
#define LINNET_EDGE_TYPING_H
#include "edge/request.h"

struct typing {
	int64_t channel_id, thread_id; /* thread_id 0: in none */
};

/* ERR_RATE_LIMITED: told a moment ago; *p says when it may be told again. Any thread. */
enum err typing_rate(struct pod *pod, int64_t user_id, struct problem *p);
/* A member, and one who might send there now. Lane. */
enum err typing_allowed(struct pod *pod, struct db_conn *c, struct arena *a, const struct actor *who,
						const struct typing *t, struct problem *p);
void typing_tell(struct pod *pod, int64_t user_id, const struct typing *t); /* any thread */

enum err typing_take(struct request *q);
enum err typing_run(struct request *q, struct db_conn *c);
#endif
