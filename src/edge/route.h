/* Routes are rows of routes.def: method, path, operationId, who may call, what it costs. The dispatcher enforces the
 * columns, so that no handler can forget one.
 *
 * R(METHOD, "/path/{id}", operation_id, AUTH, SCOPE, LANE, BODY, RATE, take, run)
 *   AUTH  none: no session is looked for; session: the session's row is read as the first statement of the job
 *   SCOPE read, write, manage, admin, own (under /auth: never by a token)
 *   LANE  read, write, cpu (password hashing first; `run` then gets no connection: see edge/auth.c), inline (run on the
 * reactor, no connection), start (take is the whole: it calls request_finish later) BODY  none, json RATE  requests,
 * login, register, messages
 */
#ifndef LINNET_EDGE_ROUTE_H
#define LINNET_EDGE_ROUTE_H
#include "edge/request.h"

enum route_auth { AUTH_none, AUTH_session };
enum route_scope {
	SCOPE_own = 0,
	SCOPE_read = SCOPE_READ,
	SCOPE_write = SCOPE_WRITE,
	SCOPE_manage = SCOPE_MANAGE,
	SCOPE_admin = SCOPE_ADMIN
};
enum route_lane { LANE_read, LANE_write, LANE_cpu, LANE_inline, LANE_start };
enum route_body { BODY_none, BODY_json, BODY_form /* JSON or application/x-www-form-urlencoded */ };
enum route_rate { RATE_requests, RATE_login, RATE_register, RATE_messages, RATE_none };

struct route {
	enum http_method method;
	const char *path, *operation;
	enum route_auth auth;
	int scope;
	enum route_lane lane;
	enum route_body body;
	enum route_rate rate;
	enum err (*take)(struct request *q);                   /* reactor; may be NULL */
	enum err (*run)(struct request *q, struct db_conn *c); /* lane */
};
extern const struct route routes[];
extern const size_t n_routes;
/* Finds the row: ERR_NOT_FOUND, or ERR_METHOD_NOT_ALLOWED with the methods that are there (a bit each) in *allowed.
 * HEAD finds GET. `bare_only` paths do not answer under /api. */
enum err route_find(enum http_method m, struct str path, struct arena *a, const struct route **out,
					struct str params[REQUEST_PARAMS], unsigned *allowed);
#endif
