/* Ephemeral state in Redis: one link on a reactor of its own, small scripts for what must happen at once, and this
 * pod's own state beside it, which is written along and asked while Redis is away. */
#include <openssl/sha.h>
#include <stdio.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "eph/redis_private.h"
#include "loop/tls.h"

#define REACTOR 901 /* its number, which no client's has */
#define READ_BUFFER 65536
#define LINK_QUEUE_MOST (1u << 20)
#define ANSWER_MOST (16u << 20)

static const char *const scripts[SCRIPTS] = {
	/* tokens count per_ms burst strict: {1, spent} or, strict and not to be had, {0, milliseconds}. What is told and
	   not asked for has been given out: it counts, but nobody is made to wait longer than for two bursts. */
	[SCRIPT_TAKE] = "local n,count,per,burst=tonumber(ARGV[1]),tonumber(ARGV[2]),tonumber(ARGV[3]),tonumber(ARGV[4]) "
					"local t=redis.call('TIME') local now=t[1]*1000+math.floor(t[2]/1000) "
					"local b=redis.call('HMGET',KEYS[1],'spent','at') "
					"local spent,at=tonumber(b[1]) or 0,tonumber(b[2]) or now "
					"if now<at then now=at end "
					"spent=math.max(0,spent-(now-at)*count)+n*per "
					"local over=spent-burst*per "
					"if ARGV[5]=='1' and over>0 then return {0,math.ceil(over/count)} end "
					"spent=math.min(spent,2*burst*per) "
					"redis.call('HSET',KEYS[1],'spent',string.format('%.0f',spent),'at',string.format('%.0f',now)) "
					"redis.call('PEXPIRE',KEYS[1],math.ceil(spent/count)+1000) "
					"return {1,spent}",
	[SCRIPT_COUNT] =
		"local n=redis.call('INCR',KEYS[1]) if n==1 then redis.call('PEXPIRE',KEYS[1],ARGV[1]) end return n",
	/* name state ttl: 1 when the person's presence is another one now. */
	[SCRIPT_DEVICE] =
		"local t=redis.call('TIME') local now=t[1]*1000+math.floor(t[2]/1000) local f='%.0f' "
		"redis.call('ZREMRANGEBYSCORE',KEYS[1],'-inf',string.format(f,now)) "
		"redis.call('ZREM',KEYS[1],ARGV[1],ARGV[1]..':idle') "
		"if ARGV[2]~='offline' then redis.call('ZADD',KEYS[1],string.format(f,now+ARGV[3]),"
		"ARGV[2]=='idle' and ARGV[1]..':idle' or ARGV[1]) end "
		"local all,state,last=redis.call('ZRANGEBYSCORE',KEYS[1],'-inf','+inf','WITHSCORES'),false,now "
		"for i=1,#all,2 do last=math.max(last,tonumber(all[i+1])) "
		"if string.sub(all[i],-5)~=':idle' then state='online' elseif not state then state='idle' end end "
		"local was=redis.call('GET',KEYS[2]) local left=string.format(f,last-now) "
		"if state then redis.call('SET',KEYS[2],state,'PX',left) redis.call('PEXPIRE',KEYS[1],left) "
		"elseif was then redis.call('DEL',KEYS[2]) end "
		"return was==state and 0 or 1",
	[SCRIPT_KEEP] = "redis.call(ARGV[2],KEYS[1],unpack(ARGV,3)) return redis.call('PEXPIRE',KEYS[1],ARGV[1])",
};

static void set_up(struct eph_redis *r, bool up)
{
	pthread_mutex_lock(&r->lock);
	r->up = up;
	pthread_mutex_unlock(&r->lock);
	atomic_store_explicit(&r->slow, false, memory_order_relaxed);
	if (!up) atomic_store_explicit(&r->refused_ns, 0, memory_order_relaxed); /* the next may be another one */
}

static void loaded(void *arg, const struct redisReply *reply, int64_t took_ns)
{
	struct eph_redis *r = arg;
	char why[160];
	if (!reply) return;
	if (reply->type == REDIS_REPLY_ERROR) {
		snprintf(why, sizeof why, "loading a script: " STR_FMT, STR_ARG(redis_text(reply)));
		redis_link_break(r->link, why);
		return;
	}
	if (reply->type != REDIS_REPLY_STRING) {
		redis_link_break(r->link, "loading a script: an answer of a kind that was not asked for");
		return;
	}
	if (--r->loading) return;
	redis_link_works(r->link);
	atomic_fetch_add_explicit(&r->lives, 1, memory_order_relaxed);
	set_up(r, true);
}

void redis_eph_load(struct eph_redis *r)
{
	if (r->loading) return;
	r->loading = SCRIPTS;
	for (size_t i = 0; i < SCRIPTS; i++)
		redis_link_send(r->link, (const struct str[]){ STR("SCRIPT"), STR("LOAD"), str_of(scripts[i]) }, 3, loaded, r);
}

static void on_ready(struct redis_link *l)
{
	struct eph_redis *r = redis_link_data(l);
	r->loading = 0;
	redis_eph_load(r);
}

static void on_lost(struct redis_link *l)
{
	struct eph_redis *r = redis_link_data(l);
	set_up(r, false);
	calls_drop(r);
}

static void on_drained(struct redis_link *l)
{
	calls_send(redis_link_data(l));
}

static void on_push(struct redis_link *l, const struct redisReply *reply) {}

static void on_stopped(struct redis_link *l)
{
	struct eph_redis *r = redis_link_data(l);
	reactor_stop(r->reactor);
}

