/* POST /auth/register: judged on the read lane, hashed on the cpu lane, written on the write lane, and then through the
 * append queue, since channels are joined. */
#include "app/register.h"
#include "app/password.h"
#include "edge/auth.h"
#include "edge/http_conn.h"
#include "edge/signed.h"

struct register_call {
	struct registering r;
	struct welcome welcome;
	struct request *q;
	struct str password, setup_code, invite;
	bool cookie;
};

static enum err reply_run(struct request *q, struct db_conn *c)
{
	struct register_call *call = q->in;
	const struct session_new *s = &call->r.session;
	const struct signed_in signed_in = {
		.user_id = s->user_id,
		.session_id = str_of(s->session_id),
		.secret = str_of(s->secret),
		.cookie = call->cookie,
		.status = 201,
	};
	return signed_reply(q, c, &signed_in);
}

/* The account is there, whatever became of its channels. */
static void welcomed(struct welcome *w, enum err e)
{
	struct register_call *call = container_of(w, struct register_call, welcome);
	dispatch_job(call->q, LANE_read, reply_run, NULL);
}

static void written(struct request *q, enum err e)
{
	struct register_call *call = q->in;
	if (e) {
		request_finish(q, e);
		return;
	}
	const struct credential who = signed_credential(call->r.session.user_id, str_of(call->r.session.session_id));
	signed_welcome(q, &call->welcome, &who, welcomed);
}

static enum err invite_fault(struct request *q, enum err e)
{
	return e == ERR_NOT_FOUND ? problem_set(&q->problem, e, "There is no such invite") : e;
}

static enum err find_invite(struct request *q, struct db_conn *c, struct str code, struct invite *out)
{
	enum err e = invite_read(c, &q->arena, code, false, out);
	return invite_fault(q, e ? e : invite_judge(out, 0, clock_wall_ms(q->pod->clock)));
}

static enum err write_run(struct request *q, struct db_conn *c)
{
	struct register_call *call = q->in;
	call->r.session = signed_session(q, call->cookie);
	call->r.person.now_ms = call->r.session.now_ms;
	call->r.request_id = str_of(q->id);
	call->r.invite = call->invite;
	call->r.defaults = call->welcome.channel_ids;
	call->r.most_defaults = WELCOME_CHANNELS;
	enum err e = register_write(c, &call->r);
	if (e == ERR_NAME_TAKEN) problem_set(&q->problem, e, "Somebody has, or had, this name");
	call->welcome.n_channels = call->r.n_defaults;
	call->welcome.invite_channel = call->r.invite_channel;
	call->welcome.invite = call->r.invite_channel ? str_of(call->r.own_invite) : STR_NONE;
	return invite_fault(q, e);
}

static enum err hash_run(struct request *q, struct db_conn *c)
{
	struct register_call *call = q->in;
	enum err e = password_hash(q->pod->config, &q->arena, call->password, &call->r.person.password_hash);
	if (!e) request_then(q, LANE_write, write_run);
	return e;
}

static enum err judge_run(struct request *q, struct db_conn *c)
{
	struct register_call *call = q->in;
	struct server_row server;
	struct invite invite;
	enum err e = server_read(c, &q->arena, &server);
	if (!e && call->invite.p) e = find_invite(q, c, call->invite, &invite);
	if (e) return e;
	const struct register_ask ask = {
		.config = q->pod->config,
		.server = &server,
		.local = q->pod->local && request_direct(q),
		.setup_code = call->setup_code,
		.invite = call->invite.p ? &invite : NULL,
	};
	if (call->invite.p && invite.guest) call->r.person.role = USER_GUEST;
	e = register_judge(&ask, &q->problem, &call->r.permit);
	if (!e) request_then(q, LANE_cpu, hash_run);
	return e;
}

enum err register_take(struct request *q)
{
	struct register_call *call = arena_new(&q->arena, struct register_call);
	struct person_new *p = &call->r.person;
	struct json_in in;
	struct str name;
	enum err e = OK;
	q->in = call;
	call->q = q;
	call->cookie = true;
	call->setup_code = call->invite = p->display_name = STR_NONE;
	p->role = USER_MEMBER;
	json_in_open(&in, q->json, &q->problem);
	if (json_in_str(&in, "username", JSON_NEED, &name)) e = username_check(&q->arena, name, &p->username, &q->problem);
	if (json_in_str(&in, "password", JSON_NEED, &call->password))
		e = err_first(e, password_check(call->password, &q->problem));
	if (json_in_str(&in, "display_name", JSON_MAY, &p->display_name))
		e = err_first(e, display_name_check(&q->arena, &p->display_name, &q->problem));
	json_in_str(&in, "invite", JSON_MAY, &call->invite);
	json_in_str(&in, "setup_code", JSON_MAY, &call->setup_code);
	json_in_bool(&in, "cookie", JSON_MAY, &call->cookie);
	e = err_first(json_in_close(&in), e);
	if (!e) dispatch_job(q, LANE_read, judge_run, written);
	return e;
}
