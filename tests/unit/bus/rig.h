/* A bus as a pod has it, and an ear that writes down all that its sink is told, from whichever thread. */
#ifndef LINNET_TESTS_BUS_RIG_H
#define LINNET_TESTS_BUS_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/vec.h"
#include "bus/bus.h"
#include "redis/address.h"
#include "support/redis.h"

enum told {
	TOLD_EVENT,
	TOLD_USER,
	TOLD_HINT,
	TOLD_BEHIND,
	TOLD_CHANNEL,
	TOLD_PERSON,
	TOLD_AWAY,
	TOLD_BACK,
	TOLD_KINDS
};
struct word {
	enum told told;
	int64_t heard_ns; /* when */
	int64_t id, rev, at;
	uint64_t epoch;
	union {
		struct event *event;
		struct user_news *news;
		struct hint *hint;
	};
};

struct ear {
	pthread_mutex_t lock;
	pthread_cond_t more;
	VEC(struct word) words;
	void (*confirmed)(void *arg, int64_t channel_id); /* called in the bus's thread as well; may be NULL */
	void *arg;
};

struct bus_pod {
	struct bus *bus;
	struct ear ear;
	struct config config;
	struct metrics *metrics;
	struct redis_address address;
	char id[ULID_TEXT + 1];
};

#define DATABASE "01234567-89ab-4cde-8f01-23456789abcd"

/* ---- the ear */

static inline void ear_write(struct ear *e, struct word w)
{
	w.heard_ns = clock_monotonic_ns(&clock_real);
	pthread_mutex_lock(&e->lock);
	vec_push(&e->words, w);
	pthread_cond_broadcast(&e->more);
	pthread_mutex_unlock(&e->lock);
}

static inline void ear_event(void *arg, struct event *e)
{
	ear_write(arg, (struct word){ TOLD_EVENT, 0, e->channel_id, e->rev, e->at, e->epoch, .event = event_ref(e) });
}

static inline void ear_user(void *arg, struct user_news *n)
{
	ear_write(arg, (struct word){ TOLD_USER, 0, n->user_id, n->user_rev, 0, n->epoch, .news = user_news_ref(n) });
}

static inline void ear_hint(void *arg, struct hint *h)
{
	ear_write(arg, (struct word){ TOLD_HINT, 0, h->channel_id, 0, 0, 0, .hint = hint_ref(h) });
}

static inline void ear_behind(void *arg, int64_t channel_id, int64_t rev, uint64_t epoch)
{
	ear_write(arg, (struct word){ TOLD_BEHIND, 0, channel_id, rev, 0, epoch, .event = NULL });
}

static inline void ear_subscribed(void *arg, enum topic_kind kind, int64_t id)
{
	struct ear *e = arg;
	ear_write(e, (struct word){ kind == TOPIC_CHANNEL ? TOLD_CHANNEL : TOLD_PERSON, .id = id, .event = NULL });
	if (e->confirmed && kind == TOPIC_CHANNEL) e->confirmed(e->arg, id);
}

static inline void ear_state(void *arg, bool away)
{
	ear_write(arg, (struct word){ away ? TOLD_AWAY : TOLD_BACK, .event = NULL });
}

static inline size_t ear_count_locked(const struct ear *e, enum told told, int64_t id)
{
	size_t n = 0;
	for (size_t i = 0; i < e->words.n; i++) n += e->words.p[i].told == told && e->words.p[i].id == id;
	return n;
}

static inline size_t ear_count(struct ear *e, enum told told, int64_t id)
{
	pthread_mutex_lock(&e->lock);
	size_t n = ear_count_locked(e, told, id);
	pthread_mutex_unlock(&e->lock);
	return n;
}

/* Until it was told so often, counted from the beginning; returns the last such word. 20 s. */
static inline struct word ear_wait(struct ear *e, enum told told, int64_t id, size_t n)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&e->lock);
	while (ear_count_locked(e, told, id) < n)
		if (pthread_cond_timedwait(&e->more, &e->lock, &until) == ETIMEDOUT)
			fail_msg("word %d of %lld came %zu times, not %zu", (int)told, (long long)id, ear_count_locked(e, told, id),
					 n);
	struct word last = { 0 };
	for (size_t i = 0; i < e->words.n; i++)
		if (e->words.p[i].told == told && e->words.p[i].id == id) last = e->words.p[i];
	pthread_mutex_unlock(&e->lock);
	return last;
}

