/* Opening in windows: the server works on 64 handshakes at a time while we read one after the other. A server frame is
 * whole in one frame (it never fragments), so reading needs no state but the bytes of a frame that came in part. */
#include "subscriber.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "options.h"
#include "wire.h"

#define WINDOW 64
#define KEY "bGlubmV0IGJlbmNobWFyaw=="
#define FRAME_MOST (4 << 20)

static const uint8_t mask[4] = { 0x4c, 0x69, 0x6e, 0x6e };

void subscribers_init(struct subscribers *s, int port, bool offer_deflate, size_t most)
{
	*s = (struct subscribers){ .port = port, .offer_deflate = offer_deflate };
	s->all = mem_zalloc(most * sizeof *s->all);
}

void subscribers_release(struct subscribers *s)
{
	for (size_t i = 0; i < s->n; i++) {
		close(s->all[i].fd);
		mem_free(s->all[i].kept);
	}
	mem_free(s->all);
}

/* ---- frames */
int frame_parse(const char *p, size_t n, struct frame *f)
{
	const uint8_t *b = (const uint8_t *)p;
	if (n < 2) return 0;
	size_t head = 2;
	uint64_t length = b[1] & 0x7f;
	if ((b[0] & 0xb0) != 0x80 || (b[1] & 0x80))
		fail("a frame that is fragmented, masked or reserved: %02x %02x", b[0], b[1]);
	if (length == 126) {
		if (n < 4) return 0;
		length = (uint64_t)b[2] << 8 | b[3], head = 4;
	} else if (length == 127) {
		if (n < 10) return 0;
		for (length = 0, head = 2; head < 10; head++) length = length << 8 | b[head];
	}
	if (length > FRAME_MOST) fail("a frame of %llu bytes", (unsigned long long)length);
	if (n - head < length) return 0;
	*f = (struct frame){ b[0] & 15, (b[0] & 0x40) != 0, { p + head, (size_t)length }, head + (size_t)length };
	return 1;
}

void frame_send(int fd, enum ws_opcode opcode, struct str payload)
{
	struct buf out;
	buf_init(&out);
	ws_frame_add_masked(&out, opcode, payload, mask);
	wire_send(fd, out.p, out.n);
	buf_release(&out);
}

void subscriber_pong(struct subscriber *s, struct str payload)
{
	frame_send(s->fd, WS_PONG, payload);
}

/* ---- the upgrade */
void upgrade_ask(int fd, const char *path, const char *token, bool deflate)
{
	char out[2048];
	int n = snprintf(out, sizeof out,
					 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
					 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
					 "\r\nSec-WebSocket-Protocol: linnet.v1\r\n%s%s%s%s\r\n",
					 path, token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
					 deflate ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
							   "client_no_context_takeover\r\n"
							 : "");
	if ((size_t)n >= sizeof out) fail("a token is too long");
	wire_send(fd, out, (size_t)n);
}

void upgrade_judge(const struct answer *a, bool deflate)
{
	char accept[29];
	if (a->status != 101) fail("the upgrade was answered %d: " STR_FMT, a->status, STR_ARG(a->body));
	ws_accept_key(STR(KEY), accept);
	if (!str_eq(answer_header(a, "sec-websocket-accept"), str_of(accept))) fail("a wrong Sec-WebSocket-Accept");
	struct str extensions = answer_header(a, "sec-websocket-extensions");
	if (deflate != str_starts(extensions, STR("permessage-deflate")))
		fail("permessage-deflate was %soffered and %sagreed", deflate ? "" : "not ", extensions.p ? "" : "not ");
}

static size_t read_some(int fd, char *p, size_t n)
{
	ssize_t k = recv(fd, p, n, 0);
	if (k == 0) fail("the server closed a WebSocket");
	if (k < 0) fail("a WebSocket: %s", errno == EAGAIN ? "nothing within 20 s" : strerror(errno));
	return (size_t)k;
}

/* Reads the answer byte-exact from a blocking socket; what came behind it stays in s->kept. */
static void upgrade_wait(struct subscriber *s, bool deflate)
{
	static char in[65536];
	struct answer a;
	size_t n = 0;
	do {
		if (n == sizeof in) fail("the answer to an upgrade is too long");
		n += read_some(s->fd, in + n, sizeof in - n);
	} while (!answer_parse(in, n, &a));
	upgrade_judge(&a, deflate);
	s->upgraded = true;
	s->kept_n = (uint32_t)(n - a.n);
	if (s->kept_n) s->kept = mem_dup(in + a.n, s->kept_n);
}

