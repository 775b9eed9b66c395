#include "edge/append_call.h"

#include "edge/http_conn.h"

static void copy_problem(struct request *q, const struct problem *p)
{
	q->problem.detail = arena_str(&q->arena, p->detail);
	q->problem.retry_after_s = p->retry_after_s;
	q->problem.n_fields = p->n_fields;
	for (size_t i = 0; i < p->n_fields; i++) {
		q->problem.fields[i].field = p->fields[i].field;
		q->problem.fields[i].detail = arena_str(&q->arena, p->fields[i].detail);
	}
}

static void done(struct change *change)
{
	struct append_call *c = container_of(change, struct append_call, change);
	struct request *q = c->q;
	enum err e = change->err;
	if (e)
		copy_problem(q, &change->problem);
	else if (c->then)
		c->then(c);
	if (e != ERR_UNAUTHENTICATED && e != ERR_SESSION_REVOKED) q->actor.user_id = change->actor_id;
	arena_release(&change->arena);
	if (!e && c->run)
		dispatch_job(q, LANE_read, c->run, NULL);
	else
		request_finish(q, e);
}

struct append_call *append_call(struct request *q, enum change_kind kind, int64_t channel_id)
{
	struct append_call *c = arena_new(&q->arena, struct append_call);
	c->q = q;
	q->in = c;
	c->change.kind = kind;
	c->change.channel_id = channel_id;
	c->change.credential = q->credential;
	c->change.need_scope = q->route->scope;
	c->change.role = c->change.voice = -1;
	c->change.invite = STR_NONE;
	c->change.address = q->address;
	c->change.request_id = str_of(q->id);
	c->change.home = request_reactor(q);
	c->change.gone = &q->core->gone;
	c->change.done = done;
	return c;
}

static void session_known(struct request *q, enum err e)
{
	struct append_call *c = q->in;
	if (!e) e = append_submit(q->pod->append, &c->change);
	if (e) request_finish(q, e);
}

enum err append_call_submit(struct append_call *c)
{
	if (charge_proven(c->q)) return append_submit(c->q->pod->append, &c->change);
	dispatch_job(c->q, LANE_read, NULL, session_known);
	return OK;
}

enum err append_call_epoch(struct append_call *c, struct str epoch)
{
	return request_epoch(c->q, epoch, &c->change.epoch);
}
