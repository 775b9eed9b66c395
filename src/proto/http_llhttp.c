#include "proto/http_llhttp.h"

#include <llhttp.h>

struct reading {
	struct http_llhttp *out;
	struct str name, value;
	void (*header)(void *arg, struct str name, struct str value);
	void *arg;
	bool complete;
};

/* Spans may come in pieces; they lie side by side, since the head does. */
static int extend(struct str *span, const char *at, size_t n)
{
	if (!span->p) span->p = at;
	span->n = (size_t)(at - span->p) + n;
	return 0;
}

static int on_url(llhttp_t *l, const char *at, size_t n)
{
	struct reading *r = l->data;
	return extend(&r->out->target, at, n);
}

static int on_header_field(llhttp_t *l, const char *at, size_t n)
{
	struct reading *r = l->data;
	return extend(&r->name, at, n);
}

static int on_header_value(llhttp_t *l, const char *at, size_t n)
{
	struct reading *r = l->data;
	return extend(&r->value, at, n);
}

static int on_header_value_complete(llhttp_t *l)
{
	struct reading *r = l->data;
	r->header(r->arg, r->name, r->value);
	r->name = r->value = STR_NONE;
	return 0;
}

static int on_headers_complete(llhttp_t *l)
{
	struct reading *r = l->data;
	struct http_llhttp *out = r->out;
	out->method = llhttp_method_name((llhttp_method_t)l->method);
	out->major = l->http_major;
	out->minor = l->http_minor;
	out->sized = l->flags & F_CONTENT_LENGTH;
	out->chunked = l->flags & F_CHUNKED;
	out->length = l->content_length;
	r->complete = true;
	return 2; /* it shall look for no body and stop here */
}

bool http_llhttp_read(struct str text, struct http_llhttp *out,
					  void (*header)(void *arg, struct str name, struct str value), void *arg)
{
	static const llhttp_settings_t settings = {
		.on_url = on_url,
		.on_header_field = on_header_field,
		.on_header_value = on_header_value,
		.on_header_value_complete = on_header_value_complete,
		.on_headers_complete = on_headers_complete,
	};
	*out = (struct http_llhttp){ .target = STR_NONE };
	struct reading r = { .out = out, .header = header, .arg = arg };
	llhttp_t l;
	llhttp_init(&l, HTTP_REQUEST, &settings);
	l.data = &r;
	enum llhttp_errno e = llhttp_execute(&l, text.p, text.n);
	return e == HPE_PAUSED_UPGRADE && r.complete && llhttp_get_error_pos(&l) == text.p + text.n;
}
