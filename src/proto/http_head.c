/* The scanner: it alone decides what is a request, so that every version of llhttp gives the same verdicts. Line by
 * line; framing is judged when all headers are known. */
#include <string.h>

#include "base/arena.h"
#include "proto/http_parts.h"

static bool token_byte(unsigned char c)
{
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return true;
	if (c >= '0' && c <= '9') return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool http_is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!token_byte((unsigned char)s.p[i])) return false;
	return s.n > 0;
}

/* A CR is always the end of a line here. */
static struct str take_line(struct str *rest)
{
	const char *end = memchr(rest->p, '\r', rest->n);
	struct str line = { rest->p, (size_t)(end - rest->p) };
	*rest = str_from(*rest, line.n + 2);
	return line;
}

/* ---- the request line */
static bool read_version(struct str v, struct http_head *out, struct http_fault *fault)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) || v.p[5] < '0' || v.p[5] > '9' || v.p[6] != '.' || v.p[7] < '0' ||
		v.p[7] > '9')
		return http_refuse(fault, ERR_MALFORMED, "the request line does not end in a version of HTTP");
	if (v.p[5] != '1' || v.p[7] > '1')
		return http_refuse(fault, ERR_VERSION_NOT_SUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken");
	out->minor = v.p[7] - '0';
	return true;
}

static bool read_method(struct str name, struct http_head *out, struct http_fault *fault)
{
	for (int m = 0; m < HTTP_METHODS; m++) {
		out->method = (enum http_method)m;
		if (str_eq(name, str_of(http_method_name(out->method)))) return true;
	}
	return http_refuse(fault, ERR_NOT_IMPLEMENTED, "this method is not known");
}

static bool read_request_line(struct str line, const struct http_limits *limits, struct arena *a, struct http_head *out,
							  struct http_fault *fault)
{
	struct str method, target;
	if (!str_split(&line, ' ', &method) || !http_is_token(method))
		return http_refuse(fault, ERR_MALFORMED, "the request line does not begin with a method");
	if (!str_split(&line, ' ', &target) || !target.n || !line.p)
		return http_refuse(fault, ERR_MALFORMED, "the request line is not a method, a target and a version");
	if (!read_version(line, out, fault) || !read_method(method, out, fault)) return false;
	if (target.n > limits->target) return http_refuse(fault, ERR_URI_TOO_LONG, "the target is too long");
	return http_target_read(target, a, out, fault);
}

/* ---- headers */
static size_t count_lines(struct str s)
{
	size_t n = 0;
	for (const char *p = s.p, *end = s.p + s.n; (p = memchr(p, '\n', (size_t)(end - p))); p++) n++;
	return n;
}

static bool read_header(struct str line, struct http_header *out, struct http_fault *fault)
{
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return http_refuse(fault, ERR_MALFORMED, "a header is folded over several lines");
	const char *colon = memchr(line.p, ':', line.n);
	if (!colon) return http_refuse(fault, ERR_MALFORMED, "a header has no colon");
	out->name = str_upto(line, (size_t)(colon - line.p));
	out->value = str_trim(str_from(line, out->name.n + 1));
	if (!http_is_token(out->name)) return http_refuse(fault, ERR_MALFORMED, "a header has a name that is none");
	return true;
}

static bool read_headers(struct str rest, const struct http_limits *limits, struct arena *a, struct http_head *out,
						 struct http_fault *fault)
{
	size_t n = count_lines(rest) - 1; /* but for the empty line at the end */
	if (n > limits->headers) return http_refuse(fault, ERR_HEADERS_TOO_LARGE, "too many headers");
	out->headers = arena_array(a, struct http_header, n ? n : 1);
	for (; out->n_headers < n; out->n_headers++)
		if (!read_header(take_line(&rest), &out->headers[out->n_headers], fault)) return false;
	return true;
}

/* ---- what the headers mean for the request's framing */
static size_t count_named(const struct http_head *h, const char *name)
{
	size_t n = 0;
	for (size_t i = 0; i < h->n_headers; i++) n += str_eq_nocase(h->headers[i].name, str_of(name));
	return n;
}

