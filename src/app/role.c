#include "app/role.h"

#include "base/mem.h"
#include "model/permit_person.h"
#include "store/audit.h"
#include "store/indexed.h"
#include "store/person.h"
#include "store/token.h"
#include "store/told.h"

struct setting {
	struct role_set *r;
	struct db_conn *c;
	struct problem *problem;
	int64_t rev, at, last_id, last_seq; /* of channel 0 */
	int64_t user_id, role, bot, user_rev, joined;
	struct sessions_ended ended;
};

#define HEAD "SELECT rev, rev_at, last_id, last_seq FROM heads WHERE channel_id = 0"
static const struct sql SQL_LOCK = { HEAD " FOR NO KEY UPDATE", HEAD };
static const struct sql SQL_WHO = { "SELECT user_id, role, bot FROM users WHERE username = $1 AND deleted_at IS NULL",
									NULL };
static const struct sql SQL_OTHER_OWNER = { OTHER_OWNER("$1"), NULL };
static const struct sql SQL_ROLE = { "UPDATE users SET role = $2, changed_rev = $3, user_rev = $4 WHERE user_id = $1",
									 NULL };
static const struct sql SQL_CHANGE = {
	"INSERT INTO changes (channel_id, rev, kind, at, user_id, actor_id) VALUES (0, $1, 'user', $2, $3, $3)", NULL
};
static const struct sql SQL_LEAVE = {
	"UPDATE members SET left_rev = $2, left_at = $3, user_rev = $4 WHERE channel_id = 0 AND user_id = $1 AND left_rev "
	"IS "
	"NULL",
	NULL,
};
static const struct sql SQL_JOIN = {
	"INSERT INTO members (channel_id, user_id, role, joined_rev, joined_at, read_id, read_seq, read_at, user_rev) "
	"VALUES "
	"(0, $1, $2, $3, $4, $5, $6, $4, $7) ON CONFLICT (channel_id, user_id) DO UPDATE SET joined_rev = "
	"excluded.joined_rev, joined_at = excluded.joined_at, left_rev = NULL, left_at = NULL, user_rev = "
	"excluded.user_rev "
	"WHERE members.left_rev IS NOT NULL",
	NULL,
};
static const struct sql SQL_HEAD = {
	"UPDATE heads SET rev = $1, rev_at = $2, member_count = member_count + $3 WHERE channel_id = 0", NULL
};
static const struct sql SQL_MOVED = { "INSERT INTO moves (channel_id, rev) VALUES (0, $1)", NULL };

static void head_take(const struct db_rows *r, void *arg)
{
	struct setting *s = arg;
	s->rev = db_i64(r, 0) + 1;
	s->at = db_i64(r, 1) > s->r->now_ms ? db_i64(r, 1) : s->r->now_ms;
	s->last_id = db_i64(r, 2), s->last_seq = db_i64(r, 3);
}

static void who_take(const struct db_rows *r, void *arg)
{
	struct setting *s = arg;
	s->user_id = db_i64(r, 0), s->role = db_i64(r, 1), s->bot = db_i64(r, 2);
}

/* Whoever has the machine may what an owner may, and no more. */
static enum err may(struct setting *s, bool last_owner)
{
	static const struct actor machine = { .role = USER_OWNER, .scopes = SCOPE_ALL };
	const struct user target = { .id = s->user_id, .role = (enum user_role)s->role, .bot = s->bot };
	const struct permit_person ask = {
		.act = PERSON_CHANGE,
		.actor = &machine,
		.target = &target,
		.new_role = s->r->role,
		.last_owner = last_owner,
	};
	struct permit_answer a = permit_person(&ask);
	if (!a.err) return OK;
	return problem_set(s->problem, a.err, STR_FMT ": %s", STR_ARG(s->r->username),
					   a.why ? a.why : err_row(a.err)->title);
}

