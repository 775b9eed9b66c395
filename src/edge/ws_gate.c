#include "edge/ws_gate.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "edge/ws_conn.h"
#include "hub/hub_reactor.h"

#define CLOSE_WAIT_MS 1000 /* after our Close: for the peer's */
#define DEFLATE_FROM 256   /* smaller messages are sent as they are */
#define SILENT_MOST 2      /* heartbeats without a byte */

static const struct conn_handler ws_handler;

/* ---- dialects */

static void *deflate_open(void)
{
	return ws_deflate_create();
}

static void deflate_close(void *state)
{
	ws_deflate_destroy(state);
}

static struct chunk *frame_chunk(struct str json)
{
	char header[WS_HEADER_MOST];
	size_t n = ws_header(header, WS_TEXT, false, json.n, NULL);
	struct chunk *c = chunk_create(n + json.n);
	memcpy(c->p, header, n);
	memcpy(c->p + n, json.p, json.n);
	return c;
}

static struct chunk *encode_json(void *state, const struct event *e)
{
	return frame_chunk((struct str){ e->json, e->json_n });
}

static struct chunk *encode_deflated(void *state, const struct event *e)
{
	struct str json = { e->json, e->json_n };
	if (json.n < DEFLATE_FROM) return frame_chunk(json);
	struct buf b;
	buf_init(&b);
	bool smaller = ws_frame_add_deflated(&b, state, json);
	struct chunk *c = smaller ? chunk_copy(b.p, b.n) : frame_chunk(json);
	buf_release(&b);
	return c;
}

const struct dialect ws_dialects[WS_DIALECTS] = {
	[WS_JSON] = { "json", encode_json, NULL, NULL },
	[WS_DEFLATED] = { "json-deflate", encode_deflated, deflate_open, deflate_close },
};

struct ws_deflate *ws_deflate_here(struct reactor *r)
{
	return hub_dialect_state(hub_here(r), WS_DEFLATED);
}

static void count(struct conn *c, enum metric id, int64_t n)
{
	struct metrics_cell *cell = hub_here(conn_reactor(c))->cell;
	if (cell) metric_add(cell, id, n);
}

/* ---- writing */

void ws_send(struct ws_conn *w, struct str json)
{
	if (!w->conn || w->closing) return;
	struct buf b;
	buf_init(&b);
	if (!w->deflate || json.n < DEFLATE_FROM ||
		!ws_frame_add_deflated(&b, ws_deflate_here(conn_reactor(w->conn)), json))
		ws_frame_add(&b, WS_TEXT, json);
	conn_write_copy(w->conn, b.p, b.n);
	count(w->conn, METRIC_WS_FRAMES_OUT, 1);
	buf_release(&b);
}

static void write_control(struct ws_conn *w, enum ws_opcode op, struct str payload)
{
	struct buf b;
	buf_init(&b);
	ws_frame_add(&b, op, payload);
	conn_write_copy(w->conn, b.p, b.n);
	buf_release(&b);
}

static void close_waited(struct conn *c)
{
	conn_close(c); /* the peer did not answer our Close in time */
}

/* RFC 6455, 7.1.1: sends a Close and waits a moment for the peer's; the session hears nothing more. */
void ws_close(struct ws_conn *w, int code, struct str reason)
{
	if (!w->conn || w->closing) return;
	w->closing = true;
	struct buf b;
	buf_init(&b);
	ws_close_add(&b, code, reason);
	conn_write_copy(w->conn, b.p, b.n);
	buf_release(&b);
	if (w->session) session_close(w->session);
	w->session = NULL;
	conn_deadline(w->conn, CLOSE_WAIT_MS, close_waited);
}

void ws_fail(struct ws_conn *w, enum err e, struct str detail)
{
	int code = err_row(e)->close;
	ws_close(w, code ? code : 1008, detail.n ? detail : str_of(err_row(e)->code));
}

