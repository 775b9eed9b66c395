/* One operation of a client on its way through ws_ops.c and the files that serve it. reactor */
#ifndef LINNET_EDGE_WS_REQUEST_H
#define LINNET_EDGE_WS_REQUEST_H
#include "base/id.h"
#include "edge/ws_conn.h"

struct ws_request {
	struct ws_conn *w;
	struct json_in in;
	struct arena arena;
	struct problem problem;
	json_t *ref; /* a string or number to be repeated; NULL */
};

/* ---- ws_ops.c */
void ws_put_ref(struct json_out *o, const json_t *ref);
void ws_answer_error(struct ws_conn *w, const json_t *ref, enum err e, const struct problem *p);
void ws_refuse(struct ws_request *q, enum err e);

/* ---- ws_hints.c */
void ws_op_typing(struct ws_request *q);
void ws_op_presence(struct ws_request *q);
void ws_op_watch(struct ws_request *q);
#endif
