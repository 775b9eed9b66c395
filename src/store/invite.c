#include "store/invite.h"

#include "store/indexed.h"
#include "store/rows.h"
#include "store/setting.h"

#define ALIVE "i.uses < i.max_uses AND i.expires_at > "
static const struct sql SQL_FIND = { "SELECT " INVITE_COLUMNS INVITE_FROM "i.code = $1", NULL };
static const struct sql SQL_READ = { "SELECT " INVITE_COLUMNS INVITE_FROM "i.code = $1 AND " INVITE_HOLDS, NULL };
static const struct sql SQL_LOCK = {
	"SELECT " INVITE_COLUMNS INVITE_FROM "i.code = $1 AND " INVITE_HOLDS " FOR UPDATE OF i",
	"SELECT " INVITE_COLUMNS INVITE_FROM "i.code = $1 AND " INVITE_HOLDS,
};
static const struct sql SQL_USE = { "UPDATE invites SET uses = uses + 1 WHERE code = $1", NULL };
static const struct sql SQL_INSERT = {
	"INSERT INTO invites (code, channel_id, user_id, created_by, created_at, expires_at, max_uses, uses, guest, "
	"user_rev) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)",
	NULL,
};
static const struct sql SQL_DELETE = { "DELETE FROM invites WHERE code = $1", NULL };
static const struct sql SQL_FORGET = { "DELETE FROM invites WHERE created_by = $1 AND expires_at < $2", NULL };
static const struct sql SQL_COUNT = { "SELECT count(*) FROM invites i WHERE i.created_by = $1 AND " ALIVE "$2", NULL };
static const struct sql SQL_SAME = {
	"SELECT " INVITE_COLUMNS INVITE_FROM "i.user_id = $1 AND i.channel_id = $2 AND i.created_by = $3 AND " ALIVE
	"$4 AND " INVITE_HOLDS " ORDER BY i.created_at DESC LIMIT 1",
	NULL,
};
/* One more index for each whose they are: all, of a channel or (0) to the server, or one person's among them. */
#define PAGE " AND " ALIVE "$2 AND " INVITES_BELOW " AND " INVITE_HOLDS " ORDER BY i.created_at DESC, i.code LIMIT $5"
static const struct sql SQL_ALL = { "SELECT " INVITE_COLUMNS INVITE_FROM INVITES_IN "$1" PAGE, NULL };
static const struct sql SQL_OWN = { "SELECT " INVITE_COLUMNS INVITE_FROM "i.created_by = $6 AND 0 + " INVITES_IN "$1" PAGE,
									NULL };
#define NOT_BANNED                                                                                                     \
	"NOT EXISTS (SELECT 1 FROM channel_masks x WHERE x.channel_id = i.channel_id AND x.kind = 'b' AND x.mask = '' "    \
	"AND "                                                                                                             \
	"x.user_id = $1 AND (x.until IS NULL OR x.until > $2))"
static const struct sql SQL_TO = { "SELECT " INVITE_COLUMNS INVITE_FROM "i.user_id = $1 AND " INVITE_WAITS
								   " AND " NOT_BANNED PAGE,
								   NULL };
static const struct sql SQL_OF_NEW = {
	"SELECT " INVITE_COLUMNS INVITE_FROM
	"i.user_id = $1 AND i.created_at = (SELECT n.created_at FROM users n WHERE n.user_id = $1) "
	"LIMIT 1",
	NULL,
};
static const struct sql SQL_BLOCKED = { "SELECT 1 FROM blocks WHERE user_id = $1 AND blocked_id = $2", NULL };

#define FORGET_AFTER_MS (INT64_C(30) * 24 * 3600 * 1000)

/* ---- one */

