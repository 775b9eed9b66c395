#include "store/bulk.h"

#include <stdlib.h>

#include "base/buf.h"
#include "model/text.h"
#include "proto/json.h"
#include "store/told.h"

/* 1 .. $1 */
#define EACH "WITH RECURSIVE s (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM s WHERE i < $1) "
#define PIECE(param, n) "substr(" param ", CAST((i - 1) * " n " + 1 AS INTEGER), " n ")"

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* ---- ids and channels */

static const struct sql SQL_IDS = { "UPDATE counters SET value = value + $1 WHERE name = 'user_id' RETURNING value",
									NULL };
static const struct sql SQL_CHANNEL_ID = {
	"UPDATE counters SET value = value + 1 WHERE name = 'channel_id' RETURNING value", NULL
};
static const struct sql SQL_NAMED = {
	"SELECT c.channel_id, h.kind FROM channels c JOIN heads h ON h.channel_id = c.channel_id WHERE c.name_key = $1",
	NULL
};
static const struct sql SQL_HEAD_NEW = { "INSERT INTO heads (channel_id, rev, rev_at, kind) VALUES ($1, 1, $2, $3)",
										 NULL };
static const struct sql SQL_CHANNEL_NEW = {
	"INSERT INTO channels (channel_id, name, name_key, topic, is_default, created_at, created_by) "
	"VALUES ($1, $2, $3, '', $4, $5, $6)",
	NULL,
};
static const struct sql SQL_CREATED = {
	"INSERT INTO changes (channel_id, rev, kind, at, actor_id, data) VALUES ($1, 1, 'channel', $2, $3, $4)", NULL
};

enum err bulk_ids(struct db_conn *c, struct bulk_people *p)
{
	int64_t last = 0;
	enum err e = db_one(c, &SQL_IDS, DB_ARGS(DB_I64(p->count)), i64_take, &last);
	p->base = last - p->count;
	return e;
}

/* As the append queue writes it. Names of channels have nothing that JSON escapes but " and \. */
static struct str created_data(struct arena *a, struct str name)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_field_bool(&o, "created", true);
	json_field_text(&o, "kind", channel_kind_name(CHANNEL_PUBLIC));
	json_field_str(&o, "name", name);
	struct str s = arena_str(a, buf_str(&b));
	buf_release(&b);
	return s;
}

static enum err channel_make(struct db_conn *c, const struct bulk_people *p, struct str name, struct str key,
							 bool is_default, int64_t *id)
{
	struct arena a;
	enum err e = db_one(c, &SQL_CHANNEL_ID, DB_NO_ARGS, i64_take, id);
	if (e) return e;
	struct db_value ch = DB_I64(*id), at = DB_I64(p->now_ms), maker = DB_I64(p->base + 1);
	arena_init(&a);
	e = db_exec(c, &SQL_CHANNEL_NEW, DB_ARGS(ch, DB_TEXT(name), DB_TEXT(key), DB_BOOL(is_default), at, maker), NULL);
	if (!e) e = db_exec(c, &SQL_HEAD_NEW, DB_ARGS(ch, at, DB_I64(CHANNEL_PUBLIC)), NULL);
	if (!e) e = db_exec(c, &SQL_CREATED, DB_ARGS(ch, at, maker, DB_TEXT(created_data(&a, name))), NULL);
	arena_release(&a);
	return e;
}

struct named {
	int64_t id, kind;
};

static void named_take(const struct db_rows *r, void *arg)
{
	*(struct named *)arg = (struct named){ db_i64(r, 0), db_i64(r, 1) };
}

enum err bulk_channel(struct db_conn *c, const struct bulk_people *p, struct str name, struct str key, bool is_default,
					  struct bulk_channel *out)
{
	struct named there = { 0 };
	*out = (struct bulk_channel){ 0 };
	enum err e = db_one(c, &SQL_NAMED, DB_ARGS(DB_TEXT(key)), named_take, &there);
	out->id = there.id;
	if (!e && there.kind != CHANNEL_PUBLIC) return ERR_NAME_TAKEN;
	if (e != ERR_NOT_FOUND) return e;
	out->made = true;
	return channel_make(c, p, name, key, is_default, &out->id);
}

/* ---- heads */

#define HEAD                                                                                                           \
	"SELECT rev, rev_at, last_id, last_seq, history, member_count, large FROM heads WHERE channel_id = $1 AND "        \
	"deleted_at IS NULL"
static const struct sql SQL_LOCK = { HEAD " FOR NO KEY UPDATE", HEAD };

