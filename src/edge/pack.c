/* Compression of answers, where the client takes it and it pays. Runs on the lane that made the answer, or on the
 * reactor for what was made there. */
#include <zlib.h>

#include "base/mem.h"
#include "edge/http_conn.h"

#define LEVEL 4

/* The weight of one coding in Accept-Encoding: -1 not named, else 0 (refused) or 1. */
static int wants(struct str item, const char *coding)
{
	struct str name, parameter;
	if (!str_split(&item, ';', &name) || !str_eq_nocase(str_trim(name), str_of(coding))) return -1;
	while (str_split(&item, ';', &parameter)) {
		parameter = str_trim(parameter);
		if (!str_eq_nocase(str_upto(parameter, 2), STR("q="))) continue;
		for (size_t i = 2; i < parameter.n; i++)
			if (parameter.p[i] != '0' && parameter.p[i] != '.') return 1;
		return 0;
	}
	return 1;
}

static bool takes_gzip(const struct http_head *head)
{
	int gzip = -1, any = -1;
	for (size_t i = 0; i < head->n_headers; i++) {
		if (!str_eq_nocase(head->headers[i].name, STR("accept-encoding"))) continue;
		struct str rest = head->headers[i].value, item;
		while (str_split(&rest, ',', &item)) {
			int w = wants(item, "gzip"), all = wants(item, "*");
			if (w >= 0) gzip = w;
			if (all >= 0) any = all;
		}
	}
	return gzip >= 0 ? gzip : any > 0;
}

static bool compressible(const struct reply *r)
{
	struct str type = str_of(r->content_type ? r->content_type : "application/json");
	return !r->no_gzip && (str_starts(type, STR("application/json")) || str_starts(type, STR("text/")));
}

/* No larger a window than the text: zlib's own would cost 256 KiB for an answer of two. */
static int window_bits(size_t n)
{
	int bits = 9;
	while (bits < 15 && (size_t)1 << bits < n) bits++;
	return bits;
}

static bool compress_body(struct buf *body)
{
	z_stream z = { 0 };
	int bits = window_bits(body->n);
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, bits + 16, bits > 13 ? 8 : 6, Z_DEFAULT_STRATEGY) != Z_OK) return false;
	struct buf out;
	buf_init(&out);
	size_t room = deflateBound(&z, body->n);
	z.next_in = (Bytef *)body->p, z.avail_in = (uInt)body->n;
	z.next_out = (Bytef *)buf_reserve(&out, room), z.avail_out = (uInt)room;
	bool ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
	out.n = z.total_out;
	deflateEnd(&z);
	if (ok) {
		buf_release(body);
		*body = out;
	} else {
		buf_release(&out);
	}
	return ok;
}

struct chunk *reply_gzip(struct str text)
{
	struct buf b;
	struct chunk *c = NULL;
	buf_init(&b);
	buf_add_str(&b, text);
	if (compress_body(&b)) c = chunk_copy(b.p, b.n);
	buf_release(&b);
	return c;
}

void reply_shared(struct request *q, struct chunk *plain, struct chunk *gzip)
{
	struct request_core *core = q->core;
	core->packed = true;
	core->vary = gzip && plain->n >= q->pod->config->gzip_from;
	core->gzip = core->vary && takes_gzip(q->head);
	q->reply.shared = chunk_ref(core->gzip ? gzip : plain);
}

static bool unpack(const struct chunk *gzip, size_t n, struct buf *out)
{
	z_stream z = { 0 };
	if (inflateInit2(&z, 15 + 16) != Z_OK) return false;
	z.next_in = (Bytef *)gzip->p, z.avail_in = (uInt)gzip->n;
	z.next_out = (Bytef *)buf_reserve(out, n), z.avail_out = (uInt)n;
	bool ok = inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == n;
	out->n += z.total_out;
	inflateEnd(&z);
	return ok;
}

enum err reply_packed(struct request *q, struct chunk *gzip, size_t plain_n)
{
	struct request_core *core = q->core;
	core->packed = core->vary = true;
	core->gzip = takes_gzip(q->head);
	if (!core->gzip) return unpack(gzip, plain_n, &q->reply.body) ? OK : ERR_INTERNAL;
	q->reply.shared = chunk_ref(gzip);
	return OK;
}

void reply_pack(struct request *q)
{
	struct request_core *core = q->core;
	struct reply *r = &q->reply;
	if (core->packed) return;
	core->packed = true;
	if (r->shared || !q->head || !compressible(r) || (int64_t)r->body.n < q->pod->config->gzip_from) return;
	core->vary = true;
	core->gzip = takes_gzip(q->head) && compress_body(&r->body);
}
