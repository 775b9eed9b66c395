#include "rig.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "loop/lane.h"

/* A door that a job waits at until the test opens it. */
struct door {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int waiting;
	bool open;
};
#define DOOR_INIT                                                                                                      \
	(struct door)                                                                                                      \
	{                                                                                                                  \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false                                                  \
	}

static void door_pass(struct door *d)
{
	pthread_mutex_lock(&d->lock);
	d->waiting++;
	pthread_cond_broadcast(&d->changed);
	while (!d->open) pthread_cond_wait(&d->changed, &d->lock);
	pthread_mutex_unlock(&d->lock);
}
static void door_await(struct door *d, int n)
{
	pthread_mutex_lock(&d->lock);
	while (d->waiting < n) pthread_cond_wait(&d->changed, &d->lock);
	pthread_mutex_unlock(&d->lock);
}
static void door_open(struct door *d)
{
	pthread_mutex_lock(&d->lock);
	d->open = true;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

struct log {
	struct door *door;
	_Atomic int n;
	char text[32]; /* one lane thread writes */
	int done;
	int stop_after;
	bool gone;
};
struct note {
	struct job job;
	struct log *log;
	char name;
	enum err err;
	void *state;
};

static void note_run(struct job *j, void *state)
{
	struct note *n = container_of(j, struct note, job);
	n->state = state;
	n->log->text[atomic_fetch_add(&n->log->n, 1)] = n->name;
}
static void gate_run(struct job *j, void *state)
{
	door_pass(container_of(j, struct note, job)->log->door);
}
static void note_done(struct job *j)
{
	struct note *n = container_of(j, struct note, job);
	n->err = j->err;
	if (j->home) assert_true(reactor_here(j->home));
	if (++n->log->done == n->log->stop_after) reactor_stop(j->home);
}
static bool note_unwanted(const struct job *j)
{
	return ((const struct note *)j)->log->gone;
}
static struct note note_make(struct log *log, struct reactor *home, char name)
{
	return (struct note){ .job = { .home = home, .run = note_run, .done = note_done }, .log = log, .name = name };
}

static _Atomic int opened, closed;
static void *state_open(void *arg, int thread)
{
	atomic_fetch_add(&opened, 1);
	return (char *)arg + thread;
}
static void state_close(void *state)
{
	atomic_fetch_add(&closed, 1);
}

static void a_job_runs_on_the_lane_and_is_done_on_its_reactor(void **state)
{
	struct reactor *r = rig_open();
	char base[3];
	opened = closed = 0;
	struct lane *l = lane_create(&(struct lane_options){
		.name = "test", .threads = 3, .most_queued = 100, .open = state_open, .close = state_close, .arg = base });
	struct log log = { .stop_after = 20 };
	struct note notes[20];
	for (int i = 0; i < 20; i++) {
		notes[i] = note_make(&log, r, 'a');
		assert_int_equal(lane_submit(l, &notes[i].job), OK);
	}
	rig_run(r);
	lane_destroy(l);
	assert_int_equal(log.n, 20);
	for (int i = 0; i < 20; i++) assert_true((char *)notes[i].state >= base && (char *)notes[i].state < base + 3);
	assert_int_equal(opened, 3);
	assert_int_equal(closed, 3);
	rig_close(r);
}

static void a_full_lane_refuses_but_not_what_is_sure(void **state)
{
	struct reactor *r = rig_open();
	struct door door = DOOR_INIT;
	struct log log = { .door = &door, .stop_after = 5 };
	struct lane *l = lane_create(&(struct lane_options){ .name = "test", .threads = 1, .most_queued = 2 });
	struct note gate = note_make(&log, r, 'g'), a = note_make(&log, r, 'a'), b = note_make(&log, r, 'b'),
				c = note_make(&log, r, 'c'), sure = note_make(&log, r, 's'), sure2 = note_make(&log, r, 't');
	gate.job.run = gate_run;
	sure.job.sure = sure2.job.sure = true;
	assert_int_equal(lane_submit(l, &gate.job), OK);
	door_await(&door, 1);
	assert_int_equal(lane_submit(l, &a.job), OK);
	assert_int_equal(lane_submit(l, &b.job), OK);
	assert_int_equal(lane_submit(l, &c.job), ERR_BUSY);
	assert_int_equal(lane_submit(l, &sure.job), OK);
	assert_int_equal(lane_submit(l, &sure2.job), OK);
	assert_int_equal(lane_depth(l), 4);
	door_open(&door);
	rig_run(r);
	assert_string_equal(log.text, "stab"); /* sure ones go first, each kind in its order */
	assert_int_equal(lane_stats(l)->refused, 1);
	assert_int_equal(lane_stats(l)->jobs, 5);
	assert_int_equal(lane_depth(l), 0);
	lane_destroy(l);
	rig_close(r);
}

static void a_job_that_nobody_wants_is_dropped_and_still_done(void **state)
{
	struct reactor *r = rig_open();
	struct door door = DOOR_INIT;
	struct log log = { .door = &door, .stop_after = 3 };
	struct lane *l = lane_create(&(struct lane_options){ .name = "test", .threads = 1, .most_queued = 9 });
	struct note gate = note_make(&log, r, 'g'), a = note_make(&log, r, 'a'), b = note_make(&log, r, 'b');
	gate.job.run = gate_run;
	a.job.unwanted = note_unwanted;
	lane_submit(l, &gate.job);
	door_await(&door, 1);
	lane_submit(l, &a.job);
	lane_submit(l, &b.job);
	log.gone = true;
	door_open(&door);
	rig_run(r);
	assert_string_equal(log.text, "b");
	assert_int_equal(a.err, ERR_BUSY);
	assert_int_equal(b.err, OK);
	assert_int_equal(lane_stats(l)->dropped, 1);
	lane_destroy(l);
	rig_close(r);
}

/* A clock that the test moves. */
static _Atomic int64_t clock_ns;
static int64_t moved_ns(const struct clock *c)
{
	return clock_ns;
}
static int64_t moved_ms(const struct clock *c)
{
	return clock_ns / 1000000;
}
static const struct clock moved = { moved_ms, moved_ns };

static void a_job_that_waited_too_long_is_dropped_unless_sure(void **state)
{
	struct reactor *r = rig_open();
	struct door door = DOOR_INIT;
	struct log log = { .door = &door, .stop_after = 4 };
	struct lane *l = lane_create(&(struct lane_options){
		.name = "test", .threads = 1, .most_queued = 9, .most_wait_ms = 5000, .clock = &moved });
	struct note gate = note_make(&log, r, 'g'), old = note_make(&log, r, 'o'), sure = note_make(&log, r, 's'),
				fresh = note_make(&log, r, 'f');
	gate.job.run = gate_run;
	sure.job.sure = true;
	clock_ns = 1000000000;
	lane_submit(l, &gate.job);
	door_await(&door, 1);
	lane_submit(l, &old.job);
	lane_submit(l, &sure.job);
	clock_ns += 2000000000;
	lane_submit(l, &fresh.job);
	clock_ns += 3000000001;
	door_open(&door);
	rig_run(r);
	assert_string_equal(log.text, "sf");
	assert_int_equal(old.err, ERR_BUSY);
	assert_int_equal(sure.err, OK);
	assert_int_equal(fresh.err, OK);
	lane_destroy(l);
	rig_close(r);
}

/* As the append does under load: its next job is there before the last has ended. */
struct eager {
	struct note note;
	struct lane *lane;
	int left;
};

static void eager_done(struct job *j)
{
	struct eager *e = container_of(j, struct eager, note.job);
	if (--e->left > 0) lane_submit(e->lane, j);
}

static void sure_jobs_without_end_leave_turns_to_the_others(void **state)
{
	struct door door = DOOR_INIT;
	struct log log = { .door = &door };
	struct lane *l = lane_create(&(struct lane_options){ .name = "test", .threads = 1, .most_queued = 9 });
	struct note gate = note_make(&log, NULL, 'g'), a = note_make(&log, NULL, 'a'), b = note_make(&log, NULL, 'b');
	struct eager eager = { note_make(&log, NULL, 's'), l, 9 };
	gate.job.run = gate_run;
	eager.note.job.sure = true;
	eager.note.job.done = eager_done;
	lane_submit(l, &gate.job);
	door_await(&door, 1);
	lane_submit(l, &a.job);
	lane_submit(l, &b.job);
	lane_submit(l, &eager.note.job);
	door_open(&door);
	while (atomic_load(&log.n) < 11) sched_yield();
	lane_destroy(l);
	assert_string_equal(log.text, "ssassbsssss");
}

static void destroying_runs_what_waits(void **state)
{
	struct reactor *r = rig_open();
	struct door door = DOOR_INIT;
	struct log log = { .door = &door };
	struct lane *l = lane_create(&(struct lane_options){ .name = "test", .threads = 1, .most_queued = 9 });
	struct note gate = note_make(&log, r, 'g'), a = note_make(&log, r, 'a'), b = note_make(&log, r, 'b');
	gate.job.run = gate_run;
	lane_submit(l, &gate.job);
	door_await(&door, 1);
	lane_submit(l, &a.job);
	lane_submit(l, &b.job);
	door_open(&door);
	lane_destroy(l);
	assert_string_equal(log.text, "ab");
	rig_close(r); /* delivers what was done */
	assert_int_equal(log.done, 3);
}

static void without_a_home_a_job_is_done_on_the_lane(void **state)
{
	struct log log = { 0 };
	struct lane *l = lane_create(&(struct lane_options){ .name = "test", .threads = 1, .most_queued = 9 });
	struct note a = note_make(&log, NULL, 'a');
	lane_submit(l, &a.job);
	lane_destroy(l);
	assert_int_equal(log.done, 1);
}

static struct door idle_door = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, true };
static void state_idle(void *state)
{
	door_pass(&idle_door);
}

