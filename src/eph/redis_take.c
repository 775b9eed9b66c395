/* Rate buckets that all pods share. A reactor may not wait, so this pod's own bucket judges at once, the tokens given
 * out are told to Redis in the background, and its answer, which has those of all pods, is taken over: while Redis
 * answers, a limit is overstepped by no more than what somebody gets from several pods within one trip to it. Without
 * Redis the same buckets go on alone, and what they give out then is known to their pod only, also afterwards.
 *
 * A bucket has one command under way; what is given out meanwhile goes with the next, or, when Redis did not take the
 * first, nowhere: told again and again it would make errors the busiest command. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eph/redis_private.h"

struct shared_bucket { /* lock */
	struct list used;
	struct bucket bucket;
	struct rate rate;
	int64_t untold; /* tokens that Redis does not know of */
	bool asking;
	size_t n;
	char key[];
};

static struct str key_of(const struct shared_bucket *b)
{
	return (struct str){ b->key, b->n };
}

static void drop(struct eph_redis *r, struct shared_bucket *b)
{
	str_map_take(&r->buckets, key_of(b));
	list_del(&b->used);
	mem_free(b);
}

static struct shared_bucket *need(struct eph_redis *r, struct str key)
{
	struct shared_bucket *b = str_map_get(&r->buckets, key);
	if (b) {
		list_del(&b->used);
	} else {
		if (r->buckets.n >= r->o.most_keys) drop(r, container_of(r->used.next, struct shared_bucket, used));
		b = mem_zalloc(sizeof *b + key.n);
		b->n = key.n;
		__builtin_memcpy(b->key, key.p, key.n);
		str_map_put(&r->buckets, key_of(b), b);
	}
	list_add_tail(&r->used, &b->used);
	return b;
}

static int64_t now_ms(void)
{
	return clock_monotonic_ns(&clock_real) / 1000000;
}

static struct call *ask(struct eph_redis *r, struct str key, const struct rate *rate, int64_t tokens, bool strict)
{
	char text[4][24];
	struct arena a;
	arena_init(&a);
	const int64_t numbers[4] = { tokens, rate->count, rate->per_ms, rate->burst };
	struct str argv[9] = { STR("EVALSHA"), str_of(r->sha[SCRIPT_TAKE]), STR("1"), call_name(r, "bucket:", key, &a) };
	for (size_t i = 0; i < 4; i++) {
		snprintf(text[i], sizeof text[i], "%lld", (long long)numbers[i]);
		argv[4 + i] = str_of(text[i]);
	}
	argv[8] = strict ? STR("1") : STR("0");
	struct call *c = call_create(r, CALL_ARRAY, argv, countof(argv));
	arena_release(&a);
	return c;
}

/* Nobody waits longer than for this. (The script sees to it too, but who answers may be somebody else.) */
static int64_t spent_most(const struct rate *rate)
{
	return 2 * rate->burst * rate->per_ms;
}

static int64_t within(int64_t v, int64_t least, int64_t most)
{
	return v < least ? least : v > most ? most : v;
}

/* Under the lock. What Redis says, or what this pod knows, whichever leaves less: one that came back empty gives nobody
 * a second share. */
static void take_over(struct shared_bucket *b, int64_t spent)
{
	spent = within(spent, 0, spent_most(&b->rate));
	struct bucket now = b->bucket;
	int64_t at = now_ms(), elapsed = at > now.last_ms ? at - now.last_ms : 0;
	now.spent = elapsed > now.spent / b->rate.count ? 0 : now.spent - elapsed * b->rate.count;
	now.last_ms = at > now.last_ms ? at : now.last_ms;
	spent += b->untold * b->rate.per_ms;
	if (spent > now.spent) now.spent = spent;
	b->bucket = now;
}

static void tell(struct eph_redis *r, struct str key);

/* {1, spent} */
static void told(struct call *c, const struct redisReply *reply)
{
	struct eph_redis *r = c->eph;
	bool more = false, ok = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;
	pthread_mutex_lock(&r->lock);
	struct shared_bucket *b = str_map_get(&r->buckets, c->key);
	if (b) {
		b->asking = false;
		if (ok && b->rate.count) take_over(b, reply->element[1]->integer);
		if (!ok) b->untold = 0;
		more = b->untold > 0;
	}
	pthread_mutex_unlock(&r->lock);
	if (more) tell(r, c->key);
}

static void tell(struct eph_redis *r, struct str key)
{
	struct rate rate = { 0 };
	int64_t tokens = 0;
	pthread_mutex_lock(&r->lock);
	struct shared_bucket *b = str_map_get(&r->buckets, key);
	if (b && !r->up) b->untold = 0;
	if (b && !b->asking && b->untold) {
		rate = b->rate, tokens = b->untold;
		b->untold = 0, b->asking = true;
	}
	pthread_mutex_unlock(&r->lock);
	if (!tokens) return;
	struct call *c = ask(r, key, &rate, tokens, false);
	c->key = (struct str){ mem_dup(key.p, key.n), key.n };
	c->answered = told;
	call_post(c);
}

bool redis_eph_take(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms)
{
	struct eph_redis *r = container_of(e, struct eph_redis, base);
	*retry_ms = 0;
	if (!rate->count) return true;
	pthread_mutex_lock(&r->lock);
	struct shared_bucket *b = need(r, key);
	b->rate = *rate;
	bool ok = bucket_take(rate, &b->bucket, now_ms(), retry_ms);
	bool telling = ok && r->up;
	if (telling) b->untold++;
	pthread_mutex_unlock(&r->lock);
	if (telling) tell(r, key);
	return ok;
}

/* {1, spent} or {0, milliseconds} */
bool redis_eph_take_shared(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms)
{
	struct eph_redis *r = container_of(e, struct eph_redis, base);
	*retry_ms = 0;
	if (!rate->count) return true;
	struct call *c = ask(r, key, rate, 1, true);
	bool judged = call_wait(c) && c->integers.n == 2, ok = judged && c->integers.p[0];
	if (judged && !ok) *retry_ms = within(c->integers.p[1], 1, spent_most(rate) / rate->count + 1);
	call_unref(c);
	if (judged && !ok) return false;
	/* Taken here as well, so that it counts when Redis goes away. Where Redis has judged, this bucket is only told. */
	pthread_mutex_lock(&r->lock);
	struct shared_bucket *b = need(r, key);
	b->rate = *rate;
	bool own = bucket_take(rate, &b->bucket, now_ms(), retry_ms);
	pthread_mutex_unlock(&r->lock);
	if (judged) *retry_ms = 0;
	return judged || own;
}

void bucket_forget(struct eph_redis *r, struct str key)
{
	pthread_mutex_lock(&r->lock);
	struct shared_bucket *b = str_map_get(&r->buckets, key);
	if (b) drop(r, b);
	pthread_mutex_unlock(&r->lock);
}

void buckets_release(struct eph_redis *r)
{
	while (!list_empty(&r->used)) drop(r, container_of(r->used.next, struct shared_bucket, used));
	str_map_release(&r->buckets);
}
