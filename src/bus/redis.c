/* The bus over Redis's Pub/Sub: two links (a subscriber may not publish), on a reactor of its own, so that neither a
 * busy fan-out delays them nor their work the clients.
 *
 * Redis is here while both links are ready, what is wanted is subscribed to, and the newest echo (the pod's own message
 * to pod:ID, published on one link and heard on the other) was sent not long ago: a half-open connection and a Redis
 * that stands still look alive otherwise. Else it is away: what this pod publishes still reaches its own subscribers,
 * subscriptions count as confirmed, and the hub looks at heads more often.
 *
 * A timer of its own looks when the newest echo becomes too old, whatever the time to the next one. That echo had been
 * sent before the link fell silent: so a silence is known LINNET_REDIS_AWAY_MS after it began, at the latest. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "bus/redis_private.h"
#include "loop/tls.h"

#define REACTOR 900 /* its number, which no client's has */
#define READ_BUFFER 65536
#define SUB_QUEUE_MOST (1u << 20)
#define PUB_QUEUE_MOST (256u << 10)
#define ANSWER_MOST (1u << 20) /* what pods publish is far smaller */

struct str redis_bus_name(const struct bus_redis *b, const char *topic, size_t n, char *out, size_t cap)
{
	struct str prefix = b->o.config->redis_prefix;
	int made = snprintf(out, cap, STR_FMT "%.*s", STR_ARG(prefix), (int)n, topic);
	return (struct str){ out, (size_t)made < cap ? (size_t)made : cap - 1 };
}

static struct str own_name(const struct bus_redis *b, char out[REDIS_NAME_MOST])
{
	char topic[WIRE_TOPIC];
	int n = snprintf(topic, sizeof topic, "pod:%s", b->wire.pod);
	return redis_bus_name(b, topic, (size_t)n, out, REDIS_NAME_MOST);
}

void redis_bus_wake(struct bus_redis *b)
{
	if (b->woken || b->stopped || !b->reactor) return;
	b->woken = true;
	reactor_post(b->reactor, &b->wake);
}

static void woken(struct reactor *r, struct mail *m)
{
	struct bus_redis *b = container_of(m, struct bus_redis, wake);
	pthread_mutex_lock(&b->lock);
	b->woken = false;
	pthread_mutex_unlock(&b->lock);
	publish_queued(b);
	topics_send(b);
}

/* ---- here or away */

static bool is_connected(const struct bus_redis *b)
{
	return b->ready_ns && redis_link_ready(b->pub) && redis_link_ready(b->sub);
}

static void say_state(struct bus_redis *b, bool away)
{
	int64_t now_ns = reactor_now_ns(b->reactor);
	if (away)
		log_event(LOG_WARN, "bus.link_lost",
				  LOG_TEXT("why", is_connected(b) ? "it does not deliver in time" : "no connection"));
	else
		log_event(LOG_INFO, "bus.link_back", LOG_INT("away_ms", (now_ns - b->away_since_ns) / 1000000));
	if (away) b->away_since_ns = now_ns;
}

static void set_away(struct bus_redis *b, bool away)
{
	struct topic_name *untold = NULL;
	size_t n = 0;
	pthread_mutex_lock(&b->lock);
	bool same = b->stopped || b->away == away || (!away && b->off); /* with all that is wanted, or not yet */
	if (!same) {
		b->away = away;
		if (away) n = topics_take_untold(b, &untold);
	}
	pthread_mutex_unlock(&b->lock);
	if (same) return;
	say_state(b, away);
	b->sink.state(b->sink.arg, away);
	for (size_t i = 0; i < n; i++) b->sink.subscribed(b->sink.arg, untold[i].kind, untold[i].id);
	mem_free(untold);
}

static int64_t ms_since(const struct bus_redis *b, int64_t ns)
{
	return (reactor_now_ns(b->reactor) - ns) / 1000000;
}

void redis_bus_consider(struct bus_redis *b)
{
	set_away(b, !is_connected(b) || !b->echo_ns || ms_since(b, b->echo_ns) >= b->o.config->redis_away_ms);
}

/* ---- the echo */

static void echo_answered(void *arg, const struct redisReply *reply, int64_t took_ns)
{
	struct bus_redis *b = arg;
	char why[160];
	if (!reply || reply->type == REDIS_REPLY_INTEGER) return;
	snprintf(why, sizeof why, "publishing: " STR_FMT,
			 STR_ARG(reply->type == REDIS_REPLY_ERROR ? redis_text(reply) : STR("an answer that is no number")));
	redis_link_break(b->pub, why);
}

