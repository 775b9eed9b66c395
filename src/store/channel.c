#include "store/channel.h"

#include "base/buf.h"
#include "base/vec.h"
#include "model/permit.h"
#include "store/indexed.h"
#include "store/rows.h"

#define MEMBER_COLUMNS USER_COLUMNS ", m.role, m.voice, m.joined_at, m.silenced_until"
#define ME_JOIN "JOIN members m ON m.channel_id = h.channel_id AND m.user_id = $1 AND m.left_rev IS NULL "

#define ONE_FROM CHANNEL_FROM "LEFT " ME_JOIN "WHERE h.channel_id = $2 AND h.deleted_at IS NULL"
static const struct sql SQL_ONE = {
	"SELECT " CHANNEL_ME_COLUMNS " " ONE_FROM,
	"SELECT " CHANNEL_ME_COLUMNS_SQLITE " " ONE_FROM,
};
#define MINE_FROM                                                                                                      \
	" FROM members m JOIN heads h ON h.channel_id = m.channel_id JOIN channels c ON c.channel_id = m.channel_id "      \
	"WHERE m.user_id = $1 AND m.left_rev IS NULL AND m.channel_id > $2 AND m.channel_id > 0 AND h.deleted_at IS NULL " \
	"ORDER BY m.channel_id LIMIT $3"
static const struct sql SQL_MINE = { "SELECT " CHANNEL_ME_COLUMNS MINE_FROM,
									 "SELECT " CHANNEL_ME_COLUMNS_SQLITE MINE_FROM };
/* By channels_name, then each head by its key. */
#define BROWSE_FROM(heads)                                                                                             \
	" FROM channels c CROSS JOIN " heads " LEFT " ME_JOIN                                                              \
	"WHERE h.kind = 0 AND h.deleted_at IS NULL AND c.name_key > $2 AND ($3 = '' OR c.name_key LIKE $4 ESCAPE '!' OR "  \
	"lower(c.topic) LIKE $4 ESCAPE '!') ORDER BY c.name_key LIMIT $5"
static const struct sql SQL_BROWSE = {
	"SELECT " CHANNEL_ME_COLUMNS BROWSE_FROM(
		"LATERAL (SELECT * FROM heads x WHERE x.channel_id = c.channel_id OFFSET 0) h"),
	"SELECT " CHANNEL_ME_COLUMNS_SQLITE BROWSE_FROM("heads h ON h.channel_id = c.channel_id"),
};
/* A cursor of a channel that is not shown here is one of nobody's: from where the list goes on its name could be told.
 */
static const struct sql SQL_NAME_KEY = { "SELECT c.name_key " CHANNEL_FROM
										 "WHERE h.channel_id = $1 AND h.kind = 0 AND h.deleted_at IS NULL",
										 NULL };
#define MEMBER_BEGINS " AND (u.username LIKE $4 ESCAPE '!' OR u.display_key LIKE $4 ESCAPE '!')"
#define MEMBERS_BOTH(where, where_sqlite)                                                                              \
	{                                                                                                                  \
		MEMBERS_PAGE(MEMBER_COLUMNS, where), MEMBERS_PAGE_SQLITE(MEMBER_COLUMNS, where_sqlite)                         \
	}
static const struct sql SQL_MEMBERS = MEMBERS_BOTH("", "");
static const struct sql SQL_MEMBERS_BEGIN = MEMBERS_BOTH(MEMBER_BEGINS, MEMBER_BEGINS);
static const struct sql SQL_MEMBERS_IDS = MEMBERS_BOTH(MEMBER_BEGINS " AND " IDS_ANY("m.user_id", "$5"),
													   MEMBER_BEGINS " AND " IDS_ANY_SQLITE("m.user_id", "$5"));

/* All that begin with $3 lie from $3 to $4, in the order of their bytes. */
#define MEMBERS_NAMED(c)                                                                                               \
	"(SELECT b.user_id FROM users b WHERE b.username" c " >= $3 AND b.username" c                                      \
	" < $4 UNION SELECT d.user_id FROM users d WHERE d.display_key" c " >= $3 AND d.display_key" c " < $4) k "
#define MEMBERS_OF(from) "SELECT " MEMBER_COLUMNS " FROM " from
static const struct sql SQL_MEMBERS_NAMED = {
	MEMBERS_OF(
		MEMBERS_NAMED(" COLLATE \"C\"")) "CROSS JOIN LATERAL (SELECT * FROM members x WHERE x.channel_id = $1 AND "
										 "x.user_id = k.user_id AND x.left_rev IS NULL OFFSET 0) m JOIN users u ON "
										 "u.user_id = k.user_id "
										 "WHERE k.user_id > $2 ORDER BY k.user_id LIMIT $5",
	MEMBERS_OF(
		MEMBERS_NAMED("")) "CROSS JOIN members m ON m.channel_id = $1 AND m.user_id = k.user_id AND m.left_rev IS NULL "
						   "JOIN users u ON u.user_id = k.user_id WHERE k.user_id > $2 ORDER BY k.user_id LIMIT $5",
};

