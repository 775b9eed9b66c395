/* Which topics Redis is asked for: those that somebody on this pod wants, counted by reference, since each reactor
 * subscribes for itself. Any thread changes what is wanted; the bus's reactor tells Redis, in batches of which a
 * bounded number is on its way, and after each reconnect all over again. What is not on its way yet is in no queue: a
 * topic only notes it, so that coming and going while Redis stands costs nothing, and what is not left yet goes on
 * being heard. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/vec.h"
#include "bus/redis_private.h"

#define BATCH 500          /* topics of one command */
#define AWAITING_MOST 1000 /* topics on their way */

static struct topic *topic_of(struct bus_redis *b, enum topic_kind kind, int64_t id)
{
	return id_map_get(&b->topics[kind], id);
}

static bool is_off(const struct topic *t)
{
	return t->refs && !t->on;
}

static void mark(struct bus_redis *b, struct topic *t)
{
	bool agree = (t->refs > 0) == t->sent;
	if (agree)
		list_del(&t->dirty);
	else if (list_empty(&t->dirty))
		list_add_tail(&b->dirty, &t->dirty);
}

/* Nobody wants it, and nothing of it is on its way. */
static void drop_if_done(struct bus_redis *b, struct topic *t)
{
	if (t->refs || t->sent || t->awaiting) return;
	list_del(&t->dirty);
	id_map_take(&b->topics[t->kind], t->id);
	mem_free(t);
}

/* ---- any thread */

static struct topic *need(struct bus_redis *b, enum topic_kind kind, int64_t id)
{
	struct topic *t = topic_of(b, kind, id);
	if (t) return t;
	t = mem_new(struct topic);
	t->kind = kind, t->id = id;
	list_init(&t->dirty);
	id_map_put(&b->topics[kind], id, t);
	return t;
}

void redis_bus_subscribe(struct bus *bus, enum topic_kind kind, int64_t id)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	pthread_mutex_lock(&b->lock);
	struct topic *t = need(b, kind, id);
	if (t->refs++ == 0) {
		b->wanted++;
		b->off += !t->on;
		t->told = false;
		mark(b, t);
		redis_bus_wake(b);
	}
	bool now = t->on || t->told || b->away;
	t->told |= now;
	pthread_mutex_unlock(&b->lock);
	if (now) b->sink.subscribed(b->sink.arg, kind, id);
}

void redis_bus_unsubscribe(struct bus *bus, enum topic_kind kind, int64_t id)
{
	struct bus_redis *b = container_of(bus, struct bus_redis, base);
	pthread_mutex_lock(&b->lock);
	struct topic *t = topic_of(b, kind, id);
	if (t && t->refs && --t->refs == 0) {
		b->wanted--;
		b->off -= !t->on;
		mark(b, t);
		drop_if_done(b, t);
		redis_bus_wake(b);
	}
	pthread_mutex_unlock(&b->lock);
}

size_t topics_take_untold(struct bus_redis *b, struct topic_name **out)
{
	VEC(struct topic_name) names = { 0 };
	struct id_slot slot;
	for (size_t k = 0; k < countof(b->topics); k++)
		for (size_t i = 0; id_map_next(&b->topics[k], &i, &slot);) {
			struct topic *t = slot.value;
			if (!t->refs || t->told) continue;
			t->told = true;
			vec_push(&names, ((struct topic_name){ t->kind, t->id }));
		}
	*out = names.p;
	return names.n;
}

void topics_release(struct bus_redis *b)
{
	struct id_slot slot;
	for (size_t k = 0; k < countof(b->topics); k++) {
		for (size_t i = 0; id_map_next(&b->topics[k], &i, &slot);) mem_free(slot.value);
		id_map_release(&b->topics[k]);
	}
}

/* ---- reactor */

struct batch {
	struct arena arena;
	struct str on[BATCH + 1], off[BATCH + 1]; /* commands */
	size_t n_on, n_off;
};

static struct str full_name(struct bus_redis *b, struct batch *x, const struct topic *t)
{
	char topic[WIRE_TOPIC], name[REDIS_NAME_MOST];
	return arena_str(&x->arena, redis_bus_name(b, topic, wire_topic(t->kind, t->id, topic), name, sizeof name));
}

