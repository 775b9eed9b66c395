/* Bytes come in, requests go out to dispatch.c one at a time. Between two requests, and while a body is not wanted,
 * what has been read already waits in `later` (at most one read buffer's worth) and reading is paused; so a client that
 * pipelines is slowed by TCP. While a handler is at work and nothing waits, reading goes on, so that a client that went
 * is noticed.
 *
 * http_conn_pump() is the one place that feeds the parser. Answers given within it (by inline handlers) do not recurse:
 * they set the state, and the loop goes on. */
#include "edge/http_conn.h"

#include <assert.h>
#include <string.h>

#define MS 1000

static bool can_read(const struct http_conn *h)
{
	if (h->state == HTTP_READ_BODY) return true;
	/* Who does not read answers gets no more of them. */
	return h->state == HTTP_READ_HEAD && (h->request || !conn_full(h->conn));
}

/* An empty line may stand before a request and begins none. */
static bool head_begun(const struct http_conn *h)
{
	return h->request && !http_parser_idle(h->parser);
}

bool http_conn_is_idle(const struct http_conn *h)
{
	return h->state == HTTP_READ_HEAD && !head_begun(h) && h->later.n == 0;
}

void http_conn_state(struct http_conn *h, enum http_state to)
{
	assert(h->state != HTTP_OVER);
	assert(to != HTTP_READ_BODY || h->request);
	h->state = to;
}

/* ---- deadlines */
static void timed_out(struct conn *c)
{
	struct http_conn *h = conn_data(c);
	enum http_wait wait = h->wait;
	h->wait = WAIT_NONE;
	if (h->state == HTTP_OVER) return;
	if (wait == WAIT_HEAD || wait == WAIT_BODY)
		dispatch_failed(h->request, ERR_REQUEST_TIMEOUT,
						wait == WAIT_HEAD ? "the head did not arrive in time" : "the body did not arrive in time");
	else
		conn_close(c); /* nobody asked anything: an answer would be taken for that of the next request */
}

static int64_t body_wait_ms(const struct http_conn *h)
{
	int64_t progress = h->here->edge->pod->config->body_timeout_s * MS;
	int64_t total = h->request->core->body_deadline_ms;
	if (!total) return progress;
	int64_t left = total - reactor_now_ms(h->here->reactor);
	return left < 1 ? 1 : left < progress ? left : progress;
}

static void set_deadline(struct http_conn *h)
{
	const struct config *c = h->here->edge->pod->config;
	enum http_wait want = WAIT_NONE;
	if (h->state == HTTP_READ_BODY)
		want = WAIT_BODY;
	else if (h->state == HTTP_READ_HEAD && head_begun(h))
		want = WAIT_HEAD;
	else if (h->state == HTTP_READ_HEAD && !conn_full(h->conn)) /* else the answer is still on its way */
		want = h->wait == WAIT_FIRST ? WAIT_FIRST : WAIT_IDLE;
	if (want == h->wait && want != WAIT_BODY) return; /* a head must be whole in time, a body only go forward */
	h->wait = want;
	switch (want) {
	case WAIT_NONE: conn_deadline(h->conn, 0, NULL); break;
	case WAIT_FIRST:
	case WAIT_HEAD: conn_deadline(h->conn, c->header_timeout_s * MS, timed_out); break;
	case WAIT_IDLE: conn_deadline(h->conn, c->keepalive_s * MS, timed_out); break;
	case WAIT_BODY: conn_deadline(h->conn, body_wait_ms(h), timed_out); break;
	}
}

/* ---- feeding */
static void begin_request(struct http_conn *h)
{
	h->request = request_create(h->here, h);
	http_parser_reset(h->parser, &h->request->arena);
}

static void head_done(struct http_conn *h)
{
	struct request *q = h->request;
	struct http_head *head = arena_new(&q->arena, struct http_head); /* outlives the parser */
	*head = *http_parser_head(h->parser);
	q->head = head;
	http_conn_state(h, HTTP_READ_BODY);
	dispatch_head(q);
}

static void parser_failed(struct http_conn *h)
{
	const char *detail = NULL;
	enum err e = http_parser_error(h->parser, &detail);
	dispatch_failed(h->request, e, detail);
}

