/* A turn that was full is followed by the next at once, behind whatever waits in the lane. */
#include "app/purge.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/purge.h"

#define SLICE 1000

struct purger {
	struct purger_options o;
	struct mail begin;
	struct timer timer;
	/* while `working` the lane's, else the reactor's */
	struct job job;
	bool working, stopping, failed;
	struct purge turn;
};

static void purge_run(struct job *j, void *state)
{
	struct purger *p = container_of(j, struct purger, job);
	struct db_conn *c = state;
	p->turn = (struct purge){ .before_ms = clock_wall_ms(p->o.clock) - p->o.kept_ms, .most = p->o.slice };
	j->err = db_begin(c);
	if (!j->err) {
		j->err = purge_turn(c, &p->turn);
		if (!j->err) j->err = db_commit(c);
		db_rollback(c);
	}
}

static void say_outcome(struct purger *p, enum err e)
{
	bool over = !e && p->turn.channel_id && p->turn.gone < p->turn.most;
	if (over) log_event(LOG_INFO, "channel.purged", LOG_INT("channel_id", p->turn.channel_id));
	if (e && !p->failed) log_event(LOG_WARN, "channel.purge_failed", LOG_TEXT("error", err_row(e)->code));
	p->failed = e != OK;
}

static void purge_done(struct job *j)
{
	struct purger *p = container_of(j, struct purger, job);
	p->working = false;
	if (p->stopping) return;
	say_outcome(p, j->err);
	timer_set(p->o.home, &p->timer, !j->err && p->turn.channel_id ? 0 : p->o.every_ms);
}

static void purge_due(struct reactor *r, struct timer *t)
{
	struct purger *p = container_of(t, struct purger, timer);
	p->job = (struct job){ .home = r, .run = purge_run, .done = purge_done };
	p->working = !lane_submit(p->o.write, &p->job);
	if (!p->working) timer_set(r, t, p->o.every_ms); /* there is more urgent work */
}

static void begin_arrives(struct reactor *r, struct mail *m)
{
	struct purger *p = container_of(m, struct purger, begin);
	if (!p->stopping) timer_set(r, &p->timer, p->o.every_ms);
}

struct purger *purger_create(const struct purger_options *o)
{
	struct purger *p = mem_new(struct purger);
	p->o = *o;
	if (p->o.slice <= 0) p->o.slice = SLICE;
	timer_init(&p->timer, purge_due);
	p->begin.deliver = begin_arrives;
	reactor_post(o->home, &p->begin);
	return p;
}

void purger_stop(struct purger *p)
{
	p->stopping = true;
	timer_clear(&p->timer);
}

void purger_destroy(struct purger *p)
{
	mem_free(p);
}