static bool read_host(struct http_head *out, struct http_fault *fault)
{
	size_t n = count_named(out, "host");
	if (n > 1) return http_refuse(fault, ERR_MALFORMED, "Host stands twice");
	if (!n && out->minor == 1) return http_refuse(fault, ERR_MALFORMED, "Host is needed");
	if (!n) return true;
	struct str host = http_header_get(out, "host");
	if (!http_authority_valid(host)) return http_refuse(fault, ERR_MALFORMED, "Host is not a host");
	if (!out->host.p) out->host = host; /* that of an absolute target goes before (RFC 9112, 3.2.2) */
	return true;
}

static bool read_coding(struct http_head *out, struct http_fault *fault)
{
	struct str rest = http_header_get(out, "transfer-encoding"), part = STR_NONE;
	if (out->minor == 0) return http_refuse(fault, ERR_MALFORMED, "HTTP/1.0 has no Transfer-Encoding");
	if (count_named(out, "transfer-encoding") > 1)
		return http_refuse(fault, ERR_MALFORMED, "Transfer-Encoding stands twice");
	if (str_eq_nocase(rest, STR("chunked"))) return out->chunked = true;
	while (str_split(&rest, ',', &part))
		if (!http_is_token(str_trim(part)))
			return http_refuse(fault, ERR_MALFORMED, "Transfer-Encoding is not a list of codings");
	return http_refuse(fault, ERR_NOT_IMPLEMENTED, "the one transfer coding that is known is chunked");
}

static bool read_length(struct http_head *out, struct http_fault *fault)
{
	struct str text = http_header_get(out, "content-length");
	if (count_named(out, "content-length") > 1) return http_refuse(fault, ERR_MALFORMED, "Content-Length stands twice");
	if (!text.n) return http_refuse(fault, ERR_MALFORMED, "Content-Length is empty");
	while (text.n > 1 && text.p[0] == '0') text = str_from(text, 1);
	if (str_i64(text, 0, INT64_MAX, &out->length)) return true;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return http_refuse(fault, ERR_MALFORMED, "Content-Length is not a number");
	return http_refuse(fault, ERR_TOO_LARGE, "Content-Length is too large");
}

static bool read_framing(struct http_head *out, struct http_fault *fault)
{
	bool coded = http_header_get(out, "transfer-encoding").p, sized = http_header_get(out, "content-length").p;
	if (coded && sized) return http_refuse(fault, ERR_MALFORMED, "Content-Length and Transfer-Encoding stand together");
	if (coded && !read_coding(out, fault)) return false;
	if (sized && !read_length(out, fault)) return false;
	out->has_body = out->chunked || out->length > 0;
	return true;
}

static bool read_expect(struct http_head *out, struct http_fault *fault)
{
	if (out->minor == 0) return true; /* RFC 9110, 10.1.1: to be ignored */
	for (size_t i = 0; i < out->n_headers; i++) {
		if (!str_eq_nocase(out->headers[i].name, STR("expect"))) continue;
		if (!str_eq_nocase(out->headers[i].value, STR("100-continue")))
			return http_refuse(fault, ERR_EXPECTATION_FAILED, "the one expectation that is known is 100-continue");
		out->expect_continue = out->has_body;
	}
	return true;
}

static void read_connection(struct http_head *out)
{
	out->keep_alive = (out->minor == 1 || http_header_has_token(out, "connection", "keep-alive")) &&
					  !http_header_has_token(out, "connection", "close");
	out->upgrade_websocket = out->minor == 1 && out->method == HTTP_GET && !out->has_body &&
							 http_header_has_token(out, "connection", "upgrade") &&
							 http_header_has_token(out, "upgrade", "websocket");
}

bool http_head_read(struct str text, const struct http_limits *limits, struct arena *a, struct http_head *out,
					struct http_fault *fault)
{
	*out = (struct http_head){ .length = -1, .query = STR_NONE, .host = STR_NONE };
	struct str rest = text, line = take_line(&rest);
	if (!read_request_line(line, limits, a, out, fault) || !read_headers(rest, limits, a, out, fault) ||
		!read_host(out, fault) || !read_framing(out, fault) || !read_expect(out, fault))
		return false;
	read_connection(out);
	return true;
}
