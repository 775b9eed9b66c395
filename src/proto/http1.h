/* HTTP/1.1 requests (RFC 9112), bytes in, structs out, no I/O. A scanner of ours decides and refuses what one llhttp
 * version or another lets pass: bare CR or LF, obs-fold, empty header names, a blank before the colon,
 * Transfer-Encoding in HTTP/1.0, other versions than 1.0 and 1.1, Content-Length twice or beside Transfer-Encoding, no
 * (in 1.1) or two Host, NUL. llhttp then reads the same head, and must find the same in it. Streaming: after the head
 * the body comes in pieces; chunked framing is ours, trailers and extensions are bounded and dropped.
 *
 * A path with an encoded slash, a NUL, or a segment "." or ".." is refused. An absolute target gives path, query and
 * host; "*" comes with OPTIONS only, and path is "*" then. */
#ifndef LINNET_PROTO_HTTP1_H
#define LINNET_PROTO_HTTP1_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHODS };
const char *http_method_name(enum http_method m);

struct http_header {
	struct str name, value; /* value without the blanks around it */
};
struct http_limits {
	size_t head;    /* the request line and all headers, 16 KiB: ERR_HEADERS_TOO_LARGE */
	size_t target;  /* 8 KiB: ERR_URI_TOO_LONG */
	size_t headers; /* how many: ERR_HEADERS_TOO_LARGE */
};
/* The head of a request; strings live in the arena given to http_parser_reset(). */
struct http_head {
	enum http_method method;
	struct str target; /* as sent */
	struct str path;   /* decoded: no NUL, valid escapes, well-formed UTF-8, "/" first */
	struct str query;  /* not decoded, without '?'; STR_NONE when there is none */
	int minor;         /* 0 or 1 */
	struct http_header *headers;
	size_t n_headers;
	struct str host;
	bool keep_alive, expect_continue, chunked;
	bool has_body;          /* a body follows: chunked, or a length over 0 */
	int64_t length;         /* Content-Length; -1: none */
	bool upgrade_websocket; /* Connection: upgrade and Upgrade: websocket, GET, 1.1 */
};
struct str http_header_get(const struct http_head *h, const char *name); /* the first; STR_NONE */
bool http_header_has_token(const struct http_head *h, const char *name,
						   const char *token); /* in a comma list, any line */
/* The decoded value of a query parameter ('+' is a blank); STR_NONE: absent. *ok false: a bad escape, NUL or UTF-8. */
struct str http_query_get(struct arena *a, struct str query, const char *name, bool *ok);
/* The decoded name of the next parameter, taken out of *query; STR_NONE: badly escaped. False: there is none. */
bool http_query_next(struct arena *a, struct str *query, struct str *name);
/* A cookie's value (RFC 6265, 4.2.1) over all Cookie headers; STR_NONE. */
struct str http_cookie_get(const struct http_head *h, const char *name);

struct http_parser;
enum http_event {
	HTTP_NEED_MORE, /* all bytes were taken */
	HTTP_HEAD_DONE, /* http_parser_head(); then call again for the body */
	HTTP_BODY,      /* *body holds a piece, valid until the next call */
	HTTP_DONE,  /* the request is whole; feed no more before http_parser_reset(): what follows is the next request */
	HTTP_FAILED /* http_parser_error(); the connection cannot go on */
};
struct http_parser *http_parser_create(const struct http_limits *limits);
void http_parser_destroy(struct http_parser *p);
void http_parser_reset(struct http_parser *p, struct arena *arena); /* before each request */
/* Takes bytes up to the next event: *used tells how many of n. */
enum http_event http_parser_feed(struct http_parser *p, const char *data, size_t n, size_t *used, struct str *body);
const struct http_head *http_parser_head(const struct http_parser *p);
enum err http_parser_error(const struct http_parser *p, const char **detail);
bool http_parser_idle(const struct http_parser *p); /* between requests, nothing of the next one seen */
#endif