void ws_kick_run(struct deferred *d)
{
	struct ws_conn *w = container_of(d, struct ws_conn, kick);
	ws_fail(w, (enum err)w->kicked, STR_NONE);
	d->run = NULL;
	ws_release(w);
}

/* ---- reading */

static void answer_close(struct ws_conn *w, struct str payload)
{
	int code;
	struct str reason;
	bool fine = ws_close_parse(payload, &code, &reason);
	if (!w->closing) ws_close(w, !fine ? 1002 : code == 1005 ? 1000 : code, STR("")); /* echoes it: section 5.5.1 */
	conn_finish(w->conn); /* the server ends TCP first: section 7.1.1 */
}

static void on_control(struct ws_conn *w, enum ws_opcode op, struct str payload)
{
	if (op == WS_CLOSE)
		answer_close(w, payload);
	else if (op == WS_PING && !w->closing)
		write_control(w, WS_PONG, payload);
}

/* What a client's frames cost must not keep the others of this reactor waiting: a message of 64 KiB may come as a
 * hundred bytes. So much work at once, and no more than so much for each millisecond that has passed; what has been
 * read beyond it waits, and meanwhile nothing more is read. */
#define COST_FRAME 256 /* of each, beside a byte's 1 for what it inflates to */
#define COST_MOST 65536
#define COST_MS 1024 /* paid back in a millisecond */
#define REST_WAIT_MS 20

struct ws_rest {
	struct ws_conn *w;
	struct timer timer;
	struct buf bytes;
};

static void pay_back(struct ws_conn *w)
{
	int64_t now = reactor_now_ms(conn_reactor(w->conn)), paid = (now - w->heard_ms) * COST_MS;
	w->spent = paid < w->spent ? w->spent - (uint32_t)paid : 0;
	w->heard_ms = now;
}

static void rest_due(struct reactor *r, struct timer *t);

static void rest_keep(struct ws_conn *w, const char *p, size_t n)
{
	struct ws_rest *rest = w->rest = mem_new(struct ws_rest);
	rest->w = w;
	buf_init(&rest->bytes);
	buf_add(&rest->bytes, p, n);
	timer_init(&rest->timer, rest_due);
	timer_set(conn_reactor(w->conn), &rest->timer, REST_WAIT_MS);
	conn_pause(w->conn);
	count(w->conn, METRIC_WS_HELD_BACK, 1);
}

static void rest_drop(struct ws_rest *rest)
{
	timer_clear(&rest->timer);
	buf_release(&rest->bytes);
	mem_free(rest);
}

static bool take_frame(struct ws_conn *w, char **data, size_t *n) /* false: there is no whole one */
{
	size_t used = 0;
	enum ws_opcode op;
	struct str payload;
	struct ws_deflate *d = ws_deflate_here(conn_reactor(w->conn));
	enum ws_event e = ws_parser_feed(&w->parser, d, *data, *n, &used, &op, &payload);
	*data += used, *n -= used;
	if (e == WS_NEED_MORE) return false;
	if (e == WS_FAILED) {
		ws_close(w, w->parser.close_code, str_of(w->parser.why));
		conn_finish(w->conn);
		return false;
	}
	w->spent += COST_FRAME + (uint32_t)payload.n;
	if (e == WS_CONTROL) {
		on_control(w, op, payload);
		return true;
	}
	count(w->conn, METRIC_WS_FRAMES_IN, 1);
	if (!w->closing) ws_message(w, payload);
	return true;
}

static void take_frames(struct ws_conn *w, char *data, size_t n)
{
	while (n && !conn_closing(w->conn)) {
		if (w->spent >= COST_MOST) {
			rest_keep(w, data, n);
			return;
		}
		if (!take_frame(w, &data, &n)) return;
	}
}

static void rest_due(struct reactor *r, struct timer *t)
{
	struct ws_rest *rest = container_of(t, struct ws_rest, timer);
	struct ws_conn *w = rest->w;
	w->rest = NULL;
	pay_back(w);
	take_frames(w, rest->bytes.p, rest->bytes.n);
	rest_drop(rest);
	if (!w->rest) conn_resume(w->conn);
}