static void send_echo(struct bus_redis *b)
{
	char name[REDIS_NAME_MOST];
	struct buf payload;
	buf_init(&payload);
	wire_put_echo(&payload, &b->wire, reactor_now_ns(b->reactor));
	redis_link_send(b->pub, (const struct str[]){ STR("PUBLISH"), own_name(b, name), buf_str(&payload) }, 3,
					echo_answered, b);
	buf_release(&payload);
}

/* One that took longer than may be shows a Redis that was away, not one that is here. */
static void take_echo(struct bus_redis *b, struct str payload)
{
	int64_t sent_ns;
	if (!wire_echo(payload, &b->wire, &sent_ns) || sent_ns <= b->echo_ns) return;
	if (sent_ns > reactor_now_ns(b->reactor)) return; /* nobody's own: it would hide a link that is dead */
	metric_observe(b->cell, METRIC_BUS_ECHO_SECONDS, reactor_now_ns(b->reactor) - sent_ns);
	b->echo_ns = sent_ns;
	timer_set(b->reactor, &b->late, b->o.config->redis_away_ms - ms_since(b, sent_ns));
	atomic_store_explicit(&b->newest_echo_ns, sent_ns, memory_order_relaxed);
	redis_bus_consider(b);
	if (b->away) return;
	redis_link_works(b->pub);
	redis_link_works(b->sub);
}

static void on_late(struct reactor *r, struct timer *t)
{
	redis_bus_consider(container_of(t, struct bus_redis, late));
}

static void on_tick(struct reactor *r, struct timer *t)
{
	struct bus_redis *b = container_of(t, struct bus_redis, tick);
	timer_set(r, t, b->o.config->redis_echo_ms);
	redis_bus_consider(b);
	if (!b->ready_ns) return;
	int64_t since = b->echo_ns > b->ready_ns ? b->echo_ns : b->ready_ns;
	if (ms_since(b, since) >= b->o.config->redis_timeout_ms) {
		redis_link_break(b->pub, "no echo within the time allowed");
		redis_link_break(b->sub, NULL);
	} else if (redis_link_ready(b->pub) && redis_link_ready(b->sub) && !redis_link_full(b->pub)) {
		send_echo(b);
	}
}

/* ---- what comes */

static void received(struct bus_redis *b, enum topic_kind kind, int64_t id, struct str payload)
{
	const struct bus_sink *sink = &b->sink;
	if (wire_own(payload, &b->wire)) {
		metric_add(b->cell, METRIC_BUS_RECEIVED_OWN, 1);
		return;
	}
	struct wire_read x = wire_read(payload, &b->wire, kind, id);
	switch (x.kind) {
	case WIRE_MALFORMED: metric_add(b->cell, METRIC_BUS_RECEIVED_MALFORMED, 1); return;
	case WIRE_FOREIGN: metric_add(b->cell, METRIC_BUS_RECEIVED_FOREIGN, 1); return;
	case WIRE_EVENT: sink->event(sink->arg, x.event), event_unref(x.event); break;
	case WIRE_BEHIND: sink->behind(sink->arg, id, x.behind.rev, x.behind.epoch); break;
	case WIRE_NEWS: sink->user(sink->arg, x.news), user_news_unref(x.news); break;
	case WIRE_HINT: sink->hint(sink->arg, x.hint), hint_unref(x.hint); break;
	}
	metric_add(b->cell, METRIC_BUS_RECEIVED, 1);
}

static void message(struct bus_redis *b, struct str topic, struct str payload)
{
	char name[REDIS_NAME_MOST];
	enum topic_kind kind;
	int64_t id;
	struct str prefix = b->o.config->redis_prefix;
	if (str_eq(topic, own_name(b, name)))
		take_echo(b, payload);
	else if (str_starts(topic, prefix) && wire_topic_parse(str_from(topic, prefix.n), &kind, &id))
		received(b, kind, id, payload);
}

static void subscribed(struct bus_redis *b, struct str topic)
{
	enum topic_kind kind;
	int64_t id;
	struct str prefix = b->o.config->redis_prefix;
	if (!str_starts(topic, prefix) || !wire_topic_parse(str_from(topic, prefix.n), &kind, &id)) return;
	topics_confirmed(b, kind, id);
	redis_bus_consider(b);
}

