#include "edge/typing.h"

#include <string.h>

#include "edge/limit.h"
#include "eph/present.h"
#include "store/channel.h"

#define ID_MOST ((INT64_C(1) << 53) - 1)

enum err typing_rate(struct pod *pod, int64_t user_id, int64_t *retry_ms)
{
	return limit_person(pod->eph, &pod->config->rate_typing, "typing", user_id, retry_ms) ? OK : ERR_RATE_LIMITED;
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
	int64_t retry_ms = 0;
	enum err e = typing_allowed(q->pod, c, &q->arena, &q->actor, t, &q->problem);
	if (!e) e = typing_rate(q->pod, q->actor.user_id, &retry_ms);
	if (e == ERR_RATE_LIMITED) q->problem.retry_after_s = (int)((retry_ms + 999) / 1000);
	if (!e) typing_tell(q->pod, q->actor.user_id, t);
	return e;
}
