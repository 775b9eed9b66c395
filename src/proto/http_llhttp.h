/* What llhttp finds in the head of a request. Apart from http1.h, since both have an HTTP_GET. */
#ifndef LINNET_PROTO_HTTP_LLHTTP_H
#define LINNET_PROTO_HTTP_LLHTTP_H
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct http_llhttp {
	const char *method;
	struct str target;
	int major, minor;
	bool sized, chunked;
	uint64_t length; /* when sized */
};
/* `header` is called for each header, with parts of `text`. False: llhttp refuses the head. */
bool http_llhttp_read(struct str text, struct http_llhttp *out,
					  void (*header)(void *arg, struct str name, struct str value), void *arg);
#endif