static void an_idle_lane_says_so(void **state)
{
	struct lane *l = lane_create(
		&(struct lane_options){ .name = "test", .threads = 1, .most_queued = 9, .idle = state_idle, .idle_ms = 5 });
	door_await(&idle_door, 1);
	lane_destroy(l);
}

static struct job *held[4];
static int n_held;
static void hold(void *arg, struct lane *l, struct job *j)
{
	held[n_held++] = j;
}

static void a_virtual_lane_runs_when_it_is_told(void **state)
{
	char base[1];
	struct log log = { 0 };
	opened = closed = 0;
	struct lane *l = lane_create_virtual(&(struct lane_options){ .name = "test",
																 .threads = 1,
																 .most_queued = 2,
																 .most_wait_ms = 10,
																 .open = state_open,
																 .close = state_close,
																 .arg = base,
																 .clock = &moved },
										 hold, NULL);
	struct note a = note_make(&log, NULL, 'a'), b = note_make(&log, NULL, 'b'), c = note_make(&log, NULL, 'c');
	assert_int_equal(lane_submit(l, &a.job), OK);
	assert_int_equal(lane_submit(l, &b.job), OK);
	assert_int_equal(lane_submit(l, &c.job), ERR_BUSY);
	assert_int_equal(log.n, 0);
	lane_run_job(l, held[1]);
	assert_string_equal(log.text, "b");
	assert_ptr_equal(b.state, base);
	assert_int_equal(lane_submit(l, &c.job), OK);
	lane_drop_job(l, held[2]);
	assert_int_equal(c.err, ERR_BUSY);
	clock_ns += 11000000;
	lane_run_job(l, held[0]);
	assert_int_equal(a.err, ERR_BUSY); /* too late */
	assert_string_equal(log.text, "b");
	lane_destroy(l);
	assert_int_equal(opened, 1);
	assert_int_equal(closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_runs_on_the_lane_and_is_done_on_its_reactor),
		cmocka_unit_test(a_full_lane_refuses_but_not_what_is_sure),
		cmocka_unit_test(a_job_that_nobody_wants_is_dropped_and_still_done),
		cmocka_unit_test(a_job_that_waited_too_long_is_dropped_unless_sure),
		cmocka_unit_test(sure_jobs_without_end_leave_turns_to_the_others),
		cmocka_unit_test(destroying_runs_what_waits),
		cmocka_unit_test(without_a_home_a_job_is_done_on_the_lane),
		cmocka_unit_test(an_idle_lane_says_so),
		cmocka_unit_test(a_virtual_lane_runs_when_it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