/* One step of the parser; false: it has nothing more to say about these bytes. */
static bool step(struct http_conn *h, struct str *bytes)
{
	size_t used = 0;
	struct str piece;
	if (!h->request) {
		if (bytes->n == 0) return false;
		begin_request(h);
	}
	enum http_event event = http_parser_feed(h->parser, bytes->p, bytes->n, &used, &piece);
	*bytes = str_from(*bytes, used);
	switch (event) {
	case HTTP_NEED_MORE: return false;
	case HTTP_HEAD_DONE: head_done(h); break;
	case HTTP_BODY: dispatch_body(h->request, piece); break;
	case HTTP_DONE:
		http_conn_state(h, HTTP_SERVE);
		dispatch_done(h->request);
		break;
	case HTTP_FAILED: parser_failed(h); return false;
	}
	return true;
}

static void feed(struct http_conn *h, struct str *bytes)
{
	h->pumping = true;
	while (can_read(h) && step(h, bytes)) {
	}
	h->pumping = false;
}

static void keep(struct http_conn *h, struct str bytes)
{
	if (bytes.n == 0) return;
	if (h->later.n == 0) conn_pause(h->conn);
	buf_add_str(&h->later, bytes);
}

/* What was put aside first. It may grow by nothing meanwhile: reading is paused. */
static void feed_later(struct http_conn *h)
{
	struct str bytes = str_from(buf_str(&h->later), h->later_at);
	feed(h, &bytes);
	h->later_at = h->later.n - bytes.n;
	if (h->state == HTTP_OVER || bytes.n) return;
	buf_release(&h->later);
	h->later_at = 0;
	conn_resume(h->conn);
}

static void settle(struct http_conn *h)
{
	if (h->state == HTTP_OVER) return;
	if (h->peer_ended && h->later.n == 0 && (h->state == HTTP_READ_HEAD || h->state == HTTP_READ_BODY)) {
		struct request *q = h->request; /* the rest of it will not come */
		if (q) dispatch_gone(q);        /* h->request is NULL then */
		http_conn_state(h, HTTP_OVER);
		conn_finish(h->conn);
		return;
	}
	set_deadline(h);
}

void http_conn_pump(struct http_conn *h)
{
	if (h->pumping || h->state == HTTP_OVER) return;
	if (h->later.n) {
		feed_later(h);
	} else if (can_read(h) && h->request) {
		struct str none = STR(""); /* a body of nothing is over without another byte */
		feed(h, &none);
	}
	settle(h);
}

/* ---- the connection's events */
static void on_data(struct conn *c, const char *p, size_t n)
{
	struct http_conn *h = conn_data(c);
	struct str bytes = { p, n };
	if (h->state == HTTP_OVER) return;
	if (h->later.n == 0) feed(h, &bytes);
	if (h->state == HTTP_OVER) return;
	keep(h, bytes);
	settle(h);
}

static void on_ended(struct conn *c)
{
	struct http_conn *h = conn_data(c);
	h->peer_ended = true;
	if (h->request) atomic_store(&h->request->core->peer_ended, true);
	settle(h);
}

static void on_drained(struct conn *c)
{
	http_conn_pump(conn_data(c));
}

static void http_conn_destroy(struct http_conn *h)
{
	list_del(&h->link);
	http_parser_destroy(h->parser);
	buf_release(&h->later);
	mem_free(h);
}

static void on_closed(struct conn *c, enum conn_end why)
{
	struct http_conn *h = conn_data(c);
	h->state = HTTP_OVER;
	if (h->request) dispatch_gone(h->request);
	http_conn_destroy(h);
}

static const struct conn_handler handler = {
	.data = on_data, .drained = on_drained, .ended = on_ended, .closed = on_closed
};

void http_conn_open(struct edge_reactor *here, struct conn *c)
{
	struct http_conn *h = mem_new(struct http_conn);
	h->here = here;
	h->conn = c;
	h->parser = http_parser_create(&here->edge->http);
	h->wait = WAIT_NONE;
	buf_init(&h->later);
	list_add_tail(&here->conns, &h->link);
	conn_setup(c, &handler, h, &here->edge->conn);
	h->wait = WAIT_FIRST;
	conn_deadline(c, here->edge->pod->config->header_timeout_s * MS, timed_out);
}

void http_conn_answered(struct http_conn *h, bool close)
{
	if (close) {
		http_conn_state(h, HTTP_OVER);
		conn_finish(h->conn);
		return;
	}
	http_conn_state(h, HTTP_READ_HEAD);
	h->wait = WAIT_NONE;
	http_conn_pump(h);
}

struct conn *http_conn_leave(struct http_conn *h, struct buf *later)
{
	struct conn *c = h->conn;
	conn_deadline(c, 0, NULL);
	if (h->later.n) conn_resume(c);
	buf_drop(&h->later, h->later_at);
	*later = h->later;
	buf_init(&h->later);
	http_conn_destroy(h);
	return c;
}
