#include "app/reset.h"

#include "base/mem.h"
#include "store/audit.h"
#include "store/person.h"
#include "store/token.h"
#include "store/told.h"

static enum err audit(struct db_conn *c, int64_t user_id, int64_t now_ms)
{
	struct arena a;
	arena_init(&a);
	const struct audit_row row = {
		.now_ms = now_ms,
		.action = "user.password_reset",
		.target = arena_printf(&a, "user:%lld", (long long)user_id),
	};
	enum err e = audit_write(c, &row);
	arena_release(&a);
	return e;
}

static enum err has_password(struct db_conn *c, const struct reset_password *r, int64_t user_id,
							 struct problem *problem)
{
	struct arena a;
	struct user u;
	arena_init(&a);
	enum err e = person_read(c, &a, user_id, &u);
	if (!e && u.bot)
		e = problem_set(problem, ERR_CONFLICT,
						STR_FMT " is a bot, and has no password: POST /users/%lld/reset gives it another token",
						STR_ARG(r->username), (long long)user_id);
	arena_release(&a);
	return e;
}

static enum err write_in(struct db_conn *c, const struct reset_password *r, struct sessions_ended *ended,
						 struct problem *problem)
{
	int64_t user_id;
	enum err e = person_named(c, r->username, &user_id);
	if (e == ERR_NOT_FOUND) return problem_set(problem, e, "there is no account " STR_FMT, STR_ARG(r->username));
	if (!e) e = has_password(c, r, user_id, problem);
	if (!e) e = session_end_others(c, user_id, STR_NONE, r->now_ms, ended);
	if (!e) e = token_end_all(c, user_id, r->now_ms, ended);
	if (!e) e = person_reset_password(c, user_id, r->password_hash);
	if (!e) e = moves_tell_person(c, user_id);
	return e ? e : audit(c, user_id, r->now_ms);
}

enum err reset_password(struct db_conn *c, struct reset_password *r, struct problem *problem)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = write_in(c, r, &ended, problem);
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	r->n_ended = ended.ids.n;
	sessions_ended_release(&ended);
	return e;
}
