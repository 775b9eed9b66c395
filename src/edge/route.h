/* Routes are rows of routes.def: method, path, operationId, who may call, what it costs. The dispatcher enforces the
 * columns, so that no handler can forget one.
 *
 * R(METHOD, "/path/{id}", operation_id, AUTH, SCOPE, LANE, BODY, RATE, take, run)
 *
 * - AUTH: none: no session is looked for; session: its row is read as the first statement of the job
 * - SCOPE: read, write, manage, admin, own (under /auth: never by a token)
 * - LANE: read, write, slow (searches), cpu (for hashing passwords: `run` gets no connection; a session is checked on
 * the read lane first), inline (run on the reactor, no connection), start (take is the whole: it calls request_finish
 * later, unless it returns an error)
 * - BODY: none (what comes is thrown away), json, json_may (or nothing at all), form (JSON or
 *   application/x-www-form-urlencoded)
 * - RATE: requests, login, register, messages, search, people (what makes the server read other people's lists, or
 * tells all of a channel), profile (what tells everybody), none
 * - take: on the reactor, after the body was read; NULL where there is nothing to take
 * - run: on the lane; NULL only with start
 *
 * R_QUERY(..., run, "limit cursor") takes these parameters in its query, R none; others are refused with their name.
 * R_ANY has R's columns: whoever probes may add what they like. R_BARE is such a one that is not served under /api.
 * R_SINK(..., run, sink) has a struct body_sink instead of `take`: its lane is read or write, for `run`, which may be
 * NULL. Prototypes stand in a header for each area, included by routes.c. */
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
enum route_body { BODY_none, BODY_json, BODY_json_may, BODY_form, BODY_sink };
enum route_rate {
	RATE_requests,
	RATE_login,
	RATE_register,
	RATE_messages,
	RATE_search,
	RATE_people,
	RATE_profile,
	RATE_none
};

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
	const struct body_sink *sink;
	bool bare;
	const char *query; /* names of its parameters; NULL: whatever comes */
};
extern const struct route routes[];
extern const size_t n_routes;

bool route_takes(const struct route *r, struct str parameter);

/* The rows as a tree of path segments. Frozen once made: any thread. The rows outlive it. */
struct route_table;
struct route_table *route_table_create(const struct route *rows, size_t n); /* aborts on two rows of one meaning */
void route_table_destroy(struct route_table *t);
/* Finds the row: ERR_NOT_FOUND, or ERR_METHOD_NOT_ALLOWED with the methods that are there (a bit each) in *allowed.
 * HEAD finds GET. A literal segment goes before a {parameter}. params point into path. */
enum err route_find(const struct route_table *t, enum http_method m, struct str path, const struct route **out,
					struct str params[REQUEST_PARAMS], unsigned *allowed);
#endif