/* What happened, to which topic, and the message or how many topics are subscribed to now. */
static bool is_message(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && reply->element[0]->type == REDIS_REPLY_STRING &&
		   reply->element[1]->type == REDIS_REPLY_STRING &&
		   (reply->element[2]->type == REDIS_REPLY_STRING || reply->element[2]->type == REDIS_REPLY_INTEGER);
}

static void on_push(struct redis_link *l, const struct redisReply *reply)
{
	struct bus_redis *b = redis_link_data(l);
	if (reply->type == REDIS_REPLY_ERROR) {
		char why[160];
		snprintf(why, sizeof why, "subscribing: " STR_FMT, STR_ARG(redis_text(reply)));
		redis_link_break(l, why);
		return;
	}
	if (!is_message(reply)) {
		redis_link_break(l, "a message of a form that was not subscribed to");
		return;
	}
	struct str what = redis_text(reply->element[0]), topic = redis_text(reply->element[1]);
	if (str_eq(what, STR("message")))
		message(b, topic, redis_text(reply->element[2]));
	else if (str_eq(what, STR("subscribe")))
		subscribed(b, topic);
	else if (str_eq(what, STR("unsubscribe")))
		topics_left(b);
}

/* ---- the links */

static void begin_if_both(struct bus_redis *b)
{
	if (!redis_link_ready(b->pub) || !redis_link_ready(b->sub)) return;
	b->ready_ns = reactor_now_ns(b->reactor);
	send_echo(b);
}

static void pub_ready(struct redis_link *l)
{
	struct bus_redis *b = redis_link_data(l);
	metric_add(b->cell, METRIC_BUS_RECONNECTS, 1);
	publish_taking(b, true);
	begin_if_both(b);
}

static void sub_ready(struct redis_link *l)
{
	struct bus_redis *b = redis_link_data(l);
	char name[REDIS_NAME_MOST];
	metric_add(b->cell, METRIC_BUS_RECONNECTS, 1);
	redis_link_send(l, (const struct str[]){ STR("SUBSCRIBE"), own_name(b, name) }, 2, NULL, NULL);
	topics_send(b);
	begin_if_both(b);
}

static void either_lost(struct bus_redis *b)
{
	b->ready_ns = b->echo_ns = 0;
	redis_bus_consider(b);
}

static void pub_lost(struct redis_link *l)
{
	struct bus_redis *b = redis_link_data(l);
	publish_taking(b, false);
	either_lost(b);
	redis_link_break(b->sub, NULL); /* without echoes nobody can tell whether it works */
}

static void sub_lost(struct redis_link *l)
{
	struct bus_redis *b = redis_link_data(l);
	topics_lost(b);
	either_lost(b);
}

static void pub_drained(struct redis_link *l)
{
	publish_queued(redis_link_data(l));
}

static void pub_push(struct redis_link *l, const struct redisReply *reply) {}

static void link_stopped(struct redis_link *l)
{
	struct bus_redis *b = redis_link_data(l);
	if (--b->links == 0) reactor_stop(b->reactor);
}

static struct redis_link *open_link(struct bus_redis *b, const char *name, const struct redis_link_handler *h, bool sub)
{
	const struct config *c = b->o.config;
	const struct redis_link_options o = {
		.reactor = b->reactor,
		.address = b->o.address,
		.tls = b->tls,
		.random = b->o.random,
		.name = name,
		.timeout_ms = (int)c->redis_timeout_ms,
		.retry_ms = (int)c->redis_retry_ms,
		.queue_most = sub ? SUB_QUEUE_MOST : PUB_QUEUE_MOST,
		.answer_most = ANSWER_MOST,
		.subscriber = sub,
		.handler = h,
		.data = b,
	};
	b->links++;
	return redis_link_create(&o);
}

/* ---- life */

struct bus_mail {
	struct mail mail;
	struct bus_redis *bus;
};

static void post(struct bus_redis *b, void (*deliver)(struct reactor *, struct mail *))
{
	struct bus_mail *m = mem_new(struct bus_mail);
	m->mail.deliver = deliver;
	m->bus = b;
	reactor_post(b->reactor, &m->mail);
}

static void begin_arrives(struct reactor *r, struct mail *mail)
{
	static const struct redis_link_handler pub = { pub_ready, pub_lost, pub_push, pub_drained, link_stopped };
	static const struct redis_link_handler sub = { sub_ready, sub_lost, on_push, NULL, link_stopped };
	struct bus_mail *m = container_of(mail, struct bus_mail, mail);
	struct bus_redis *b = m->bus;
	b->pub = open_link(b, "publish", &pub, false);
	b->sub = open_link(b, "subscribe", &sub, true);
	timer_set(r, &b->tick, 0);
	mem_free(m);
}

