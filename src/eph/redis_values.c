/* Counters and values: each write goes to this pod's own state and to Redis, each reading asks Redis, and the own state
 * where that does not answer in time. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eph/local.h"
#include "eph/redis_private.h"

#define ARGS_MOST 64 /* of a command that writes */

static struct eph_redis *of(struct eph *e)
{
	return container_of(e, struct eph_redis, base);
}

static struct str number(struct arena *a, int64_t v)
{
	return arena_printf(a, "%lld", (long long)v);
}

static void post(struct eph_redis *r, enum call_kind kind, const struct str *argv, size_t n)
{
	call_post(call_create(r, kind, argv, n));
}

/* ---- counters: what Redis says, which has those of all pods, is remembered here for when it is away */

int64_t redis_eph_count(struct eph *e, struct str key, int64_t window_ms)
{
	struct eph_redis *r = of(e);
	struct arena a;
	arena_init(&a);
	int64_t n = r->own->ops->count(r->own, key, window_ms);
	const struct str argv[] = { STR("EVALSHA"), str_of(r->sha[SCRIPT_COUNT]), STR("1"), call_name(r, "count:", key, &a),
								number(&a, window_ms) };
	struct call *c = call_create(r, CALL_INTEGER, argv, countof(argv));
	if (call_wait(c)) eph_local_raise(r->own, key, n = c->integer);
	call_unref(c);
	arena_release(&a);
	return n;
}

int64_t redis_eph_peek(struct eph *e, struct str key)
{
	struct eph_redis *r = of(e);
	struct arena a;
	arena_init(&a);
	struct call *c =
		call_create(r, CALL_STRING, (const struct str[]){ STR("GET"), call_name(r, "count:", key, &a) }, 2);
	int64_t n = 0;
	if (!call_wait(c))
		n = r->own->ops->peek(r->own, key);
	else if (str_i64(call_text(c, 0), 0, INT64_MAX, &n))
		eph_local_raise(r->own, key, n);
	call_unref(c);
	arena_release(&a);
	return n;
}

int64_t redis_eph_left_ms(struct eph *e, struct str key)
{
	struct eph_redis *r = of(e);
	struct arena a;
	arena_init(&a);
	struct call *c =
		call_create(r, CALL_INTEGER, (const struct str[]){ STR("PTTL"), call_name(r, "count:", key, &a) }, 2);
	int64_t left = call_wait(c) ? c->integer : r->own->ops->left_ms(r->own, key);
	call_unref(c);
	arena_release(&a);
	return left > 0 ? left : 0;
}

void redis_eph_forget(struct eph *e, struct str key)
{
	struct eph_redis *r = of(e);
	struct arena a;
	arena_init(&a);
	r->own->ops->forget(r->own, key);
	bucket_forget(r, key);
	post(r, CALL_INTEGER,
		 (const struct str[]){ STR("DEL"), call_name(r, "", key, &a), call_name(r, "count:", key, &a),
							   call_name(r, "bucket:", key, &a) },
		 4);
	arena_release(&a);
}

/* ---- writing: KEEP name ttl command argument... */

static void keep(struct eph_redis *r, struct str key, int64_t ttl_ms, struct str command, const struct str *args,
				 size_t n)
{
	struct arena a;
	struct str argv[ARGS_MOST + 6];
	arena_init(&a);
	argv[0] = STR("EVALSHA"), argv[1] = str_of(r->sha[SCRIPT_KEEP]), argv[2] = STR("1");
	argv[3] = call_name(r, "", key, &a), argv[4] = number(&a, ttl_ms), argv[5] = command;
	for (size_t i = 0; i < n; i++) argv[6 + i] = args[i];
	post(r, CALL_INTEGER, argv, 6 + n);
	arena_release(&a);
}

static void remove_from(struct eph_redis *r, struct str key, struct str command, struct str member)
{
	struct arena a;
	arena_init(&a);
	post(r, CALL_INTEGER, (const struct str[]){ command, call_name(r, "", key, &a), member }, 3);
	arena_release(&a);
}

void redis_eph_put(struct eph *e, struct str key, struct str value, int64_t ttl_ms)
{
	struct eph_redis *r = of(e);
	struct arena a;
	arena_init(&a);
	r->own->ops->put(r->own, key, value, ttl_ms);
	post(r, CALL_STATUS,
		 (const struct str[]){ STR("SET"), call_name(r, "", key, &a), value, STR("PX"), number(&a, ttl_ms) }, 5);
	arena_release(&a);
}

void redis_eph_hash_put(struct eph *e, struct str key, const struct eph_item *fields, size_t n, int64_t ttl_ms)
{
	struct eph_redis *r = of(e);
	struct str args[ARGS_MOST];
	r->own->ops->hash_put(r->own, key, fields, n, ttl_ms);
	for (size_t i = 0; i < n;) {
		size_t k = 0;
		for (; i < n && k < ARGS_MOST; i++) args[k++] = fields[i].name, args[k++] = fields[i].value;
		keep(r, key, ttl_ms, STR("HSET"), args, k);
	}
}

