/* POST /auth/refresh. */
#include "app/sessions.h"
#include "edge/auth.h"
#include "edge/signed.h"

enum err refresh_take(struct request *q)
{
	struct str *token = arena_new(&q->arena, struct str);
	struct json_in in;
	q->in = token;
	json_in_open(&in, q->json, &q->problem);
	json_in_str(&in, "refresh_token", JSON_NEED, token);
	return json_in_close(&in);
}

enum err refresh_run(struct request *q, struct db_conn *c)
{
	const struct str *token = q->in;
	struct refreshed r;
	enum err e = sessions_refresh(c, q->pod->bus, *token, clock_wall_ms(q->pod->clock), &r);
	if (e == ERR_RATE_LIMITED) problem_wait(&q->problem, r.retry_ms);
	if (e == ERR_UNAUTHENTICATED) return problem_set(&q->problem, e, "The refresh token is not known, or has ended");
	if (e) return e;
	const struct signed_in signed_in = {
		.user_id = r.user_id,
		.session_id = arena_str(&q->arena, str_of(r.session_id)),
		.secret = arena_str(&q->arena, str_of(r.secret)),
	};
	return signed_reply(q, c, &signed_in);
}
