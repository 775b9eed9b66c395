/* One HTTP request on its way: the reactor reads it and finds its route, `take` turns its body into a struct, `run` is
 * the use case on a lane, and the answer goes out on the reactor. All its memory is one arena. Belongs to its
 * connection's reactor, but while `run` is at it to that lane's thread. */
#ifndef LINNET_EDGE_REQUEST_H
#define LINNET_EDGE_REQUEST_H
#include "app/pod.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "model/user.h"
#include "proto/http1.h"
#include "proto/json.h"

struct route;
struct request;
struct chunk;
enum route_lane { LANE_read, LANE_write, LANE_cpu, LANE_slow, LANE_inline, LANE_start };

#define REQUEST_PARAMS 4
#define REQUEST_ID 64
#define PAGE_USUAL 50
#define PAGE_MOST 100
#define REPLY_HEADERS 12

/* For routes that take their body in pieces (uploads). Before `begin` the session was checked and route->run, if there
 * is one, has run on its lane. Once `begin` was OK exactly one request_finish() must come, whenever; after it nothing
 * is called any more, so a sink that fails in the middle says request_finish(q, e): the answer goes out, the rest of
 * the body is thrown away and the connection ends. All on the reactor. */
struct body_sink {
	enum err (*begin)(struct request *q); /* may set body_most; an error is the answer */
	/* Takes all of it; valid during the call. request_pause() inside it, or later, stops the flow. */
	void (*piece)(struct request *q, struct str piece);
	void (*end)(struct request *q);  /* that was all */
	void (*gone)(struct request *q); /* instead of end: the client went, or took too long */
};

struct reply {
	int status; /* 0: 200, or 204 when the body is empty */
	struct buf body;
	const char *content_type; /* NULL: application/json */
	struct http_header headers[REPLY_HEADERS];
	size_t n_headers;
	struct chunk *shared; /* instead of body: bytes that others use too */
	bool no_gzip, close;
};

struct request {
	struct pod *pod;
	const struct route *route;
	struct arena arena;
	const struct http_head *head;      /* NULL when the head itself could not be read */
	struct str params[REQUEST_PARAMS]; /* of the path's {braces}, in order, decoded */
	struct str body;                   /* whole, for routes that do not stream */
	json_t *json;                      /* the body read, for routes that take JSON; freed with the request */
	struct str address;                /* the client's: the peer, or as a trusted proxy says */
	bool https;                        /* here, or as a trusted proxy says */
	bool forwarded;                    /* carries a forwarding header at all */
	char id[REQUEST_ID + 1];           /* X-Request-Id: the client's if it is a sane one, else a ULID */
	struct credential credential;
	struct actor actor; /* set before `run`, as the session's row said (AUTH_SESSION) */
	void *in;           /* what `take` made, in the arena */
	int64_t body_most;  /* bytes of body that are taken; 413 past it */
	struct problem problem;
	struct reply reply;
	/* plumbing of edge/dispatch.c */
	struct request_core *core;
};

/* ---- for handlers */
enum err request_id_param(struct request *q, int i, int64_t *id); /* a path's id; ERR_NOT_FOUND when it is none */
/* ERR_NOT_FOUND, saying that there is no such thing as the path's i-th parameter names. Without a detail ERR_NOT_FOUND
 * is that of the first: what one may not know of is answered by the same words as what is not there. */
enum err request_missing(struct request *q, int i);
/* e, and where it is ERR_NOT_FOUND, that it is of the channel which the query or the body names. */
enum err request_no_channel(struct request *q, enum err e);
/* Query parameters: absent leaves *out alone; a wrong one is ERR_INVALID with the field's fault. */
enum err request_query_i64(struct request *q, const char *name, int64_t min, int64_t max, int64_t *out);
enum err request_query_str(struct request *q, const char *name, struct str *out); /* decoded; STR_NONE absent */
/* STR_NONE leaves *epoch alone; ERR_EPOCH_CHANGED: none that a database ever has. */
enum err request_epoch(struct request *q, struct str text, uint64_t *epoch);
enum err request_limit(struct request *q, int64_t dflt, int64_t most, int64_t *out); /* ?limit= */
/* The value lives as long as the request. Headers set here go out with an error too. */
void reply_header(struct request *q, const char *name, struct str value);
struct json_out reply_json(struct request *q); /* writes into the reply's body */
/* Sets the session's cookie, or clears it (STR_NONE). `__Host-` and Secure on https. */
void reply_cookie(struct request *q, struct str token);
/* Asynchronous handlers (route->start): answers when it is time, on the request's reactor. The client may have gone:
 * then nothing is sent and the request is freed all the same. */
void request_finish(struct request *q, enum err e);
struct reactor *request_reactor(struct request *q);
/* Called in `run`: when it returns OK the request is not answered but goes on to that lane (read, write, cpu) with that
 * function. For what needs a password hashed between two uses of the database. The session is checked again there. */
void request_then(struct request *q, enum route_lane lane, enum err (*run)(struct request *q, struct db_conn *c));
/* Streamed bodies: no piece comes between the two. The client is slowed by TCP. */
void request_pause(struct request *q);
void request_resume(struct request *q);
bool request_gone(const struct request *q); /* the client went; any thread */
#endif
