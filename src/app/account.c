#include "app/account.h"

#include "app/sessions.h"
#include "base/mem.h"
#include "model/permit_person.h"
#include "store/audit.h"

static enum err end(struct db_conn *c, enum err e)
{
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

static enum err audit(struct db_conn *c, const struct account_by *by, const char *action, int64_t user_id,
					  struct str after)
{
	struct arena a;
	arena_init(&a);
	const struct audit_row row = {
		.actor_id = by->actor ? by->actor->user_id : user_id,
		.now_ms = by->now_ms,
		.action = action,
		.target = arena_printf(&a, "user:%lld", (long long)user_id),
		.after = after,
		.address = by->address,
		.request_id = by->request_id,
	};
	enum err e = audit_write(c, &row);
	arena_release(&a);
	return e;
}

static enum err refusal(const struct permit_answer *a, struct problem *p)
{
	return a->err && a->why ? problem_set(p, a->err, "%s", a->why) : a->err;
}

/* ---- made for somebody */

static enum err make_in(struct db_conn *c, const struct account_by *by, struct account_new *n)
{
	enum err e = person_create(c, &n->person);
	if (e) return e;
	if (n->person.bot) {
		n->token.user_id = n->person.user_id;
		e = token_create(c, &n->token);
	} else {
		n->code.user_id = n->person.user_id;
		n->code.created_by = by->actor->user_id;
		n->code.now_ms = by->now_ms;
		e = reset_code_make(c, &n->code);
	}
	if (e) return e;
	return audit(c, by, "user.create", n->person.user_id,
				 n->person.bot ? STR("{\"bot\":true}") : STR("{\"bot\":false}"));
}

enum err account_make(struct db_conn *c, const struct account_by *by, struct account_new *n, struct problem *p)
{
	struct permit_answer a = permit_person_new(by->actor, by->need_scope);
	if (a.err) return refusal(&a, p);
	enum err e = db_begin(c);
	if (!e) e = end(c, make_in(c, by, n));
	return e == ERR_NAME_TAKEN ? problem_set(p, e, "Somebody has, or had, this name") : e;
}

/* ---- a code, or a bot's token */

static enum err may_reset(struct db_conn *c, const struct account_by *by, struct account_reset *r, struct problem *p)
{
	struct arena a;
	struct user u;
	struct permit_person ask = { .act = PERSON_RESET, .actor = by->actor, .need_scope = by->need_scope };
	struct permit_answer answer = permit_person(&ask);
	enum err e = refusal(&answer, p);
	if (!e) e = person_lock(c, r->code.user_id);
	arena_init(&a);
	if (!e) e = person_read(c, &a, r->code.user_id, &u);
	if (e == ERR_NOT_FOUND) problem_set(p, e, "There is no such person");
	if (!e) {
		r->bot = u.bot;
		ask.target = &u, ask.new_role = u.role;
		answer = permit_person(&ask);
		e = refusal(&answer, p);
	}
	arena_release(&a);
	return e;
}

static enum err give_code(struct db_conn *c, const struct account_by *by, struct reset_code *r)
{
	r->created_by = by->actor->user_id;
	r->now_ms = by->now_ms;
	enum err e = reset_code_make(c, r);
	return e ? e : audit(c, by, "user.reset_code", r->user_id, STR_NONE);
}

static enum err give_token(struct db_conn *c, const struct account_by *by, struct account_reset *r,
						   struct sessions_ended *ended)
{
	struct token_new *t = &r->token;
	t->user_id = r->code.user_id;
	t->now_ms = by->now_ms;
	enum err e = token_last_scopes(c, t->user_id, &t->scopes);
	if (!t->scopes) t->scopes = BOT_SCOPES;
	if (!e) e = token_end_all(c, t->user_id, t->now_ms, ended);
	if (!e) e = token_create(c, t);
	return e ? e : audit(c, by, "user.token", t->user_id, STR_NONE);
}

enum err account_give(struct db_conn *c, struct bus *bus, const struct account_by *by, struct account_reset *r,
					  struct problem *p)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = may_reset(c, by, r, p);
	if (!e) e = r->bot ? give_token(c, by, r, &ended) : give_code(c, by, &r->code);
	e = end(c, e);
	if (!e) sessions_tell(bus, &ended);
	sessions_ended_release(&ended);
	return e;
}

/* ---- its use */

static enum err reset_in(struct db_conn *c, const struct account_by *by, struct str code, struct str password_hash,
						 struct sessions_ended *ended)
{
	int64_t user_id, still;
	enum err e = reset_code_find(c, code, by->now_ms, &user_id);
	if (!e) e = session_end_others(c, user_id, STR_NONE, by->now_ms, ended); /* which has the person's head */
	if (!e) e = reset_code_find(c, code, by->now_ms, &still);                /* two may have come with it */
	if (!e) e = token_end_all(c, user_id, by->now_ms, ended);
	if (!e) e = person_reset_password(c, user_id, password_hash);
	if (!e) e = reset_codes_end(c, user_id);
	return e ? e : audit(c, by, "user.password_reset", user_id, STR_NONE);
}

enum err account_reset(struct db_conn *c, struct bus *bus, const struct account_by *by, struct str code,
					   struct str password_hash)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = end(c, reset_in(c, by, code, password_hash, &ended));
	if (!e) sessions_tell(bus, &ended);
	sessions_ended_release(&ended);
	return e;
}
