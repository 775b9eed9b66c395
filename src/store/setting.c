#include "store/setting.h"

#include "base/arena.h"

/* How far back the rows reach is kept as a row of its own, whose key is none. */
#define LIVE "user_id = $1 AND key <> '' AND value IS NOT NULL"
#define TAKEN_BACK "user_id = $1 AND key <> '' AND value IS NULL"
static const struct sql SQL_LIST = { "SELECT key, value, user_rev FROM settings WHERE " LIVE
									 " AND key > $2 ORDER BY key LIMIT $3",
									 NULL };
static const struct sql SQL_READ = { "SELECT value FROM settings WHERE user_id = $1 AND key = $2", NULL };
static const struct sql SQL_COUNT = { "SELECT count(*) FROM settings WHERE " LIVE, NULL };
static const struct sql SQL_WRITE = {
	"INSERT INTO settings (user_id, key, value, user_rev) VALUES ($1, $2, $3, $4) "
	"ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value, user_rev = excluded.user_rev",
	NULL,
};
static const struct sql SQL_OLD = { "SELECT user_rev FROM settings WHERE " TAKEN_BACK
									" ORDER BY user_rev DESC LIMIT 1 OFFSET $2",
									NULL };
static const struct sql SQL_FORGET = { "DELETE FROM settings WHERE " TAKEN_BACK " AND user_rev <= $2", NULL };
static const struct sql SQL_RAISE = {
	"INSERT INTO settings (user_id, key, value, user_rev) VALUES ($1, '', NULL, $2) ON CONFLICT (user_id, key) DO "
	"UPDATE SET user_rev = excluded.user_rev WHERE settings.user_rev < excluded.user_rev",
	NULL,
};
static const struct sql SQL_REACH = { "SELECT user_rev FROM settings WHERE user_id = $1 AND key = ''", NULL };

void setting_fields(struct json_out *o, const struct setting_row *s)
{
	json_field_str(o, "key", s->key);
	if (!s->value.p) return;
	json_key(o, "value");
	json_put_raw(o, s->value);
}

enum err setting_list(struct db_conn *c, struct arena *a, int64_t user_id, struct str cursor, size_t limit,
					  struct setting_page *out)
{
	struct db_rows rows;
	struct str after = cursor.p ? cursor : STR("");
	*out = (struct setting_page){ .items = arena_array(a, struct setting_row, limit), .next = STR_NONE };
	enum err e = db_query(c, &SQL_LIST, DB_ARGS(DB_I64(user_id), DB_TEXT(after), DB_I64((int64_t)limit + 1)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		if (out->n == limit) {
			out->next = out->items[limit - 1].key;
			continue;
		}
		out->items[out->n++] =
			(struct setting_row){ arena_str(a, db_str(&rows, 0)), arena_str(a, db_str(&rows, 1)), db_i64(&rows, 2) };
	}
	return db_end(&rows);
}

/* ---- writing */

struct present {
	struct str value; /* as it shall be */
	bool same;
};

static void compare(const struct db_rows *r, void *arg)
{
	struct present *p = arg;
	p->same = db_is_null(r, 0) ? !p->value.p : p->value.p && str_eq(db_str(r, 0), p->value);
}

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static enum err write_row(struct db_conn *c, int64_t user_id, const struct setting_row *s)
{
	return db_exec(c, &SQL_WRITE, DB_ARGS(DB_I64(user_id), DB_TEXT(s->key), DB_TEXT(s->value), DB_I64(s->user_rev)),
				   NULL);
}

static enum err forget_old(struct db_conn *c, int64_t user_id)
{
	int64_t reach;
	enum err e = db_one(c, &SQL_OLD, DB_ARGS(DB_I64(user_id), DB_I64(SETTINGS_TAKEN_BACK)), i64_take, &reach);
	if (e) return e == ERR_NOT_FOUND ? OK : e;
	e = db_exec(c, &SQL_FORGET, DB_ARGS(DB_I64(user_id), DB_I64(reach)), NULL);
	return e ? e : settings_reach_raise(c, user_id, reach);
}

enum err setting_write(struct db_conn *c, int64_t user_id, const struct setting_row *s, int64_t most, bool *changed)
{
	struct present now = { s->value, false };
	int64_t n = 0;
	enum err e = db_one(c, &SQL_READ, DB_ARGS(DB_I64(user_id), DB_TEXT(s->key)), compare, &now);
	bool there = !e;
	*changed = there ? !now.same : s->value.p != NULL;
	if (e == ERR_NOT_FOUND) e = OK;
	if (e || !*changed) return e;
	e = write_row(c, user_id, s);
	if (!e && !s->value.p) return forget_old(c, user_id);
	if (!e) e = db_one(c, &SQL_COUNT, DB_ARGS(DB_I64(user_id)), i64_take, &n);
	return !e && n > most ? ERR_LIMIT_REACHED : e;
}

enum err settings_reach(struct db_conn *c, int64_t user_id, int64_t *user_rev)
{
	*user_rev = 0;
	enum err e = db_one(c, &SQL_REACH, DB_ARGS(DB_I64(user_id)), i64_take, user_rev);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err settings_reach_raise(struct db_conn *c, int64_t user_id, int64_t user_rev)
{
	return db_exec(c, &SQL_RAISE, DB_ARGS(DB_I64(user_id), DB_I64(user_rev)), NULL);
}