static enum err find(struct setting *s)
{
	struct str name = s->r->username;
	enum err e = db_one(s->c, &SQL_LOCK, DB_NO_ARGS, head_take, s);
	if (!e) e = db_one(s->c, &SQL_WHO, DB_ARGS(DB_TEXT(name)), who_take, s);
	if (e == ERR_NOT_FOUND) return problem_set(s->problem, e, "there is no account " STR_FMT, STR_ARG(name));
	s->r->before = (enum user_role)s->role;
	if (!e && s->role == USER_OWNER) e = db_one(s->c, &SQL_OTHER_OWNER, DB_ARGS(DB_I64(s->user_id)), NULL, NULL);
	return e && e != ERR_NOT_FOUND ? e : may(s, e == ERR_NOT_FOUND);
}

static enum err cut_off(struct setting *s)
{
	enum err e = session_end_others(s->c, s->user_id, STR_NONE, s->r->now_ms, &s->ended);
	return e ? e : token_end_all(s->c, s->user_id, s->r->now_ms, &s->ended);
}

/* In or out of channel 0. */
static enum err move_member(struct setting *s)
{
	int64_t changed = 0;
	bool guest = s->r->role == USER_GUEST;
	if (guest == (s->r->before == USER_GUEST)) return OK;
	enum err e = person_move(s->c, s->user_id, &s->user_rev); /* one is of one row, see own.h */
	struct db_value who = DB_I64(s->user_id), rev = DB_I64(s->rev), at = DB_I64(s->at), own = DB_I64(s->user_rev);
	if (e) return e;
	e = guest ? db_exec(s->c, &SQL_LEAVE, DB_ARGS(who, rev, at, own), &changed)
			  : db_exec(s->c, &SQL_JOIN,
						DB_ARGS(who, DB_I64(CHANNEL_MEMBER), rev, at, DB_I64(s->last_id), DB_I64(s->last_seq), own),
						&changed);
	s->joined = guest ? -changed : changed;
	return e;
}

static enum err tell(struct setting *s)
{
	enum err e = OK;
	if (db_conn_kind(s->c) == DB_POSTGRES) e = db_exec(s->c, &SQL_MOVED, DB_ARGS(DB_I64(s->rev)), NULL);
	if (!e) e = moves_tell_channel(s->c, 0);
	return e ? e : moves_tell_person(s->c, s->user_id);
}

static enum err audit(struct setting *s)
{
	struct arena a;
	arena_init(&a);
	const struct audit_row row = {
		.now_ms = s->r->now_ms,
		.action = "user.change",
		.target = arena_printf(&a, "user:%lld", (long long)s->user_id),
		.before = arena_printf(&a, "{\"role\":\"%s\"}", user_role_name(s->r->before)),
		.after = arena_printf(&a, "{\"role\":\"%s\"}", user_role_name(s->r->role)),
	};
	enum err e = audit_write(s->c, &row);
	arena_release(&a);
	return e;
}

static enum err write_in(struct setting *s)
{
	struct db_value who = DB_I64(s->user_id), rev = DB_I64(s->rev), at = DB_I64(s->at);
	enum err e = person_lock(s->c, s->user_id);
	if (!e) e = person_move(s->c, s->user_id, &s->user_rev);
	if (!e && s->r->role == USER_GUEST) e = cut_off(s);
	if (!e) e = db_exec(s->c, &SQL_CHANGE, DB_ARGS(rev, at, who), NULL);
	if (!e) e = db_exec(s->c, &SQL_ROLE, DB_ARGS(who, DB_I64(s->r->role), rev, DB_I64(s->user_rev)), NULL);
	if (!e) e = move_member(s);
	if (!e) e = db_exec(s->c, &SQL_HEAD, DB_ARGS(rev, at, DB_I64(s->joined)), NULL);
	if (!e) e = tell(s);
	return e ? e : audit(s);
}

enum err role_set(struct db_conn *c, struct role_set *r, struct problem *problem)
{
	struct setting s = { .r = r, .c = c, .problem = problem };
	enum err e = db_begin(c);
	if (e) return e;
	e = find(&s);
	if (!e && r->before != r->role) {
		e = write_in(&s);
		if (!e) e = db_commit(c);
	}
	db_rollback(c);
	r->n_ended = s.ended.ids.n;
	sessions_ended_release(&s.ended);
	return e;
}