/* Under the lock. */
static void put(struct bus_redis *b, struct batch *x, struct topic *t)
{
	list_del(&t->dirty);
	if (t->refs && !t->sent) {
		x->on[x->n_on++] = full_name(b, x, t);
		t->sent = true;
		t->awaiting++;
		b->awaiting++;
	} else if (!t->refs && t->sent) {
		x->off[x->n_off++] = full_name(b, x, t);
		b->leaving++;
		t->sent = t->on = false;
		drop_if_done(b, t);
	}
}

static bool gather(struct bus_redis *b, struct batch *x)
{
	x->n_on = x->n_off = 1;
	x->on[0] = STR("SUBSCRIBE"), x->off[0] = STR("UNSUBSCRIBE");
	pthread_mutex_lock(&b->lock);
	while (!list_empty(&b->dirty) && x->n_on <= BATCH && x->n_off <= BATCH && b->awaiting + b->leaving < AWAITING_MOST)
		put(b, x, container_of(b->dirty.next, struct topic, dirty));
	pthread_mutex_unlock(&b->lock);
	return x->n_on > 1 || x->n_off > 1;
}

void topics_send(struct bus_redis *b)
{
	struct batch *x = mem_new(struct batch);
	arena_init(&x->arena);
	while (redis_link_ready(b->sub) && gather(b, x)) {
		if (x->n_off > 1) redis_link_send(b->sub, x->off, x->n_off, NULL, NULL);
		if (x->n_on > 1) redis_link_send(b->sub, x->on, x->n_on, NULL, NULL);
	}
	arena_release(&x->arena);
	mem_free(x);
}

/* For the next ones, some of which are wanted. Under the lock. */
static bool has_room(const struct bus_redis *b)
{
	return !list_empty(&b->dirty) && b->awaiting + b->leaving <= AWAITING_MOST / 2;
}

void topics_left(struct bus_redis *b)
{
	pthread_mutex_lock(&b->lock);
	if (b->leaving) b->leaving--;
	bool more = has_room(b);
	pthread_mutex_unlock(&b->lock);
	if (more) topics_send(b);
}

/* The answer to the last of several SUBSCRIBEs counts: one in between may have been undone. It counts also while nobody
 * wants the topic: who comes before it was left finds it subscribed to, and no other answer follows. */
static bool confirm(struct bus_redis *b, struct topic *t)
{
	bool waited_for = is_off(t);
	t->awaiting--;
	b->awaiting--;
	if (!t->sent || t->awaiting) {
		drop_if_done(b, t);
		return false;
	}
	t->on = true;
	if (!waited_for) return false;
	t->told = true;
	b->off--;
	return true;
}

void topics_confirmed(struct bus_redis *b, enum topic_kind kind, int64_t id)
{
	pthread_mutex_lock(&b->lock);
	struct topic *t = topic_of(b, kind, id);
	bool confirmed = t && t->awaiting && confirm(b, t);
	bool more = has_room(b);
	pthread_mutex_unlock(&b->lock);
	if (confirmed) b->sink.subscribed(b->sink.arg, kind, id);
	if (more) topics_send(b);
}

static void forget(struct bus_redis *b, struct topic *t)
{
	t->sent = t->on = false;
	t->awaiting = 0;
	mark(b, t);
}

void topics_lost(struct bus_redis *b)
{
	VEC(struct topic *) done = { 0 };
	struct id_slot slot;
	pthread_mutex_lock(&b->lock);
	b->awaiting = b->leaving = 0;
	b->off = b->wanted;
	for (size_t k = 0; k < countof(b->topics); k++)
		for (size_t i = 0; id_map_next(&b->topics[k], &i, &slot);) {
			forget(b, slot.value);
			if (!((struct topic *)slot.value)->refs) vec_push(&done, slot.value);
		}
	for (size_t i = 0; i < done.n; i++) drop_if_done(b, done.p[i]);
	pthread_mutex_unlock(&b->lock);
	vec_release(&done);
}
