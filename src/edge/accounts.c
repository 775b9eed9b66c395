#include "edge/accounts.h"

#include "app/account.h"
#include "codec/codec.h"
#include "edge/append_call.h"
#include "edge/http_conn.h"
#include "edge/me.h"
#include "edge/route.h"
#include "edge/signed.h"

#define BOT_TOKEN STR("bot") /* its name */

static struct account_by by_whom(struct request *q)
{
	return (struct account_by){
		.actor = &q->actor,
		.need_scope = q->route->scope,
		.address = q->address,
		.request_id = str_of(q->id),
		.now_ms = clock_wall_ms(q->pod->clock),
	};
}

/* ---- made */

struct making {
	struct account_new account;
	struct welcome welcome;
	struct request *q;
};

static enum err reply_run(struct request *q, struct db_conn *c)
{
	const struct account_new *n = &((struct making *)q->in)->account;
	struct user u;
	enum err e = person_read(c, &q->arena, n->person.user_id, &u);
	if (e) return e;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_key(&o, "user");
	codec_user(&o, &u);
	if (n->person.bot) {
		json_field_text(&o, "token", n->token.secret);
	} else {
		json_field_text(&o, "reset_code", n->code.text);
		json_field_time(&o, "expires_at", n->code.expires_at);
	}
	json_close(&o, '}');
	q->reply.status = 201;
	return OK;
}

/* The account is there, whatever became of its channels. */
static void welcomed(struct welcome *w, enum err e)
{
	dispatch_job(container_of(w, struct making, welcome)->q, LANE_read, reply_run, NULL);
}

static void written(struct request *q, enum err e)
{
	struct making *m = q->in;
	const struct credential none = { .kind = CREDENTIAL_NONE };
	m->welcome.as_user = m->account.person.user_id;
	if (e)
		request_finish(q, e);
	else
		signed_welcome(q, &m->welcome, &none, welcomed);
}

static enum err write_run(struct request *q, struct db_conn *c)
{
	struct making *m = q->in;
	const struct account_by by = by_whom(q);
	m->account.person.created_by = q->actor.user_id;
	m->account.person.now_ms = m->account.token.now_ms = by.now_ms;
	enum err e = account_make(c, &by, &m->account, &q->problem);
	return e ? e : person_defaults(c, m->welcome.channel_ids, WELCOME_CHANNELS, &m->welcome.n_channels);
}

static enum err token_run(struct request *q, struct db_conn *c)
{
	struct token_new *t = &((struct making *)q->in)->account.token;
	token_prepare(q, t);
	t->name = BOT_TOKEN;
	request_then(q, LANE_write, write_run);
	return OK;
}

enum err user_create_take(struct request *q)
{
	struct making *m = arena_new(&q->arena, struct making);
	struct person_new *p = &m->account.person;
	struct json_in in;
	struct str name;
	enum err e = OK;
	q->in = m;
	m->q = q;
	p->display_name = p->password_hash = STR_NONE;
	p->role = USER_MEMBER;
	json_in_open(&in, q->json, &q->problem);
	if (json_in_str(&in, "username", JSON_NEED, &name)) e = username_check(&q->arena, name, &p->username, &q->problem);
	if (json_in_str(&in, "display_name", JSON_MAY, &p->display_name))
		e = err_first(e, display_name_check(&q->arena, &p->display_name, &q->problem));
	json_in_bool(&in, "bot", JSON_MAY, &p->bot);
	m->account.token.scopes = BOT_SCOPES;
	if (p->bot) e = err_first(e, scopes_take(q, &in, JSON_MAY, &m->account.token.scopes)); /* else a field too many */
	e = err_first(json_in_close(&in), e);
	if (!e) dispatch_job(q, p->bot ? LANE_cpu : LANE_write, p->bot ? token_run : write_run, written);
	return e;
}

/* ---- changed */

static enum err changed_run(struct request *q, struct db_conn *c)
{
	struct user u;
	int64_t id;
	enum err e = request_id_param(q, 0, &id);
	if (!e) e = person_read(c, &q->arena, id, &u);
	if (e) return e;
	struct json_out o = reply_json(q);
	codec_user(&o, &u);
	return OK;
}

static enum err patch_take(struct request *q, struct person_patch *p)
{
	struct json_in in;
	struct str text;
	enum err e = OK;
	json_in_open(&in, q->json, &q->problem);
	p->has_role = json_in_str(&in, "role", JSON_MAY, &text);
	if (p->has_role && !user_role_parse(text, &p->role))
		e = problem_field(&q->problem, "role", "must be guest, member, admin or owner");
	p->has_username = json_in_str(&in, "username", JSON_MAY, &text);
	if (p->has_username) e = err_first(e, username_check(&q->arena, text, &p->username, &q->problem));
	p->has_deactivated = json_in_bool(&in, "deactivated", JSON_MAY, &p->deactivated);
	e = err_first(json_in_close(&in), e);
	if (!e && !p->has_role && !p->has_username && !p->has_deactivated)
		e = problem_set(&q->problem, ERR_INVALID, "Nothing to change: role, username or deactivated is wanted");
	return e;
}

static enum err subject(struct request *q, int64_t *id)
{
	enum err e = request_id_param(q, 0, id);
	return !e && !*id ? ERR_NOT_FOUND : e; /* to a change it would mean oneself */
}

enum err user_patch_take(struct request *q)
{
	struct person_patch *p = arena_new(&q->arena, struct person_patch);
	int64_t id;
	enum err e = subject(q, &id);
	if (!e) e = patch_take(q, p);
	if (e) return e;
	struct append_call *call = append_call(q, CHANGE_USER, 0);
	call->change.user_id = id;
	call->change.person = p;
	call->run = changed_run;
	return append_call_submit(call);
}

enum err user_delete_take(struct request *q)
{
	struct person_patch *p = arena_new(&q->arena, struct person_patch);
	int64_t id;
	enum err e = subject(q, &id);
	p->deletes = true;
	if (!e && q->json) {
		struct json_in in;
		json_in_open(&in, q->json, &q->problem);
		e = leaving_messages(q, &in, &p->messages);
		e = err_first(json_in_close(&in), e);
	}
	if (e) return e;
	struct append_call *call = append_call(q, CHANGE_USER, 0);
	call->change.user_id = id;
	call->change.person = p;
	return append_call_submit(call);
}

/* ---- a code, or a bot's token */

static enum err give_run(struct request *q, struct db_conn *c)
{
	struct account_reset *r = q->in;
	const struct account_by by = by_whom(q);
	enum err e = request_id_param(q, 0, &r->code.user_id);
	if (!e) e = account_give(c, q->pod->bus, &by, r, &q->problem);
	if (e) return e;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	if (r->bot) {
		json_field_text(&o, "token", r->token.secret);
	} else {
		json_field_text(&o, "reset_code", r->code.text);
		json_field_time(&o, "expires_at", r->code.expires_at);
	}
	json_close(&o, '}');
	q->reply.status = 201;
	return OK;
}

/* A token in any case: whose account it is shows under its lock. */
enum err user_reset_run(struct request *q, struct db_conn *c)
{
	struct account_reset *r = arena_new(&q->arena, struct account_reset);
	q->in = r;
	r->token.name = BOT_TOKEN;
	token_prepare(q, &r->token);
	request_then(q, LANE_write, give_run);
	return OK;
}
