/* What a parser says about some bytes, written down: the same however the bytes are cut. For tests and fuzzing. */
#ifndef LINNET_TESTS_HTTP_TRANSCRIPT_H
#define LINNET_TESTS_HTTP_TRANSCRIPT_H
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "proto/http1.h"

static inline void transcript_head(struct buf *out, const struct http_head *h)
{
	buf_printf(out, "%s %d target=" STR_FMT " path=" STR_FMT, http_method_name(h->method), h->minor, STR_ARG(h->target),
			   STR_ARG(h->path));
	if (h->query.p) buf_printf(out, " query=" STR_FMT, STR_ARG(h->query));
	if (h->host.p) buf_printf(out, " host=" STR_FMT, STR_ARG(h->host));
	if (h->length >= 0) buf_printf(out, " length=%lld", (long long)h->length);
	buf_printf(out, "%s%s%s%s%s", h->keep_alive ? " keep" : "", h->expect_continue ? " expect" : "",
			   h->chunked ? " chunked" : "", h->has_body ? " body" : "", h->upgrade_websocket ? " websocket" : "");
	for (size_t i = 0; i < h->n_headers; i++)
		buf_printf(out, "|" STR_FMT "=" STR_FMT, STR_ARG(h->headers[i].name), STR_ARG(h->headers[i].value));
	buf_add_byte(out, '\n');
}

/* Feeds `step` bytes at a time (0: all at once), as copies of just that size, so that reading past them shows. Goes on
 * with the next request after each DONE; returns the error, OK when none. *taken: bytes used. */
static inline enum err transcript(struct buf *out, const struct http_limits *limits, const char *p, size_t n,
								  size_t step, size_t *taken)
{
	struct http_parser *parser = http_parser_create(limits);
	struct arena arena;
	enum err err = OK;
	bool in_body = false;
	size_t at = 0;
	arena_init(&arena);
	http_parser_reset(parser, &arena);
	while (at <= n && !err) {
		size_t piece = step && step < n - at ? step : n - at, used;
		char *copy = piece ? mem_dup(p + at, piece) : NULL;
		struct str body;
		enum http_event event = http_parser_feed(parser, copy, piece, &used, &body);
		if (in_body && event != HTTP_BODY && event != HTTP_NEED_MORE) buf_add_byte(out, '\n'), in_body = false;
		switch (event) {
		case HTTP_NEED_MORE: break;
		case HTTP_HEAD_DONE: transcript_head(out, http_parser_head(parser)); break;
		case HTTP_BODY:
			if (!in_body) buf_add_str(out, STR("body "));
			buf_add_str(out, body);
			in_body = true;
			break;
		case HTTP_DONE:
			buf_add_str(out, STR("done\n"));
			arena_release(&arena);
			http_parser_reset(parser, &arena);
			break;
		case HTTP_FAILED: {
			const char *detail;
			err = http_parser_error(parser, &detail);
			buf_printf(out, "%d %s\n", err_row(err)->status, detail);
			break;
		}
		}
		at += used;
		mem_free(copy);
		if (at == n && event == HTTP_NEED_MORE) break;
	}
	if (in_body) buf_add_byte(out, '\n');
	if (!err) buf_printf(out, "%s\n", http_parser_idle(parser) ? "idle" : "more");
	*taken = at;
	http_parser_destroy(parser);
	arena_release(&arena);
	return err;
}
#endif
