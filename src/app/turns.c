#include "app/turns.h"

#include "base/mem.h"

static void turn_run(struct job *j, void *state)
{
	struct turns *t = container_of(j, struct turns, job);
	j->err = t->run(t, state);
}

static void turn_done(struct job *j)
{
	struct turns *t = container_of(j, struct turns, job);
	if (!t->stopping) t->done(t, j->err);
}

static void turn_due(struct reactor *r, struct timer *timer)
{
	struct turns *t = container_of(timer, struct turns, timer);
	t->job = (struct job){ .home = r, .run = turn_run, .done = turn_done };
	if (lane_submit(t->lane, &t->job)) turns_again(t, t->every_ms); /* there is more urgent work */
}

static void begin_arrives(struct reactor *r, struct mail *m)
{
	struct turns *t = container_of(m, struct turns, begin);
	(void)r;
	turns_again(t, t->first_ms);
}

void turns_begin(struct turns *t, int64_t first_ms)
{
	t->first_ms = first_ms;
	timer_init(&t->timer, turn_due);
	t->begin.deliver = begin_arrives;
	reactor_post(t->home, &t->begin);
}

void turns_again(struct turns *t, int64_t in_ms)
{
	if (!t->stopping) timer_set(t->home, &t->timer, in_ms);
}

void turns_stop(struct turns *t)
{
	t->stopping = true;
	timer_clear(&t->timer);
}
