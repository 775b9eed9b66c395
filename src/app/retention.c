/* A turn is a slice of rows, or where there is none a look for channels that are due; while there was something to do
 * the next one follows at once, behind whatever waits in the lane. */
#include "app/retention.h"

#include <pthread.h>

#include "app/turns.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/retention.h"

#define ROWS 1000
#define DUE_MOST 50 /* channels of one turn */

struct retention {
	struct retention_options o;
	struct turns turns;
	bool failed;
	bool refused; /* a change of this turn: no other follows at once */
	pthread_mutex_t lock;
	bool closed;    /* lock: the append ends */
	size_t raising; /* changes on their way */
	/* while a turn runs the lane's, else the reactor's */
	bool more;
	int64_t upto_ms; /* of what is old enough */
	int64_t after;   /* the last channel that was looked at */
	struct retention_due due[DUE_MOST];
	size_t n_due;
};

static enum err retention_run(struct turns *turns, struct db_conn *c)
{
	struct retention *t = container_of(turns, struct retention, turns);
	int64_t now_ms = clock_wall_ms(t->o.clock), days = t->o.config->retention_days;
	t->n_due = 0;
	enum err e = retention_slice(c, now_ms, days, t->o.rows, &t->more);
	if (e || t->more) return e;
	t->upto_ms = now_ms - days * RETENTION_DAY_MS;
	return retention_find(c, t->upto_ms, t->after, t->due, DUE_MOST, &t->n_due);
}

/* ---- raising */

struct raise {
	struct change change;
	struct retention *t;
};

static void turn_ends(struct retention *t)
{
	bool busy = (t->more || t->n_due) && !t->refused; /* what was raised just now has rows to delete */
	t->after = t->n_due == DUE_MOST ? t->due[DUE_MOST - 1].channel_id : 0;
	t->refused = false;
	turns_again(&t->turns, busy ? 1 : t->o.config->retention_sweep_ms);
}

static void raised(struct change *c)
{
	struct raise *r = container_of(c, struct raise, change);
	struct retention *t = r->t;
	t->refused |= c->err != OK;
	if (c->err && c->err != ERR_NOT_FOUND && c->err != ERR_DRAINING)
		log_event(LOG_WARN, "retention.raise_failed", LOG_INT("channel_id", c->channel_id),
				  LOG_TEXT("error", err_row(c->err)->code));
	arena_release(&c->arena);
	mem_free(r);
	if (!--t->raising) turn_ends(t);
}

static void raise_one(struct retention *t, const struct retention_due *due)
{
	struct raise *r = mem_new(struct raise);
	r->t = t;
	r->change.kind = CHANGE_RETAIN;
	r->change.channel_id = due->channel_id;
	r->change.upto_rev = due->rev;
	r->change.upto_ms = t->upto_ms;
	r->change.by_server = true;
	r->change.home = t->o.home;
	r->change.done = raised;
	arena_init(&r->change.arena);
	t->raising++;
	pthread_mutex_lock(&t->lock);
	enum err e = t->closed ? ERR_DRAINING : append_submit(t->o.append, &r->change);
	pthread_mutex_unlock(&t->lock);
	if (!e) return;
	r->change.err = e;
	raised(&r->change);
}

static void retention_done(struct turns *turns, enum err e)
{
	struct retention *t = container_of(turns, struct retention, turns);
	if (err_ends(&t->failed, e)) log_event(LOG_INFO, "retention.back");
	if (err_begins(&t->failed, e)) log_event(LOG_WARN, "retention.failed", LOG_TEXT("error", err_row(e)->code));
	if (e) t->more = false, t->n_due = 0;
	t->raising = 1; /* until all are on their way */
	for (size_t i = 0; i < t->n_due; i++) raise_one(t, &t->due[i]);
	if (!--t->raising) turn_ends(t);
}

/* ---- life */

struct retention *retention_create(const struct retention_options *o)
{
	struct retention *t = mem_new(struct retention);
	t->o = *o;
	if (!t->o.rows) t->o.rows = ROWS;
	pthread_mutex_init(&t->lock, NULL);
	t->turns = (struct turns){ .home = o->home,
							   .lane = o->write,
							   .every_ms = o->config->retention_sweep_ms,
							   .run = retention_run,
							   .done = retention_done };
	turns_begin(&t->turns, o->config->retention_sweep_ms);
	return t;
}

void retention_close(struct retention *t)
{
	pthread_mutex_lock(&t->lock);
	t->closed = true;
	pthread_mutex_unlock(&t->lock);
}

void retention_stop(struct retention *t)
{
	turns_stop(&t->turns);
}

void retention_destroy(struct retention *t)
{
	pthread_mutex_destroy(&t->lock);
	mem_free(t);
}