static void on_data(struct conn *c, const char *p, size_t n)
{
	struct ws_conn *w = conn_data(c);
	w->silent = 0;
	pay_back(w);
	take_frames(w, (char *)p, n); /* the reactor's read buffer: unmasked in place */
}

static void on_drained(struct conn *c)
{
	struct ws_conn *w = conn_data(c);
	if (w->session) session_drained(w->session);
}

/* It is told to resume, behind what it has not read yet. */
static void on_slow(struct conn *c)
{
	struct ws_conn *w = conn_data(c);
	if (!w->session) return; /* it is being closed already */
	log_event(LOG_INFO, "ws.reader_too_slow", LOG_INT("user_id", w->session->user_id),
			  LOG_INT("queued", (int64_t)conn_queued(c)));
	ws_fail(w, ERR_SLOW_READER, STR_NONE);
}

static void ws_free(struct ws_conn *w)
{
	ws_parser_release(&w->parser);
	ws_hello_free(w);
	ws_watch_free(w);
	mem_free(w);
}

void ws_release(struct ws_conn *w)
{
	if (--w->pending == 0 && !w->conn) ws_free(w);
}

static void on_closed(struct conn *c, enum conn_end why)
{
	struct ws_conn *w = conn_data(c);
	if (why == CONN_SLOW_TOLD) count(c, METRIC_WS_SLOW_TOLD, 1);
	if (why == CONN_SLOW) count(c, METRIC_WS_SLOW_CUT, 1);
	if (w->session) session_close(w->session);
	w->session = NULL;
	w->conn = NULL;
	if (w->rest) rest_drop(w->rest);
	w->rest = NULL;
	atomic_store(&w->gone, true);
	if (!w->pending) ws_free(w);
}

/* ---- time */

static void heartbeat_due(struct conn *c)
{
	struct ws_conn *w = conn_data(c);
	int64_t every = w->pod->config->heartbeat_ms, idle = reactor_now_ms(conn_reactor(c)) - w->heard_ms;
	ws_keep(w);
	if (idle < every) {
		conn_deadline(c, every - idle, heartbeat_due);
		return;
	}
	if (w->silent++ >= SILENT_MOST) {
		conn_close(c);
		return;
	}
	write_control(w, WS_PING, STR(""));
	conn_deadline(c, every, heartbeat_due);
}

static void hello_due(struct conn *c)
{
	struct ws_conn *w = conn_data(c);
	if (w->session && w->session->greeted)
		heartbeat_due(c);
	else
		ws_fail(w, ERR_PROTOCOL, STR("no hello came"));
}

/* ---- opening */

void ws_open(struct pod *pod, struct conn *conn, const struct actor *actor, bool deflate, struct str leftover,
			 enum err err)
{
	const struct config *cfg = pod->config;
	struct conn_limits limits = { (size_t)cfg->conn_soft, (size_t)cfg->conn_hard, (int)cfg->write_stall_s * 1000 };
	struct ws_conn *w = mem_new(struct ws_conn);
	w->pod = pod;
	w->conn = conn;
	w->deflate = deflate;
	w->heard_ms = reactor_now_ms(conn_reactor(conn));
	ws_parser_init(&w->parser, false, deflate, (uint32_t)cfg->ws_frame);
	conn_setup(conn, &ws_handler, w, &limits);
	if (!err) {
		w->scopes = (uint8_t)actor->scopes;
		ws_keep_open(w, actor);
		err = session_open(conn_reactor(conn), &ws_session_ops, w, conn, deflate ? WS_DEFLATED : WS_JSON,
						   actor->user_id, actor->session_id, &w->session);
	}
	if (err) {
		ws_fail(w, err, STR_NONE);
		return;
	}
	conn_deadline(conn, cfg->hello_timeout_s * 1000, hello_due);
	if (leftover.n) on_data(conn, leftover.p, leftover.n);
}

static const struct conn_handler ws_handler = { NULL, on_data, on_drained, NULL, on_closed, on_slow };
