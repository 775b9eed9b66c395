/* What http1.c is made of; for src/proto alone. */
#ifndef LINNET_PROTO_HTTP_PARTS_H
#define LINNET_PROTO_HTTP_PARTS_H
#include "proto/http1.h"

/* Why a request was refused. */
struct http_fault {
	enum err err;
	const char *detail;
};
/* Returns false, so that a refusal is one line. */
static inline bool http_refuse(struct http_fault *f, enum err err, const char *detail)
{
	*f = (struct http_fault){ err, detail };
	return false;
}

bool http_is_token(struct str s); /* RFC 9110, 5.6.2 */

/* Reads a whole head, request line to empty line, in which every CR stands before an LF and every LF behind a CR and
 * no other control than HTAB occurs. The strings of `out` point into `text`. */
bool http_head_read(struct str text, const struct http_limits *limits, struct arena *a, struct http_head *out,
					struct http_fault *fault);
/* llhttp reads the same bytes; false when it finds anything else than `head` says. */
bool http_head_agreed(struct str text, const struct http_head *head);

/* target, path, query and, for an absolute form, host of `out`. */
bool http_target_read(struct str target, struct arena *a, struct http_head *out, struct http_fault *fault);
bool http_authority_valid(struct str s); /* a host with or without a port */

/* ---- chunked bodies (RFC 9112, 7.1) */
struct http_chunked {
	uint8_t state, digits;
	uint64_t size;                 /* of this chunk; then what is still to come of it */
	uint32_t extensions, trailers; /* bytes so far */
};
/* HTTP_NEED_MORE, HTTP_BODY, HTTP_DONE or HTTP_FAILED. */
enum http_event http_chunked_feed(struct http_chunked *c, const char *data, size_t n, size_t *used, struct str *body,
								  struct http_fault *fault);
#endif