static void woken(struct reactor *reactor, struct mail *m)
{
	struct eph_redis *r = container_of(m, struct eph_redis, wake);
	pthread_mutex_lock(&r->lock);
	r->woken = false;
	pthread_mutex_unlock(&r->lock);
	calls_send(r);
}

static void begin_arrives(struct reactor *reactor, struct mail *m)
{
	static const struct redis_link_handler handler = { on_ready, on_lost, on_push, on_drained, on_stopped };
	struct eph_redis *r = container_of(m, struct eph_redis, begin);
	const struct config *c = r->o.config;
	const struct redis_link_options o = {
		.reactor = reactor,
		.address = r->o.address,
		.tls = r->tls,
		.random = r->o.random,
		.name = "ephemeral",
		.timeout_ms = (int)c->redis_timeout_ms,
		.retry_ms = (int)c->redis_retry_ms,
		.queue_most = LINK_QUEUE_MOST,
		.answer_most = ANSWER_MOST,
		.handler = &handler,
		.data = r,
	};
	r->link = redis_link_create(&o);
}

static void end_arrives(struct reactor *reactor, struct mail *m)
{
	struct eph_redis *r = container_of(m, struct eph_redis, end);
	calls_send(r);
	redis_link_stop(r->link);
}

/* A refusal counts until a write is taken, or for so long as nobody writes. */
static bool is_refused(const struct eph_redis *r)
{
	int64_t refused_ns = atomic_load_explicit(&r->refused_ns, memory_order_relaxed);
	return refused_ns && clock_monotonic_ns(&clock_real) - refused_ns < REFUSAL_QUIET_NS;
}

static bool redis_eph_away(struct eph *e)
{
	struct eph_redis *r = container_of(e, struct eph_redis, base);
	pthread_mutex_lock(&r->lock);
	bool up = r->up;
	pthread_mutex_unlock(&r->lock);
	return !up || atomic_load_explicit(&r->slow, memory_order_relaxed) || is_refused(r);
}

static void write_gauges(void *arg, struct buf *out)
{
	struct eph_redis *r = arg;
	metrics_line(out, METRIC_EPH_AWAY, NULL, redis_eph_away(&r->base));
	metrics_line(out, METRIC_EPH_LATE, NULL, atomic_load_explicit(&r->late, memory_order_relaxed));
	metrics_line(out, METRIC_EPH_DROPPED, NULL, atomic_load_explicit(&r->dropped, memory_order_relaxed));
}

/* ---- life */

static void stop(struct eph_redis *r)
{
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	pthread_mutex_unlock(&r->lock);
	reactor_post(r->reactor, &r->end);
	reactor_join(r->reactor);
	calls_drop(r);
	conn_layer_close(r->reactor);
	reactor_destroy(r->reactor);
	redis_link_destroy(r->link);
}

static void redis_eph_destroy(struct eph *e)
{
	struct eph_redis *r = container_of(e, struct eph_redis, base);
	if (r->reactor) stop(r);
	buckets_release(r);
	r->own->ops->destroy(r->own);
	tls_destroy(r->tls);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

static const struct eph_ops redis_ops = {
	.take = redis_eph_take,
	.take_shared = redis_eph_take_shared,
	.count = redis_eph_count,
	.peek = redis_eph_peek,
	.left_ms = redis_eph_left_ms,
	.forget = redis_eph_forget,
	.put = redis_eph_put,
	.get = redis_eph_get,
	.hash_put = redis_eph_hash_put,
	.hash_get = redis_eph_hash_get,
	.set_add = redis_eph_set_add,
	.set_remove = redis_eph_set_remove,
	.set_get = redis_eph_set_get,
	.scored_put = redis_eph_scored_put,
	.scored_remove = redis_eph_scored_remove,
	.scored_get = redis_eph_scored_get,
	.away = redis_eph_away,
	.device = redis_eph_device,
	.presences = redis_eph_presences,
	.lives = redis_eph_lives,
	.destroy = redis_eph_destroy,
};

static void name_scripts(struct eph_redis *r)
{
	uint8_t hash[SHA_DIGEST_LENGTH];
	for (size_t i = 0; i < SCRIPTS; i++) {
		struct str text = str_of(scripts[i]);
		SHA1((const uint8_t *)text.p, text.n, hash);
		hex_encode(hash, sizeof hash, r->sha[i]);
	}
}

static enum err open_tls(struct eph_redis *r)
{
	struct arena a;
	arena_init(&a);
	struct str ca = r->o.config->redis_ca;
	enum err e = r->o.address->tls ? tls_client_create(ca.n ? arena_cstr(&a, ca) : NULL, &r->tls) : OK;
	arena_release(&a);
	return e;
}

struct eph *eph_redis_create(const struct eph_redis_options *o)
{
	struct eph_redis *r = mem_new(struct eph_redis);
	r->base.ops = &redis_ops;
	r->base.shared = true;
	r->o = *o;
	r->own = eph_local_create(o->clock, o->most_keys);
	r->last = &r->first;
	r->wake.deliver = woken, r->begin.deliver = begin_arrives, r->end.deliver = end_arrives;
	list_init(&r->used);
	pthread_mutex_init(&r->lock, NULL);
	name_scripts(r);
	if (open_tls(r)) {
		redis_eph_destroy(&r->base);
		return NULL;
	}
	r->reactor = reactor_create(&(struct reactor_options){ .index = REACTOR });
	conn_layer_open(r->reactor, READ_BUFFER);
	conn_layer_opening_ms(r->reactor, (int)o->config->redis_timeout_ms);
	reactor_post(r->reactor, &r->begin);
	reactor_start(r->reactor);
	metrics_source(o->metrics, write_gauges, r);
	return &r->base;
}
