/* Commands from any thread to the link's reactor. Who waits does so on the lock of the whole, and not for long; once
 * one has waited in vain nobody waits any more until an answer shows that Redis is there. */
#include <errno.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "eph/redis_private.h"

#define QUEUE_MOST 20000            /* commands not yet written, and again as many without an answer */
#define QUEUE_BYTES_MOST (8u << 20) /* of those not yet written; the others' are the link's */

struct str call_name(const struct eph_redis *r, const char *kind, struct str key, struct arena *a)
{
	return arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(r->o.config->redis_prefix), kind, STR_ARG(key));
}

struct call *call_create(struct eph_redis *r, enum call_kind kind, const struct str *argv, size_t n)
{
	struct call *c = mem_new(struct call);
	c->eph = r;
	c->refs = 1;
	c->kinds = kind;
	c->script = str_eq(argv[0], STR("EVALSHA"));
	c->command = redis_format(argv, n, &c->command_n);
	buf_init(&c->text);
	return c;
}

static void call_free(struct call *c)
{
	redisFreeCommand(c->command);
	buf_release(&c->text);
	vec_release(&c->spans);
	vec_release(&c->integers);
	mem_free((char *)(uintptr_t)c->key.p);
	mem_free(c);
}

void call_unref(struct call *c)
{
	pthread_mutex_lock(&c->eph->lock);
	bool last = --c->refs == 0;
	pthread_mutex_unlock(&c->eph->lock);
	if (last) call_free(c);
}

struct str call_text(const struct call *c, size_t i)
{
	if (i >= c->spans.n || c->spans.p[i].none) return STR_NONE;
	return (struct str){ c->text.p ? c->text.p + c->spans.p[i].at : "", c->spans.p[i].n };
}

/* ---- asking */

/* Under the lock. False: there is no link, or too much waits for it. */
static bool enqueue(struct eph_redis *r, struct call *c)
{
	if (!r->up || r->stopped) return false;
	if (r->n >= QUEUE_MOST || r->bytes + c->command_n > QUEUE_BYTES_MOST) {
		atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
		return false;
	}
	c->refs++;
	*r->last = c;
	r->last = &c->next;
	r->n++, r->bytes += c->command_n;
	if (!r->woken) {
		r->woken = true;
		reactor_post(r->reactor, &r->wake);
	}
	return true;
}

void call_post(struct call *c)
{
	struct eph_redis *r = c->eph;
	pthread_mutex_lock(&r->lock);
	bool queued = enqueue(r, c);
	pthread_mutex_unlock(&r->lock);
	if (!queued && c->answered) c->answered(c, NULL);
	call_unref(c);
}

static struct timespec in_ms(int64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void wait_under_lock(struct call *c, pthread_cond_t *wake)
{
	struct eph_redis *r = c->eph;
	struct timespec until = in_ms(r->o.config->redis_wait_ms);
	c->wake = wake;
	while (!c->done && pthread_cond_timedwait(wake, &r->lock, &until) != ETIMEDOUT) {
	}
	c->wake = NULL;
	if (c->done) return;
	atomic_store_explicit(&r->slow, true, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->late, 1, memory_order_relaxed);
}

bool call_wait(struct call *c)
{
	struct eph_redis *r = c->eph;
	pthread_condattr_t attr;
	pthread_cond_t wake;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&wake, &attr);
	pthread_mutex_lock(&r->lock);
	bool slow = atomic_load_explicit(&r->slow, memory_order_relaxed);
	if (enqueue(r, c) && !slow) wait_under_lock(c, &wake); /* a slow one is asked all the same: its answer ends that */
	bool ok = c->done && c->ok;
	pthread_mutex_unlock(&r->lock);
	pthread_cond_destroy(&wake);
	pthread_condattr_destroy(&attr);
	return ok;
}

/* ---- reactor */

static void keep_string(struct call *c, const struct redisReply *reply)
{
	struct span s = { c->text.n, 0, true };
	if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) {
		struct str text = redis_text(reply);
		buf_add_str(&c->text, text);
		s.n = text.n, s.none = false;
	}
	vec_push(&c->spans, s);
}

static void keep(struct call *c, const struct redisReply *reply)
{
	c->ok = reply && reply->type != REDIS_REPLY_ERROR;
	if (!c->ok) return;
	c->integer = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
	if (reply->type != REDIS_REPLY_ARRAY) {
		keep_string(c, reply);
		return;
	}
	for (size_t i = 0; i < (size_t)reply->elements; i++) {
		keep_string(c, reply->element[i]);
		vec_push(&c->integers, reply->element[i]->integer);
	}
}

static void finish(struct call *c, const struct redisReply *reply)
{
	struct eph_redis *r = c->eph;
	if (reply) atomic_store_explicit(&r->slow, false, memory_order_relaxed);
	pthread_mutex_lock(&r->lock);
	keep(c, reply);
	c->done = true;
	if (c->wake) pthread_cond_signal(c->wake);
	pthread_mutex_unlock(&r->lock);
	if (c->answered) c->answered(c, reply);
	call_unref(c);
}

/* WRONGTYPE is one key's: somebody else has written there. */
static void take_refusal(struct eph_redis *r, struct str why)
{
	int64_t now_ns = reactor_now_ns(r->reactor);
	if (!str_starts(why, STR("WRONGTYPE"))) atomic_store_explicit(&r->refused_ns, now_ns, memory_order_relaxed);
	if (!redis_refusals_new(&r->refusals, why, now_ns)) return;
	r->refusal_told = true;
	log_event(LOG_ERROR, "eph.write_refused", LOG_STR("why", why));
}

static void refusal_over(struct eph_redis *r)
{
	if (!atomic_exchange_explicit(&r->refused_ns, 0, memory_order_relaxed) || !r->refusal_told) return;
	r->refusal_told = false;
	log_event(LOG_INFO, "eph.write_taken");
}

static void on_answer(void *arg, const struct redisReply *reply, int64_t took_ns)
{
	struct call *c = arg;
	struct eph_redis *r = c->eph;
	if (reply && reply->type == REDIS_REPLY_ERROR) {
		if (str_starts(redis_text(reply), STR("NOSCRIPT")))
			redis_eph_load(r);
		else
			take_refusal(r, redis_text(reply));
	} else if (reply && !(c->kinds & 1u << reply->type)) {
		redis_link_break(r->link, "an answer of a kind that was not asked for");
		reply = NULL;
	} else if (reply && c->script) {
		refusal_over(r);
	}
	finish(c, reply);
	if (reply && redis_link_waiting(r->link) <= QUEUE_MOST / 2) calls_send(r);
}

static struct call *take(struct eph_redis *r)
{
	pthread_mutex_lock(&r->lock);
	struct call *c = r->first;
	if (c) {
		r->first = c->next;
		if (!r->first) r->last = &r->first;
		r->n--, r->bytes -= c->command_n;
	}
	pthread_mutex_unlock(&r->lock);
	return c;
}

void calls_send(struct eph_redis *r)
{
	struct call *c;
	while (redis_link_ready(r->link) && !redis_link_full(r->link) && redis_link_waiting(r->link) < QUEUE_MOST &&
		   (c = take(r))) {
		redis_link_send_bytes(r->link, c->command, c->command_n, on_answer, c);
		redisFreeCommand(c->command);
		c->command = NULL;
	}
}

void calls_drop(struct eph_redis *r)
{
	struct call *c;
	while ((c = take(r))) finish(c, NULL);
}
