/* Retention, read off the database: what was taken was old enough, and what is too old goes, whoever was killed at it.
 * And what `linnet admin check` has to say. */
#include <stdlib.h>

#include "db.h"
#include "judge.h"
#include "store/verify.h"

#define NONCES_DAYS 30 /* they outlive their messages */
#define GRACE_DAYS 1   /* what is too old goes once a day */

static struct db_rows begin(struct world *w, const struct sql *q, struct db_args args)
{
	struct db_rows rows;
	w->db->looking = true;
	if (db_query(w->db->look, q, args, &rows)) abort();
	return rows;
}

static void end(struct world *w, struct db_rows *rows)
{
	if (db_end(rows)) abort();
	w->db->looking = false;
}

/* ---- too early */

#define ROWS_AT                                                                                                        \
	"SELECT channel_id, rev, at FROM sim_every_change UNION ALL SELECT channel_id, rev, created_at FROM "              \
	"sim_every_message"
/* Each retain, and how old what it took last was then. */
static const struct sql SQL_RAISED = {
	"SELECT r.channel_id, r.rev, r.at - x.at FROM sim_every_change r LEFT JOIN (" ROWS_AT ") x ON x.channel_id = "
	"r.channel_id AND x.rev = CAST(substr(r.data, length('\"min_rev\":') + 1) AS INTEGER) WHERE r.kind = 'retain'",
	NULL,
};
static const struct sql SQL_TAKEN = {
	"SELECT x.channel_id, x.rev FROM sim_changes x JOIN heads h ON h.channel_id = x.channel_id WHERE x.rev > h.min_rev "
	"UNION ALL SELECT x.channel_id, x.rev FROM sim_messages x JOIN heads h ON h.channel_id = x.channel_id WHERE x.rev "
	"> "
	"h.min_rev",
	NULL,
};
static const struct sql SQL_COUNT = { "SELECT (SELECT count(*) FROM sim_changes) + (SELECT count(*) FROM sim_messages)",
									  NULL };

static void judge_raised(struct world *w)
{
	struct db_rows rows = begin(w, &SQL_RAISED, DB_NO_ARGS);
	while (db_next(&rows)) {
		w->counts.retained++;
		if (db_is_null(&rows, 2) || db_i64(&rows, 2) < w->config.retention_days * DAY_MS)
			fault(w, "retained too early: %lld-r%lld", (long long)db_i64(&rows, 0), (long long)db_i64(&rows, 1));
	}
	end(w, &rows);
}

static void judge_taken(struct world *w)
{
	struct db_rows rows = begin(w, &SQL_TAKEN, DB_NO_ARGS);
	while (db_next(&rows))
		fault(w, "deleted, and is to be there: %lld-r%lld", (long long)db_i64(&rows, 0), (long long)db_i64(&rows, 1));
	end(w, &rows);
	rows = begin(w, &SQL_COUNT, DB_NO_ARGS);
	while (db_next(&rows)) w->counts.taken += db_i64(&rows, 0);
	end(w, &rows);
}

/* ---- too late */

/* Rows that are too old above what is kept ($1), what is left below, and rows of nonces that nobody asks for ($2). */
static const struct sql SQL_LEFT = {
	"SELECT h.channel_id, 'is not raised' FROM heads h JOIN (" ROWS_AT ") x ON x.channel_id = h.channel_id AND x.rev = "
	"h.min_rev + 1 WHERE h.channel_id > 0 AND h.deleted_at IS NULL AND x.at <= $1 AND NOT EXISTS (SELECT 1 FROM "
	"changes r WHERE "
	"r.channel_id = h.channel_id AND r.rev = h.rev AND r.rev = h.min_rev + 1 AND r.kind = 'retain') UNION ALL "
	"SELECT h.channel_id, 'has changes' FROM heads h JOIN changes x ON x.channel_id = h.channel_id AND x.rev <= "
	"h.min_rev UNION ALL "
	"SELECT h.channel_id, 'has texts' FROM heads h JOIN messages x ON x.channel_id = h.channel_id AND x.message_id <= "
	"h.min_id AND x.body <> '' UNION ALL "
	"SELECT h.channel_id, 'has nonces' FROM heads h JOIN messages x ON x.channel_id = h.channel_id AND x.message_id <= "
	"h.min_id AND x.created_at <= $2 LIMIT 1",
	NULL,
};

static bool look_for_left(struct world *w, bool tell)
{
	bool left = false;
	int64_t days = w->config.retention_days, now_ms = clock_wall_ms(&w->clock);
	if (!days) return false;
	struct db_args args =
		DB_ARGS(DB_I64(now_ms - (days + GRACE_DAYS) * DAY_MS), DB_I64(now_ms - (days + NONCES_DAYS) * DAY_MS));
	struct db_rows rows = begin(w, &SQL_LEFT, args);
	while (db_next(&rows)) {
		left = true;
		if (tell)
			fault(w, "retention stands still: %lld " STR_FMT, (long long)db_i64(&rows, 0), STR_ARG(db_str(&rows, 1)));
	}
	end(w, &rows);
	return left;
}

bool judge_retained(struct world *w)
{
	return !look_for_left(w, false);
}

void judge_retention(struct world *w)
{
	judge_raised(w);
	judge_taken(w);
	look_for_left(w, true);
}

/* ---- the second judge */

static void found(void *arg, const struct finding *f)
{
	fault(arg, "check: %s %lld " STR_FMT, f->check, (long long)f->channel_id, STR_ARG(f->text));
}

void judge_verify(struct world *w)
{
	struct verify v = { .found = found, .arg = w };
	w->db->looking = true;
	if (db_begin_snapshot(w->db->look) || verify_run(w->db->look, &v) || db_commit(w->db->look)) abort();
	w->db->looking = false;
}
