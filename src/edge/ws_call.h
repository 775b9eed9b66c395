/* What an operation of a socket needs the database for: the session is looked at first, then `run` on the read lane,
 * then `done` on the reactor, whether the client is still there or not. */
#ifndef LINNET_EDGE_WS_CALL_H
#define LINNET_EDGE_WS_CALL_H
#include "edge/ws_request.h"
#include "loop/lane.h"

struct ws_call {
	struct job job;
	struct ws_conn *w; /* held until after `done` */
	json_t *ref;
	struct credential credential;
	struct actor actor; /* when `run` is called */
	struct arena arena;
	struct problem problem;
	enum err (*run)(struct ws_call *c, struct db_conn *db);
	void (*done)(struct ws_call *c); /* only when all went well: a refusal has been answered */
	void *in;
};
/* The request's ref is kept; `in` may be made in its arena. */
struct ws_call *ws_call_create(struct ws_request *q, enum err (*run)(struct ws_call *, struct db_conn *),
							   void (*done)(struct ws_call *));
void ws_call_submit(struct ws_call *c); /* answered by an error when the lane is full */
#endif
