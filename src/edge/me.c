/* /auth/me and /auth/password. */
#include "edge/me.h"

#include "app/password.h"
#include "app/sessions.h"
#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/http_conn.h"
#include "edge/known.h"
#include "edge/signed.h"
#include "store/person.h"

void put_scopes(struct json_out *o, int scopes)
{
	char text[32];
	struct str part;
	scopes_format(scopes, text);
	struct str list = str_of(text);
	json_key(o, "scopes");
	json_open(o, '[');
	while (list.n && str_split(&list, ',', &part)) json_put_str(o, part);
	json_close(o, ']');
}

void put_time(struct json_out *o, const char *name, int64_t wall_ms)
{
	json_key(o, name);
	json_put_time(o, wall_ms);
}

static const char *kind_name(enum session_kind k)
{
	return k == SESSION_TOKEN ? "token" : k == SESSION_CLIENT ? "client" : "cookie";
}

/* ---- who one is */

static void reply_me(struct request *q, const struct user *u)
{
	const struct actor *a = &q->actor;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	codec_user_fields(&o, u);
	json_key(&o, "session");
	json_open(&o, '{');
	json_field_text(&o, "id", a->session_id);
	json_field_text(&o, "kind", kind_name(a->session_kind));
	put_scopes(&o, a->scopes);
	put_time(&o, "expires_at", a->expires_at);
	json_close(&o, '}');
	json_close(&o, '}');
}

static enum err me_run(struct request *q, struct db_conn *c)
{
	struct user u;
	enum err e = person_read(c, &q->arena, q->actor.user_id, &u);
	if (!e) reply_me(q, &u);
	return e;
}

/* Clients ask this first. What was left undone when the account was made is done now. */
struct me_call {
	struct welcome welcome;
	struct request *q;
	bool settled;
};

static enum err look_run(struct request *q, struct db_conn *c)
{
	struct me_call *call = q->in;
	struct person_key key;
	enum err e = person_by_id(c, &q->arena, q->actor.user_id, &key);
	if (e) return e;
	call->settled = key.settled;
	return key.settled ? me_run(q, c) : welcome_find(&call->welcome, c, &q->arena, q->actor.user_id);
}

static void welcomed(struct welcome *w, enum err e)
{
	dispatch_job(container_of(w, struct me_call, welcome)->q, LANE_read, me_run, NULL);
}

static void looked(struct request *q, enum err e)
{
	struct me_call *call = q->in;
	if (e || call->settled)
		request_finish(q, e);
	else
		signed_welcome(q, &call->welcome, &q->credential, welcomed);
}

enum err me_get_take(struct request *q)
{
	struct me_call *call = arena_new(&q->arena, struct me_call);
	q->in = call;
	call->q = q;
	dispatch_job(q, LANE_read, look_run, looked);
	return OK;
}

/* ---- the profile */

/* The session was looked at, so that a token is refused; the append looks again. */
static void may_patch(struct request *q, enum err e)
{
	struct append_call *call = q->in;
	if (!e && call->change.person)
		e = append_call_submit(call);
	else if (!e) {
		dispatch_job(q, LANE_read, me_run, NULL);
		return;
	}
	if (e) request_finish(q, e);
}

/* A text, or null where there is to be none any more. */
static enum err text_take(struct request *q, struct json_in *in, const char *name,
						  enum err (*check)(struct arena *, struct str *, struct problem *), bool *has,
						  struct str *text)
{
	*text = STR_NONE;
	*has = json_in_null(in, name) || json_in_str(in, name, JSON_MAY, text);
	return text->p ? check(&q->arena, text, &q->problem) : OK;
}

enum err me_patch_take(struct request *q)
{
	struct append_call *call = append_call(q, CHANGE_USER, 0);
	struct person_patch *p = arena_new(&q->arena, struct person_patch);
	struct json_in in;
	json_in_open(&in, q->json, &q->problem);
	enum err e = text_take(q, &in, "display_name", display_name_check, &p->has_display_name, &p->display_name);
	enum err f = text_take(q, &in, "status", status_check, &p->has_status, &p->status);
	p->has_disturb = json_in_bool(&in, "do_not_disturb", JSON_MAY, &p->do_not_disturb);
	enum err closed = json_in_close(&in);
	if (closed || e || f) return closed ? closed : ERR_INVALID;
	call->run = me_run;
	if (p->has_display_name || p->has_status || p->has_disturb) call->change.person = p;
	dispatch_job(q, LANE_read, NULL, may_patch);
	return OK;
}

/* ---- the password */

struct password_call {
	struct str before, after, hash, new_hash;
	struct login_try guess;
};

enum err password_take(struct request *q)
{
	struct password_call *call = arena_new(&q->arena, struct password_call);
	struct json_in in;
	enum err e = OK;
	q->in = call;
	json_in_open(&in, q->json, &q->problem);
	json_in_str(&in, "old_password", JSON_NEED, &call->before);
	if (json_in_str(&in, "new_password", JSON_NEED, &call->after) && (call->after.n < 10 || call->after.n > 256))
		e = problem_field(&q->problem, "new_password", "10 to 256 bytes");
	enum err closed = json_in_close(&in);
	return closed ? closed : e;
}

static enum err write_run(struct request *q, struct db_conn *c)
{
	const struct password_call *call = q->in;
	const struct actor *a = &q->actor;
	return sessions_new_password(c, q->pod->bus, a->user_id, call->hash, call->new_hash, str_of(a->session_id),
								 clock_wall_ms(q->pod->clock));
}

static enum err hash_run(struct request *q, struct db_conn *c)
{
	struct password_call *call = q->in;
	enum err e = password_verify(q->pod->config, call->hash, call->before);
	if (e == ERR_BAD_CREDENTIALS) login_failed(&call->guess);
	if (e == ERR_BAD_CREDENTIALS) problem_set(&q->problem, e, "The old password is wrong");
	if (!e) e = known_refusal(q, login_confirm, &call->guess);
	if (!e) e = password_hash(q->pod->config, &q->arena, call->after, &call->new_hash);
	if (!e) request_then(q, LANE_write, write_run);
	return e;
}

/* Somebody who found an open session may guess no more often than at the door. */
enum err password_run(struct request *q, struct db_conn *c)
{
	struct password_call *call = q->in;
	struct person_key key;
	enum err e = person_by_id(c, &q->arena, q->actor.user_id, &key);
	if (!e && !key.password_hash.p) e = problem_set(&q->problem, ERR_NOT_ALLOWED, "This account has no password");
	if (e) return e;
	call->hash = key.password_hash;
	call->guess.of = LOGIN_SELF;
	call->guess.name = arena_printf(&q->arena, "%lld", (long long)q->actor.user_id);
	e = known_guess(q, c, q->actor.user_id, &call->guess);
	if (!e) e = known_refusal(q, login_admit, &call->guess);
	if (!e) request_then(q, LANE_cpu, hash_run);
	return e;
}
