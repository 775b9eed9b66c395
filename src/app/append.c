/* Changes wait in one list under one mutex. One job at a time takes a batch from it on the lane (append_run.c); when it
 * is done and more has come meanwhile, it is submitted again. While the database is away it is submitted again by a
 * timer of the reactor that waits for the oldest change, so that nothing blocks the lane. */
#include "app/append.h"

#include <errno.h>
#include <time.h>

#include "app/append_private.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/random.h"

static void lane_lost(struct append *a);

static void append_kick(struct append *a)
{
	if (lane_submit(a->o.lane, &a->job)) lane_lost(a);
}

/* The lane goes before the append: a fault of who made them, but nobody shall wait for ever. */
static void lane_lost(struct append *a)
{
	struct change_list all;
	change_list_init(&all);
	pthread_mutex_lock(&a->lock);
	for (struct change *c; (c = change_list_take(&a->queue.waiting));) change_list_add(&all, c);
	a->queue.bytes = 0, a->scheduled = false, a->closed = true;
	pthread_cond_broadcast(&a->calm);
	pthread_mutex_unlock(&a->lock);
	append_fail_list(a, &all, ERR_UNAVAILABLE);
}

/* On the lane, right after append_run(). */
static void job_done(struct job *j)
{
	struct append *a = container_of(j, struct append, job);
	struct reactor *later = NULL;
	pthread_mutex_lock(&a->lock);
	bool more = a->queue.waiting.n || a->unsettled.n;
	if (more && a->pause) later = a->unsettled.n ? a->unsettled.changes[0]->home : a->queue.waiting.first->home;
	a->pause = false;
	if (!more) {
		a->scheduled = false;
		pthread_cond_broadcast(&a->calm);
	}
	pthread_mutex_unlock(&a->lock);
	if (later)
		append_timer_arm(a->retry, later);
	else if (more)
		append_kick(a);
}

static bool retry_fire(struct append *a)
{
	append_kick(a);
	return false;
}

/* The lane may be in the middle of a commit that waits for a standby: what stands behind it does not wait for ever. */
static bool watch_fire(struct append *a)
{
	append_drop_late(a);
	pthread_mutex_lock(&a->lock);
	bool more = a->queue.waiting.n > 0;
	pthread_mutex_unlock(&a->lock);
	return more;
}

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

struct append *append_create(const struct append_options *o, const struct epoch *epoch)
{
	struct append *a = mem_new(struct append);
	char id[ULID_TEXT + 1];
	a->o = *o;
	a->epoch = epoch->hash;
	a->wait_ns = o->config->append_wait_ms * 1000000;
	pthread_mutex_init(&a->lock, NULL);
	cond_init(&a->calm);
	append_queue_init(&a->queue);
	a->queue.no_fifo = fault_on(o->config, STR("no_fifo"));
	a->retry = append_timer_create(a, APPEND_RETRY_MS, retry_fire);
	a->watch = append_timer_create(a, o->config->append_wait_ms / 4, watch_fire);
	a->refused = metrics_cell(o->metrics);
	a->cell = metrics_cell(o->metrics);
	a->job = (struct job){ .sure = true, .run = append_run, .done = job_done };
	ulid_make(&random_kernel, clock_wall_ms(o->clock), id);
	appender_init(&a->writer, id, o->clock, o->config);
	a->picked = mem_zalloc(mem_times((size_t)o->config->append_batch, sizeof *a->picked));
	a->unsettled_room = mem_zalloc(mem_times((size_t)o->config->append_batch, sizeof *a->picked));
	change_list_init(&a->back);
	buf_init(&a->scratch);
	return a;
}

/* Under the lock, which is let go meanwhile. */
static void wait_a_little(struct append *a)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += APPEND_RETRY_MS * 1000000;
	if (t.tv_nsec >= 1000000000) t.tv_sec++, t.tv_nsec -= 1000000000;
	if (pthread_cond_timedwait(&a->calm, &a->lock, &t) != ETIMEDOUT) return;
	pthread_mutex_unlock(&a->lock);
	if (append_timer_claim(a->retry)) append_kick(a); /* its reactor may have stopped */
	pthread_mutex_lock(&a->lock);
}

