/* Ephemeral state of one process: a table of keys with a bucket and a counter each, the oldest used dropped past the
 * cap. */
#include <pthread.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rate.h"
#include "eph/eph.h"

struct entry {
	struct list used; /* least recently used first */
	struct bucket bucket;
	int64_t count, count_until_ms;
	size_t n;
	char key[];
};

struct eph_local {
	struct eph base;
	const struct clock *clock;
	size_t most_keys;
	pthread_mutex_t lock;
	struct str_map entries;
	struct list used;
};

static struct str key_of(const struct entry *e)
{
	return (struct str){ e->key, e->n };
}

static void drop(struct eph_local *l, struct entry *e)
{
	str_map_take(&l->entries, key_of(e));
	list_del(&e->used);
	mem_free(e);
}

static struct entry *need(struct eph_local *l, struct str key)
{
	struct entry *e = str_map_get(&l->entries, key);
	if (e) {
		list_del(&e->used);
	} else {
		if (l->entries.n >= l->most_keys) drop(l, container_of(l->used.next, struct entry, used));
		e = mem_zalloc(sizeof *e + key.n);
		e->n = key.n;
		__builtin_memcpy(e->key, key.p, key.n);
		str_map_put(&l->entries, key_of(e), e);
	}
	list_add_tail(&l->used, &e->used);
	return e;
}

static int64_t now_ms(const struct eph_local *l)
{
	return clock_monotonic_ns(l->clock) / 1000000;
}

static bool local_take(struct eph *eph, struct str key, const struct rate *rate, int64_t *retry_ms)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	*retry_ms = 0;
	if (!rate->count) return true;
	pthread_mutex_lock(&l->lock);
	bool ok = bucket_take(rate, &need(l, key)->bucket, now_ms(l), retry_ms);
	pthread_mutex_unlock(&l->lock);
	return ok;
}

static int64_t local_count(struct eph *eph, struct str key, int64_t window_ms)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	struct entry *e = need(l, key);
	int64_t now = now_ms(l);
	if (now >= e->count_until_ms) e->count = 0, e->count_until_ms = now + window_ms;
	int64_t n = ++e->count;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static int64_t local_peek(struct eph *eph, struct str key)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	const struct entry *e = str_map_get(&l->entries, key);
	int64_t n = e && now_ms(l) < e->count_until_ms ? e->count : 0;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static void local_forget(struct eph *eph, struct str key)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	struct entry *e = str_map_get(&l->entries, key);
	if (e) drop(l, e);
	pthread_mutex_unlock(&l->lock);
}

static void local_destroy(struct eph *eph)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	while (!list_empty(&l->used)) drop(l, container_of(l->used.next, struct entry, used));
	str_map_release(&l->entries);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

static const struct eph_ops local_ops = { local_take, local_count, local_peek, local_forget, local_destroy };

struct eph *eph_local_create(const struct clock *clock, size_t most_keys)
{
	struct eph_local *l = mem_new(struct eph_local);
	l->base.ops = &local_ops;
	l->clock = clock;
	l->most_keys = most_keys;
	pthread_mutex_init(&l->lock, NULL);
	list_init(&l->used);
	return &l->base;
}
