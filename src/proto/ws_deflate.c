/* permessage-deflate (RFC 7692) without context takeover: every message is a stream of its own, so that one inflater
 * and one deflater do for all connections of a thread. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "proto/ws_parts.h"

#define WINDOW (-15)   /* the largest, raw */
#define MEMORY_LEVEL 6 /* a table that is cheap to clear for each message */
#define LEVEL 4
#define TAIL "\x00\x00\xFF\xFF" /* ends every message; is not sent (RFC 7692, 7.2.1) */
#define TAIL_N 4

struct ws_deflate {
	z_stream inflater, deflater;
	struct buf inflated;
	char *kept;
};

static void *take(void *arg, unsigned items, unsigned size)
{
	return mem_alloc(mem_times(items, size));
}
static void give(void *arg, void *p)
{
	mem_free(p);
}

struct ws_deflate *ws_deflate_create(void)
{
	struct ws_deflate *d = mem_new(struct ws_deflate);
	d->inflater.zalloc = d->deflater.zalloc = take;
	d->inflater.zfree = d->deflater.zfree = give;
	if (inflateInit2(&d->inflater, WINDOW) != Z_OK ||
		deflateInit2(&d->deflater, LEVEL, Z_DEFLATED, WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* only a zlib of another version says so */
	buf_init(&d->inflated);
	return d;
}

void ws_deflate_destroy(struct ws_deflate *d)
{
	if (!d) return;
	inflateEnd(&d->inflater);
	deflateEnd(&d->deflater);
	buf_release(&d->inflated);
	mem_free(d->kept);
	mem_free(d);
}

void ws_deflate_keep(struct ws_deflate *d, char *message)
{
	mem_free(d->kept);
	d->kept = message;
}

/* Inflates all of `in` behind what is there. A final block may be followed by others (7.2.3.4): a new stream begins. */
static int inflate_part(struct ws_deflate *d, struct str in, size_t most, bool *ended)
{
	z_stream *z = &d->inflater;
	z->next_in = (Bytef *)(uintptr_t)in.p;
	z->avail_in = (uInt)in.n;
	for (;;) {
		if (*ended && z->avail_in) *ended = false, inflateReset(z);
		size_t room = most + 1 - d->inflated.n; /* one byte over, to see that it is too much */
		if (room > 16384) room = 16384;
		z->next_out = (Bytef *)buf_reserve(&d->inflated, room);
		z->avail_out = (uInt)room;
		int result = *ended ? Z_BUF_ERROR : inflate(z, Z_SYNC_FLUSH);
		d->inflated.n += room - z->avail_out;
		if (d->inflated.n > most) return 1009;
		*ended = *ended || result == Z_STREAM_END;
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return 1007;
		if (!z->avail_in && (*ended || z->avail_out)) return 0;
	}
}

int ws_inflate(struct ws_deflate *d, struct str in, size_t most, struct str *out)
{
	bool ended = false;
	d->inflated.n = 0;
	*out = STR("");
	if (!in.n) return 0;
	inflateReset(&d->inflater);
	int fault = inflate_part(d, in, most, &ended);
	if (!fault && !ended) fault = inflate_part(d, (struct str){ TAIL, TAIL_N }, most, &ended);
	/* 128: just behind a block, not inside one that was cut off. */
	if (!fault && !ended && !(d->inflater.data_type & 128)) fault = 1007;
	if (!fault) *out = buf_str(&d->inflated);
	return fault;
}

bool ws_frame_add_deflated(struct buf *out, struct ws_deflate *d, struct str payload)
{
	z_stream *z = &d->deflater;
	if (payload.n < 2 || payload.n > INT32_MAX) return false;
	char *to = buf_reserve(out, WS_HEADER_MOST + payload.n + TAIL_N);
	size_t room = payload.n + TAIL_N; /* to fill it is to have gained nothing */
	deflateReset(z);
	z->next_in = (Bytef *)(uintptr_t)payload.p;
	z->avail_in = (uInt)payload.n;
	z->next_out = (Bytef *)to + WS_HEADER_MOST;
	z->avail_out = (uInt)room;
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || !z->avail_out) return false;
	size_t n = room - z->avail_out - TAIL_N;
	size_t header = ws_header(to, WS_TEXT, true, n, NULL);
	memmove(to + header, to + WS_HEADER_MOST, n);
	out->n += header + n;
	return true;
}