void invite_take(const struct db_rows *r, int at, struct arena *a, struct invite *out)
{
	*out = (struct invite){
		.code = arena_str(a, db_str(r, at)),
		.channel_id = db_i64(r, at + 1),
		.user_id = db_i64(r, at + 2),
		.created_by = db_i64(r, at + 3),
		.created_at = db_i64(r, at + 4),
		.expires_at = db_i64(r, at + 5),
		.max_uses = db_i64(r, at + 6),
		.uses = db_i64(r, at + 7),
		.guest = db_i64(r, at + 8) != 0,
		.channel = { .id = db_i64(r, at + 1),
					 .kind = (enum channel_kind)db_i64(r, at + 9),
					 .name = arena_str(a, db_str(r, at + 10)),
					 .topic = arena_str(a, db_str(r, at + 11)),
					 .member_count = db_i64(r, at + 12) },
		.inviter = { .id = db_i64(r, at + 3),
					 .username = arena_str(a, db_str(r, at + 13)),
					 .display_name = arena_str(a, db_str(r, at + 14)),
					 .avatar = arena_str(a, db_str(r, at + 15)) },
		.user_rev = db_i64(r, at + 16),
	};
}

struct reading {
	struct arena *a;
	struct invite *out;
};

static void one_take(const struct db_rows *r, void *arg)
{
	const struct reading *g = arg;
	invite_take(r, 0, g->a, g->out);
}

enum err invite_read(struct db_conn *c, struct arena *a, struct str code, bool lock, struct invite *out)
{
	struct reading g = { a, out };
	if (!invite_code_valid(code)) return ERR_NOT_FOUND;
	return db_one(c, lock ? &SQL_LOCK : &SQL_READ, DB_ARGS(DB_TEXT(code)), one_take, &g);
}

enum err invite_find(struct db_conn *c, struct arena *a, struct str code, struct invite *out)
{
	struct reading g = { a, out };
	return invite_code_valid(code) ? db_one(c, &SQL_FIND, DB_ARGS(DB_TEXT(code)), one_take, &g) : ERR_NOT_FOUND;
}

enum err invite_same(struct db_conn *c, struct arena *a, const struct invite *like, struct invite *out)
{
	struct reading g = { a, out };
	return db_one(
		c, &SQL_SAME,
		DB_ARGS(DB_I64(like->user_id), DB_I64(like->channel_id), DB_I64(like->created_by), DB_I64(like->created_at)),
		one_take, &g);
}

enum err invite_of_new(struct db_conn *c, struct arena *a, int64_t user_id, struct invite *out)
{
	struct reading g = { a, out };
	return db_one(c, &SQL_OF_NEW, DB_ARGS(DB_I64(user_id)), one_take, &g);
}

enum err invite_use(struct db_conn *c, struct str code)
{
	return db_exec(c, &SQL_USE, DB_ARGS(DB_TEXT(code)), NULL);
}

enum err invite_insert(struct db_conn *c, const struct invite *i)
{
	return db_exec(c, &SQL_INSERT,
				   DB_ARGS(DB_TEXT(i->code), db_opt(i->channel_id), db_opt(i->user_id), DB_I64(i->created_by),
						   DB_I64(i->created_at), DB_I64(i->expires_at), DB_I64(i->max_uses), DB_BOOL(i->guest),
						   DB_I64(i->user_rev)),
				   NULL);
}

enum err invite_delete(struct db_conn *c, struct str code)
{
	int64_t n = 0;
	enum err e = db_exec(c, &SQL_DELETE, DB_ARGS(DB_TEXT(code)), &n);
	return !e && !n ? ERR_NOT_FOUND : e;
}

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err invite_count(struct db_conn *c, int64_t created_by, int64_t now_ms, int64_t *n)
{
	enum err e = db_exec(c, &SQL_FORGET, DB_ARGS(DB_I64(created_by), DB_I64(now_ms - FORGET_AFTER_MS)), NULL);
	return e ? e : db_one(c, &SQL_COUNT, DB_ARGS(DB_I64(created_by), DB_I64(now_ms)), count_take, n);
}

