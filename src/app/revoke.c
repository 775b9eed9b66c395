#include "app/revoke.h"

#include "base/mem.h"
#include "store/audit.h"
#include "store/person.h"
#include "store/token.h"
#include "store/told.h"

#define PAGE 200 /* people at a time */

static const struct sql SQL_WITH = {
	"SELECT DISTINCT user_id FROM sessions WHERE user_id > $1 AND revoked_at IS NULL AND (expires_at IS NULL OR "
	"expires_at > $2) AND (kind <> 'token' OR $3 = 1) ORDER BY user_id LIMIT $4",
	NULL,
};

static enum err audit(struct db_conn *c, const struct revoke *r, int64_t user_id)
{
	struct arena a;
	arena_init(&a);
	struct str whose = user_id ? arena_printf(&a, "user:%lld", (long long)user_id) : STR("server");
	const struct audit_row row = {
		.now_ms = r->now_ms,
		.action = "sessions.revoked",
		.target = whose,
		.after = r->keep_tokens ? STR("{\"tokens\":false}") : STR("{\"tokens\":true}"),
	};
	enum err e = audit_write(c, &row);
	arena_release(&a);
	return e;
}

static enum err end_in(struct db_conn *c, const struct revoke *r, int64_t user_id, struct sessions_ended *ended)
{
	enum err e = session_end_others(c, user_id, STR_NONE, r->now_ms, ended);
	if (!e && !r->keep_tokens) e = token_end_all(c, user_id, r->now_ms, ended);
	if (!e && ended->ids.n) e = moves_tell_person(c, user_id);
	return !e && r->username.p ? audit(c, r, user_id) : e;
}

static enum err end_one(struct db_conn *c, struct revoke *r, int64_t user_id)
{
	struct sessions_ended ended = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = end_in(c, r, user_id, &ended);
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	if (!e) r->people += ended.ids.n > 0, r->ended += (int64_t)ended.ids.n;
	sessions_ended_release(&ended);
	return e;
}

static enum err page(struct db_conn *c, const struct revoke *r, int64_t after, int64_t ids[PAGE], size_t *n)
{
	struct db_rows rows;
	*n = 0;
	enum err e = db_query(c, &SQL_WITH,
						  DB_ARGS(DB_I64(after), DB_I64(r->now_ms), DB_BOOL(!r->keep_tokens), DB_I64(PAGE)), &rows);
	if (e) return e;
	while (*n < PAGE && db_next(&rows)) ids[(*n)++] = db_i64(&rows, 0);
	return db_end(&rows);
}

static enum err end_all(struct db_conn *c, struct revoke *r)
{
	int64_t ids[PAGE], after = 0;
	size_t n = PAGE;
	enum err e = audit(c, r, 0);
	while (!e && n == PAGE) {
		e = page(c, r, after, ids, &n);
		for (size_t i = 0; i < n && !e; i++) e = end_one(c, r, ids[i]);
		if (n) after = ids[n - 1];
	}
	return e;
}

enum err revoke_sessions(struct db_conn *c, struct revoke *r, struct problem *problem)
{
	int64_t user_id;
	r->people = r->ended = 0;
	if (!r->username.p) return end_all(c, r);
	enum err e = person_named(c, r->username, &user_id);
	if (e == ERR_NOT_FOUND) return problem_set(problem, e, "there is no account " STR_FMT, STR_ARG(r->username));
	return e ? e : end_one(c, r, user_id);
}
