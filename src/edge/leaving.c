/* DELETE /auth/me: the password is asked for once more, as somebody else may have found the session open. */
#include "app/password.h"
#include "edge/accounts.h"
#include "edge/append_call.h"
#include "edge/http_conn.h"
#include "edge/known.h"
#include "store/person.h"

struct leaving {
	struct append_call *call;
	struct person_patch patch;
	struct str password, hash;
	struct login_try guess;
};

enum err leaving_messages(struct request *q, struct json_in *in, bool *messages)
{
	struct str text;
	if (!json_in_str(in, "messages", JSON_MAY, &text)) return OK;
	*messages = str_eq(text, STR("delete"));
	if (*messages || str_eq(text, STR("keep"))) return OK;
	return problem_field(&q->problem, "messages", "must be keep or delete");
}

static enum err verify_run(struct request *q, struct db_conn *c)
{
	struct leaving *l = q->in;
	enum err e = password_verify(q->pod->config, l->hash, l->password);
	if (e == ERR_BAD_CREDENTIALS) login_failed(&l->guess);
	if (e == ERR_BAD_CREDENTIALS) problem_set(&q->problem, e, "The password is wrong");
	return e ? e : known_refusal(q, login_confirm, &l->guess);
}

static enum err find_run(struct request *q, struct db_conn *c)
{
	struct leaving *l = q->in;
	struct person_key key;
	enum err e = person_by_id(c, &q->arena, q->actor.user_id, &key);
	if (!e && !key.password_hash.p)
		e = problem_set(&q->problem, ERR_NOT_ALLOWED, "This account has no password: an admin deletes it");
	if (e) return e;
	l->hash = key.password_hash;
	l->guess.of = LOGIN_SELF;
	l->guess.name = arena_printf(&q->arena, "%lld", (long long)q->actor.user_id);
	e = known_guess(q, c, q->actor.user_id, &l->guess);
	if (!e) e = known_refusal(q, login_admit, &l->guess);
	if (!e) request_then(q, LANE_cpu, verify_run);
	return e;
}

static void gone(struct append_call *call)
{
	if (call->q->credential.kind == CREDENTIAL_COOKIE) reply_cookie(call->q, STR_NONE);
}

static void verified(struct request *q, enum err e)
{
	struct leaving *l = q->in;
	q->in = l->call;
	if (!e) e = append_call_submit(l->call);
	if (e) request_finish(q, e);
}

enum err me_delete_take(struct request *q)
{
	struct leaving *l = arena_new(&q->arena, struct leaving);
	struct json_in in;
	l->patch.deletes = true;
	json_in_open(&in, q->json, &q->problem);
	json_in_str(&in, "password", JSON_NEED, &l->password);
	enum err e = leaving_messages(q, &in, &l->patch.messages);
	e = err_first(json_in_close(&in), e);
	if (e) return e;
	l->call = append_call(q, CHANGE_USER, 0);
	l->call->change.person = &l->patch;
	l->call->then = gone;
	q->in = l;
	dispatch_job(q, LANE_read, find_run, verified);
	return OK;
}
