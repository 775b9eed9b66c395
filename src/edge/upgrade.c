#include "edge/upgrade.h"

#include <string.h>

#include "edge/http_conn.h"
#include "edge/ws_gate.h"
#include "proto/ws.h"

#define SUBPROTOCOL "linnet.v1"
#define BEARER STR("bearer.")

/* The token among the subprotocols, where a browser cannot set a header. */
static struct str offered_token(const struct http_head *head)
{
	for (size_t i = 0; i < head->n_headers; i++) {
		if (!str_eq_nocase(head->headers[i].name, STR("sec-websocket-protocol"))) continue;
		struct str rest = head->headers[i].value, item;
		while (str_split(&rest, ',', &item)) {
			item = str_trim(item);
			if (str_starts(item, BEARER)) return str_from(item, BEARER.n);
		}
	}
	return STR_NONE;
}

static enum err check_handshake(struct request *q)
{
	const struct http_head *head = q->head;
	if (head->method != HTTP_GET || !head->upgrade_websocket || head->has_body) {
		reply_header(q, "Upgrade", STR("websocket"));
		reply_header(q, "Connection", STR("Upgrade"));
		return ERR_UPGRADE_REQUIRED;
	}
	if (!str_eq(http_header_get(head, "sec-websocket-version"), STR("13"))) {
		reply_header(q, "Sec-WebSocket-Version", STR("13")); /* RFC 6455, 4.4 */
		return problem_set(&q->problem, ERR_UPGRADE_REQUIRED, "Only version 13 of WebSocket is spoken here");
	}
	if (!ws_key_valid(http_header_get(head, "sec-websocket-key")))
		return problem_set(&q->problem, ERR_MALFORMED, "Sec-WebSocket-Key must be 16 bytes in base64");
	return OK;
}

static bool offers_deflate(const struct http_head *head)
{
	for (size_t i = 0; i < head->n_headers; i++)
		if (str_eq_nocase(head->headers[i].name, STR("sec-websocket-extensions")) &&
			ws_offer_deflate(head->headers[i].value))
			return true;
	return false;
}

static void write_switch(struct request *q, bool deflate)
{
	struct buf out;
	char accept[29];
	ws_accept_key(http_header_get(q->head, "sec-websocket-key"), accept);
	buf_init(&out);
	buf_printf(
		&out,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
		accept);
	if (http_header_has_token(q->head, "sec-websocket-protocol", SUBPROTOCOL))
		buf_printf(&out, "Sec-WebSocket-Protocol: %s\r\n", SUBPROTOCOL);
	if (deflate) buf_printf(&out, "Sec-WebSocket-Extensions: %s\r\n", WS_DEFLATE_ANSWER);
	for (size_t i = 0; i < q->reply.n_headers; i++) /* a cookie that slides */
		buf_printf(&out, STR_FMT ": " STR_FMT "\r\n", STR_ARG(q->reply.headers[i].name),
				   STR_ARG(q->reply.headers[i].value));
	buf_printf(&out, "X-Request-Id: %s\r\n\r\n", q->id);
	conn_write_copy(q->core->http->conn, out.p, out.n);
	buf_release(&out);
}

/* The connection changes hands; q ends. */
static void become_socket(struct request *q, enum err e)
{
	struct http_conn *h = q->core->http;
	struct pod *pod = q->pod;
	struct actor actor = q->actor;
	struct buf later;
	bool deflate = offers_deflate(q->head);
	dispatch_learn(q, e); /* 101 all the same: browsers read no other answer */
	write_switch(q, deflate);
	dispatch_upgraded(q);
	struct conn *c = http_conn_leave(h, &later);
	ws_open(pod, c, &actor, deflate, buf_str(&later), e);
	buf_release(&later);
}

static bool about_session(enum err e)
{
	return e == ERR_UNAUTHENTICATED || e == ERR_SESSION_REVOKED || e == ERR_SCOPE_MISSING;
}

/* At the end of a turn or from a lane, never while the connection's bytes are being read further up the stack. */
static void session_known(struct request *q, enum err e)
{
	if (!q->core->http || (e && !about_session(e)))
		request_finish(q, e);
	else if (atomic_load(&q->pod->draining))
		request_finish(q, ERR_DRAINING);
	else
		become_socket(q, e);
}

static void nobody_known(struct deferred *d)
{
	session_known(&container_of(d, struct request_core, deferred)->request, ERR_UNAUTHENTICATED);
}

static enum err read_session(struct request *q, struct db_conn *c)
{
	return dispatch_session(q, c);
}

enum err upgrade_take(struct request *q)
{
	struct request_core *core = q->core;
	enum err e = check_handshake(q);
	if (!e && atomic_load(&q->pod->draining)) e = ERR_DRAINING;
	if (e) return e;
	struct str token = offered_token(q->head);
	if (q->credential.kind == CREDENTIAL_NONE || q->credential.kind == CREDENTIAL_COOKIE) {
		if (token.n) {
			q->credential = (struct credential){ .kind = CREDENTIAL_NONE };
			credential_read(q, token);
		}
	}
	e = origin_check(q, true);
	if (e) return e;
	if (q->credential.kind != CREDENTIAL_NONE) {
		dispatch_job(q, LANE_read, read_session, session_known);
		return OK;
	}
	core->deferred.run = nobody_known;
	reactor_defer(request_reactor(q), &core->deferred);
	return OK;
}