void redis_eph_set_add(struct eph *e, struct str key, struct str member, int64_t ttl_ms)
{
	struct eph_redis *r = of(e);
	r->own->ops->set_add(r->own, key, member, ttl_ms);
	keep(r, key, ttl_ms, STR("SADD"), &member, 1);
}

void redis_eph_set_remove(struct eph *e, struct str key, struct str member)
{
	struct eph_redis *r = of(e);
	r->own->ops->set_remove(r->own, key, member);
	remove_from(r, key, STR("SREM"), member);
}

void redis_eph_scored_put(struct eph *e, struct str key, struct str member, int64_t score, int64_t ttl_ms)
{
	struct eph_redis *r = of(e);
	struct arena a;
	arena_init(&a);
	r->own->ops->scored_put(r->own, key, member, score, ttl_ms);
	const struct str args[] = { number(&a, score), member };
	keep(r, key, ttl_ms, STR("ZADD"), args, 2);
	arena_release(&a);
}

void redis_eph_scored_remove(struct eph *e, struct str key, struct str member)
{
	struct eph_redis *r = of(e);
	r->own->ops->scored_remove(r->own, key, member);
	remove_from(r, key, STR("ZREM"), member);
}

/* ---- reading */

void redis_eph_get(struct eph *e, const struct str *keys, size_t n, struct arena *a, struct str *out)
{
	struct eph_redis *r = of(e);
	struct str argv[EPH_KEYS_MOST + 1] = { STR("MGET") };
	if (n > EPH_KEYS_MOST) n = EPH_KEYS_MOST;
	if (!n) return;
	for (size_t i = 0; i < n; i++) argv[i + 1] = call_name(r, "", keys[i], a);
	struct call *c = call_create(r, CALL_ARRAY, argv, n + 1);
	if (call_wait(c))
		for (size_t i = 0; i < n; i++) out[i] = arena_str(a, call_text(c, i));
	else
		r->own->ops->get(r->own, keys, n, a, out);
	call_unref(c);
}

/* Of an answer with `step` strings for each item: its name and its value or score. */
static struct eph_items items_of(const struct call *c, size_t step, bool scored, struct arena *a)
{
	size_t n = c->spans.n / step;
	if (n > EPH_ITEMS_MOST) n = EPH_ITEMS_MOST;
	struct eph_items out = { arena_array(a, struct eph_item, n + 1), n };
	for (size_t i = 0; i < n; i++) {
		struct str second = step == 2 ? call_text(c, 2 * i + 1) : STR_NONE;
		out.p[i].name = arena_str(a, call_text(c, step * i));
		out.p[i].value = scored || step == 1 ? STR("") : arena_str(a, second);
		if (scored) str_i64(second, INT64_MIN, INT64_MAX, &out.p[i].score);
	}
	qsort(out.p, n, sizeof *out.p, eph_item_order);
	return out;
}

/* NULL: Redis does not say. */
static struct call *asked(struct eph_redis *r, const struct str *argv, size_t n)
{
	struct call *c = call_create(r, CALL_ARRAY, argv, n);
	if (call_wait(c)) return c;
	call_unref(c);
	return NULL;
}

struct eph_items redis_eph_hash_get(struct eph *e, struct str key, struct arena *a)
{
	struct eph_redis *r = of(e);
	struct call *c = asked(r, (const struct str[]){ STR("HGETALL"), call_name(r, "", key, a) }, 2);
	if (!c) return r->own->ops->hash_get(r->own, key, a);
	struct eph_items out = items_of(c, 2, false, a);
	call_unref(c);
	return out;
}

struct eph_items redis_eph_set_get(struct eph *e, struct str key, struct arena *a)
{
	struct eph_redis *r = of(e);
	struct call *c = asked(r, (const struct str[]){ STR("SMEMBERS"), call_name(r, "", key, a) }, 2);
	if (!c) return r->own->ops->set_get(r->own, key, a);
	struct eph_items out = items_of(c, 1, false, a);
	call_unref(c);
	return out;
}

struct eph_items redis_eph_scored_get(struct eph *e, struct str key, int64_t least, struct arena *a)
{
	struct eph_redis *r = of(e);
	struct str name = call_name(r, "", key, a), from = number(a, least),
			   below = arena_printf(a, "(%lld", (long long)least);
	post(r, CALL_INTEGER, (const struct str[]){ STR("ZREMRANGEBYSCORE"), name, STR("-inf"), below }, 4);
	struct call *c =
		asked(r, (const struct str[]){ STR("ZRANGEBYSCORE"), name, from, STR("+inf"), STR("WITHSCORES") }, 5);
	if (!c) return r->own->ops->scored_get(r->own, key, least, a);
	struct eph_items out = items_of(c, 2, true, a);
	call_unref(c);
	return out;
}
