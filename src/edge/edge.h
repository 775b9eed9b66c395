/* The HTTP server of a pod: its routes on every reactor. Made by src/bin after the pod's other parts, before the
 * reactors run. A connection is served from head to head by http_conn.c, a request by dispatch.c. */
#ifndef LINNET_EDGE_EDGE_H
#define LINNET_EDGE_EDGE_H
#include "app/pod.h"
#include "edge/route.h"
#include "loop/conn.h"

struct edge;
struct edge_options {
	struct pod *pod; /* with reactors; what a route does not need may be NULL */
	const struct route *routes;
	size_t n_routes;
	/* The first statement of each job that needs a session: session_actor() of store/account.h. */
	enum err (*session)(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out);
};
/* Can PUBLIC_URL, ALLOWED_ORIGINS and TRUSTED_PROXIES be read? As config_check: *why says in a line what is wrong, and
 * lives as long as c. Asked before anything is touched. */
bool edge_check(struct config *c, const char **why);
struct edge *edge_create(const struct edge_options *o); /* the settings have passed edge_check */
void edge_destroy(struct edge *e);                      /* the reactors have stopped and their connections are closed */

/* For listener_options, whose data is the edge. */
void edge_accept(struct listener *l, struct conn *c);
void edge_gone(struct listener *l, struct conn *c);
void edge_serve(struct edge *e, struct conn *c); /* a connection made otherwise */

/* Stopping; any thread. pod->draining is set before: every answer then ends its connection. */
void edge_close_idle(struct edge *e);       /* kept-alive connections without a request are closed */
int64_t edge_pending(const struct edge *e); /* requests between their head and their answer */
#endif
