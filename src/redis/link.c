/* From waiting to ready: a name is resolved, each of its addresses tried in turn, AUTH and SELECT answered. A link that
 * fails on this way, or is lost later, waits a random part of `delay_ms`, which doubles with each failure and falls
 * back only when the owner has seen the link work: so a refusal after a good connection makes no tight loop either.
 *
 * Answers come in the order of their commands. A subscriber has no such order: once it is ready all is pushed. */
#include "redis/link.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/reader.h"
#include "redis/resolve.h"

#define RETRY_LEAST_MS 50
#define COMMAND_MOST (16u << 20) /* bytes that may come on top when it is full */
#define WHYS_MOST 4              /* different ones in one outage */
#define WHY_MOST 200
#define STOP_MS 300 /* for writing what is queued, at the end */

enum link_state { LINK_WAITING, LINK_RESOLVING, LINK_CONNECTING, LINK_GREETING, LINK_READY, LINK_STOPPED };

struct waiting_answer {
	redis_answer answer;
	void *arg;
	int64_t sent_ns;
};

struct redis_link {
	struct redis_link_options o;
	enum link_state state;
	struct conn *conn;          /* NULL: none */
	struct redis_reader reader; /* of conn */
	struct resolve resolve;
	struct addrinfo *addresses, *next_address;
	struct timer retry, silence;
	int64_t delay_ms;
	bool stopping, worked, untold;                   /* untold: it was given up for something that is told elsewhere */
	int greetings;                                   /* answers awaited before it is ready */
	char why[WHY_MOST], logged[WHYS_MOST][WHY_MOST]; /* logged: since it worked last */
	size_t n_logged;
	struct { /* a ring */
		struct waiting_answer *p;
		size_t at, n, cap;
	} waiting;
};

void *redis_link_data(const struct redis_link *l)
{
	return l->o.data;
}

bool redis_link_ready(const struct redis_link *l)
{
	return l->state == LINK_READY && l->conn && !conn_closing(l->conn);
}

bool redis_link_full(const struct redis_link *l)
{
	return l->conn && conn_full(l->conn);
}

size_t redis_link_waiting(const struct redis_link *l)
{
	return l->waiting.n;
}

/* ---- what is logged */

static void say_why(struct redis_link *l)
{
	if (l->untold) return;
	if (!l->why[0]) snprintf(l->why, sizeof l->why, "the connection was lost");
	for (size_t i = 0; i < l->n_logged; i++)
		if (!strcmp(l->why, l->logged[i])) return;
	if (l->n_logged == WHYS_MOST) return;
	memcpy(l->logged[l->n_logged++], l->why, sizeof l->why);
	log_event(LOG_WARN, "redis.link_failed", LOG_TEXT("link", l->o.name), LOG_TEXT("host", l->o.address->host),
			  LOG_INT("port", l->o.address->port), LOG_TEXT("why", l->why));
}

void redis_link_works(struct redis_link *l)
{
	l->delay_ms = 0;
	if (l->worked) return;
	l->worked = true;
	l->n_logged = 0;
	log_event(LOG_INFO, "redis.link_works", LOG_TEXT("link", l->o.name), LOG_TEXT("host", l->o.address->host),
			  LOG_INT("port", l->o.address->port));
}

/* ---- answers */

static void wait_answer(struct redis_link *l, redis_answer answer, void *arg)
{
	if (l->waiting.n == l->waiting.cap) {
		size_t cap = l->waiting.cap ? l->waiting.cap * 2 : 64;
		struct waiting_answer *p = mem_alloc(mem_times(cap, sizeof *p));
		for (size_t i = 0; i < l->waiting.n; i++) p[i] = l->waiting.p[(l->waiting.at + i) % l->waiting.cap];
		mem_free(l->waiting.p);
		l->waiting.p = p, l->waiting.cap = cap, l->waiting.at = 0;
	}
	int64_t now_ns = reactor_now_ns(l->o.reactor);
	l->waiting.p[(l->waiting.at + l->waiting.n++) % l->waiting.cap] = (struct waiting_answer){ answer, arg, now_ns };
	if (!timer_pending(&l->silence)) timer_set(l->o.reactor, &l->silence, l->o.timeout_ms);
}

static void tell(struct redis_link *l, const struct redisReply *reply)
{
	struct waiting_answer w = l->waiting.p[l->waiting.at];
	l->waiting.at = (l->waiting.at + 1) % l->waiting.cap;
	l->waiting.n--;
	if (w.answer) w.answer(w.arg, reply, reactor_now_ns(l->o.reactor) - w.sent_ns);
}

static void on_silence(struct reactor *r, struct timer *t)
{
	struct redis_link *l = container_of(t, struct redis_link, silence);
	if (!l->waiting.n) return;
	int64_t waited_ms = (reactor_now_ns(r) - l->waiting.p[l->waiting.at].sent_ns) / 1000000;
	if (waited_ms >= l->o.timeout_ms)
		redis_link_break(l, "no answer within the time allowed");
	else
		timer_set(r, t, l->o.timeout_ms - waited_ms);
}

