/* Ephemeral state of one process: a table of keys with a bucket, a counter and a value each, the oldest used dropped
 * past the cap. */
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rate.h"
#include "eph/local.h"
#include "eph/local_values.h"

struct entry {
	struct list used; /* least recently used first */
	struct bucket bucket;
	int64_t count, count_until_ms;
	struct local_value value;
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
	value_clear(&e->value);
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

void eph_local_raise(struct eph *eph, struct str key, int64_t count)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	struct entry *e = str_map_get(&l->entries, key);
	if (e && now_ms(l) < e->count_until_ms && e->count < count) e->count = count;
	pthread_mutex_unlock(&l->lock);
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

static int64_t local_left_ms(struct eph *eph, struct str key)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	const struct entry *e = str_map_get(&l->entries, key);
	int64_t left = e ? e->count_until_ms - now_ms(l) : 0;
	pthread_mutex_unlock(&l->lock);
	return left > 0 ? left : 0;
}

static void local_forget(struct eph *eph, struct str key)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	struct entry *e = str_map_get(&l->entries, key);
	if (e) drop(l, e);
	pthread_mutex_unlock(&l->lock);
}

/* ---- values */

/* Under the lock: the key's value as it is now, for writing. */
static struct local_value *value_for(struct eph_local *l, struct str key, int64_t ttl_ms)
{
	struct local_value *v = &need(l, key)->value;
	value_expire(v, now_ms(l));
	v->until_ms = now_ms(l) + ttl_ms;
	return v;
}

/* Under the lock; NULL: none. */
static struct local_value *value_of(struct eph_local *l, struct str key)
{
	struct entry *e = str_map_get(&l->entries, key);
	if (e) value_expire(&e->value, now_ms(l));
	return e ? &e->value : NULL;
}

static void local_hash_put(struct eph *eph, struct str key, const struct eph_item *fields, size_t n, int64_t ttl_ms)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	struct local_value *v = value_for(l, key, ttl_ms);
	for (size_t i = 0; i < n; i++) value_put(v, &fields[i]);
	pthread_mutex_unlock(&l->lock);
}

static void local_put(struct eph *eph, struct str key, struct str value, int64_t ttl_ms)
{
	local_hash_put(eph, key, &(struct eph_item){ .name = STR(""), .value = value }, 1, ttl_ms);
}

static void local_set_add(struct eph *eph, struct str key, struct str member, int64_t ttl_ms)
{
	local_hash_put(eph, key, &(struct eph_item){ .name = member }, 1, ttl_ms);
}

static void local_scored_put(struct eph *eph, struct str key, struct str member, int64_t score, int64_t ttl_ms)
{
	local_hash_put(eph, key, &(struct eph_item){ .name = member, .score = score }, 1, ttl_ms);
}

static void local_remove(struct eph *eph, struct str key, struct str member)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	struct local_value *v = value_of(l, key);
	if (v) value_remove(v, member);
	pthread_mutex_unlock(&l->lock);
}

static struct eph_items local_scored_get(struct eph *eph, struct str key, int64_t least, struct arena *a)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	struct eph_items items = { 0 };
	pthread_mutex_lock(&l->lock);
	struct local_value *v = value_of(l, key);
	if (v) {
		value_remove_below(v, least);
		items = value_items(v, a);
	}
	pthread_mutex_unlock(&l->lock);
	return items;
}

static struct eph_items local_items(struct eph *eph, struct str key, struct arena *a)
{
	return local_scored_get(eph, key, INT64_MIN, a);
}

static void local_get(struct eph *eph, const struct str *keys, size_t n, struct arena *a, struct str *out)
{
	for (size_t i = 0; i < n; i++) {
		struct eph_items items = local_items(eph, keys[i], a);
		out[i] = items.n ? items.p[0].value : STR_NONE;
	}
}

/* ---- presence */

struct derived { /* from a person's devices */
	enum presence state;
	int64_t until_ms;
};

static bool is_idle(const struct value_item *i)
{
	return i->value_n != 0;
}

static struct derived derive(struct local_value *v)
{
	struct derived d = { PRESENCE_OFFLINE, 0 };
	for (size_t i = 0; i < v->items.n; i++) {
		enum presence state = is_idle(&v->items.p[i]) ? PRESENCE_IDLE : PRESENCE_ONLINE;
		if (state > d.state) d.state = state;
		if (v->items.p[i].score > d.until_ms) d.until_ms = v->items.p[i].score;
	}
	return d;
}

static struct str presence_key(const char *kind, int64_t user_id, char out[48])
{
	return (struct str){ out, (size_t)snprintf(out, 48, "%s:%lld", kind, (long long)user_id) };
}

static enum presence presence_of(struct eph_local *l, int64_t user_id)
{
	char text[48];
	enum presence p = PRESENCE_OFFLINE;
	const struct local_value *v = value_of(l, presence_key("presence", user_id, text));
	if (v && v->items.n) presence_parse((struct str){ v->items.p[0].bytes, v->items.p[0].value_n }, &p);
	return p;
}

/* Under the lock. True: the presence is another one. */
static bool put_device(struct eph_local *l, const struct eph_device *d)
{
	char text[48];
	int64_t now = now_ms(l);
	enum presence was = presence_of(l, d->user_id);
	struct local_value *v = value_for(l, presence_key("presence_devices", d->user_id, text), d->ttl_ms);
	value_remove_below(v, now + 1);
	value_remove(v, d->name);
	const struct eph_item item = { d->name, d->state == PRESENCE_IDLE ? STR("idle") : STR(""), now + d->ttl_ms };
	if (d->state != PRESENCE_OFFLINE) value_put(v, &item);
	struct derived is = derive(v);
	v->until_ms = is.until_ms;
	v = value_for(l, presence_key("presence", d->user_id, text), is.until_ms - now);
	const struct eph_item state = { STR(""), str_of(presence_name(is.state)), 0 };
	if (is.state == PRESENCE_OFFLINE)
		value_clear(v);
	else
		value_put(v, &state);
	return is.state != was;
}

static void local_device(struct eph *eph, const struct eph_device *d)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	bool changed = put_device(l, d);
	pthread_mutex_unlock(&l->lock);
	d->told(d->arg, changed ? EPH_CHANGED : EPH_SAME);
}

static bool local_presences(struct eph *eph, const int64_t *ids, size_t n, uint8_t *out)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++) out[i] = (uint8_t)presence_of(l, ids[i]);
	pthread_mutex_unlock(&l->lock);
	return true;
}

static uint64_t local_lives(const struct eph *eph)
{
	return 1;
}

static void local_destroy(struct eph *eph)
{
	struct eph_local *l = container_of(eph, struct eph_local, base);
	while (!list_empty(&l->used)) drop(l, container_of(l->used.next, struct entry, used));
	str_map_release(&l->entries);
	pthread_mutex_destroy(&l->lock);
	mem_free(l);
}

static const struct eph_ops local_ops = {
	.take = local_take,
	.take_shared = local_take,
	.count = local_count,
	.peek = local_peek,
	.left_ms = local_left_ms,
	.forget = local_forget,
	.put = local_put,
	.get = local_get,
	.hash_put = local_hash_put,
	.hash_get = local_items,
	.set_add = local_set_add,
	.set_remove = local_remove,
	.set_get = local_items,
	.scored_put = local_scored_put,
	.scored_remove = local_remove,
	.scored_get = local_scored_get,
	.device = local_device,
	.presences = local_presences,
	.lives = local_lives,
	.destroy = local_destroy,
};

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
