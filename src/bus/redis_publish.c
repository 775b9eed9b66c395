/* Publishing: this pod's own subscribers are served first and at once; then the command is made on the caller's thread
 * and queued, and the bus's reactor writes it. The queue is bounded in bytes and number; what does not fit, and what
 * comes while there is no link, is dropped and counted: the other pods see by the next rev, or by the head check. */
#include "base/log.h"
#include "base/mem.h"
#include "bus/redis_private.h"

#define IN_FLIGHT_MOST 4096

static void count(_Atomic int64_t *at, int64_t n)
{
	atomic_fetch_add_explicit(at, n, memory_order_relaxed);
}

static void let_go(struct publication *p)
{
	redisFreeCommand(p->command);
	mem_free(p);
}

static struct publication *make(struct bus_redis *b, enum topic_kind kind, int64_t id, const struct buf *payload)
{
	char topic[WIRE_TOPIC], name[REDIS_NAME_MOST];
	size_t n = wire_topic(kind, id, topic);
	const struct str argv[] = { STR("PUBLISH"), redis_bus_name(b, topic, n, name, sizeof name), buf_str(payload) };
	struct publication *p = mem_new(struct publication);
	p->command = redis_format(argv, countof(argv), &p->n);
	p->queued_ns = clock_monotonic_ns(&clock_real);
	p->bus = b;
	return p;
}

static bool is_taking(struct bus_redis *b)
{
	pthread_mutex_lock(&b->lock);
	bool taking = b->taking && !b->stopped;
	pthread_mutex_unlock(&b->lock);
	return taking;
}

static void queue(struct bus_redis *b, enum topic_kind kind, int64_t id, const struct buf *payload)
{
	const struct config *c = b->o.config;
	struct publication *p = make(b, kind, id, payload);
	pthread_mutex_lock(&b->lock);
	bool fits =
		b->taking && !b->stopped && b->n < (size_t)c->redis_queue && b->bytes + p->n <= (size_t)c->redis_queue_bytes;
	if (fits) {
		*b->end = p;
		b->end = &p->next;
		b->n++, b->bytes += p->n;
		redis_bus_wake(b);
	}
	pthread_mutex_unlock(&b->lock);
	if (fits) return;
	count(&b->dropped, 1);
	let_go(p);
}

void redis_bus_publish(struct bus *bus, struct event *const *events, size_t n)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	struct buf payload;
	for (size_t i = 0; i < n; i++) b->sink.event(b->sink.arg, events[i]);
	if (!is_taking(b)) {
		count(&b->dropped, (int64_t)n);
		return;
	}
	buf_init(&payload);
	for (size_t i = 0; i < n; i++) {
		payload.n = 0;
		wire_put_event(&payload, &b->wire, events[i]);
		queue(b, TOPIC_CHANNEL, events[i]->channel_id, &payload);
	}
	buf_release(&payload);
}

void redis_bus_publish_user(struct bus *bus, struct user_news *n)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	struct buf payload;
	b->sink.user(b->sink.arg, n);
	if (!is_taking(b)) {
		count(&b->dropped, 1);
		return;
	}
	buf_init(&payload);
	wire_put_news(&payload, &b->wire, n);
	queue(b, TOPIC_USER, n->user_id, &payload);
	buf_release(&payload);
}

void redis_bus_publish_hint(struct bus *bus, struct hint *h)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	struct buf payload;
	b->sink.hint(b->sink.arg, h);
	buf_init(&payload);
	if (is_taking(b) && wire_put_hint(&payload, &b->wire, h))
		queue(b, TOPIC_CHANNEL, h->channel_id, &payload);
	else
		count(&b->dropped, 1);
	buf_release(&payload);
}

/* ---- reactor */

static void say_refused(struct bus_redis *b, const struct redisReply *reply)
{
	if (!redis_refusals_new(&b->refusals, redis_text(reply), reactor_now_ns(b->reactor))) return;
	log_event(LOG_ERROR, "bus.publish_refused", LOG_STR("why", redis_text(reply)));
}

static void answered(void *arg, const struct redisReply *reply, int64_t took_ns)
{
	struct publication *p = arg;
	struct bus_redis *b = p->bus;
	bool ok = reply && reply->type == REDIS_REPLY_INTEGER;
	count(&b->in_flight, -1);
	if (ok) {
		metric_observe(b->cell, METRIC_BUS_PUBLISH_SECONDS, clock_monotonic_ns(&clock_real) - p->queued_ns);
		metric_add(b->cell, METRIC_BUS_PUBLISHED, 1);
	} else {
		count(&b->dropped, 1);
		if (reply && reply->type == REDIS_REPLY_ERROR) say_refused(b, reply);
		if (reply && reply->type != REDIS_REPLY_ERROR)
			redis_link_break(b->pub, "publishing: an answer that is no number");
	}
	mem_free(p);
	if (reply && redis_link_waiting(b->pub) <= IN_FLIGHT_MOST / 2) publish_queued(b);
}

static struct publication *take(struct bus_redis *b)
{
	pthread_mutex_lock(&b->lock);
	struct publication *p = b->first;
	if (p) {
		b->first = p->next;
		if (!b->first) b->end = &b->first;
		b->n--, b->bytes -= p->n;
	}
	pthread_mutex_unlock(&b->lock);
	return p;
}

void publish_queued(struct bus_redis *b)
{
	struct publication *p;
	while (redis_link_ready(b->pub) && !redis_link_full(b->pub) && redis_link_waiting(b->pub) < IN_FLIGHT_MOST &&
		   (p = take(b))) {
		count(&b->in_flight, 1);
		redis_link_send_bytes(b->pub, p->command, p->n, answered, p);
		redisFreeCommand(p->command);
		p->command = NULL;
	}
}

void publish_taking(struct bus_redis *b, bool takes)
{
	struct publication *p;
	int64_t n = 0;
	pthread_mutex_lock(&b->lock);
	b->taking = takes;
	pthread_mutex_unlock(&b->lock);
	if (takes) return;
	for (; (p = take(b)); n++) let_go(p);
	count(&b->dropped, n);
}
