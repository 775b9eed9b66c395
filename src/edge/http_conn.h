/* One HTTP connection, and the plumbing of its present request. For files of src/edge only. reactor */
#ifndef LINNET_EDGE_HTTP_CONN_H
#define LINNET_EDGE_HTTP_CONN_H
#include "edge/edge_reactor.h"
#include "loop/lane.h"

enum http_state {
	HTTP_READ_HEAD, /* between requests, or within a head */
	HTTP_READ_BODY,
	HTTP_HELD,  /* the body is not wanted now */
	HTTP_SERVE, /* the request is whole, its answer is awaited */
	HTTP_OVER   /* finished, closed or upgraded */
};
enum http_wait { WAIT_NONE, WAIT_FIRST, WAIT_IDLE, WAIT_HEAD, WAIT_BODY };

struct http_conn {
	struct list link; /* edge_reactor.conns */
	struct edge_reactor *here;
	struct conn *conn;
	struct http_parser *parser;
	struct request *request; /* from the first byte of its head to its answer; NULL between */
	enum http_state state;
	enum http_wait wait; /* what the connection's deadline is set for */
	bool pumping;        /* the loop over its bytes is running further up the stack */
	bool peer_ended;     /* no more bytes will come */
	struct buf later;    /* bytes that cannot be used yet; reading is paused as long as there are any */
	size_t later_at;
};

struct request_core {
	struct request request;
	struct http_conn *http; /* NULL: the client has gone */
	struct edge_reactor *here;
	_Atomic bool gone;
	_Atomic bool peer_ended;
	bool decided;     /* the answer is known, the body is only read away */
	enum err verdict; /* what it is then, and what the job came to */
	bool whole;       /* the body is there */
	bool pending;     /* counted in here->pending */
	bool packed;      /* compression was considered */
	bool gzip, vary;
	bool bad_jwt;              /* a Bearer was given that is none */
	bool owes;                 /* its token is to be taken yet: see charge.c */
	bool handed;               /* a job or handler has it: request_finish() will come */
	bool streaming, sink_over; /* a sink is at it; it has had its last call */
	struct address address;
	unsigned allowed; /* methods of the path, for Allow */
	struct buf body;
	int64_t body_n; /* bytes of it that came */
	int64_t started_ns;
	int64_t body_deadline_ms;
	struct job job;
	enum route_lane lane; /* where the job runs */
	enum err (*run)(struct request *q, struct db_conn *c);
	enum err (*next_run)(struct request *q, struct db_conn *c); /* request_then */
	enum route_lane next_lane;
	void (*after)(struct request *q, enum err e); /* reactor: what the job's end means; NULL: the answer */
	struct deferred deferred;
};

void http_conn_open(struct edge_reactor *here, struct conn *c);
bool http_conn_is_idle(const struct http_conn *h);
void http_conn_pump(struct http_conn *h); /* goes on with what can be read now */
void http_conn_state(struct http_conn *h, enum http_state to);
/* The answer is written: on to the next request, or the end of the connection. */
void http_conn_answered(struct http_conn *h, bool close);
/* Takes the connection away from HTTP; *later are bytes that came behind the request (to be released). The caller sets
 * a new handler at once. */
struct conn *http_conn_leave(struct http_conn *h, struct buf *later);

/* request.c */
struct request *request_create(struct edge_reactor *here, struct http_conn *h);
void request_destroy(struct request *q);

/* dispatch.c */
void dispatch_head(struct request *q); /* the head is there: every check that it allows */
void dispatch_body(struct request *q, struct str piece);
void dispatch_done(struct request *q);                                   /* the body is there as well */
void dispatch_failed(struct request *q, enum err e, const char *detail); /* answered, then the connection ends */
void dispatch_gone(struct request *q);                                   /* the client went before the answer */
/* Runs the session check and `run` on a lane, then `after` here. */
void dispatch_job(struct request *q, enum route_lane lane, enum err (*run)(struct request *, struct db_conn *),
				  void (*after)(struct request *q, enum err e));
enum err dispatch_session(struct request *q, struct db_conn *c); /* lane: who it is, and the route's scope */
/* What the request's end tells of its session: noted as used (before the answer is written, which may slide a cookie)
 * and learnt for the limits to come. The error, or ERR_RATE_LIMITED instead. */
enum err dispatch_learn(struct request *q, enum err e);
void dispatch_upgraded(struct request *q); /* 101 is written: q ends, its connection goes on */

/* charge.c: from whose bucket a request takes its token */
enum err charge_head(struct request *q); /* with the head, if it is known who asks, or that nobody in particular does */
enum err charge_person(struct request *q);          /* lane: else as soon as the session's row has said who it is */
enum err charge_end(struct request *q, enum err e); /* else from the address; and what is known for the next time */
bool charge_proven(const struct request *q);        /* the session's row was read here within the hour */

/* credential.c: Authorization, the cookie. `subprotocol` is a token out of Sec-WebSocket-Protocol, or STR_NONE. */
void credential_read(struct request *q, struct str subprotocol);
struct str credential_cookie(const struct request *q); /* the session cookie's value, STR_NONE */
/* Asked without a proxy, and by no name that somebody else's DNS could have given this machine. */
bool request_direct(const struct request *q);
/* ERR_BAD_ORIGIN, logged with what it was compared with. `always`: also for GET (sockets). */
enum err origin_check(struct request *q, bool always);

/* reply.c */
void reply_problem(struct request *q, enum err e);
void reply_pack(struct request *q); /* compresses a body that is worth it; lane or reactor */
/* A body that is always the same, and what reply_gzip() made of it when the server started (NULL: nothing). */
void reply_shared(struct request *q, struct chunk *plain, struct chunk *gzip);
/* A body that is there compressed alone: for who does not take that it is unpacked. */
enum err reply_packed(struct request *q, struct chunk *gzip, size_t plain_n);
struct chunk *reply_gzip(struct str text);        /* NULL: it cannot be */
size_t reply_send(struct request *q, bool close); /* to its connection; the body's bytes. q->reply.status is set */

#endif
