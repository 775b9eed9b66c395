/* Rows of a channel ascend in time with their revs, and its messages with their ids, without a hole above what is gone
 * already: so places are found by halving, and slices are ranges. */
#include "store/retention.h"

/* ---- what is due */

/* A retain that stands alone stays: there would be one more in its place, day by day where nothing happens. */
static const struct sql SQL_OLD = {
	"SELECT h.channel_id, h.min_rev, h.rev FROM heads h WHERE h.channel_id > $1 AND h.deleted_at IS NULL AND h.rev > "
	"h.min_rev AND coalesce((SELECT m.created_at FROM messages m WHERE m.channel_id = h.channel_id AND m.rev = "
	"h.min_rev + 1), (SELECT x.at FROM changes x WHERE x.channel_id = h.channel_id AND x.rev = h.min_rev + 1 AND NOT "
	"(x.kind = 'retain' AND x.rev = h.rev)), "
	"9223372036854775807) <= $2 ORDER BY h.channel_id LIMIT $3",
	NULL,
};
static const struct sql SQL_TIME = {
	"SELECT created_at FROM messages WHERE channel_id = $1 AND rev = $2 UNION ALL SELECT at FROM changes WHERE "
	"channel_id = $1 AND rev = $2",
	NULL,
};

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* The last rev in [lo, hi] that is not after upto_ms; the first one is not. */
static enum err halve(struct db_conn *c, int64_t channel_id, int64_t lo, int64_t hi, int64_t upto_ms, int64_t *rev)
{
	enum err e = OK;
	while (lo < hi && !e) {
		int64_t mid = lo + (hi - lo + 1) / 2, at = INT64_MAX;
		e = db_one(c, &SQL_TIME, DB_ARGS(DB_I64(channel_id), DB_I64(mid)), i64_take, &at);
		if (e == ERR_NOT_FOUND) e = OK;
		if (at <= upto_ms)
			lo = mid;
		else
			hi = mid - 1;
	}
	*rev = lo;
	return e;
}