enum err invite_blocked(struct db_conn *c, int64_t user_id, int64_t created_by, bool *out)
{
	enum err e = db_one(c, &SQL_BLOCKED, DB_ARGS(DB_I64(user_id), DB_I64(created_by)), NULL, NULL);
	*out = e == OK;
	return e == ERR_NOT_FOUND ? OK : e;
}

/* ---- what its person is told of the end of one */

static const struct sql SQL_ENDED = { "INSERT INTO ended_invites (user_id, user_rev, code) VALUES ($1, $2, $3)", NULL };
static const struct sql SQL_ENDED_OLD = {
	"SELECT user_rev FROM ended_invites WHERE user_id = $1 ORDER BY user_rev DESC LIMIT 1 OFFSET $2", NULL
};
static const struct sql SQL_ENDED_FORGET = { "DELETE FROM ended_invites WHERE user_id = $1 AND user_rev <= $2", NULL };

static enum err forget_ended(struct db_conn *c, int64_t user_id)
{
	int64_t reach;
	enum err e = db_one(c, &SQL_ENDED_OLD, DB_ARGS(DB_I64(user_id), DB_I64(INVITES_ENDED)), count_take, &reach);
	if (e) return e == ERR_NOT_FOUND ? OK : e;
	e = db_exec(c, &SQL_ENDED_FORGET, DB_ARGS(DB_I64(user_id), DB_I64(reach)), NULL);
	return e ? e : settings_reach_raise(c, user_id, reach);
}

enum err invite_ended(struct db_conn *c, int64_t user_id, struct str code, int64_t user_rev)
{
	enum err e = db_exec(c, &SQL_ENDED, DB_ARGS(DB_I64(user_id), DB_I64(user_rev), DB_TEXT(code)), NULL);
	return e ? e : forget_ended(c, user_id);
}

/* ---- lists: the cursor is the time of the last one, and its code */

static bool cursor_read(struct str cursor, int64_t *at, struct str *code)
{
	struct str part;
	*at = INT64_MAX, *code = STR("");
	if (!cursor.p) return true;
	*code = cursor;
	return str_split(code, '-', &part) && str_i64(part, 1, INT64_MAX, at) && code->p && invite_code_valid(*code);
}

static enum err list(struct db_conn *c, struct arena *a, const struct sql *sql, int64_t of,
					 const struct invites_query *q, struct invite_page *out)
{
	struct db_rows rows;
	struct str code;
	int64_t at;
	*out = (struct invite_page){ .items = arena_array(a, struct invite, q->limit + 1), .next = STR_NONE };
	if (!cursor_read(q->cursor, &at, &code)) return ERR_INVALID;
	const struct db_value v[] = {
		DB_I64(of), DB_I64(q->now_ms), DB_I64(at), DB_TEXT(code), DB_I64((int64_t)q->limit + 1), DB_I64(q->created_by)
	};
	enum err e = db_query(c, sql, (struct db_args){ v, sql == &SQL_OWN ? 6 : 5 }, &rows);
	if (e) return e;
	while (out->n <= q->limit && db_next(&rows)) invite_take(&rows, 0, a, &out->items[out->n++]);
	if (out->n > q->limit) {
		const struct invite *last = &out->items[--out->n - 1];
		out->next = arena_printf(a, "%lld-" STR_FMT, (long long)last->created_at, STR_ARG(last->code));
	}
	return db_end(&rows);
}

enum err invites_of_channel(struct db_conn *c, struct arena *a, const struct invites_query *q, struct invite_page *out)
{
	return list(c, a, q->created_by ? &SQL_OWN : &SQL_ALL, q->channel_id, q, out);
}

enum err invites_to(struct db_conn *c, struct arena *a, int64_t user_id, const struct invites_query *q,
					struct invite_page *out)
{
	return list(c, a, &SQL_TO, user_id, q, out);
}