static inline void ear_release(struct ear *e)
{
	for (size_t i = 0; i < e->words.n; i++) {
		struct word *w = &e->words.p[i];
		if (w->told == TOLD_EVENT) event_unref(w->event);
		if (w->told == TOLD_USER) user_news_unref(w->news);
		if (w->told == TOLD_HINT) hint_unref(w->hint);
	}
	vec_release(&e->words);
}

/* ---- the pod */

static inline void bus_pod_set(struct bus_pod *p, const char *name, const char *value)
{
	const char *why = "";
	if (!config_set(&p->config, str_of(name), str_of(value), &why)) fail_msg("%s", why);
}

static inline void bus_pod_init(struct bus_pod *p)
{
	memset(p, 0, sizeof *p);
	config_init(&p->config);
	pthread_mutex_init(&p->ear.lock, NULL);
	pthread_cond_init(&p->ear.more, NULL);
	p->metrics = metrics_create();
	ulid_make(&random_kernel, clock_wall_ms(&clock_real), p->id);
	/* A busy machine is not to be taken for a Redis that is away; tests of that set their own. */
	bus_pod_set(p, "LINNET_REDIS_AWAY_MS", "20000");
	bus_pod_set(p, "LINNET_REDIS_TIMEOUT_MS", "30000");
}

/* url NULL: the local one. */
static inline void bus_pod_attach(struct bus_pod *p, const char *url, const char *uuid)
{
	const struct bus_sink sink = { ear_event, ear_user, ear_hint, ear_behind, ear_subscribed, ear_state, &p->ear };
	if (url) {
		assert_true(redis_address_parse(str_of(url), &p->config.arena, &p->address));
		p->bus = bus_redis_create(&(struct bus_redis_options){ .config = &p->config,
															   .address = &p->address,
															   .pod = p->id,
															   .uuid = uuid,
															   .random = &random_kernel,
															   .metrics = p->metrics });
	} else {
		p->bus = bus_local_create();
	}
	assert_non_null(p->bus);
	p->bus->ops->attach(p->bus, &sink);
}

/* With Redis there. */
static inline void bus_pod_open(struct bus_pod *p, const char *url)
{
	bus_pod_init(p);
	bus_pod_attach(p, url, DATABASE);
	if (url) ear_wait(&p->ear, TOLD_BACK, 0, 1);
}

static inline void bus_pod_close(struct bus_pod *p)
{
	p->bus->ops->detach(p->bus);
	p->bus->ops->destroy(p->bus);
	metrics_destroy(p->metrics);
	ear_release(&p->ear);
	config_release(&p->config);
}

static inline void bus_pod_subscribe(struct bus_pod *p, enum topic_kind kind, int64_t id)
{
	p->bus->ops->subscribe(p->bus, kind, id);
}

/* Waits until the number of the line that begins so is reached. 20 s. */
static inline void bus_pod_metric(struct bus_pod *p, const char *begin, int64_t least)
{
	char line_start[128];
	snprintf(line_start, sizeof line_start, "\n%s", begin);
	for (int i = 0; i < 4000; i++) {
		struct buf text;
		buf_init(&text);
		metrics_write(p->metrics, &text);
		buf_add_byte(&text, 0);
		const char *at = strstr(text.p, line_start);
		bool enough = at && atoll(at + strlen(line_start)) >= least;
		buf_release(&text);
		if (enough) return;
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	fail_msg("%s never reached %lld", begin, (long long)least);
}

/* ---- what is published */

static inline struct event *bus_event(int64_t channel_id, int64_t rev, size_t padding)
{
	struct buf b;
	buf_init(&b);
	buf_printf(&b, "{\"op\":\"event\",\"channel_id\":%lld,\"rev\":%lld,\"type\":\"message\",\"x\":\"",
			   (long long)channel_id, (long long)rev);
	for (size_t i = 0; i < padding; i++) buf_add_byte(&b, 'x');
	buf_add_str(&b, STR("\"}"));
	struct event *e = event_create(b.n);
	e->channel_id = channel_id, e->rev = rev, e->at = 1764100000000 + rev;
	e->kind = CHANGE_MESSAGE, e->message_id = rev, e->actor_id = 3, e->epoch = 0xfeedfacecafe0001;
	memcpy(e->json, b.p, b.n);
	buf_release(&b);
	return e;
}

static inline void bus_pod_say(struct bus_pod *p, int64_t channel_id, int64_t rev, size_t padding)
{
	struct event *e = bus_event(channel_id, rev, padding);
	bus_publish(p->bus, &e, 1);
	event_unref(e);
}
#endif
