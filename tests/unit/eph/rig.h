/* Ephemeral state as a pod has it, its own or in Redis. */
#ifndef LINNET_TESTS_EPH_RIG_H
#define LINNET_TESTS_EPH_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "eph/eph.h"
#include "redis/address.h"
#include "support/redis.h"

struct eph_pod {
	struct eph *eph;
	struct config config;
	struct metrics *metrics;
	struct redis_address address;
	struct arena arena; /* of answers */
};

static inline void eph_nap(int64_t ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static inline int64_t eph_now_ms(void)
{
	return clock_monotonic_ns(&clock_real) / 1000000;
}

static inline int64_t eph_pod_number(struct eph_pod *p, const char *begin)
{
	char start[128];
	struct buf text;
	snprintf(start, sizeof start, "\n%s ", begin);
	buf_init(&text);
	metrics_write(p->metrics, &text);
	buf_add_byte(&text, 0);
	const char *at = strstr(text.p, start);
	int64_t n = at ? atoll(at + strlen(start)) : -1;
	buf_release(&text);
	return n;
}

static inline void eph_pod_until(struct eph_pod *p, const char *name, int64_t n)
{
	for (int i = 0; i < 4000 && eph_pod_number(p, name) != n; i++) eph_nap(5);
	if (eph_pod_number(p, name) != n) fail_msg("%s is not %lld", name, (long long)n);
}

static inline void eph_pod_set(struct eph_pod *p, const char *name, const char *value)
{
	const char *why = "";
	if (!config_set(&p->config, str_of(name), str_of(value), &why)) fail_msg("%s", why);
}

static inline void eph_pod_init(struct eph_pod *p, const char *prefix)
{
	memset(p, 0, sizeof *p);
	config_init(&p->config);
	arena_init(&p->arena);
	p->metrics = metrics_create();
	eph_pod_set(p, "REDIS_PREFIX", prefix);
	/* So that a busy machine is not taken for a Redis that does not answer. */
	eph_pod_set(p, "LINNET_REDIS_WAIT_MS", "10000");
}

static inline void eph_pod_connect(struct eph_pod *p, const char *url)
{
	assert_true(redis_address_parse(str_of(url), &p->config.arena, &p->address));
	p->eph = eph_redis_create(&(struct eph_redis_options){ .config = &p->config,
														   .address = &p->address,
														   .clock = &clock_real,
														   .random = &random_kernel,
														   .metrics = p->metrics,
														   .most_keys = 1000 });
	assert_non_null(p->eph);
}

/* url NULL: its own alone. */
static inline void eph_pod_start(struct eph_pod *p, const char *url, const char *prefix)
{
	eph_pod_init(p, prefix);
	if (url)
		eph_pod_connect(p, url);
	else
		p->eph = eph_local_create(&clock_real, 1000);
}

/* With Redis there. */
static inline void eph_pod_open(struct eph_pod *p, const char *url)
{
	eph_pod_start(p, url, "");
	if (url) eph_pod_until(p, "linnet_eph_away", 0);
}

static inline void eph_pod_close(struct eph_pod *p)
{
	p->eph->ops->destroy(p->eph);
	metrics_destroy(p->metrics);
	arena_release(&p->arena);
	config_release(&p->config);
}

/* What putting a device came to. */
struct eph_told {
	_Atomic int n;
	enum eph_said said;
};

static void eph_device_told(void *arg, enum eph_said said)
{
	struct eph_told *t = arg;
	t->said = said;
	atomic_fetch_add(&t->n, 1);
}

static inline enum eph_said eph_put_device(struct eph_pod *p, int64_t user_id, const char *name, enum presence state,
										   int64_t ttl_ms)
{
	struct eph_told told = { 0 };
	const struct eph_device d = { user_id, str_of(name), state, ttl_ms, eph_device_told, &told };
	p->eph->ops->device(p->eph, &d);
	for (int64_t until = eph_now_ms() + 20000; !atomic_load(&told.n); eph_nap(1)) assert_true(eph_now_ms() < until);
	return told.said;
}

static inline enum presence eph_presence(struct eph_pod *p, int64_t user_id)
{
	uint8_t state = 77;
	assert_true(p->eph->ops->presences(p->eph, &user_id, 1, &state));
	return (enum presence)state;
}

/* "name=value/score name=..." */
static inline const char *eph_text(struct eph_pod *p, struct eph_items items)
{
	struct str out = STR("");
	for (size_t i = 0; i < items.n; i++)
		out = arena_printf(&p->arena, STR_FMT "%s" STR_FMT "=" STR_FMT "/%lld", STR_ARG(out), i ? " " : "",
						   STR_ARG(items.p[i].name), STR_ARG(items.p[i].value), (long long)items.p[i].score);
	return arena_cstr(&p->arena, out);
}
#endif
