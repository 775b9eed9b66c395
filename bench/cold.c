/* Blocking reads on one socket: what is timed goes from the connect to the last byte that a client waits for. Nothing
 * is compressed, so bytes are those of the frames. The first person of the file comes and goes, the second one writes
 * what is missed, one message in each of the channels that cursors are sent for in turn. */
#include "cold.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/random.h"
#include "measure.h"
#include "result.h"
#include "subscriber.h"
#include "wire.h"

#define CURSORS_MOST 100 /* as --cursors allows */
#define TIMES_LEAST 3

struct stream { /* of a channel, as `ready` told it last */
	int64_t id, rev;
	char at[32];
};
struct socket {
	int fd;
	char *in;
	size_t n, cap, taken; /* taken: of a frame that was given out */
	int64_t bytes;        /* of frames */
};
struct cold {
	const struct options *o;
	struct members members;
	struct http http; /* pages and messages */
	struct random_seeded random;
	struct stream streams[CURSORS_MOST];
	size_t n_streams;
	int64_t channels, user_rev; /* rows in all parts of `ready` */
	char epoch[32];
	struct socket socket;
};

/* ---- the socket */

static void more(struct socket *s)
{
	if (s->n == s->cap) s->in = mem_resize(s->in, s->cap = s->cap ? 2 * s->cap : 1 << 17);
	ssize_t k = recv(s->fd, s->in + s->n, s->cap - s->n, 0);
	if (k <= 0) fail("the socket was closed: %s", k ? strerror(errno) : "end");
	s->n += (size_t)k;
}

static void drop(struct socket *s, size_t n)
{
	memmove(s->in, s->in + n, s->n - n);
	s->n -= n;
}

/* Of text; lives until the next call. */
static struct str frame_next(struct socket *s)
{
	struct frame f;
	drop(s, s->taken);
	s->taken = 0;
	while (!frame_parse(s->in, s->n, &f)) more(s);
	if (f.opcode != WS_TEXT) fail("opcode %d instead of a text", (int)f.opcode);
	s->taken = f.n;
	s->bytes += (int64_t)f.n;
	return f.payload;
}

static void socket_open(struct socket *s, int port, const char *token)
{
	struct answer a;
	s->fd = wire_connect(port);
	s->n = s->taken = 0, s->bytes = 0;
	upgrade_ask(s->fd, "/ws", token, false);
	do more(s);
	while (!answer_parse(s->in, s->n, &a));
	upgrade_judge(&a, false);
	drop(s, a.n);
}

static bool op_is(const json_t *frame, const char *op)
{
	const char *text = json_string_value(json_object_get(frame, "op"));
	return text && !strcmp(text, op);
}

static json_t *json_next(struct socket *s)
{
	json_t *frame;
	struct str text = frame_next(s);
	if (json_read(text, &frame, NULL)) fail("no JSON: " STR_FMT, STR_ARG(text));
	if (op_is(frame, "error") || op_is(frame, "reset")) fail("an answer: " STR_FMT, STR_ARG(text));
	return frame;
}

/* ---- hello */

static void hello_say(struct cold *c, size_t cursors)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "{\"op\":\"hello\"");
	if (cursors) buf_printf(&b, ",\"epoch\":\"%s\",\"user_rev\":%lld", c->epoch, (long long)c->user_rev);
	buf_printf(&b, ",\"cursors\":{");
	for (size_t i = 0; i < cursors; i++)
		buf_printf(&b, "%s\"%lld\":[%lld,\"%s\"]", i ? "," : "", (long long)c->streams[i].id,
				   (long long)c->streams[i].rev, c->streams[i].at);
	buf_printf(&b, "}}");
	frame_send(c->socket.fd, WS_TEXT, buf_str(&b));
	buf_release(&b);
}

static void row_take(struct cold *c, const json_t *row)
{
	int64_t id = json_integer_value(json_object_get(row, "id"));
	const char *at = json_string_value(json_object_get(row, "rev_at"));
	c->channels++;
	if (!id || !at || c->n_streams == (size_t)c->o->cursors) return;
	struct stream *s = &c->streams[c->n_streams++];
	s->id = id, s->rev = json_integer_value(json_object_get(row, "rev"));
	snprintf(s->at, sizeof s->at, "%s", at);
}

/* All parts; cold: their rows are kept. */
static void ready_wait(struct cold *c, bool cold)
{
	bool last = false;
	while (!last) {
		json_t *frame = json_next(&c->socket);
		size_t i;
		const json_t *row;
		if (!op_is(frame, "ready")) fail("something before ready");
		if (cold) json_array_foreach(json_object_get(frame, "channels"), i, row) row_take(c, row);
		last = !json_is_true(json_object_get(frame, "more"));
		if (last) c->user_rev = json_integer_value(json_object_get(frame, "user_rev"));
		if (last) snprintf(c->epoch, sizeof c->epoch, "%s", json_string_value(json_object_get(frame, "epoch")));
		json_decref(frame);
	}
}

