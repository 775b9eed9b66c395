/* A turn: is the lease ours (write lane, only when it is time to say so again); find and make (slow lane); store (write
 * lane). While there is more, the next turn follows at once, behind whatever waits in the lanes. Looking for work reads
 * every head: where that takes long it is done more seldom. While people write a lot there is a pause between slices:
 * they share the disk, and in SQLite the one writer. */
#include "app/indexer.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/segment.h"

#define SLICE_MESSAGES SEGMENT_MOST /* read in one turn: some milliseconds */
#define SLICE_SEGMENTS 16
#define BACKLOG 10000  /* messages; more are worth a line in the log */
#define BUSY_PER_S 500 /* changes that this process appends */
#define BUSY_PAUSES 9  /* times as long as a slice took, while it does */
#define LOOK_SHARE 50  /* looking for work takes no more than a fiftieth of the time */

enum step { STEP_LEASE, STEP_MAKE, STEP_STORE };

struct indexer {
	struct indexer_options o;
	struct metrics_cell *cell;
	struct mail begin;
	struct timer timer;
	_Atomic int64_t waiting; /* messages; -1: not known here */
	/* while the job is on its way the lane's, else the reactor's */
	struct job job;
	enum step step;
	bool stopping, failed, mine, behind;
	int64_t leased_ns; /* when it was got last */
	struct arena arena;
	struct segment made[SLICE_SEGMENTS];
	size_t n_made, n_stored;
	int64_t messages; /* in those stored */
	bool more;
	int64_t took_ns;
	int64_t began_ns, appended; /* this turn; by then */
};

/* ---- on the lanes */

static void lease_run(struct job *j, void *state)
{
	struct indexer *x = container_of(j, struct indexer, job);
	j->err = segment_lease(state, str_of(x->o.pod), clock_wall_ms(x->o.clock), x->o.lease_ms, &x->mine);
}

static enum err make_slice(struct indexer *x, struct db_conn *c)
{
	struct segment_work work[SLICE_SEGMENTS];
	size_t n;
	int64_t waiting, left = SLICE_MESSAGES;
	enum err e = segment_find(c, work, SLICE_SEGMENTS, &n, &waiting);
	if (!e) atomic_store(&x->waiting, waiting);
	x->took_ns = clock_monotonic_ns(x->o.clock) - x->took_ns;
	for (size_t i = 0; !e && i < n && left > 0 && x->n_made < SLICE_SEGMENTS; i++) {
		size_t before = x->n_made;
		e = segment_make(c, &x->arena, &work[i], left, x->made, SLICE_SEGMENTS, &x->n_made);
		for (size_t k = before; k < x->n_made; k++) left -= x->made[k].rows;
	}
	x->more = n > 0;
	return e;
}

static void make_run(struct job *j, void *state)
{
	struct indexer *x = container_of(j, struct indexer, job);
	x->n_made = 0;
	x->more = false;
	x->took_ns = clock_monotonic_ns(x->o.clock);
	j->err = make_slice(x, state);
}

static void store_run(struct job *j, void *state)
{
	struct indexer *x = container_of(j, struct indexer, job);
	x->n_stored = 0, x->messages = 0;
	bool stored[SLICE_SEGMENTS];
	j->err = segment_store(state, x->made, x->n_made, stored);
	for (size_t i = 0; !j->err && i < x->n_made; i++)
		if (stored[i]) x->n_stored++, x->messages += x->made[i].known ? 0 : x->made[i].rows;
}

/* ---- on the reactor */

static void again(struct indexer *x, int64_t in_ms)
{
	arena_release(&x->arena);
	x->n_made = 0;
	x->step = STEP_LEASE;
	timer_set(x->o.home, &x->timer, in_ms);
}

static void step_due(struct indexer *x);

static int64_t slice_pause_ms(const struct indexer *x)
{
	int64_t spent_ms = (clock_monotonic_ns(x->o.clock) - x->began_ns) / 1000000;
	int64_t appended = metric_total(x->o.metrics, METRIC_APPEND_CHANGES) - x->appended;
	int64_t pause_ms = BUSY_PAUSES * (spent_ms + 1);
	if (appended * 1000 <= BUSY_PER_S * (spent_ms + 1)) return 0;
	return pause_ms < x->o.every_ms ? pause_ms : x->o.every_ms;
}

