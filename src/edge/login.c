/* POST /auth/login: the name is looked up on the read lane, the password checked on the cpu lane, the session made on
 * the write lane. Whether there is somebody of that name shows neither in the answer nor in its time. */
#include "app/login.h"

#include "app/password.h"
#include "app/sessions.h"
#include "edge/auth.h"
#include "edge/http_conn.h"
#include "edge/known.h"
#include "edge/signed.h"
#include "store/person.h"

struct login_call {
	struct login_try guess;
	struct session_new session;
	struct welcome welcome;
	struct person_key key;
	struct request *q;
	struct str name, password, stale;
	struct str stand_in; /* whose hash is checked where nobody has the name */
	bool cookie;
};

static enum err reply_run(struct request *q, struct db_conn *c)
{
	struct login_call *call = q->in;
	const struct signed_in signed_in = {
		.user_id = call->session.user_id,
		.session_id = str_of(call->session.session_id),
		.secret = str_of(call->session.secret),
		.cookie = call->cookie,
	};
	return signed_reply(q, c, &signed_in);
}

static void welcomed(struct welcome *w, enum err e)
{
	struct login_call *call = container_of(w, struct login_call, welcome);
	dispatch_job(call->q, LANE_read, reply_run, NULL);
}

static void signed_in(struct request *q, enum err e)
{
	struct login_call *call = q->in;
	if (e || call->key.settled) {
		request_finish(q, e);
		return;
	}
	const struct credential who = signed_credential(call->session.user_id, str_of(call->session.session_id));
	signed_welcome(q, &call->welcome, &who, welcomed);
}

static enum err session_run(struct request *q, struct db_conn *c)
{
	struct login_call *call = q->in;
	call->session = signed_session(q, call->cookie);
	call->session.user_id = call->key.user_id;
	enum err e = OK;
	if (!call->key.settled) e = welcome_find(&call->welcome, c, &q->arena, call->key.user_id);
	if (!e) e = sessions_login(c, q->pod->bus, &call->session, call->key.password_hash, call->stale);
	return !e && call->key.settled ? reply_run(q, c) : e;
}

static enum err verify_run(struct request *q, struct db_conn *c)
{
	struct login_call *call = q->in;
	const struct config *config = q->pod->config;
	bool nobody = !call->key.password_hash.p;
	enum err e = password_verify(config, nobody ? call->stand_in : call->key.password_hash, call->password);
	if (nobody && !e) e = ERR_BAD_CREDENTIALS;
	if (e == ERR_BAD_CREDENTIALS) login_failed(&call->guess);
	if (!e) e = known_refusal(q, login_confirm, &call->guess);
	if (!e && password_stale(config, call->key.password_hash))
		e = password_hash(config, &q->arena, call->password, &call->stale);
	if (!e) request_then(q, LANE_write, session_run);
	return e;
}

static enum err find_run(struct request *q, struct db_conn *c)
{
	struct login_call *call = q->in;
	enum err e = person_by_name(c, &q->arena, call->name, &call->key);
	if (!e) e = person_stand_in(c, &q->arena, call->name, &call->stand_in); /* also for somebody: the time would tell */
	call->guess.name = call->name;
	if (!e) e = known_guess(q, c, call->key.user_id, &call->guess);
	if (!e) e = known_refusal(q, login_admit, &call->guess);
	if (!e) request_then(q, LANE_cpu, verify_run);
	return e;
}

/* ---- */

static enum err take_json(struct request *q, struct login_call *call)
{
	struct json_in in;
	call->cookie = true;
	json_in_open(&in, q->json, &q->problem);
	json_in_str(&in, "username", JSON_NEED, &call->name);
	json_in_str(&in, "password", JSON_NEED, &call->password);
	json_in_bool(&in, "cookie", JSON_MAY, &call->cookie);
	return json_in_close(&in);
}

static enum err form_field(struct request *q, const char *name, struct str *out)
{
	bool ok = true;
	*out = http_query_get(&q->arena, q->body, name, &ok);
	return ok ? OK : problem_set(&q->problem, ERR_MALFORMED, "The field %s is badly escaped or not UTF-8", name);
}

/* The password form of OAuth2 (RFC 6749, 4.3). */
static enum err take_form(struct request *q, struct login_call *call)
{
	struct str grant;
	enum err e = form_field(q, "grant_type", &grant);
	if (!e) e = form_field(q, "username", &call->name);
	if (!e) e = form_field(q, "password", &call->password);
	if (e) return e;
	if (grant.p && !str_eq(grant, STR("password"))) e = problem_field(&q->problem, "grant_type", "must be password");
	if (!call->name.p) e = problem_field(&q->problem, "username", "is missing");
	if (!call->password.p) e = problem_field(&q->problem, "password", "is missing");
	return e;
}

enum err login_take(struct request *q)
{
	struct login_call *call = arena_new(&q->arena, struct login_call);
	q->in = call;
	call->q = q;
	call->stale = STR_NONE;
	enum err e = q->json ? take_json(q, call) : take_form(q, call);
	if (e) return e;
	call->name = lowered(&q->arena, call->name);
	dispatch_job(q, LANE_read, find_run, signed_in);
	return OK;
}
