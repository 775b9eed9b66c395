#include "crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "options.h"
#include "proto/json.h"
#include "subscriber.h"
#include "tally.h"
#include "wire.h"

#define READ_BUFFER (1 << 20)
#define EVENTS 512
#define BODY_MOST 4000

void crowd_init(struct crowd *c, const char *const *tokens, size_t n)
{
	*c = (struct crowd){ .n = n, .epoll = epoll_create1(EPOLL_CLOEXEC), .in = mem_alloc(READ_BUFFER) };
	c->all = mem_zalloc(n * sizeof *c->all);
	random_seeded_init(&c->random, (uint64_t)now_ns());
	for (size_t i = 0; i < n; i++) c->all[i].token = tokens[i], c->all[i].fd = -1;
}

void crowd_release(struct crowd *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->all[i].fd >= 0) close(c->all[i].fd);
		mem_free(c->all[i].places);
		mem_free(c->all[i].kept);
	}
	close(c->epoll);
	mem_free(c->all);
	mem_free(c->in);
}

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	return (x->channel_id > y->channel_id) - (x->channel_id < y->channel_id);
}

struct place *person_place(const struct person *p, int64_t channel_id)
{
	struct place key = { .channel_id = channel_id };
	return p->n_places ? bsearch(&key, p->places, p->n_places, sizeof key, place_order) : NULL;
}

/* ---- opening */
void crowd_open(struct crowd *c, struct person *p, int port)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = p };
	p->port = port;
	p->fd = wire_connecting(port);
	p->state = PERSON_CONNECTING;
	p->begun_ns = now_ns();
	c->opening++;
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, p->fd, &e)) fail("epoll_ctl: %s", strerror(errno));
}

static void connected(struct person *p)
{
	int error = 0;
	socklen_t n = sizeof error;
	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n) || error) fail("connect: %s", strerror(error));
	upgrade_ask(p->fd, "/ws", p->token, false);
	p->state = PERSON_UPGRADING;
}

static void hello(const struct crowd *c, struct person *p)
{
	struct buf out;
	buf_init(&out);
	buf_printf(&out, "{\"op\":\"hello\"");
	if (p->known) buf_printf(&out, ",\"epoch\":\"%s\",\"user_rev\":%lld", c->epoch, (long long)p->user_rev);
	buf_printf(&out, ",\"cursors\":{");
	for (size_t i = 0; p->known && i < p->n_places; i++) {
		const struct place *at = &p->places[i];
		buf_printf(&out, "%s\"%lld\":[%lld,\"%s\"]", i ? "," : "", (long long)at->channel_id, (long long)at->rev,
				   at->at);
	}
	buf_printf(&out, "}}");
	frame_send(p->fd, WS_TEXT, buf_str(&out));
	buf_release(&out);
	p->unsynced = p->known ? p->n_places : 0;
	p->state = PERSON_GREETING;
}

/* ---- frames */
/* Of one who comes back only rows whose own part has changed are listed: the streams go on from the cursors. */
static void row_take(struct person *p, const json_t *row)
{
	struct place to = { .channel_id = json_integer_value(json_object_get(row, "id")),
						.rev = json_integer_value(json_object_get(row, "rev")) };
	const char *at = json_string_value(json_object_get(row, "rev_at"));
	if (p->known ? !person_place(p, to.channel_id) : !at)
		fail("a channel that was not there before: %lld", (long long)to.channel_id);
	if (p->known) return;
	snprintf(to.at, sizeof to.at, "%s", at);
	p->places[p->n_places++] = to;
}

static void rows_take(struct person *p, const json_t *rows)
{
	size_t i;
	const json_t *row;
	p->places = mem_resize(p->places, (p->n_places + json_array_size(rows) + 1) * sizeof *p->places);
	json_array_foreach(rows, i, row) row_take(p, row);
}

static void synced(struct crowd *c, const struct person *p)
{
	if (p->state != PERSON_READY || p->unsynced) return;
	c->synced++;
	hist_add(&c->to_synced, now_ns() - p->begun_ns);
}

static void ready_take(struct crowd *c, struct person *p, struct str text)
{
	json_t *ready;
	if (p->state != PERSON_GREETING || json_read(text, &ready, NULL)) fail("a ready: " STR_FMT, STR_ARG(text));
	rows_take(p, json_object_get(ready, "channels"));
	if (json_array_size(json_object_get(ready, "gone"))) fail("channels are gone: " STR_FMT, STR_ARG(text));
	bool more = json_is_true(json_object_get(ready, "more"));
	if (!more) {
		snprintf(c->epoch, sizeof c->epoch, "%s", json_string_value(json_object_get(ready, "epoch")));
		p->user_rev = json_integer_value(json_object_get(ready, "user_rev"));
	}
	json_decref(ready);
	if (more) return;
	qsort(p->places, p->n_places, sizeof *p->places, place_order);
	p->state = PERSON_READY, p->known = true;
	c->opening--, c->ready++;
	hist_add(&c->to_ready, now_ns() - p->begun_ns);
	synced(c, p);
}

static struct place *place_of(const struct person *p, struct str text)
{
	int64_t id = tally_number(text, "\"channel_id\":");
	struct place *at = person_place(p, id);
	if (!at) fail("a stream of a channel that one is not in: " STR_FMT, STR_ARG(text));
	return at;
}

