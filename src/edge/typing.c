#include "edge/typing.h"

#include <string.h>

#include "edge/limit.h"
#include "eph/present.h"
#include "store/channel.h"

enum err typing_rate(struct pod *pod, int64_t user_id, struct problem *p)
{
	int64_t retry_ms = 0;
	if (limit_person(pod->eph, &pod->config->rate_typing, "typing", user_id, &retry_ms)) return OK;
	return problem_set(p, problem_wait(p, retry_ms), "Told a moment ago that this person is typing");
}

enum err typing_allowed(struct pod *pod, struct db_conn *c, struct arena *a, const struct actor *who,
						const struct typing *t, struct problem *p)
{
	const char *why = NULL;
	/* Everybody hears the server's log, so a hint there would go to all. */
	if (t->channel_id == 0 && who->role != USER_GUEST)
		return problem_set(p, ERR_NOT_ALLOWED, "only the server writes here");
	enum err e = channel_speak(c, a, t->channel_id, who, clock_wall_ms(pod->clock), &why);
	return e && why ? problem_set(p, e, "%s", why) : e;
}

void typing_tell(struct pod *pod, int64_t user_id, const struct typing *t)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "op", "typing");
	json_field_i64(&o, "channel_id", t->channel_id);
	json_field_i64(&o, "user_id", user_id);
	if (t->thread_id) json_field_i64(&o, "thread_id", t->thread_id);
	json_close(&o, '}');
	struct hint *h = hint_create(b.n);
	h->channel_id = t->channel_id, h->user_id = user_id;
	memcpy(h->json, b.p, b.n);
	bus_publish_hint(pod->bus, h);
	eph_present(pod->eph, t->channel_id, user_id, pod->config->presence_ttl_ms);
	hint_unref(h);
	buf_release(&b);
}

enum err typing_take(struct request *q)
{
	struct typing *t = arena_new(&q->arena, struct typing);
	struct json_in in;
	q->in = t;
	enum err e = request_id_param(q, 0, &t->channel_id);
	if (e || !q->json) return e;
	json_in_open(&in, q->json, &q->problem);
	json_in_i64(&in, "thread_id", JSON_MAY, 1, ID_MOST, &t->thread_id);
	return json_in_close(&in);
}

enum err typing_run(struct request *q, struct db_conn *c)
{
	const struct typing *t = q->in;
	enum err e = typing_allowed(q->pod, c, &q->arena, &q->actor, t, &q->problem);
	if (!e) e = typing_rate(q->pod, q->actor.user_id, &q->problem);
	if (!e) typing_tell(q->pod, q->actor.user_id, t);
	return e;
}
