/* Answers as bytes: status, headers, body. The only place where an error becomes a status and a problem (RFC 9457). */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "edge/http_conn.h"

#define PREFLIGHT_S "600"

static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	for (size_t i = 0; i < countof(reasons); i++)
		if (reasons[i].status == status) return reasons[i].reason;
	return "Unknown";
}

/* ---- problems */
static void problem_body(struct request *q, const struct err_row *row)
{
	const struct problem *p = &q->problem;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "type", "about:blank");
	json_field_text(&o, "title", row->title);
	json_field_i64(&o, "status", row->status);
	if (p->detail.p) json_field_str(&o, "detail", p->detail);
	json_field_text(&o, "code", row->code);
	if (p->n_fields) {
		json_key(&o, "errors");
		json_open(&o, '[');
		for (size_t i = 0; i < p->n_fields; i++) {
			json_open(&o, '{');
			json_field_text(&o, "field", p->fields[i].field);
			json_field_str(&o, "detail", p->fields[i].detail);
			json_close(&o, '}');
		}
		json_close(&o, ']');
	}
	json_close(&o, '}');
}

void reply_problem(struct request *q, enum err e)
{
	const struct err_row *row = err_row(e);
	struct reply *r = &q->reply;
	r->body.n = 0;
	chunk_unref(r->shared);
	r->shared = NULL;
	r->status = row->status;
	r->content_type = "application/problem+json";
	r->no_gzip = true; /* small */
	problem_body(q, row);
	if (row->status == 401) reply_header(q, "WWW-Authenticate", STR("Bearer"));
	if (row->status != 429 && row->status != 503) return;
	int wait = q->problem.retry_after_s > 0 ? q->problem.retry_after_s : 1;
	reply_header(q, "Retry-After", arena_printf(&q->arena, "%d", wait));
}

/* ---- headers */
static bool is_set(const struct reply *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (str_eq_nocase(r->headers[i].name, str_of(name))) return true;
	return false;
}

static void add(struct buf *out, const char *name, struct str value)
{
	for (size_t i = 0; i < value.n; i++) /* a line end would begin another header */
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7F) return;
	buf_add_str(out, str_of(name));
	buf_add(out, ": ", 2);
	buf_add_str(out, value);
	buf_add(out, "\r\n", 2);
}

static void add_default(struct buf *out, const struct reply *r, const char *name, const char *value)
{
	if (!is_set(r, name)) add(out, name, str_of(value));
}

static struct str method_list(struct request *q, unsigned bits)
{
	struct str list = STR("OPTIONS");
	for (int m = 0; m < HTTP_METHODS; m++)
		if (m != HTTP_OPTIONS && bits & 1u << m)
			list = arena_printf(&q->arena, STR_FMT ", %s", STR_ARG(list), http_method_name((enum http_method)m));
	return list;
}

static void add_cors(struct buf *out, struct request *q)
{
	const struct origins *origins = &q->core->here->edge->origins;
	struct str origin = q->head ? http_header_get(q->head, "origin") : STR_NONE;
	if (origins->list.n) add(out, "Vary", STR("Origin"));
	if (!origin.p || !origins_have(origins, origin)) return;
	add(out, "Access-Control-Allow-Origin", origin);
	add(out, "Access-Control-Allow-Credentials", STR("true"));
	add(out, "Access-Control-Expose-Headers", STR("Retry-After, X-Request-Id"));
	if (q->head->method != HTTP_OPTIONS || !http_header_get(q->head, "access-control-request-method").p) return;
	add(out, "Access-Control-Allow-Methods", method_list(q, q->core->allowed));
	add(out, "Access-Control-Allow-Headers", STR("Authorization, Content-Type, X-Request-Id, If-None-Match"));
	add(out, "Access-Control-Max-Age", STR(PREFLIGHT_S));
}

static void add_safety(struct buf *out, const struct reply *r)
{
	add_default(out, r, "Cache-Control", "no-store");
	add_default(out, r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
	add_default(out, r, "Referrer-Policy", "no-referrer");
	add(out, "X-Content-Type-Options", STR("nosniff"));
}

static bool has_length(int status)
{
	return status != 204 && status != 304 && status >= 200;
}

static void add_head(struct buf *out, struct request *q, size_t body, bool close)
{
	const struct reply *r = &q->reply;
	const struct request_core *core = q->core;
	buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", r->status, reason_of(r->status), edge_date(core->here));
	if (body) add_default(out, r, "Content-Type", r->content_type ? r->content_type : "application/json");
	if (has_length(r->status)) buf_printf(out, "Content-Length: %zu\r\n", body);
	if (core->gzip) add(out, "Content-Encoding", STR("gzip"));
	if (core->vary) add(out, "Vary", STR("Accept-Encoding"));
	if (r->status == 405 || (q->head && q->head->method == HTTP_OPTIONS && r->status == 204))
		add(out, "Allow", method_list(q, core->allowed));
	for (size_t i = 0; i < r->n_headers; i++) add(out, arena_cstr(&q->arena, r->headers[i].name), r->headers[i].value);
	add_cors(out, q);
	add_safety(out, r);
	add(out, "X-Request-Id", str_of(q->id));
	if (close)
		add(out, "Connection", STR("close"));
	else if (q->head->minor == 0)
		add(out, "Connection", STR("keep-alive"));
	buf_add(out, "\r\n", 2);
}

size_t reply_send(struct request *q, bool close)
{
	struct reply *r = &q->reply;
	struct conn *c = q->core->http->conn;
	struct buf head;
	size_t body = r->shared ? r->shared->n : r->body.n;
	if (!r->status) r->status = body ? 200 : 204;
	if (!has_length(r->status)) body = 0;
	buf_init(&head);
	buf_reserve(&head, 1024);
	add_head(&head, q, body, close);
	if (q->head && q->head->method == HTTP_HEAD) body = 0;
	bool shared = r->shared && body;
	struct chunk *chunk = chunk_create(head.n + (shared ? 0 : body));
	memcpy(chunk->p, head.p, head.n);
	if (body && !shared) memcpy(chunk->p + head.n, r->body.p, body);
	conn_write(c, chunk, 0, chunk->n);
	if (shared) conn_write(c, r->shared, 0, body);
	chunk_unref(chunk);
	buf_release(&head);
	return body;
}