int subscriber_upgrade(int port, const char *path)
{
	struct subscriber s = { .fd = wire_connect(port) };
	upgrade_ask(s.fd, path, NULL, false);
	upgrade_wait(&s, false);
	if (s.kept_n) fail("bytes behind an answer");
	return s.fd;
}

/* ---- ready */
/* The text of a frame, inflated into a static buffer if need be. */
static struct str frame_text(const struct frame *f)
{
	static char out[FRAME_MOST];
	static const uint8_t tail[4] = { 0, 0, 0xff, 0xff };
	if (!f->compressed) return f->payload;
	z_stream z = { .next_in = (Bytef *)(uintptr_t)f->payload.p,
				   .avail_in = (uInt)f->payload.n,
				   .next_out = (Bytef *)out,
				   .avail_out = sizeof out };
	if (inflateInit2(&z, -15) != Z_OK) fail("zlib");
	int e = inflate(&z, Z_SYNC_FLUSH);
	if (e == Z_OK || e == Z_BUF_ERROR)
		z.next_in = (Bytef *)(uintptr_t)tail, z.avail_in = 4, e = inflate(&z, Z_SYNC_FLUSH);
	if (e != Z_OK && e != Z_BUF_ERROR && e != Z_STREAM_END) fail("a compressed frame that is none");
	inflateEnd(&z);
	return (struct str){ out, z.total_out };
}

/* True when this frame ends the answer to hello. */
static bool frame_is_ready(const struct frame *f)
{
	if (f->opcode == WS_CLOSE)
		fail("the server closed a WebSocket after hello: code %d",
			 f->payload.n < 2 ? 1005 : (uint8_t)f->payload.p[0] << 8 | (uint8_t)f->payload.p[1]);
	if (f->opcode != WS_TEXT) return false;
	struct str t = frame_text(f);
	if (str_starts(t, STR("{\"op\":\"error\""))) fail("hello: " STR_FMT, STR_ARG(t));
	return str_starts(t, STR("{\"op\":\"ready\"")) && !memmem(t.p, t.n, "\"more\":true", 11);
}

/* Takes whole frames off the kept bytes until `ready` was among them. */
static void kept_take(struct subscriber *s)
{
	size_t at = 0;
	struct frame f;
	while (!s->ready && frame_parse(s->kept + at, s->kept_n - at, &f)) {
		if (f.opcode == WS_PING) subscriber_pong(s, f.payload);
		s->ready = frame_is_ready(&f);
		at += f.n;
	}
	s->kept_n -= (uint32_t)at;
	memmove(s->kept, s->kept + at, s->kept_n);
}

static void ready_wait(struct subscriber *s)
{
	static char in[65536];
	if (s->kept_n) kept_take(s);
	while (!s->ready) {
		size_t n = read_some(s->fd, in, sizeof in);
		s->kept = mem_resize(s->kept, s->kept_n + n);
		memcpy(s->kept + s->kept_n, in, n);
		s->kept_n += (uint32_t)n;
		kept_take(s);
	}
	s->kept = s->kept_n ? mem_resize(s->kept, s->kept_n) : (mem_free(s->kept), NULL);
	wire_nonblocking(s->fd);
}

static void open_window(struct subscribers *s, const char *const *tokens, size_t n)
{
	struct subscriber *w = s->all + s->n;
	for (size_t i = 0; i < n; i++) {
		w[i] = (struct subscriber){ .fd = wire_connect(s->port) };
		upgrade_ask(w[i].fd, "/ws", tokens ? tokens[i] : NULL, s->offer_deflate);
	}
	for (size_t i = 0; i < n; i++) {
		upgrade_wait(&w[i], s->offer_deflate);
		frame_send(w[i].fd, WS_TEXT, STR("{\"op\":\"hello\",\"cursors\":{}}"));
	}
	for (size_t i = 0; i < n; i++) ready_wait(&w[i]);
	s->n += n;
}

void subscribers_open(struct subscribers *s, const char *const *tokens, size_t n)
{
	for (size_t at = 0; at < n; at += WINDOW)
		open_window(s, tokens ? tokens + at : NULL, n - at < WINDOW ? n - at : WINDOW);
}
