/* A turn that was full is followed by the next at once, behind whatever waits in the lane. */
#include "app/purge.h"

#include "app/turns.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/purge.h"

#define SLICE 1000

struct purger {
	struct purger_options o;
	struct turns turns;
	bool failed;
	struct purge turn; /* while a turn runs the lane's, else the reactor's */
};

static enum err purge_run(struct turns *t, struct db_conn *c)
{
	struct purger *p = container_of(t, struct purger, turns);
	p->turn = (struct purge){ .before_ms = clock_wall_ms(p->o.clock) - p->o.kept_ms, .most = p->o.slice };
	enum err e = db_begin(c);
	if (e) return e;
	e = purge_turn(c, &p->turn);
	if (!e) e = db_commit(c);
	db_rollback(c);
	return e;
}

static void say_outcome(struct purger *p, enum err e)
{
	bool over = !e && p->turn.channel_id && p->turn.gone < p->turn.most;
	if (over) log_event(LOG_INFO, "channel.purged", LOG_INT("channel_id", p->turn.channel_id));
	if (err_ends(&p->failed, e)) log_event(LOG_INFO, "channel.purge_back");
	if (err_begins(&p->failed, e)) log_event(LOG_WARN, "channel.purge_failed", LOG_TEXT("error", err_row(e)->code));
}

static void purge_done(struct turns *t, enum err e)
{
	struct purger *p = container_of(t, struct purger, turns);
	say_outcome(p, e);
	turns_again(t, !e && p->turn.channel_id ? 0 : p->o.every_ms);
}

struct purger *purger_create(const struct purger_options *o)
{
	struct purger *p = mem_new(struct purger);
	p->o = *o;
	if (p->o.slice <= 0) p->o.slice = SLICE;
	p->turns = (struct turns){
		.home = o->home, .lane = o->write, .every_ms = o->every_ms, .run = purge_run, .done = purge_done
	};
	turns_begin(&p->turns, o->every_ms);
	return p;
}

void purger_stop(struct purger *p)
{
	turns_stop(&p->turns);
}

void purger_destroy(struct purger *p)
{
	mem_free(p);
}