void append_destroy(struct append *a)
{
	if (!a) return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	while (a->scheduled) wait_a_little(a);
	pthread_mutex_unlock(&a->lock);
	append_timer_destroy(a->retry);
	append_timer_destroy(a->watch);
	append_queue_release(&a->queue);
	appender_release(&a->writer);
	append_batch_release(&a->unsettled);
	mem_free(a->picked);
	mem_free(a->unsettled_room);
	buf_release(&a->scratch);
	vec_release(&a->events);
	vec_release(&a->homes);
	pthread_cond_destroy(&a->calm);
	pthread_mutex_destroy(&a->lock);
	mem_free(a);
}

static size_t change_bytes(const struct change *c)
{
	return sizeof *c + c->text.n + (c->send ? sizeof *c->send + c->send->body.n : 0) +
		   (c->create ? sizeof *c->create : 0);
}

static void change_prepare(struct change *c, int64_t now_ns)
{
	problem_init(&c->problem, &c->arena);
	c->err = OK, c->before_event = c->event = c->also_event = NULL, c->fields = c->before = c->also = NULL;
	c->quiet = false;
	c->message = (struct message){ 0 };
	c->repeated = c->bare = false;
	c->actor_id = c->new_channel_id = c->user_rev = 0;
	c->now_epoch = 0;
	c->skips = 0;
	c->queued_ns = now_ns;
}

enum err append_submit(struct append *a, struct change *c)
{
	const struct config *config = a->o.config;
	int64_t now = clock_monotonic_ns(a->o.clock);
	bool kick = false;
	struct reactor *home = c->home; /* c may be done before this returns */
	c->bytes = change_bytes(c);
	pthread_mutex_lock(&a->lock);
	enum err e = a->stopping || a->closed || a->queue.waiting.n >= (size_t)config->append_queue ||
						 a->queue.bytes + c->bytes > (size_t)config->append_queue_bytes
					 ? ERR_BUSY
					 : OK;
	if (e) {
		metric_add(a->refused, METRIC_APPEND_REFUSED, 1);
	} else {
		change_prepare(c, now);
		append_queue_add(&a->queue, c);
		kick = !a->scheduled;
		a->scheduled = true;
	}
	pthread_mutex_unlock(&a->lock);
	if (kick) append_kick(a);
	if (!e) append_timer_arm(a->watch, home);
	return e;
}

void append_epoch(struct append *a, uint64_t epoch)
{
	struct change_list old;
	change_list_init(&old);
	pthread_mutex_lock(&a->lock);
	if (epoch != a->epoch) {
		a->epoch = epoch;
		for (struct change *c; (c = change_list_take(&a->queue.waiting));) change_list_add(&old, c);
		a->queue.bytes = 0;
	}
	pthread_mutex_unlock(&a->lock);
	append_fail_list(a, &old, ERR_UNAVAILABLE);
}

bool append_drain(struct append *a, int64_t ms)
{
	struct timespec until;
	bool in_time = true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000 + 1;
	pthread_mutex_lock(&a->lock);
	while (a->scheduled && in_time) {
		if (ms < 0)
			pthread_cond_wait(&a->calm, &a->lock);
		else
			in_time = pthread_cond_timedwait(&a->calm, &a->lock, &until) != ETIMEDOUT;
	}
	pthread_mutex_unlock(&a->lock);
	return in_time;
}

struct append_state append_state(struct append *a)
{
	struct append_state s;
	pthread_mutex_lock(&a->lock);
	s.waiting = a->queue.waiting.n + a->flying;
	s.bytes = a->queue.bytes;
	int64_t since = a->flying ? a->flying_since : a->queue.waiting.n ? a->queue.waiting.first->queued_ns : 0;
	s.oldest_ms = since ? (clock_monotonic_ns(a->o.clock) - since) / 1000000 : 0;
	pthread_mutex_unlock(&a->lock);
	return s;
}
