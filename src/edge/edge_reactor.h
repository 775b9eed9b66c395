/* The inside of src/edge's server: what it has for the process and on each reactor. For files of src/edge only. */
#ifndef LINNET_EDGE_EDGE_REACTOR_H
#define LINNET_EDGE_EDGE_REACTOR_H
#include "base/list.h"
#include "edge/crowd.h"
#include "edge/edge.h"
#include "edge/limit.h"
#include "edge/origin.h"
#include "edge/proxy.h"
#include "edge/touch.h"

#define HTTP_DATE 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

struct edge_reactor { /* reactor */
	struct edge *edge;
	struct reactor *reactor;
	struct metrics_cell *cell;
	struct list conns; /* of struct http_conn, those that speak HTTP */
	struct limiter limiter;
	struct touched touched;
	_Atomic int64_t pending; /* written here, read by any thread */
	int64_t date_s;
	char date[HTTP_DATE + 1];
	struct mail close_idle;
	_Atomic bool closing_idle;
};

struct edge { /* frozen, but for the crowd */
	struct pod *pod;
	struct route_table *table;
	enum err (*session)(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out);
	struct origins origins;
	struct proxies proxies;
	struct http_limits http;
	struct conn_limits conn;
	struct edge_reactor *reactors; /* by index */
	size_t n_reactors;
	struct crowd crowd;
	struct chunk *openapi, *openapi_gzip;
	struct chunk **docs; /* files of /docs */
};

struct edge_reactor *edge_here(struct reactor *r);
const char *edge_date(struct edge_reactor *here); /* written once a second */
#endif