static void end_arrives(struct reactor *r, struct mail *mail)
{
	struct bus_mail *m = container_of(mail, struct bus_mail, mail);
	struct bus_redis *b = m->bus;
	publish_queued(b);
	timer_clear(&b->tick);
	timer_clear(&b->late);
	redis_link_stop(b->pub);
	redis_link_stop(b->sub);
	mem_free(m);
}

static void redis_attach(struct bus *bus, const struct bus_sink *sink)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	b->sink = *sink;
	b->reactor = reactor_create(&(struct reactor_options){ .index = REACTOR });
	conn_layer_open(b->reactor, READ_BUFFER);
	conn_layer_opening_ms(b->reactor, (int)b->o.config->redis_timeout_ms);
	b->away_since_ns = reactor_now_ns(b->reactor);
	b->sink.state(b->sink.arg, true);
	post(b, begin_arrives);
	reactor_start(b->reactor);
}

static void redis_detach(struct bus *bus)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	if (!b->reactor) return;
	pthread_mutex_lock(&b->lock);
	bool again = b->stopped;
	b->stopped = true;
	pthread_mutex_unlock(&b->lock);
	if (again) return;
	post(b, end_arrives);
	reactor_join(b->reactor);
}

static bool redis_certain(const struct bus *b)
{
	return false;
}

static bool redis_away(struct bus *bus)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	pthread_mutex_lock(&b->lock);
	bool away = b->away;
	pthread_mutex_unlock(&b->lock);
	return away;
}

static void write_gauges(void *arg, struct buf *out)
{
	struct bus_redis *b = arg;
	int64_t echo_ns = atomic_load_explicit(&b->newest_echo_ns, memory_order_relaxed);
	pthread_mutex_lock(&b->lock);
	int64_t away = b->away, n = (int64_t)b->n, topics = (int64_t)b->wanted;
	pthread_mutex_unlock(&b->lock);
	metrics_line(out, METRIC_BUS_AWAY, NULL, away);
	metrics_line(out, METRIC_BUS_WAITING, NULL, n + atomic_load_explicit(&b->in_flight, memory_order_relaxed));
	metrics_line(out, METRIC_BUS_DROPPED, NULL, atomic_load_explicit(&b->dropped, memory_order_relaxed));
	metrics_line(out, METRIC_BUS_TOPICS, NULL, topics);
	if (echo_ns) metrics_line(out, METRIC_BUS_ECHO_AGE, NULL, (clock_monotonic_ns(&clock_real) - echo_ns) / 1000000000);
}

static void close_reactor(struct bus_redis *b)
{
	if (!b->reactor) return;
	conn_layer_close(b->reactor);
	reactor_destroy(b->reactor);
	redis_link_destroy(b->pub);
	redis_link_destroy(b->sub);
}

static void redis_destroy(struct bus *bus)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	redis_detach(bus);
	close_reactor(b);
	publish_taking(b, false);
	topics_release(b);
	tls_destroy(b->tls);
	pthread_mutex_destroy(&b->lock);
	mem_free(b);
}

static const struct bus_ops redis_ops = {
	.attach = redis_attach,
	.publish = redis_bus_publish,
	.publish_user = redis_bus_publish_user,
	.publish_hint = redis_bus_publish_hint,
	.subscribe = redis_bus_subscribe,
	.unsubscribe = redis_bus_unsubscribe,
	.certain = redis_certain,
	.away = redis_away,
	.detach = redis_detach,
	.destroy = redis_destroy,
};

struct bus *bus_redis_create(const struct bus_redis_options *o)
{
	struct bus_redis *b = mem_new(struct bus_redis);
	b->base.ops = &redis_ops;
	b->o = *o;
	b->wire = (struct wire){ o->pod, o->uuid };
	b->away = true;
	b->end = &b->first;
	b->wake.deliver = woken;
	b->cell = metrics_cell(o->metrics);
	list_init(&b->dirty);
	timer_init(&b->tick, on_tick);
	timer_init(&b->late, on_late);
	pthread_mutex_init(&b->lock, NULL);
	struct arena a;
	arena_init(&a);
	struct str ca = o->config->redis_ca;
	enum err e = o->address->tls ? tls_client_create(ca.n ? arena_cstr(&a, ca) : NULL, &b->tls) : OK;
	arena_release(&a);
	if (e) {
		redis_destroy(&b->base);
		return NULL;
	}
	metrics_source(o->metrics, write_gauges, b);
	return &b->base;
}