static void say_stored(struct indexer *x)
{
	metric_add(x->cell, METRIC_SEARCH_SEGMENTS, (int64_t)x->n_stored);
	metric_add(x->cell, METRIC_SEARCH_INDEXED, x->messages);
}

/* Once a backlog, not once a slice. */
static void say_waiting(struct indexer *x)
{
	int64_t waiting = atomic_load(&x->waiting);
	if (waiting >= BACKLOG && !x->behind) log_event(LOG_INFO, "search.index_behind", LOG_INT("messages", waiting));
	if (x->behind && !x->more) log_event(LOG_INFO, "search.index_caught_up");
	x->behind = x->more && (x->behind || waiting >= BACKLOG);
}

static int64_t pause_ms(const struct indexer *x)
{
	int64_t share = x->took_ns * LOOK_SHARE / 1000000;
	return share > x->o.every_ms ? share : x->o.every_ms;
}

static void step_done(struct job *j)
{
	struct indexer *x = container_of(j, struct indexer, job);
	if (x->stopping) return;
	if (err_ends(&x->failed, j->err)) log_event(LOG_INFO, "search.index_back");
	if (j->err != ERR_BUSY && err_begins(&x->failed, j->err))
		log_event(LOG_WARN, "search.index_failed", LOG_TEXT("error", err_row(j->err)->code));
	if (j->err) {
		again(x, x->o.every_ms);
		return;
	}
	if (x->step == STEP_LEASE) {
		x->leased_ns = x->mine ? clock_monotonic_ns(x->o.clock) : 0;
		if (!x->mine) atomic_store(&x->waiting, -1);
		x->step = STEP_MAKE;
	} else if (x->step == STEP_MAKE) {
		say_waiting(x);
		x->step = STEP_STORE;
	} else {
		say_stored(x);
		again(x, slice_pause_ms(x));
		return;
	}
	if (x->step == STEP_MAKE && !x->mine)
		again(x, x->o.every_ms);
	else if (x->step == STEP_STORE && !x->n_made)
		again(x, pause_ms(x));
	else
		step_due(x);
}

/* Said again when a third of it is over. */
static bool lease_holds(const struct indexer *x)
{
	return x->mine && clock_monotonic_ns(x->o.clock) - x->leased_ns < x->o.lease_ms * 1000000 / 3;
}

static void step_due(struct indexer *x)
{
	static void (*const runs[])(struct job *, void *) = { lease_run, make_run, store_run };
	if (x->step == STEP_LEASE && lease_holds(x)) x->step = STEP_MAKE;
	x->job = (struct job){ .home = x->o.home, .run = runs[x->step], .done = step_done };
	if (lane_submit(x->step == STEP_MAKE ? x->o.slow : x->o.write, &x->job))
		again(x, x->o.every_ms); /* there is more urgent work */
}

static void turn_due(struct reactor *r, struct timer *t)
{
	struct indexer *x = container_of(t, struct indexer, timer);
	x->began_ns = clock_monotonic_ns(x->o.clock);
	x->appended = metric_total(x->o.metrics, METRIC_APPEND_CHANGES);
	step_due(x);
}

/* ---- life */

static void begin_arrives(struct reactor *r, struct mail *m)
{
	struct indexer *x = container_of(m, struct indexer, begin);
	if (!x->stopping) timer_set(r, &x->timer, 0);
}

static void write_waiting(void *arg, struct buf *out)
{
	struct indexer *x = arg;
	int64_t waiting = atomic_load(&x->waiting);
	if (waiting >= 0) metrics_line(out, METRIC_SEARCH_WAITING, NULL, waiting);
}

struct indexer *indexer_create(const struct indexer_options *o)
{
	struct indexer *x = mem_new(struct indexer);
	x->o = *o;
	x->cell = metrics_cell(o->metrics);
	arena_init(&x->arena);
	timer_init(&x->timer, turn_due);
	atomic_init(&x->waiting, -1);
	metrics_source(o->metrics, write_waiting, x);
	x->begin.deliver = begin_arrives;
	reactor_post(o->home, &x->begin);
	return x;
}

void indexer_stop(struct indexer *x)
{
	x->stopping = true;
	timer_clear(&x->timer);
}

void indexer_destroy(struct indexer *x)
{
	arena_release(&x->arena);
	mem_free(x);
}
