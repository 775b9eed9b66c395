/* Jobs wait in two lists under one mutex: sure ones, which go first, and the others. A thread takes one at a time. */
#include "loop/lane.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"

#define SURE_RUN 2

struct job_list {
	struct job *first, **end;
};

struct lane_thread {
	struct lane *lane;
	int index;
	pthread_t thread;
};

struct lane {
	struct lane_options options;
	const struct clock *clock;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job_list sure, usual;
	int sure_run; /* sure jobs taken in a row */
	_Atomic size_t waiting;
	bool closing;
	struct lane_thread *threads;
	struct lane_stats stats;

	lane_submitted submitted; /* of a virtual one */
	void *submitted_arg;
	void *state;
};

static void job_list_init(struct job_list *l)
{
	l->first = NULL, l->end = &l->first;
}

static void job_list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct job *job_list_take(struct job_list *l)
{
	struct job *j = l->first;
	if (!j) return NULL;
	l->first = j->next;
	if (!l->first) l->end = &l->first;
	return j;
}

/* ---- one job */

static void job_deliver(struct reactor *r, struct mail *m)
{
	struct job *j = container_of(m, struct job, mail);
	j->done(j);
}

static void job_give_back(struct job *j)
{
	if (!j->home) {
		j->done(j);
		return;
	}
	j->mail.deliver = job_deliver;
	reactor_post(j->home, &j->mail);
}

static bool job_is_late(const struct lane *l, const struct job *j, int64_t waited_ns)
{
	return !j->sure && l->options.most_wait_ms > 0 && waited_ns > l->options.most_wait_ms * 1000000;
}

static void lane_do(struct lane *l, struct job *j, void *state, bool drop)
{
	int64_t begun = clock_monotonic_ns(l->clock), waited = begun - j->queued_ns;
	struct lane_stats *s = &l->stats;
	atomic_fetch_add_explicit(&s->wait_ns, waited, memory_order_relaxed);
	if (drop || job_is_late(l, j, waited) || (!j->sure && j->unwanted && j->unwanted(j))) {
		j->err = ERR_BUSY;
		atomic_fetch_add_explicit(&s->dropped, 1, memory_order_relaxed);
	} else {
		j->run(j, state);
		atomic_fetch_add_explicit(&s->jobs, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&s->run_ns, clock_monotonic_ns(l->clock) - begun, memory_order_relaxed);
	}
	job_give_back(j);
}

/* ---- threads */

/* Sure ones first, but not for ever: an append under load always has its next batch ready. */
static struct job *lane_next(struct lane *l)
{
	struct job *j = l->sure_run < SURE_RUN || !l->usual.first ? job_list_take(&l->sure) : NULL;
	l->sure_run = j ? l->sure_run + 1 : 0;
	if (!j) j = job_list_take(&l->usual);
	if (j) atomic_fetch_sub_explicit(&l->waiting, 1, memory_order_relaxed);
	return j;
}

/* Under the lock. True when idle_ms have passed without a job. */
static bool lane_wait(struct lane *l)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	int64_t ns = t.tv_nsec + (int64_t)l->options.idle_ms * 1000000;
	t.tv_sec += ns / 1000000000, t.tv_nsec = ns % 1000000000;
	return pthread_cond_timedwait(&l->more, &l->lock, &t) == ETIMEDOUT;
}

