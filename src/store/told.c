#include "store/told.h"

#include "base/vec.h"
#include "store/epoch.h"

#define TOLD_MOST 100000 /* of one check; the rest comes with the next */

static const struct sql SQL_TELL = {
	"INSERT INTO moves (xid, channel_id, user_id, rev) SELECT coalesce(max(xid), 0) + 1, $1, $2, 0 FROM moves", NULL
};
/* As the heads are now: what the server itself has moved since is no news to it, an older rev would be. */
static const struct sql SQL_TOLD = {
	"SELECT m.xid, m.channel_id, m.user_id, coalesce(h.rev, p.rev, 0) FROM moves m LEFT JOIN heads h ON h.channel_id = "
	"m.channel_id LEFT JOIN user_heads p ON p.user_id = m.user_id WHERE m.xid > $1 ORDER BY m.xid LIMIT $2",
	NULL,
};
static const struct sql SQL_FORGET = { "DELETE FROM moves", NULL };

static enum err tell(struct db_conn *c, struct db_value channel_id, struct db_value user_id)
{
	return db_conn_kind(c) == DB_SQLITE ? db_exec(c, &SQL_TELL, DB_ARGS(channel_id, user_id), NULL) : OK;
}

enum err moves_tell_person(struct db_conn *c, int64_t user_id)
{
	return tell(c, DB_NULL, DB_I64(user_id));
}

enum err moves_tell_channel(struct db_conn *c, int64_t channel_id)
{
	return tell(c, DB_I64(channel_id), DB_NULL);
}

enum err moves_forget_told(struct db_conn *c)
{
	return db_conn_kind(c) == DB_SQLITE ? db_exec(c, &SQL_FORGET, DB_NO_ARGS, NULL) : OK;
}

enum err moves_told(struct db_conn *c, struct arena *a, const struct moment *prev, struct moves *out)
{
	VEC(struct moved) v = { 0 };
	struct db_rows rows;
	int64_t last = 0;
	*out = (struct moves){ .known = true };
	if (prev->snapshot.n) str_i64(prev->snapshot, 0, INT64_MAX, &last);
	enum err e = epoch_read(c, &out->now.epoch);
	if (!e) e = db_query(c, &SQL_TOLD, DB_ARGS(DB_I64(last), DB_I64(TOLD_MOST)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct moved m = { db_i64(&rows, 2), db_i64(&rows, 1), db_i64(&rows, 3) };
		last = db_i64(&rows, 0);
		vec_push(&v, m);
	}
	e = db_end(&rows);
	out->now.snapshot = arena_printf(a, "%lld", (long long)last);
	out->n = v.n;
	out->rows = arena_array(a, struct moved, v.n + 1);
	for (size_t i = 0; i < v.n; i++) out->rows[i] = v.p[i];
	vec_release(&v);
	return e;
}
