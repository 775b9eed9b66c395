#include "edge/ws_call.h"

#include <string.h>

#include "base/mem.h"
#include "store/account.h"

static void call_free(struct ws_call *c)
{
	struct ws_conn *w = c->w;
	json_decref(c->ref);
	arena_release(&c->arena);
	mem_free(c);
	ws_release(w);
}

static bool call_unwanted(const struct job *j)
{
	return atomic_load(&container_of(j, struct ws_call, job)->w->gone);
}

static void call_run(struct job *j, void *state)
{
	struct ws_call *c = container_of(j, struct ws_call, job);
	j->err = session_actor(state, &c->credential, clock_wall_ms(c->w->pod->clock), &c->actor);
	if (!j->err) j->err = c->run(c, state);
}

static void call_done(struct job *j)
{
	struct ws_call *c = container_of(j, struct ws_call, job);
	if (j->err)
		ws_answer_error(c->w, c->ref, j->err, &c->problem);
	else
		c->done(c);
	call_free(c);
}

struct ws_call *ws_call_create(struct ws_request *q, enum err (*run)(struct ws_call *, struct db_conn *),
							   void (*done)(struct ws_call *))
{
	struct ws_call *c = mem_new(struct ws_call);
	c->w = q->w;
	c->w->pending++;
	c->ref = json_incref(q->ref);
	c->credential = ws_credential(q->w);
	c->run = run, c->done = done;
	arena_init(&c->arena);
	problem_init(&c->problem, &c->arena);
	c->job =
		(struct job){ .home = conn_reactor(q->w->conn), .unwanted = call_unwanted, .run = call_run, .done = call_done };
	return c;
}

void ws_call_submit(struct ws_call *c)
{
	enum err e = lane_submit(c->w->pod->read, &c->job);
	if (!e) return;
	c->job.err = e;
	call_done(&c->job);
}