/* ---- greeting */

static void enter_ready(struct redis_link *l)
{
	l->state = LINK_READY;
	l->o.handler->ready(l);
}

static void greeted(void *arg, const struct redisReply *reply, int64_t took_ns)
{
	struct redis_link *l = arg;
	if (!reply) return;
	if (reply->type == REDIS_REPLY_ERROR) {
		char why[WHY_MOST];
		snprintf(why, sizeof why, "signing in: " STR_FMT, STR_ARG(redis_text(reply)));
		redis_link_break(l, why);
		return;
	}
	if (reply->type != REDIS_REPLY_STATUS) {
		redis_link_break(l, "signing in: an answer of a kind that was not asked for");
		return;
	}
	if (--l->greetings == 0) enter_ready(l);
}

static void greet(struct redis_link *l, const struct str *argv, size_t n)
{
	l->greetings++;
	redis_link_send(l, argv, n, greeted, l);
}

static void on_opened(struct conn *c)
{
	struct redis_link *l = conn_data(c);
	const struct redis_address *a = l->o.address;
	char db[16];
	l->state = LINK_GREETING;
	l->greetings = 0;
	if (a->user.p)
		greet(l, (const struct str[]){ STR("AUTH"), a->user, a->password }, 3);
	else if (a->password.p)
		greet(l, (const struct str[]){ STR("AUTH"), a->password }, 2);
	snprintf(db, sizeof db, "%d", a->db);
	if (a->db) greet(l, (const struct str[]){ STR("SELECT"), str_of(db) }, 2);
	if (!l->greetings) enter_ready(l);
}

/* ---- what comes */

/* It may be full of clients, or take none from other machines: then it says so and hangs up. */
static void refuse_unasked(struct redis_link *l, const struct redisReply *reply)
{
	char why[WHY_MOST];
	snprintf(why, sizeof why, "connecting: " STR_FMT, STR_ARG(redis_text(reply)));
	redis_link_break(l, reply->type == REDIS_REPLY_ERROR ? why : "an answer to nothing: is this Redis?");
}

static void take_reply(struct redis_link *l, const struct redisReply *reply)
{
	if (l->o.subscriber && l->state == LINK_READY)
		l->o.handler->push(l, reply);
	else if (l->waiting.n)
		tell(l, reply);
	else
		refuse_unasked(l, reply);
}

static void on_data(struct conn *c, const char *p, size_t n)
{
	struct redis_link *l = conn_data(c);
	redisReply *reply;
	redis_reader_feed(&l->reader, p, n);
	while (l->conn == c && !conn_closing(c) && (reply = redis_reader_next(&l->reader))) {
		take_reply(l, reply);
		freeReplyObject(reply);
	}
	if (l->reader.why) redis_link_break(l, l->reader.why);
}

/* ---- connecting */

static void wait_before_retry(struct redis_link *l)
{
	l->state = LINK_WAITING;
	l->delay_ms = l->delay_ms ? l->delay_ms * 2 : RETRY_LEAST_MS;
	if (l->delay_ms > l->o.retry_ms) l->delay_ms = l->o.retry_ms;
	int64_t half = l->delay_ms / 2;
	timer_set(l->o.reactor, &l->retry, half + (int64_t)random_below(l->o.random, (uint64_t)(l->delay_ms - half) + 1));
}

static void let_addresses_go(struct redis_link *l)
{
	if (l->addresses) freeaddrinfo(l->addresses);
	l->addresses = l->next_address = NULL;
}

static void end(struct redis_link *l)
{
	l->state = LINK_STOPPED;
	timer_clear(&l->retry);
	timer_clear(&l->silence);
	let_addresses_go(l);
	l->o.handler->stopped(l);
}

static const char *why_of(enum conn_end end)
{
	switch (end) {
	case CONN_CLOSED_THERE: return "Redis closed the connection";
	case CONN_RESET: return "the connection was reset";
	case CONN_SLOW:
	case CONN_SLOW_TOLD: return "Redis takes no bytes";
	case CONN_TLS_FAILED: return "TLS could not be agreed on: the certificate, its name, or its authority";
	case CONN_REFUSED: return "no connection could be made";
	case CONN_OPEN:
	case CONN_CLOSED_HERE: break;
	}
	return "the connection was lost";
}

static void connect_next(struct redis_link *l);

