#include "store/block.h"

#include "base/vec.h"

static const struct sql SQL_SET = {
	"INSERT INTO blocks (user_id, blocked_id, at) VALUES ($1, $2, $3) ON CONFLICT (user_id, blocked_id) DO NOTHING",
	NULL
};
static const struct sql SQL_END = { "DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2", NULL };
static const struct sql SQL_THERE = { "SELECT 1 FROM blocks WHERE user_id = $1 AND blocked_id = $2", NULL };
static const struct sql SQL_COUNT = { "SELECT count(*) FROM blocks WHERE user_id = $1", NULL };
static const struct sql SQL_ME = { "UPDATE users SET user_rev = $2 WHERE user_id = $1", NULL };
static const struct sql SQL_OF = { "SELECT blocked_id FROM blocks WHERE user_id = $1 ORDER BY blocked_id", NULL };
static const struct sql SQL_AGAINST = { "SELECT user_id FROM blocks WHERE blocked_id = $1 ORDER BY user_id", NULL };

static enum err me_changed(struct db_conn *c, const struct block *b)
{
	return db_exec(c, &SQL_ME, DB_ARGS(DB_I64(b->user_id), DB_I64(b->user_rev)), NULL);
}

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err block_set(struct db_conn *c, const struct block *b, bool *changed)
{
	int64_t n = 0, all = 0;
	enum err e = db_exec(c, &SQL_SET, DB_ARGS(DB_I64(b->user_id), DB_I64(b->blocked_id), DB_I64(b->now_ms)), &n);
	*changed = n > 0;
	if (e || !n) return e;
	e = db_one(c, &SQL_COUNT, DB_ARGS(DB_I64(b->user_id)), count_take, &all);
	if (!e && all > b->most) return ERR_LIMIT_REACHED;
	return e ? e : me_changed(c, b);
}

enum err block_end(struct db_conn *c, const struct block *b, bool *changed)
{
	int64_t n = 0;
	enum err e = db_exec(c, &SQL_END, DB_ARGS(DB_I64(b->user_id), DB_I64(b->blocked_id)), &n);
	*changed = n > 0;
	return e || !n ? e : me_changed(c, b);
}

enum err block_there(struct db_conn *c, int64_t user_id, int64_t blocked_id)
{
	return db_one(c, &SQL_THERE, DB_ARGS(DB_I64(user_id), DB_I64(blocked_id)), NULL, NULL);
}

static enum err ids_read(struct db_conn *c, struct arena *a, const struct sql *q, int64_t user_id, int64_t **ids,
						 size_t *n)
{
	VEC(int64_t) v = { 0 };
	struct db_rows rows;
	enum err e = db_query(c, q, DB_ARGS(DB_I64(user_id)), &rows);
	while (!e && db_next(&rows)) vec_push(&v, db_i64(&rows, 0));
	if (!e) e = db_end(&rows);
	*n = v.n;
	*ids = arena_array(a, int64_t, v.n + 1);
	for (size_t i = 0; i < v.n; i++) (*ids)[i] = v.p[i];
	vec_release(&v);
	return e;
}

enum err blocks_of(struct db_conn *c, struct arena *a, int64_t user_id, int64_t **ids, size_t *n)
{
	return ids_read(c, a, &SQL_OF, user_id, ids, n);
}

enum err blocks_against(struct db_conn *c, struct arena *a, int64_t user_id, int64_t **ids, size_t *n)
{
	return ids_read(c, a, &SQL_AGAINST, user_id, ids, n);
}