/* ---- one */

static void take_one(const struct db_rows *r, struct arena *a, struct channel *out)
{
	if (db_is_null(r, CHANNEL_COLUMN_COUNT))
		channel_take(r, 0, a, out);
	else
		channel_me_take(r, 0, a, out);
}

static enum err may_know(const struct channel *ch, const struct actor *who, bool need_member)
{
	if (ch->has_me) return OK;
	bool known = (ch->kind == CHANNEL_PUBLIC && who->role > USER_GUEST) ||
				 (ch->kind == CHANNEL_PRIVATE && who->role >= USER_ADMIN);
	return !known ? ERR_NOT_FOUND : need_member ? ERR_NOT_MEMBER : OK;
}

enum err channel_read(struct db_conn *c, struct arena *a, int64_t id, const struct actor *who, bool need_member,
					  struct channel *out)
{
	struct db_rows rows;
	bool found = false;
	enum err e = db_query(c, &SQL_ONE, DB_ARGS(DB_I64(who->user_id), DB_I64(id)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		found = true;
		take_one(&rows, a, out);
	}
	e = db_end(&rows);
	if (e) return e;
	return found ? may_know(out, who, need_member) : ERR_NOT_FOUND;
}

static const struct sql SQL_SILENCED = {
	"SELECT coalesce(silenced_until, 0) FROM members WHERE channel_id = $1 AND user_id = $2", NULL
};

enum err channel_speak(struct db_conn *c, struct arena *a, int64_t id, const struct actor *who, int64_t now_ms,
					   const char **why)
{
	struct channel ch;
	struct db_rows rows;
	enum err e = channel_read(c, a, id, who, true, &ch);
	if (!e) e = db_query(c, &SQL_SILENCED, DB_ARGS(DB_I64(id), DB_I64(who->user_id)), &rows);
	if (e) return e;
	struct permit p = { .actor = who, .channel = &ch, .member = true, .now_ms = now_ms };
	p.role = ch.me.role, p.voice = ch.me.voice;
	while (db_next(&rows)) p.silenced_until = db_i64(&rows, 0);
	e = db_end(&rows);
	if (e) return e;
	struct permit_answer answer = permit_speak(&p);
	*why = answer.why;
	return answer.err;
}

/* ---- lists */

/* Pages are read with one row more than asked for: it tells whether there is a next one. */
static enum err take_page(struct arena *a, struct db_rows *rows, size_t limit, struct channel_page *out, bool *more)
{
	out->n = 0;
	*more = false;
	out->items = arena_array(a, struct channel, limit + 1);
	while (db_next(rows)) {
		if (out->n < limit)
			take_one(rows, a, &out->items[out->n++]);
		else
			*more = true;
	}
	return db_end(rows);
}

static bool cursor_id(struct str cursor, int64_t *after)
{
	*after = 0;
	return !cursor.p || str_i64(cursor, 0, INT64_MAX, after);
}

enum err channel_mine(struct db_conn *c, struct arena *a, int64_t user_id, struct str cursor, size_t limit,
					  struct channel_page *out)
{
	struct db_rows rows;
	int64_t after;
	bool more;
	if (!cursor_id(cursor, &after)) return ERR_INVALID;
	enum err e = db_query(c, &SQL_MINE, DB_ARGS(DB_I64(user_id), DB_I64(after), DB_I64((int64_t)limit + 1)), &rows);
	if (!e) e = take_page(a, &rows, limit, out, &more);
	if (!e) out->next = more ? arena_printf(a, "%lld", (long long)out->items[out->n - 1].id) : STR_NONE;
	return e;
}

static const struct sql SQL_DM = { "SELECT channel_id FROM channels WHERE dm_key = $1", NULL };

static void id_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err channel_of_dm(struct db_conn *c, struct str dm_key, int64_t *channel_id)
{
	*channel_id = 0;
	enum err e = db_one(c, &SQL_DM, DB_ARGS(DB_TEXT(dm_key)), id_take, channel_id);
	return e == ERR_NOT_FOUND ? OK : e;
}

/* `q` as a pattern of LIKE, with ! before what is special. */
static struct str pattern(struct arena *a, struct str q, bool anywhere)
{
	struct buf b;
	buf_init(&b);
	if (anywhere) buf_add_byte(&b, '%');
	for (size_t i = 0; i < q.n; i++) {
		if (q.p[i] == '%' || q.p[i] == '_' || q.p[i] == '!') buf_add_byte(&b, '!');
		buf_add_byte(&b, q.p[i]);
	}
	buf_add_byte(&b, '%');
	struct str s = arena_str(a, buf_str(&b));
	buf_release(&b);
	return s;
}

static enum err name_key_of(struct db_conn *c, struct arena *a, struct str cursor, struct str *key)
{
	struct db_rows rows;
	int64_t id;
	*key = STR("");
	if (!cursor.p) return OK;
	if (!cursor_id(cursor, &id)) return ERR_INVALID;
	enum err e = db_query(c, &SQL_NAME_KEY, DB_ARGS(DB_I64(id)), &rows);
	if (e) return e;
	while (db_next(&rows)) *key = arena_str(a, db_str(&rows, 0));
	if (!key->p) *key = STR("");
	return db_end(&rows);
}

enum err channel_browse(struct db_conn *c, struct arena *a, int64_t user_id, struct str q, struct str cursor,
						size_t limit, struct channel_page *out)
{
	struct db_rows rows;
	struct str after;
	bool more;
	if (!q.p) q = STR("");
	enum err e = name_key_of(c, a, cursor, &after);
	if (e) return e;
	e = db_query(
		c, &SQL_BROWSE,
		DB_ARGS(DB_I64(user_id), DB_TEXT(after), DB_TEXT(q), DB_TEXT(pattern(a, q, true)), DB_I64((int64_t)limit + 1)),
		&rows);
	if (!e) e = take_page(a, &rows, limit, out, &more);
	if (!e) out->next = more ? arena_printf(a, "%lld", (long long)out->items[out->n - 1].id) : STR_NONE;
	return e;
}

static enum err members_take(struct arena *a, struct db_rows *rows, size_t limit, struct member_page *out)
{
	bool more = false;
	out->items = arena_array(a, struct member, limit + 1);
	for (out->n = 0; db_next(rows);) {
		if (out->n == limit) {
			more = true;
			continue;
		}
		struct member *m = &out->items[out->n++];
		user_take(rows, 0, a, &m->user);
		m->role = (enum channel_role)db_i64(rows, USER_COLUMN_COUNT);
		m->voice = db_i64(rows, USER_COLUMN_COUNT + 1) != 0;
		m->joined_at = db_i64(rows, USER_COLUMN_COUNT + 2);
		m->silenced_until = db_i64(rows, USER_COLUMN_COUNT + 3);
	}
	out->next = more ? arena_printf(a, "%lld", (long long)out->items[out->n - 1].user.id) : STR_NONE;
	return db_end(rows);
}

enum err member_list(struct db_conn *c, struct arena *a, int64_t channel_id, const struct member_ids *ids, struct str q,
					 struct str cursor, size_t limit, struct member_page *out)
{
	struct db_rows rows;
	int64_t after;
	if (!cursor_id(cursor, &after)) return ERR_INVALID;
	struct db_value ch = DB_I64(channel_id), from = DB_I64(after), most = DB_I64((int64_t)limit + 1);
	struct db_value like = DB_TEXT(pattern(a, q, false));
	enum err e;
	if (ids)
		e = db_query(c, &SQL_MEMBERS_IDS, DB_ARGS(ch, from, most, like, ids_param(c, a, ids->ids, ids->n)), &rows);
	else if (q.n)
		e = db_query(c, &SQL_MEMBERS_BEGIN, DB_ARGS(ch, from, most, like), &rows);
	else
		e = db_query(c, &SQL_MEMBERS, DB_ARGS(ch, from, most), &rows);
	return e ? e : members_take(a, &rows, limit, out);
}

enum err member_list_named(struct db_conn *c, struct arena *a, int64_t channel_id, struct str q, struct str cursor,
						   size_t limit, struct member_page *out)
{
	struct db_rows rows;
	int64_t after;
	if (!cursor_id(cursor, &after)) return ERR_INVALID;
	struct str last = arena_printf(a, STR_FMT "\xF4\x8F\xBF\xBF", STR_ARG(q)); /* no character comes after this one */
	enum err e = db_query(
		c, &SQL_MEMBERS_NAMED,
		DB_ARGS(DB_I64(channel_id), DB_I64(after), DB_TEXT(q), DB_TEXT(last), DB_I64((int64_t)limit + 1)), &rows);
	return e ? e : members_take(a, &rows, limit, out);
}