static void lane_serve(struct lane *l, void *state)
{
	pthread_mutex_lock(&l->lock);
	for (;;) {
		struct job *j = lane_next(l);
		bool idle = false;
		if (!j) {
			if (l->closing) break;
			idle = lane_wait(l) && !l->sure.first && !l->usual.first && !l->closing;
			if (!idle || !l->options.idle) continue;
		}
		pthread_mutex_unlock(&l->lock);
		if (j)
			lane_do(l, j, state, false);
		else
			l->options.idle(state);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
}

static void *lane_main(void *arg)
{
	struct lane_thread *t = arg;
	struct lane_options *o = &t->lane->options;
	void *state = o->open ? o->open(o->arg, t->index) : NULL;
	lane_serve(t->lane, state);
	if (o->close) o->close(state);
	return NULL;
}

static void lane_start(struct lane_thread *t)
{
	int e = pthread_create(&t->thread, NULL, lane_main, t);
	if (e) {
		log_event(LOG_ERROR, "lane.thread_failed", LOG_TEXT("lane", t->lane->options.name), LOG_INT("errno", e));
		abort();
	}
	char name[16];
	snprintf(name, sizeof name, "%.10s-%d", t->lane->options.name, t->index % 1000);
	pthread_setname_np(t->thread, name);
}

/* ---- making */

static struct lane *lane_new(const struct lane_options *o)
{
	struct lane *l = mem_new(struct lane);
	l->options = *o;
	if (l->options.idle_ms <= 0) l->options.idle_ms = 1000;
	l->clock = o->clock ? o->clock : &clock_real;
	job_list_init(&l->sure), job_list_init(&l->usual);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->more, &attr);
	pthread_condattr_destroy(&attr);
	return l;
}

struct lane *lane_create(const struct lane_options *o)
{
	assert(o->threads > 0);
	struct lane *l = lane_new(o);
	l->threads = mem_zalloc((size_t)o->threads * sizeof *l->threads);
	sigset_t all, old; /* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < o->threads; i++) {
		l->threads[i] = (struct lane_thread){ .lane = l, .index = i };
		lane_start(&l->threads[i]);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return l;
}

struct lane *lane_create_virtual(const struct lane_options *o, lane_submitted submitted, void *arg)
{
	struct lane *l = lane_new(o);
	l->submitted = submitted, l->submitted_arg = arg;
	l->state = o->open ? o->open(o->arg, 0) : NULL;
	return l;
}

void lane_destroy(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_cond_broadcast(&l->more);
	pthread_mutex_unlock(&l->lock);
	for (int i = 0; l->threads && i < l->options.threads; i++) pthread_join(l->threads[i].thread, NULL);
	if (l->submitted && l->options.close) l->options.close(l->state);
	assert(atomic_load(&l->waiting) == 0);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
	mem_free(l->threads);
	mem_free(l);
}

/* ---- submitting */

/* Under the lock. */
static bool lane_takes(struct lane *l, const struct job *j)
{
	if (l->closing) return false;
	return j->sure || atomic_load_explicit(&l->waiting, memory_order_relaxed) < l->options.most_queued;
}

enum err lane_submit(struct lane *l, struct job *j)
{
	assert(j->run && j->done);
	j->err = OK;
	j->queued_ns = clock_monotonic_ns(l->clock);
	pthread_mutex_lock(&l->lock);
	bool taken = lane_takes(l, j);
	if (taken) {
		atomic_fetch_add_explicit(&l->waiting, 1, memory_order_relaxed);
		if (!l->submitted) {
			job_list_add(j->sure ? &l->sure : &l->usual, j);
			pthread_cond_signal(&l->more);
		}
	}
	pthread_mutex_unlock(&l->lock);
	if (!taken) {
		atomic_fetch_add_explicit(&l->stats.refused, 1, memory_order_relaxed);
		return ERR_BUSY;
	}
	if (l->submitted) l->submitted(l->submitted_arg, l, j);
	return OK;
}

static void lane_do_virtual(struct lane *l, struct job *j, bool drop)
{
	assert(l->submitted);
	atomic_fetch_sub_explicit(&l->waiting, 1, memory_order_relaxed);
	lane_do(l, j, l->state, drop);
}

void lane_run_job(struct lane *l, struct job *j)
{
	lane_do_virtual(l, j, false);
}

void lane_drop_job(struct lane *l, struct job *j)
{
	lane_do_virtual(l, j, true);
}

size_t lane_depth(const struct lane *l)
{
	return atomic_load_explicit(&l->waiting, memory_order_relaxed);
}

const struct lane_stats *lane_stats(const struct lane *l)
{
	return &l->stats;
}