static void head_take(const struct db_rows *r, void *arg)
{
	struct bulk_channel *ch = arg;
	ch->rev = db_i64(r, 0);
	ch->at = db_i64(r, 1);
	ch->last_id = db_i64(r, 2);
	ch->last_seq = db_i64(r, 3);
	ch->history = (enum channel_history)db_i64(r, 4);
	ch->member_count = db_i64(r, 5);
	ch->large = db_i64(r, 6) != 0;
}

static int by_id(const void *x, const void *y)
{
	const struct bulk_channel *a = x, *b = y;
	return a->id != b->id ? (a->id > b->id) - (a->id < b->id) : b->made - a->made;
}

enum err bulk_lock(struct db_conn *c, struct bulk_channel *channels, size_t *n, int64_t now_ms)
{
	size_t kept = 0;
	enum err e = OK;
	qsort(channels, *n, sizeof *channels, by_id);
	for (size_t i = 0; i < *n; i++)
		if (!kept || channels[kept - 1].id != channels[i].id) channels[kept++] = channels[i];
	*n = kept;
	for (size_t i = 0; i < kept && !e; i++) {
		e = db_one(c, &SQL_LOCK, DB_ARGS(DB_I64(channels[i].id)), head_take, &channels[i]);
		if (channels[i].at < now_ms) channels[i].at = now_ms;
	}
	return e;
}

/* ---- people */

static const struct sql SQL_NAMES = {
	EACH
	"INSERT INTO used_names (name_hash, user_id, at) SELECT " PIECE("$2", "32") ", $3 + i, $4 FROM s WHERE true "
																				"ON CONFLICT (name_hash) DO NOTHING",
	NULL,
};
static const struct sql SQL_PEOPLE = {
	EACH "INSERT INTO users (user_id, username, display_name, display_key, role, created_at, changed_rev, "
		 "password_hash) SELECT $2 + i, CASE $3 WHEN 1 THEN $4 || CAST(i AS TEXT) WHEN 2 THEN rtrim(" PIECE(
			 "$4", "64") ") ELSE $4 END, $5, $6, "
						 "CASE WHEN $2 + i = 1 THEN $7 ELSE $8 END, $9, $10 + i, $11 FROM s",
	NULL,
};
static const struct sql SQL_HEADS = { EACH "INSERT INTO user_heads (user_id, rev) SELECT $2 + i, 1 FROM s", NULL };
#define TOKENS(id)                                                                                                     \
	EACH "INSERT INTO sessions (session_id, kind, user_id, secret_hash, scopes, name, created_at, used_at) SELECT " id \
		 ", 'token', $3 + i, " PIECE("$4", "32") ", $5, 'admin', $6, 0 FROM s"
static const struct sql SQL_TOKENS = {
	TOKENS("convert_from(" PIECE("$2", "26") ", 'UTF8')"),
	TOKENS("CAST(" PIECE("$2", "26") " AS TEXT)"),
};
static const struct sql SQL_USER_CHANGES = {
	EACH
	"INSERT INTO changes (channel_id, rev, kind, at, user_id, actor_id) SELECT 0, $2 + i, 'user', $3, $4 + i, $4 + i "
	"FROM s",
	NULL,
};

static enum err names_write(struct db_conn *c, const struct bulk_people *p)
{
	int64_t changed = 0;
	enum err e =
		db_exec(c, &SQL_NAMES, DB_ARGS(DB_I64(p->count), DB_BYTES(p->name_hashes), DB_I64(p->base), DB_I64(p->now_ms)),
				&changed);
	return !e && changed != p->count ? ERR_NAME_TAKEN : e;
}

static enum err people_write(struct db_conn *c, const struct bulk_people *p, int64_t rev)
{
	struct arena a;
	arena_init(&a);
	struct str key = p->display_name.p ? text_fold(&a, p->display_name) : STR_NONE;
	enum err e = db_exec(c, &SQL_PEOPLE,
						 DB_ARGS(DB_I64(p->count), DB_I64(p->base), DB_I64(p->naming), DB_TEXT(p->name),
								 DB_TEXT(p->display_name), DB_TEXT(key), DB_I64(USER_OWNER), DB_I64(p->role),
								 DB_I64(p->now_ms), DB_I64(rev), DB_TEXT(p->password_hash)),
						 NULL);
	arena_release(&a);
	return e;
}

