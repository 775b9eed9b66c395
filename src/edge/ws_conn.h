/* What a WebSocket connection holds; shared by the files that serve it. reactor */
#ifndef LINNET_EDGE_WS_CONN_H
#define LINNET_EDGE_WS_CONN_H
#include "app/pod.h"
#include "hub/session.h"
#include "proto/json.h"
#include "proto/ws.h"

struct ws_conn {
	struct pod *pod;
	struct conn *conn;       /* NULL once it is closed */
	struct session *session; /* NULL until it is opened and once it is closed */
	struct ws_parser parser;
	union {
		struct hello_parts *hello; /* cursors gathered from hellos that said `more` */
		struct ws_watch *watch;    /* ws_hints.c: when it `watches`, which is after its hello */
	};
	int64_t look_at_ms, heard_ms; /* look_at_ms: wall; when the session's row is read again */
	uint8_t scopes, silent;       /* silent: heartbeats since the last byte */
	bool deflate, closing, looking, watches;
	_Atomic bool gone;    /* conn is NULL: read by the append */
	uint8_t kicked;       /* enum err: why it will be closed at the end of the turn */
	uint32_t pending;     /* requests under way that know it */
	uint32_t spent;       /* of what its frames may cost now (ws_gate.c) */
	struct ws_rest *rest; /* what was read of frames that have to wait; NULL: none */
	struct deferred kick;
};
_Static_assert(sizeof(struct ws_conn) <= 168, "an idle connection must stay small");

/* ---- ws_gate.c */
void ws_send(struct ws_conn *w, struct str json); /* one text message */
void ws_close(struct ws_conn *w, int code, struct str reason);
void ws_fail(struct ws_conn *w, enum err e, struct str detail); /* closes with the error's code */
void ws_release(struct ws_conn *w);                             /* a request ended: w->pending goes down */
void ws_kick_run(struct deferred *d);
struct ws_deflate *ws_deflate_here(struct reactor *r);

/* ---- ws_ops.c */
void ws_message(struct ws_conn *w, struct str text);
void ws_hello_free(struct ws_conn *w);
struct credential ws_credential(const struct ws_conn *w); /* of its session */
/* ---- ws_keep.c: the session behind a socket, while it is open */
void ws_keep_open(struct ws_conn *w, const struct actor *actor);
/* With each heartbeat. Once in an hour, and when the session should have ended, its row is read: the socket is closed
 * if it has, and else the session is noted as in use. */
void ws_keep(struct ws_conn *w);
/* ---- ws_hints.c */
void ws_watch_free(struct ws_conn *w);
/* The ref of the set that is being answered, the caller's; NULL: it had none, or was answered. */
json_t *ws_watch_answers(struct ws_conn *w);
/* One channel less: whom a guest may watch is to be asked anew. Who leaves channel 0 has become one. */
void ws_watch_left(struct ws_conn *w, int64_t channel_id);
/* ---- ws_writer.c */
extern const struct session_ops ws_session_ops;
#endif
