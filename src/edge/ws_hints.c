/* Operations of which nothing is kept. */
#include "edge/typing.h"
#include "edge/ws_call.h"
#include "store/channel.h"

static enum err typing_judge(struct ws_call *c, struct db_conn *db)
{
	const struct typing *t = c->in;
	return typing_allowed(c->w->pod, db, &c->arena, &c->actor, t, &c->problem);
}

static void typing_judged(struct ws_call *c)
{
	typing_tell(c->w->pod, c->actor.user_id, c->in);
}

/* Only to channels that the session is attached to: everything else is refused without a look at the database. */
void ws_op_typing(struct ws_request *q)
{
	struct typing t = { 0 };
	int64_t retry_ms = 0;
	json_in_i64(&q->in, "channel_id", JSON_NEED, 1, WS_ID_MOST, &t.channel_id);
	json_in_i64(&q->in, "thread_id", JSON_MAY, 1, WS_ID_MOST, &t.thread_id);
	enum err e = json_in_close(&q->in);
	if (!e && !session_sub(q->w->session, t.channel_id)) e = ERR_NOT_MEMBER;
	if (!e) e = typing_rate(q->w->pod, q->w->session->user_id, &retry_ms);
	if (e) {
		q->problem.retry_after_s = (int)((retry_ms + 999) / 1000);
		ws_refuse(q, e);
		return;
	}
	struct ws_call *c = ws_call_create(q, typing_judge, typing_judged);
	struct typing *in = arena_new(&c->arena, struct typing);
	*in = t;
	c->in = in;
	ws_call_submit(c);
}
