/* A request goes through HEAD, BODY (when there is one) and DONE. The head is gathered until its empty line; each byte
 * is looked at once, and the first one that cannot stand in a head ends it, so that a verdict never depends on how the
 * bytes were cut. It is copied into the request's arena and read there; between requests a parser holds no buffer. */
#include "proto/http1.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "proto/http_parts.h"

enum state { HEAD, BODY, DONE, FAILED };
enum lead { LEAD_NONE, LEAD_CR, LEAD_OVER }; /* one empty line may stand before a request (RFC 9112, 2.2) */

struct http_parser {
	struct http_limits limits;
	struct arena *arena;
	enum state state;
	enum lead lead;
	bool cr;     /* the last byte was a CR */
	bool lines;  /* the request line is over */
	size_t seen; /* bytes of the head so far */
	size_t line; /* bytes of its present line */
	struct buf gathered;
	struct http_head head;
	int64_t left; /* of a body with a length */
	struct http_chunked chunked;
	struct http_fault fault;
};

struct http_parser *http_parser_create(const struct http_limits *limits)
{
	struct http_parser *p = mem_new(struct http_parser);
	p->limits = *limits;
	buf_init(&p->gathered);
	return p;
}

void http_parser_destroy(struct http_parser *p)
{
	if (!p) return;
	buf_release(&p->gathered);
	mem_free(p);
}

void http_parser_reset(struct http_parser *p, struct arena *arena)
{
	struct http_limits limits = p->limits;
	buf_release(&p->gathered);
	*p = (struct http_parser){ .limits = limits, .arena = arena };
}

const struct http_head *http_parser_head(const struct http_parser *p)
{
	return &p->head;
}

enum err http_parser_error(const struct http_parser *p, const char **detail)
{
	if (detail) *detail = p->fault.detail;
	return p->fault.err;
}

bool http_parser_idle(const struct http_parser *p)
{
	return p->state == HEAD && !p->seen;
}

static enum http_event fail(struct http_parser *p)
{
	p->state = FAILED;
	buf_release(&p->gathered);
	return HTTP_FAILED;
}

static bool head_byte(unsigned char c)
{
	return (c >= ' ' && c != 0x7F) || c == '\t';
}

/* Takes the empty line that may stand before the request; false: something else is wrong. */
static bool skip_lead(struct http_parser *p, const char *data, size_t n, size_t *used)
{
	size_t i = 0;
	if (p->lead == LEAD_NONE && i < n && data[i] == '\r') p->lead = LEAD_CR, i++;
	if (p->lead == LEAD_CR && i < n) {
		if (data[i] != '\n') return *used = i, http_refuse(&p->fault, ERR_MALFORMED, "a CR without LF");
		p->lead = LEAD_OVER, i++;
	}
	*used = i;
	return true;
}

/* Looks at one byte of the head; true: the head is whole. A fault is left in p->fault. */
static bool head_step(struct http_parser *p, unsigned char c)
{
	bool whole = false;
	if (p->cr && c != '\n') {
		http_refuse(&p->fault, ERR_MALFORMED, "a CR without LF");
	} else if (p->cr) {
		whole = !p->line;
		p->cr = false;
		p->lines = true;
		p->line = 0;
	} else if (c == '\r') {
		p->cr = true;
		if (!p->seen) http_refuse(&p->fault, ERR_MALFORMED, "the request line is empty");
	} else if (c == '\n') {
		http_refuse(&p->fault, ERR_MALFORMED, "an LF without CR");
	} else if (!head_byte(c)) {
		http_refuse(&p->fault, ERR_MALFORMED, "a control character in the head");
	} else {
		p->line++;
	}
	p->seen++;
	if (!p->fault.err && !whole && p->seen >= p->limits.head) {
		if (p->lines)
			http_refuse(&p->fault, ERR_HEADERS_TOO_LARGE, "the head is too large");
		else
			http_refuse(&p->fault, ERR_URI_TOO_LONG, "the request line is too long");
	}
	return whole;
}

static enum http_event read_head(struct http_parser *p, struct str text)
{
	text = arena_str(p->arena, text);
	buf_release(&p->gathered);
	if (!http_head_read(text, &p->limits, p->arena, &p->head, &p->fault)) return fail(p);
	if (!http_head_agreed(text, &p->head)) {
		http_refuse(&p->fault, ERR_MALFORMED, "the head can be read in two ways");
		return fail(p);
	}
	p->state = p->head.has_body ? BODY : DONE;
	p->left = p->head.chunked ? 0 : p->head.length;
	return HTTP_HEAD_DONE;
}

static enum http_event feed_head(struct http_parser *p, const char *data, size_t n, size_t *used)
{
	size_t start = 0;
	if (!p->seen && !skip_lead(p, data, n, &start)) return *used = start, fail(p);
	for (size_t i = start; i < n; i++) {
		bool whole = head_step(p, (unsigned char)data[i]);
		*used = i + 1;
		if (p->fault.err) return fail(p);
		if (!whole) continue;
		struct str piece = { data + start, i + 1 - start };
		if (!p->gathered.n) return read_head(p, piece);
		buf_add_str(&p->gathered, piece);
		return read_head(p, buf_str(&p->gathered));
	}
	if (n > start) buf_add(&p->gathered, data + start, n - start);
	*used = n;
	return HTTP_NEED_MORE;
}

static enum http_event feed_sized(struct http_parser *p, const char *data, size_t n, size_t *used, struct str *body)
{
	if (!n) return HTTP_NEED_MORE;
	size_t piece = p->left < (int64_t)n ? (size_t)p->left : n;
	*body = (struct str){ data, piece };
	*used = piece;
	p->left -= (int64_t)piece;
	if (!p->left) p->state = DONE;
	return HTTP_BODY;
}

static enum http_event feed_chunked(struct http_parser *p, const char *data, size_t n, size_t *used, struct str *body)
{
	enum http_event event = http_chunked_feed(&p->chunked, data, n, used, body, &p->fault);
	if (event == HTTP_DONE) p->state = DONE;
	return event == HTTP_FAILED ? fail(p) : event;
}

enum http_event http_parser_feed(struct http_parser *p, const char *data, size_t n, size_t *used, struct str *body)
{
	*used = 0;
	*body = STR_NONE;
	switch (p->state) {
	case HEAD: return feed_head(p, data, n, used);
	case BODY: return p->head.chunked ? feed_chunked(p, data, n, used, body) : feed_sized(p, data, n, used, body);
	case DONE: return HTTP_DONE;
	case FAILED: break;
	}
	return HTTP_FAILED;
}
