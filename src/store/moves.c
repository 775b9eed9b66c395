/* Both are functions of the migrations, so that a check is one round trip and has its plan whatever the statistics say.
 */
#include "store/moves.h"

#include "base/mem.h"
#include "base/vec.h"
#include "store/epoch.h"

#define MOVED_MOST 100000 /* heads of one check; with more, those that are served are read by id */

static const struct sql SQL_MOVED = {
	"SELECT snapshot, epoch, server, asked, taken, known, channel_id, user_id, rev "
	"FROM linnet_moved($1, $2, $3, $4, $5, $6)",
	NULL,
};
static const struct sql SQL_SWEEP = {
	"SELECT snapshot, epoch, server, asked, taken, remaining, swept FROM linnet_sweep($1, $2, $3, $4, $5, $6, $7)", NULL
};

struct moment moment_copy(const struct moment *m)
{
	struct moment copy = *m;
	if (m->snapshot.n) copy.snapshot.p = mem_dup(m->snapshot.p, m->snapshot.n);
	return copy;
}

void moment_release(struct moment *m)
{
	if (m->snapshot.n) mem_free((char *)m->snapshot.p);
	*m = (struct moment){ 0 };
}

static struct db_value snapshot_of(const struct moment *m)
{
	return DB_TEXT(m->snapshot.n ? m->snapshot : STR(""));
}

static void moment_take(const struct db_rows *r, struct arena *a, struct moment *out)
{
	out->snapshot = arena_str(a, db_str(r, 0));
	out->epoch = (uint64_t)db_i64(r, 1);
	out->server = db_i64(r, 2);
	out->asked_ms = db_i64(r, 3);
	out->taken_ms = db_i64(r, 4);
	if (!out->epoch) out->epoch = 1;
}

enum err moves_read(struct db_conn *c, struct arena *a, const struct moment *prev, struct moves *out)
{
	VEC(struct moved) v = { 0 };
	struct db_rows rows;
	*out = (struct moves){ 0 };
	if (db_conn_kind(c) == DB_SQLITE) return epoch_read(c, &out->now.epoch);
	enum err e = db_query(c, &SQL_MOVED,
						  DB_ARGS(snapshot_of(prev), DB_I64((int64_t)prev->epoch), DB_I64(prev->server),
								  DB_I64(prev->asked_ms), DB_I64(MOVES_KNOWN_MS), DB_I64(MOVED_MOST)),
						  &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct moved m = { db_i64(&rows, 7), db_i64(&rows, 6), db_i64(&rows, 8) };
		if (db_is_null(&rows, 0)) {
			vec_push(&v, m);
			continue;
		}
		moment_take(&rows, a, &out->now);
		out->known = db_i64(&rows, 5) != 0;
	}
	e = db_end(&rows);
	out->n = out->known ? v.n : 0;
	out->rows = arena_array(a, struct moved, out->n + 1);
	for (size_t i = 0; i < out->n; i++) out->rows[i] = v.p[i];
	vec_release(&v);
	return !e && !out->now.snapshot.n ? ERR_INTERNAL : e;
}

enum err moves_sweep(struct db_conn *c, struct arena *a, struct sweep *s)
{
	struct db_rows rows;
	s->mine = false, s->swept = s->left = 0;
	enum err e = db_query(c, &SQL_SWEEP,
						  DB_ARGS(snapshot_of(&s->old), DB_I64((int64_t)s->old.epoch), DB_I64(s->old.server),
								  DB_I64(s->old.taken_ms), snapshot_of(&s->done), DB_I64(s->kept_ms), DB_I64(s->most)),
						  &rows);
	if (e) return e;
	while (db_next(&rows)) {
		moment_take(&rows, a, &s->now);
		s->left = db_i64(&rows, 5);
		s->mine = !db_is_null(&rows, 6);
		s->swept = db_i64(&rows, 6);
	}
	return db_end(&rows);
}