enum err retention_find(struct db_conn *c, int64_t upto_ms, int64_t after, struct retention_due *out, size_t most,
						size_t *n)
{
	struct db_rows rows;
	int64_t bounds[64][2];
	if (most > 64) most = 64;
	*n = 0;
	enum err e =
		db_query(c, &SQL_OLD, DB_ARGS(DB_I64(after), DB_I64(upto_ms - RETENTION_DAY_MS), DB_I64((int64_t)most)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		out[*n].channel_id = db_i64(&rows, 0);
		bounds[*n][0] = db_i64(&rows, 1) + 1, bounds[*n][1] = db_i64(&rows, 2);
		++*n;
	}
	e = db_end(&rows);
	for (size_t i = 0; i < *n && !e; i++)
		e = halve(c, out[i].channel_id, bounds[i][0], bounds[i][1], upto_ms, &out[i].rev);
	return e;
}

/* ---- slices */

static const struct sql SQL_LOCK = { "SELECT pg_try_advisory_xact_lock(7310591026)::int::bigint", "SELECT 1" };
static const struct sql SQL_NEXT = {
	"SELECT h.channel_id, h.min_rev, h.min_id, coalesce(r.wiped_id, 0) FROM heads h LEFT JOIN retentions r ON "
	"r.channel_id = h.channel_id WHERE h.min_rev > coalesce(r.done_rev, 0) ORDER BY h.channel_id LIMIT 1",
	NULL,
};
static const struct sql SQL_BEGIN = {
	"INSERT INTO retentions (channel_id) VALUES ($1) ON CONFLICT (channel_id) DO NOTHING", NULL
};
#define RANGE(table, key) "DELETE FROM " table " WHERE channel_id = $1 AND " key " > $2 AND " key " <= $3"
static const struct sql SQL_BESIDE[] = {
	{ RANGE("mentions", "message_id"), NULL },
	{ RANGE("reactions", "message_id"), NULL },
	{ RANGE("message_edits", "message_id"), NULL },
	{ RANGE("thread_follows", "thread_id"), NULL },
};
static const struct sql SQL_WIPE = {
	"UPDATE messages SET body = '', deleted_at = coalesce(deleted_at, $4), deleted_by = coalesce(deleted_by, 0), "
	"edited_at = NULL, mention_all = 0, reactions = NULL, pinned_at = NULL, pinned_by = NULL, thread_count = 0, "
	"thread_last_id = NULL, thread_last_at = NULL, thread_last_seq = NULL, thread_users = NULL "
	"WHERE channel_id = $1 AND message_id > $2 AND message_id <= $3",
	NULL,
};
static const struct sql SQL_WIPED = { "UPDATE retentions SET wiped_id = $2 WHERE channel_id = $1", NULL };
static const struct sql SQL_CHANGES = {
	"DELETE FROM changes WHERE channel_id = $1 AND rev <= (SELECT max(x.rev) FROM (SELECT c.rev FROM changes c WHERE "
	"c.channel_id = $1 AND c.rev <= $2 ORDER BY c.rev LIMIT $3) x)",
	NULL,
};
static const struct sql SQL_DONE = { "UPDATE retentions SET done_rev = $2 WHERE channel_id = $1", NULL };
/* What is left of messages, long enough after. */
static const struct sql SQL_HUSKS = {
	"SELECT r.channel_id, r.dropped_id, r.wiped_id FROM retentions r WHERE r.dropped_id < r.wiped_id AND "
	"coalesce((SELECT "
	"m.created_at FROM messages m WHERE m.channel_id = r.channel_id AND m.message_id = r.dropped_id + 1), 0) <= $1 "
	"ORDER BY r.channel_id LIMIT 1",
	NULL,
};
static const struct sql SQL_DROP = {
	"DELETE FROM messages WHERE channel_id = $1 AND message_id > $2 AND message_id <= $3 AND created_at <= $4", NULL
};
static const struct sql SQL_DROPPED = { "UPDATE retentions SET dropped_id = $2 WHERE channel_id = $1", NULL };

struct place {
	bool found;
	int64_t channel_id, a, b, c;
};

static void place_take(const struct db_rows *r, void *arg)
{
	struct place *p = arg;
	*p = (struct place){ true, db_i64(r, 0), db_i64(r, 1), db_i64(r, 2), 0 };
}

static void next_take(const struct db_rows *r, void *arg)
{
	struct place *p = arg;
	place_take(r, arg);
	p->c = db_i64(r, 3);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static enum err wipe(struct db_conn *c, int64_t channel_id, int64_t from, int64_t to, int64_t now_ms)
{
	enum err e = OK;
	for (size_t i = 0; i < countof(SQL_BESIDE) && !e; i++)
		e = db_exec(c, &SQL_BESIDE[i], DB_ARGS(DB_I64(channel_id), DB_I64(from), DB_I64(to)), NULL);
	if (!e) e = db_exec(c, &SQL_WIPE, DB_ARGS(DB_I64(channel_id), DB_I64(from), DB_I64(to), DB_I64(now_ms)), NULL);
	return e ? e : db_exec(c, &SQL_WIPED, DB_ARGS(DB_I64(channel_id), DB_I64(to)), NULL);
}

/* min_rev, min_id, wiped_id */
static enum err slice_of(struct db_conn *c, const struct place *p, int64_t now_ms, int64_t rows)
{
	int64_t gone = 0, to = least(p->c + rows, p->b);
	enum err e = db_exec(c, &SQL_BEGIN, DB_ARGS(DB_I64(p->channel_id)), NULL);
	if (!e && to > p->c) e = wipe(c, p->channel_id, p->c, to, now_ms);
	if (!e) e = db_exec(c, &SQL_CHANGES, DB_ARGS(DB_I64(p->channel_id), DB_I64(p->a), DB_I64(rows)), &gone);
	if (e || to < p->b || gone == rows) return e;
	return db_exec(c, &SQL_DONE, DB_ARGS(DB_I64(p->channel_id), DB_I64(p->a)), NULL);
}

/* dropped_id, wiped_id. Those that are too young yet are behind those that go. */
static enum err drop_of(struct db_conn *c, const struct place *p, int64_t upto_ms, int64_t rows)
{
	int64_t gone = 0, to = least(p->a + rows, p->b);
	enum err e =
		db_exec(c, &SQL_DROP, DB_ARGS(DB_I64(p->channel_id), DB_I64(p->a), DB_I64(to), DB_I64(upto_ms)), &gone);
	return e ? e : db_exec(c, &SQL_DROPPED, DB_ARGS(DB_I64(p->channel_id), DB_I64(gone ? p->a + gone : to)), NULL);
}

static enum err slice_in(struct db_conn *c, int64_t now_ms, int64_t days, int64_t rows, bool *more)
{
	struct place p = { 0 };
	int64_t mine = 0, upto_ms = now_ms - (days + RETENTION_NONCE_DAYS) * RETENTION_DAY_MS;
	enum err e = db_one(c, &SQL_LOCK, DB_NO_ARGS, i64_take, &mine);
	if (e || !mine) return e;
	e = db_one(c, &SQL_NEXT, DB_NO_ARGS, next_take, &p);
	*more = e == OK;
	if (!e) return slice_of(c, &p, now_ms, rows);
	if (e != ERR_NOT_FOUND) return e;
	e = db_one(c, &SQL_HUSKS, DB_ARGS(DB_I64(upto_ms)), place_take, &p);
	*more = e == OK;
	if (!e) return drop_of(c, &p, upto_ms, rows);
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err retention_slice(struct db_conn *c, int64_t now_ms, int64_t days, int64_t rows, bool *more)
{
	*more = false;
	enum err e = db_begin(c);
	if (e) return e;
	e = slice_in(c, now_ms, days, rows, more);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}