static void event_take(struct crowd *c, const struct person *p, struct str text)
{
	static const char at_key[] = "\"at\":\"";
	struct place *place = place_of(p, text);
	int64_t rev = tally_number(text, "\"rev\":");
	const char *at = memmem(text.p, text.n, at_key, sizeof at_key - 1);
	if (rev != place->rev + 1)
		fail("person %zu, channel %lld: rev %lld after %lld", (size_t)(p - c->all), (long long)place->channel_id,
			 (long long)rev, (long long)place->rev);
	if (!at || sscanf(at + sizeof at_key - 1, "%31[^\"]", place->at) != 1) fail("an event without its time");
	place->rev = rev;
	c->events++;
}

static void synced_take(struct crowd *c, struct person *p, struct str text)
{
	const struct place *place = place_of(p, text);
	if (tally_number(text, "\"rev\":") != place->rev || !p->unsynced)
		fail("person %zu is told to be at another rev than %lld: " STR_FMT, (size_t)(p - c->all), (long long)place->rev,
			 STR_ARG(text));
	p->unsynced--;
	synced(c, p);
}

static void ack_take(struct crowd *c, struct str text)
{
	c->acked++;
	if (c->ack)
		c->ack(c->arg, tally_number(text, "\"channel_id\":"), tally_number(text, "\"rev\":"),
			   tally_number(text, "\"ref\":"));
}

static bool op_is(struct str text, const char *op)
{
	size_t n = strlen(op);
	return text.n > 8 + n && !memcmp(text.p, "{\"op\":\"", 7) && !memcmp(text.p + 7, op, n) && text.p[7 + n] == '"';
}

static void frame_take(struct crowd *c, struct person *p, const struct frame *f)
{
	struct str t = f->payload;
	if (f->opcode == WS_PING) {
		frame_send(p->fd, WS_PONG, t);
	} else if (f->opcode != WS_TEXT || op_is(t, "error") || op_is(t, "reset") || op_is(t, "drain")) {
		fail("person %zu was sent opcode %d: " STR_FMT, (size_t)(p - c->all), (int)f->opcode, STR_ARG(t));
	} else if (op_is(t, "event")) {
		event_take(c, p, t);
	} else if (op_is(t, "synced")) {
		synced_take(c, p, t);
	} else if (op_is(t, "ack")) {
		ack_take(c, t);
	} else if (op_is(t, "ready")) {
		ready_take(c, p, t);
	} else {
		c->others++;
	}
}

/* ---- reading */
static size_t bytes_take(struct crowd *c, struct person *p, size_t n)
{
	struct answer a;
	struct frame f;
	size_t at = 0;
	if (p->state == PERSON_UPGRADING) {
		if (!answer_parse(c->in, n, &a)) return 0;
		upgrade_judge(&a, false);
		hello(c, p);
		at = a.n;
	}
	for (; frame_parse(c->in + at, n - at, &f); at += f.n) frame_take(c, p, &f);
	return at;
}

static void lost(struct crowd *c, struct person *p, const char *why)
{
	if (p->port != c->lost_port) fail("the socket of person %zu was closed: %s", (size_t)(p - c->all), why);
	c->opening -= p->state != PERSON_READY, c->ready -= p->state == PERSON_READY;
	c->synced -= p->state == PERSON_READY && !p->unsynced;
	close(p->fd);
	mem_free(p->kept);
	p->fd = -1, p->kept = NULL, p->kept_n = 0, p->state = PERSON_AWAY;
}

/* ended: its end has come with what is there, and is no other edge. */
static void person_read(struct crowd *c, struct person *p, bool ended)
{
	for (;;) {
		size_t kept = p->kept_n, room = READ_BUFFER - kept;
		if (kept) memcpy(c->in, p->kept, kept);
		ssize_t k = recv(p->fd, c->in + kept, room, 0);
		if (k < 0 && errno == EAGAIN) return;
		if (k <= 0) {
			lost(c, p, k ? strerror(errno) : "end");
			return;
		}
		size_t n = kept + (size_t)k, at = bytes_take(c, p, n);
		mem_free(p->kept);
		p->kept_n = n - at;
		p->kept = p->kept_n ? mem_dup(c->in + at, p->kept_n) : NULL;
		if ((size_t)k < room && !ended) return; /* edge-triggered: what comes from now on is another edge */
	}
}

bool crowd_turn(struct crowd *c, int wait_ms)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(c->epoll, e, EVENTS, wait_ms);
	for (int i = 0; i < n; i++) {
		struct person *p = e[i].data.ptr;
		if (p->state == PERSON_CONNECTING && e[i].events & (EPOLLOUT | EPOLLERR)) connected(p);
		if (e[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) && p->state > PERSON_CONNECTING)
			person_read(c, p, e[i].events & EPOLLRDHUP);
	}
	return n > 0;
}

/* ---- sending */
void person_send(struct crowd *c, struct person *p, int64_t channel_id, int64_t ref, size_t size)
{
	char nonce[UUID_TEXT + 1], body[BODY_MOST + 1], text[BODY_MOST + 200];
	if (p->state != PERSON_READY || size > BODY_MOST) fail("a person who cannot send");
	memset(body, 'x', size);
	body[size] = 0;
	uuid_make(&c->random.base, nonce);
	int n = snprintf(text, sizeof text,
					 "{\"op\":\"send\",\"ref\":%lld,\"channel_id\":%lld,\"nonce\":\"%s\",\"body\":\"%s\"}",
					 (long long)ref, (long long)channel_id, nonce, body);
	frame_send(p->fd, WS_TEXT, (struct str){ text, (size_t)n });
	c->asked++;
}