static void on_closed(struct conn *c, enum conn_end why)
{
	struct redis_link *l = conn_data(c);
	bool was_ready = l->state == LINK_READY;
	l->conn = NULL;
	l->state = LINK_WAITING;
	timer_clear(&l->silence);
	while (l->waiting.n) tell(l, NULL);
	redis_reader_release(&l->reader);
	if (!l->why[0]) snprintf(l->why, sizeof l->why, "%s", why_of(why));
	if (was_ready) l->o.handler->lost(l);
	if (l->stopping) {
		end(l);
		return;
	}
	l->worked = false;
	if (why == CONN_REFUSED && l->next_address) {
		connect_next(l);
		return;
	}
	say_why(l);
	let_addresses_go(l);
	wait_before_retry(l);
}

static void on_drained(struct conn *c)
{
	struct redis_link *l = conn_data(c);
	if (l->o.handler->drained && l->state == LINK_READY) l->o.handler->drained(l);
}

static const struct conn_handler handler = {
	.opened = on_opened, .data = on_data, .drained = on_drained, .closed = on_closed
};

static void connect_next(struct redis_link *l)
{
	const struct addrinfo *a = l->next_address;
	const struct conn_limits limits = { .soft = l->o.queue_most,
										.hard = l->o.queue_most + COMMAND_MOST,
										.stall_ms = l->o.timeout_ms };
	l->next_address = a->ai_next;
	l->state = LINK_CONNECTING;
	l->why[0] = 0, l->untold = false;
	redis_reader_init(&l->reader, l->o.answer_most);
	l->conn = conn_connect(l->o.reactor, a->ai_addr, a->ai_addrlen, l->o.tls, l->o.address->host, &handler, l);
	conn_setup(l->conn, &handler, l, &limits);
}

static void on_resolved(struct resolve *r, struct addrinfo *list, const char *why)
{
	struct redis_link *l = container_of(r, struct redis_link, resolve);
	l->addresses = l->next_address = list;
	if (list) {
		connect_next(l);
	} else {
		snprintf(l->why, sizeof l->why, "its name could not be resolved: %s", why);
		say_why(l);
		wait_before_retry(l);
	}
}

static void connect_now(struct redis_link *l)
{
	l->state = LINK_RESOLVING;
	resolve_start(&l->resolve, l->o.reactor, l->o.address->host, l->o.address->port);
}

static void on_retry(struct reactor *r, struct timer *t)
{
	connect_now(container_of(t, struct redis_link, retry));
}

/* ---- sending */

char *redis_format(const struct str *argv, size_t n, size_t *bytes)
{
	const char *p[REDIS_ARGS];
	size_t len[REDIS_ARGS];
	char *out = NULL;
	assert(n && n <= REDIS_ARGS);
	for (size_t i = 0; i < n; i++) p[i] = argv[i].n ? argv[i].p : "", len[i] = argv[i].n;
	long long made = redisFormatCommandArgv(&out, (int)n, p, len);
	if (made < 0) abort(); /* out of memory */
	*bytes = (size_t)made;
	return out;
}

void redis_link_send_bytes(struct redis_link *l, const char *p, size_t n, redis_answer answer, void *arg)
{
	assert(l->conn && (l->state == LINK_READY || l->state == LINK_GREETING));
	if (!l->o.subscriber || l->state == LINK_GREETING) wait_answer(l, answer, arg);
	conn_write_copy(l->conn, p, n);
}

void redis_link_send(struct redis_link *l, const struct str *argv, size_t n, redis_answer answer, void *arg)
{
	size_t bytes;
	char *p = redis_format(argv, n, &bytes);
	redis_link_send_bytes(l, p, bytes, answer, arg);
	redisFreeCommand(p);
}

/* ---- life */

struct redis_link *redis_link_create(const struct redis_link_options *o)
{
	struct redis_link *l = mem_new(struct redis_link);
	l->o = *o;
	l->resolve.done = on_resolved;
	l->resolve.lookup = o->lookup;
	timer_init(&l->retry, on_retry);
	timer_init(&l->silence, on_silence);
	connect_now(l);
	return l;
}

void redis_link_break(struct redis_link *l, const char *why)
{
	if (!l->conn || conn_closing(l->conn)) return;
	l->untold = !why;
	snprintf(l->why, sizeof l->why, "%s", why ? why : "");
	for (char *c = l->why; *c; c++)
		if ((unsigned char)*c < ' ') *c = ' ';
	conn_close(l->conn);
}

static void stop_late(struct reactor *r, struct timer *t)
{
	struct redis_link *l = container_of(t, struct redis_link, silence);
	if (l->conn) conn_close(l->conn);
}

void redis_link_stop(struct redis_link *l)
{
	assert(!l->stopping);
	l->stopping = true;
	timer_clear(&l->silence);
	timer_init(&l->silence, stop_late);
	if (l->conn) {
		conn_finish(l->conn);
		timer_set(l->o.reactor, &l->silence, STOP_MS);
	} else {
		resolve_give_up(&l->resolve);
		end(l);
	}
}

void redis_link_destroy(struct redis_link *l)
{
	if (!l) return;
	assert(l->state == LINK_STOPPED);
	mem_free(l->waiting.p);
	mem_free(l);
}