enum err bulk_write(struct db_conn *c, const struct bulk_people *p, const struct bulk_channel *server)
{
	struct db_value n = DB_I64(p->count), base = DB_I64(p->base), now = DB_I64(p->now_ms);
	enum err e = names_write(c, p);
	if (!e) e = people_write(c, p, server->rev);
	if (!e) e = db_exec(c, &SQL_HEADS, DB_ARGS(n, base), NULL);
	if (!e && p->token_hashes.n)
		e = db_exec(c, &SQL_TOKENS,
					DB_ARGS(n, DB_BYTES(p->token_ids), base, DB_BYTES(p->token_hashes), DB_I64(SCOPE_ALL), now), NULL);
	if (!e) e = db_exec(c, &SQL_USER_CHANGES, DB_ARGS(n, DB_I64(server->rev), DB_I64(server->at), base), NULL);
	return e;
}

/* ---- joining: person i at rev $2 + i */

static const struct sql SQL_MEMBERS = {
	EACH "INSERT INTO members (channel_id, user_id, role, joined_rev, joined_at, first_id, read_id, read_seq, read_at, "
		 "user_rev) SELECT $3, $4 + i, CASE WHEN i <= $5 THEN $6 ELSE $7 END, $2 + i, $8, $9, $10, $11, $8, 1 FROM s",
	NULL,
};
static const struct sql SQL_JOINS = {
	EACH
	"INSERT INTO changes (channel_id, rev, kind, at, user_id, actor_id, data) SELECT $3, $2 + i, 'join', $4, $5 + i, "
	"$5 + i, '\"role\":\"member\",\"voice\":false' FROM s WHERE i > $6",
	NULL,
};
/* As the append queue writes it, by nobody. */
static const struct sql SQL_LARGE = { "INSERT INTO changes (channel_id, rev, kind, at, actor_id, data) VALUES ($1, $2, "
									  "'channel', $3, 0, '\"large\":true')",
									  NULL };
static const struct sql SQL_HEAD = {
	"UPDATE heads SET rev = $2, rev_at = $3, member_count = member_count + $4, large = $5 WHERE channel_id = $1", NULL
};
static const struct sql SQL_MOVED = { "INSERT INTO moves (channel_id, rev) VALUES ($1, $2)", NULL };

/* Guests are no members of channel 0, but take their revs of it all the same. */
static bool are_members(const struct bulk_people *p, const struct bulk_channel *ch)
{
	return ch->id != 0 || p->role != USER_GUEST;
}

static enum err members_write(struct db_conn *c, const struct bulk_people *p, const struct bulk_channel *ch,
							  int64_t before)
{
	int64_t first = ch->history == HISTORY_JOINED ? ch->last_id + 1 : 1;
	return db_exec(c, &SQL_MEMBERS,
				   DB_ARGS(DB_I64(p->count), DB_I64(before), DB_I64(ch->id), DB_I64(p->base), DB_I64(ch->made),
						   DB_I64(CHANNEL_OWNER), DB_I64(CHANNEL_MEMBER), DB_I64(ch->at), DB_I64(first),
						   DB_I64(ch->last_id), DB_I64(ch->last_seq)),
				   NULL);
}

static bool becomes_large(const struct bulk_people *p, const struct bulk_channel *ch)
{
	return ch->id != 0 && p->large_from && ch->member_count + p->count >= p->large_from;
}

enum err bulk_join(struct db_conn *c, const struct bulk_people *p, const struct bulk_channel *ch)
{
	int64_t before = ch->rev - ch->made, rev = before + p->count, joined = are_members(p, ch) ? p->count : 0;
	enum err e = joined ? members_write(c, p, ch, before) : OK;
	if (!e && ch->id)
		e = db_exec(c, &SQL_JOINS,
					DB_ARGS(DB_I64(p->count), DB_I64(before), DB_I64(ch->id), DB_I64(ch->at), DB_I64(p->base),
							DB_I64(ch->made)),
					NULL);
	bool large = ch->large || becomes_large(p, ch);
	if (!e && large && !ch->large)
		e = db_exec(c, &SQL_LARGE, DB_ARGS(DB_I64(ch->id), DB_I64(++rev), DB_I64(ch->at)), NULL);
	if (!e)
		e = db_exec(c, &SQL_HEAD, DB_ARGS(DB_I64(ch->id), DB_I64(rev), DB_I64(ch->at), DB_I64(joined), DB_BOOL(large)),
					NULL);
	if (!e && db_conn_kind(c) == DB_POSTGRES) e = db_exec(c, &SQL_MOVED, DB_ARGS(DB_I64(ch->id), DB_I64(rev)), NULL);
	return e ? e : moves_tell_channel(c, ch->id);
}