static int64_t synced_wait(struct cold *c, size_t streams)
{
	int64_t events = 0;
	while (streams) {
		json_t *frame = json_next(&c->socket);
		events += op_is(frame, "event");
		streams -= op_is(frame, "synced");
		json_decref(frame);
	}
	return events;
}

/* ---- over HTTP */

static size_t page_read(struct cold *c, int64_t channel_id)
{
	char path[64];
	struct answer a;
	snprintf(path, sizeof path, "/channels/%lld/messages?limit=50", (long long)channel_id);
	http_ask(&c->http, "GET", path, c->members.tokens[0], STR_NONE);
	http_wait(&c->http, &a);
	if (a.status != 200) fail("%s was answered %d: " STR_FMT, path, a.status, STR_ARG(a.body));
	return a.body.n;
}

static void message_send(struct cold *c, int64_t channel_id)
{
	char path[64], nonce[UUID_TEXT + 1], body[256], text[200];
	struct answer a;
	memset(text, 'x', sizeof text);
	uuid_make(&c->random.base, nonce);
	snprintf(path, sizeof path, "/channels/%lld/messages", (long long)channel_id);
	int n = snprintf(body, sizeof body, "{\"nonce\":\"%s\",\"body\":\"%.180s\"}", nonce, text);
	http_ask(&c->http, "POST", path, c->members.tokens[1], (struct str){ body, (size_t)n });
	http_wait(&c->http, &a);
	if (a.status != 201) fail("%s was answered %d: " STR_FMT, path, a.status, STR_ARG(a.body));
}

/* ---- what is measured */

static void result_begin(struct cold *c, struct result *r, const char *what)
{
	char label[64];
	snprintf(label, sizeof label, "%s/%s", c->o->label, what);
	result_open(r, "cold", label);
	result_int(r, "channels", c->channels);
}

/* The medians of some times: each is like the others but for the time that it takes. */
static void cold_starts(struct cold *c, struct hist *ready, struct hist *page, size_t times)
{
	struct result r;
	int64_t bytes = 0;
	size_t page_bytes = 0;
	for (size_t i = 0; i < times; i++) {
		c->n_streams = 0, c->channels = 0;
		int64_t begun = now_ns();
		socket_open(&c->socket, (int)c->o->port, c->members.tokens[0]);
		hello_say(c, 0);
		ready_wait(c, true);
		hist_add(ready, now_ns() - begun);
		bytes = c->socket.bytes;
		if (!c->n_streams) fail("a person without channels");
		page_bytes = page_read(c, c->streams[0].id);
		hist_add(page, now_ns() - begun);
		close(c->socket.fd);
	}
	result_begin(c, &r, "start");
	result_int(&r, "bytes", bytes);
	result_int(&r, "page_bytes", (int64_t)page_bytes);
	result_real(&r, "ready_ms", (double)hist_at(ready, 0.5) / 1e6);
	result_real(&r, "ms", (double)hist_at(page, 0.5) / 1e6);
	result_close(&r);
}

static void comebacks(struct cold *c, struct hist *ready, struct hist *synced, size_t times, int64_t missed)
{
	struct result r;
	int64_t bytes = 0, events = 0;
	for (int64_t i = 0; i < missed; i++) message_send(c, c->streams[(size_t)i % c->n_streams].id);
	for (size_t i = 0; i < times; i++) {
		int64_t begun = now_ns();
		socket_open(&c->socket, (int)c->o->port, c->members.tokens[0]);
		hello_say(c, c->n_streams);
		ready_wait(c, false);
		hist_add(ready, now_ns() - begun);
		events = synced_wait(c, c->n_streams);
		hist_add(synced, now_ns() - begun);
		bytes = c->socket.bytes;
		close(c->socket.fd);
		if (events != missed) fail("%lld events were replayed, %lld were missed", (long long)events, (long long)missed);
	}
	result_begin(c, &r, missed ? "missed" : "back");
	result_int(&r, "cursors", (int64_t)c->n_streams);
	result_int(&r, "missed", missed);
	result_int(&r, "bytes", bytes);
	result_real(&r, "ready_ms", (double)hist_at(ready, 0.5) / 1e6);
	result_real(&r, "ms", (double)hist_at(synced, 0.5) / 1e6);
	result_close(&r);
}

void cold_run(const struct options *o)
{
	struct hist first, second;
	struct cold c = { .o = o };
	size_t times = (size_t)(o->times < TIMES_LEAST ? TIMES_LEAST : o->times);
	members_read(&c.members, o->tokens, (size_t)o->skip, 2);
	random_seeded_init(&c.random, (uint64_t)now_ns());
	http_open(&c.http, (int)o->port);
	hist_reset(&first), hist_reset(&second);
	cold_starts(&c, &first, &second, times);
	hist_reset(&first), hist_reset(&second);
	comebacks(&c, &first, &second, times, 0);
	hist_reset(&first), hist_reset(&second);
	comebacks(&c, &first, &second, times, o->missed);
	http_close(&c.http);
	members_release(&c.members);
	mem_free(c.socket.in);
}
