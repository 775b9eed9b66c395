/* What the log's walk does not see is one statement a check (verify.def), asked range by range of the key that its
 * table begins with. The last range of each has no end. */
#include "store/verify.h"

#include "base/mem.h"

#define SLICE 5000
#define ID_MOST INT64_C(9000000000000000000)

/* By what a check is cut into pieces: its parameters. */
enum scope {
	SCOPE_CHANNELS, /* channel ids above $1, up to $2 */
	SCOPE_PEOPLE,   /* user ids, likewise */
	SCOPE_MESSAGES, /* $1 a channel; message ids above $2, up to $3 */
	SCOPE_REVS,     /* $1 a channel; revs, likewise */
	SCOPE_ONCE,     /* none */
};

#define N(x) "CAST(" x " AS TEXT)"
#define OF_MEMBER N("m.channel_id") " || ' person ' || " N("m.user_id")
#define MEMBER                                                                                                         \
	" FROM members m JOIN heads h ON h.channel_id = m.channel_id WHERE m.channel_id > $1 AND m.channel_id <= $2 AND "
#define MESSAGE " FROM messages m WHERE m.channel_id = $1 AND m.message_id > $2 AND m.message_id <= $3 AND "
#define REPLIES "FROM messages t WHERE t.channel_id = m.channel_id AND t.thread_id = m.message_id"
/* Rows of another table that name a message; what retention has taken may be named for a while. */
#define BELONGS(table, key)                                                                                            \
	"SELECT 'message ' || " N("t." key) " || ' is named by " table ", and is not there' FROM " table                   \
										" t WHERE t.channel_id = $1 AND t." key " > $2 AND t." key " <= $3 AND t." key \
										" > (SELECT h.min_id FROM heads h "                                            \
										"WHERE h.channel_id = $1) AND NOT EXISTS (SELECT 1 FROM messages m WHERE "     \
										"m.channel_id = t.channel_id AND "                                             \
										"m.message_id = t." key ")"
/* Each channel of a table is found by one step through its key. */
#define STRAY(table)                                                                                                   \
	"WITH RECURSIVE s (id) AS (SELECT min(channel_id) FROM " table                                                     \
	" UNION ALL SELECT (SELECT min(t.channel_id) FROM " table                                                          \
	" t WHERE t.channel_id > s.id) FROM s WHERE s.id IS NOT NULL) SELECT 'channel ' || " N(                            \
		"s.id") " || ' has " table                                                                                     \
				", and is not there' FROM s WHERE s.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM heads h "             \
				"WHERE h.channel_id = s.id)"

static const struct check {
	const char *name;
	enum scope scope;
	struct sql sql;
} checks[] = {
#define V(name, scope, text) { name, SCOPE_##scope, { text " LIMIT 1000", NULL } },
#include "store/verify.def"
#undef V
};

static const struct sql SQL_PAGES = { "SELECT 0", "SELECT * FROM pragma_quick_check" };
static const struct sql SQL_LAST = {
	"SELECT (SELECT coalesce(max(user_id), 0) FROM users), (SELECT count(*) FROM users), "
	"(SELECT coalesce(max(channel_id), 0) FROM heads)",
	NULL,
};
static const struct sql SQL_HEADS = {
	"SELECT channel_id, rev, rev_at, last_id, last_seq, last_at, min_rev, min_rev_at, min_id, "
	"CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END FROM heads WHERE channel_id > $1 ORDER BY channel_id LIMIT $2",
	NULL,
};

/* ---- one statement */

static void take(struct verify *v, const struct check *k, int64_t channel_id, struct str text)
{
	struct str id;
	if (k->scope == SCOPE_CHANNELS && str_split(&text, ' ', &id)) str_i64(id, 0, INT64_MAX, &channel_id);
	verify_found(v, k->name, channel_id, text);
}

static enum err ask(struct db_conn *c, struct verify *v, const struct check *k, struct db_args args, int64_t channel_id)
{
	struct db_rows rows;
	enum err e = db_query(c, &k->sql, args, &rows);
	if (e) return e;
	while (db_next(&rows)) take(v, k, channel_id, db_str(&rows, 0));
	return db_end(&rows);
}

static enum err ask_range(struct db_conn *c, struct verify *v, const struct check *k, int64_t channel_id, int64_t from,
						  int64_t to)
{
	struct db_value a = DB_I64(from), b = DB_I64(to);
	if (k->scope == SCOPE_ONCE) return ask(c, v, k, DB_NO_ARGS, -1);
	if (k->scope == SCOPE_CHANNELS || k->scope == SCOPE_PEOPLE) return ask(c, v, k, DB_ARGS(a, b), -1);
	return ask(c, v, k, DB_ARGS(DB_I64(channel_id), a, b), channel_id);
}

/* All checks of a scope, range by range; the last range has no end. */
static enum err ask_all(struct db_conn *c, struct verify *v, enum scope scope, int64_t channel_id, int64_t last)
{
	enum err e = OK;
	int64_t step = v->slice ? v->slice : SLICE;
	for (int64_t from = -1, to; !e; from = to) {
		to = last - from > step && scope != SCOPE_ONCE ? from + step : ID_MOST;
		for (size_t i = 0; i < countof(checks) && !e && !v->given_up; i++)
			if (checks[i].scope == scope) e = ask_range(c, v, &checks[i], channel_id, from, to);
		if (to == ID_MOST) break;
	}
	return e;
}

/* ---- channels */

static void head_take(const struct db_rows *r, struct verify_head *h)
{
	*h = (struct verify_head){ db_i64(r, 0), db_i64(r, 1), db_i64(r, 2), db_i64(r, 3), db_i64(r, 4),
							   db_i64(r, 5), db_i64(r, 6), db_i64(r, 7), db_i64(r, 8), db_i64(r, 9) != 0 };
}

static enum err channel(struct db_conn *c, struct verify *v, const struct verify_head *h)
{
	v->channels++;
	if (h->deleted) return OK; /* its rows go in slices */
	enum err e = verify_log(c, v, h, v->slice ? v->slice : SLICE);
	if (!e) e = ask_all(c, v, SCOPE_MESSAGES, h->channel_id, h->last_id);
	return e ? e : ask_all(c, v, SCOPE_REVS, h->channel_id, h->rev);
}

/* A page of heads at a time: one open result a connection. */
static enum err channels(struct db_conn *c, struct verify *v)
{
	struct verify_head page[100];
	int64_t after = -1;
	size_t n = countof(page);
	enum err e = OK;
	while (!e && n == countof(page) && !v->given_up) {
		struct db_rows rows;
		n = 0;
		e = db_query(c, &SQL_HEADS, DB_ARGS(DB_I64(after), DB_I64(countof(page))), &rows);
		if (e) return e;
		while (n < countof(page) && db_next(&rows)) head_take(&rows, &page[n++]);
		e = db_end(&rows);
		for (size_t i = 0; i < n && !e && !v->given_up; i++) e = channel(c, v, &page[i]);
		if (n) after = page[n - 1].channel_id;
	}
	return e;
}

/* ---- */

/* Several lines, below one that names the file. */
static void page_faults(struct verify *v, struct str text)
{
	struct str line;
	while (str_split(&text, '\n', &line))
		if (line.n && !str_starts(line, STR("***"))) verify_found(v, "pages", -1, line);
}

/* SQLite's own look at its pages, but for what the indexes hold. */
static enum err pages(struct db_conn *c, struct verify *v)
{
	struct db_rows rows;
	if (db_conn_kind(c) != DB_SQLITE) return OK;
	enum err e = db_query(c, &SQL_PAGES, DB_NO_ARGS, &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct str text = db_str(&rows, 0);
		if (!str_eq(text, STR("ok"))) page_faults(v, text);
	}
	return db_end(&rows);
}

struct last {
	int64_t user_id, people, channel_id;
};

static void last_take(const struct db_rows *r, void *arg)
{
	*(struct last *)arg = (struct last){ db_i64(r, 0), db_i64(r, 1), db_i64(r, 2) };
}

enum err verify_run(struct db_conn *c, struct verify *v)
{
	struct last last = { 0 };
	v->channels = v->revs = v->people = v->findings = 0;
	v->given_up = false;
	enum err e = pages(c, v);
	if (!e) e = db_one(c, &SQL_LAST, DB_NO_ARGS, last_take, &last);
	v->people = last.people;
	if (!e) e = ask_all(c, v, SCOPE_ONCE, -1, 0);
	if (!e) e = ask_all(c, v, SCOPE_PEOPLE, -1, last.user_id);
	if (!e) e = ask_all(c, v, SCOPE_CHANNELS, -1, last.channel_id);
	return e ? e : channels(c, v);
}
