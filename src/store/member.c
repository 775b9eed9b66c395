/* One's own part of a channel: levels and hiding move the person's head, read markers move no rev. */
#include <stdlib.h>

#include "store/channel.h"
#include "store/epoch.h"
#include "store/indexed.h"
#include "store/person.h"
#include "store/rows.h"

static const struct sql SQL_PATCH = {
	"UPDATE members SET level = coalesce($3, level), muted_until = CASE WHEN $4 = 1 THEN $5 ELSE muted_until END, "
	"hidden_at = CASE $6 WHEN 1 THEN (SELECT h.last_id FROM heads h WHERE h.channel_id = $1) WHEN 0 THEN NULL "
	"ELSE hidden_at END, user_rev = $7 WHERE channel_id = $1 AND user_id = $2 AND left_rev IS NULL",
	NULL,
};
/* Each move has a later time than the one before, whatever the clocks of pods say. */
#define READ_AT "read_at = CASE WHEN $4 > read_at THEN $4 ELSE read_at + 1 END"
static const struct sql SQL_FORWARD = {
	"UPDATE members SET read_id = $3, read_seq = " SEQ_UPTO(
		"$1",
		"$3") ", " READ_AT " WHERE channel_id = $1 AND user_id = $2 "
			  "AND left_rev IS NULL AND read_id < $3 AND $3 <= (SELECT h.last_id FROM heads h WHERE h.channel_id = $1)",
	NULL,
};
static const struct sql SQL_BACK = {
	"UPDATE members SET read_id = $3 - 1, read_seq = " SEQ_UPTO(
		"$1", "$3 - 1") ", " READ_AT " WHERE channel_id = $1 AND "
						"user_id = $2 AND left_rev IS NULL AND read_id <> $3 - 1 AND $3 >= first_id AND $3 <= (SELECT "
						"h.last_id FROM heads h "
						"WHERE "
						"h.channel_id = $1)",
	NULL,
};
#define PAIRS "unnest($1::bigint[], $2::bigint[], $3::bigint[]) k (channel_id, user_id, message_id)"
static const struct sql SQL_LOCK_MANY = {
	"SELECT count(*) FROM (SELECT 1 FROM members m JOIN " PAIRS
	" ON m.channel_id = k.channel_id AND m.user_id = k.user_id "
	"ORDER BY m.channel_id, m.user_id FOR NO KEY UPDATE OF m) q",
	"SELECT 1",
};
static const struct sql SQL_FORWARD_MANY = {
	"UPDATE members m SET read_id = k.message_id, read_seq = " SEQ_UPTO(
		"m.channel_id", "k.message_id") ", "
										"read_at = greatest($4, m.read_at + 1) FROM " PAIRS
										" JOIN heads h ON h.channel_id = k.channel_id "
										"WHERE m.channel_id = k.channel_id AND m.user_id = k.user_id AND m.left_rev IS "
										"NULL AND m.read_id < k.message_id "
										"AND k.message_id <= h.last_id RETURNING m.channel_id, m.user_id, m.read_id, "
										"m.read_seq, m.read_at, " MENTION_COUNT,
	"SELECT 1",
};
#define MARKER(mention_count)                                                                                          \
	"SELECT m.read_id, m.read_seq, " mention_count ", h.last_id, m.read_at, m.first_id FROM members m JOIN heads h "   \
	"ON h.channel_id = m.channel_id WHERE m.channel_id = $1 AND m.user_id = $2 AND m.left_rev IS NULL"
static const struct sql SQL_MARKER = { MARKER(MENTION_COUNT), MARKER(MENTION_COUNT_SQLITE) };

static enum err patch_in(struct db_conn *c, int64_t channel_id, int64_t user_id, struct me_patch *p)
{
	int64_t changed = 0;
	enum err e = person_move(c, user_id, &p->user_rev);
	if (e) return e;
	e = db_exec(c, &SQL_PATCH,
				DB_ARGS(DB_I64(channel_id), DB_I64(user_id), p->has_level ? DB_I64(p->level) : DB_NULL,
						DB_BOOL(p->has_muted), db_opt(p->muted_until), p->has_hidden ? DB_I64(p->hidden) : DB_I64(-1),
						DB_I64(p->user_rev)),
				&changed);
	if (!e && !changed) return ERR_NOT_MEMBER;
	return e ? e : epoch_read(c, &p->epoch);
}

enum err member_patch(struct db_conn *c, int64_t channel_id, int64_t user_id, struct me_patch *p)
{
	enum err e = db_begin(c);
	if (e) return e;
	p->user_rev = 0;
	e = patch_in(c, channel_id, user_id, p);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

enum err marker_move(struct db_conn *c, struct marker *m, bool back, int64_t now_ms)
{
	struct db_rows rows;
	int64_t changed = 0, last_id = -1, first_id = 0;
	enum err e =
		db_exec(c, back ? &SQL_BACK : &SQL_FORWARD,
				DB_ARGS(DB_I64(m->channel_id), DB_I64(m->user_id), DB_I64(m->message_id), DB_I64(now_ms)), &changed);
	if (e) return e;
	m->moved = changed > 0;
	m->back = back;
	e = db_query(c, &SQL_MARKER, DB_ARGS(DB_I64(m->channel_id), DB_I64(m->user_id)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		m->read_id = db_i64(&rows, 0);
		m->read_seq = db_i64(&rows, 1);
		m->mention_count = db_i64(&rows, 2);
		last_id = db_i64(&rows, 3);
		m->read_at = db_i64(&rows, 4);
		first_id = db_i64(&rows, 5);
	}
	e = db_end(&rows);
	return !e && (m->message_id > last_id || (back && m->message_id < first_id)) ? ERR_NOT_FOUND : e;
}

/* ---- many */

int marker_order(const void *a, const void *b)
{
	const struct marker *x = a, *y = b;
	if (x->channel_id != y->channel_id) return x->channel_id < y->channel_id ? -1 : 1;
	return (x->user_id > y->user_id) - (x->user_id < y->user_id);
}

static void moved_take(const struct db_rows *r, struct marker *m, size_t n)
{
	const struct marker key = { .channel_id = db_i64(r, 0), .user_id = db_i64(r, 1) };
	struct marker *k = bsearch(&key, m, n, sizeof *m, marker_order);
	if (!k) return;
	k->moved = true;
	k->read_id = db_i64(r, 2);
	k->read_seq = db_i64(r, 3);
	k->read_at = db_i64(r, 4);
	k->mention_count = db_i64(r, 5);
}

static enum err forward_at_once(struct db_conn *c, struct arena *a, struct marker *m, size_t n, int64_t now_ms)
{
	struct db_rows rows;
	int64_t *ids = arena_array(a, int64_t, 3 * n);
	for (size_t i = 0; i < n; i++)
		ids[i] = m[i].channel_id, ids[n + i] = m[i].user_id, ids[2 * n + i] = m[i].message_id;
	const struct db_value channels = ids_param(c, a, ids, n), users = ids_param(c, a, ids + n, n),
						  messages = ids_param(c, a, ids + 2 * n, n);
	enum err e = db_query(c, &SQL_LOCK_MANY, DB_ARGS(channels, users, messages), &rows);
	if (!e) e = db_end(&rows);
	if (!e) e = db_query(c, &SQL_FORWARD_MANY, DB_ARGS(channels, users, messages, DB_I64(now_ms)), &rows);
	if (e) return e;
	while (db_next(&rows)) moved_take(&rows, m, n);
	return db_end(&rows);
}

enum err markers_forward(struct db_conn *c, struct arena *a, struct marker *m, size_t n, int64_t now_ms)
{
	enum err e = OK;
	for (size_t i = 0; i < n; i++) m[i].moved = m[i].back = false;
	if (!n) return OK;
	if (db_conn_kind(c) == DB_POSTGRES) return forward_at_once(c, a, m, n, now_ms); /* each round trip counts there */
	for (size_t i = 0; i < n && !e; i++) {
		e = marker_move(c, &m[i], false, now_ms);
		if (e == ERR_NOT_FOUND) e = OK; /* left meanwhile, or never there */
	}
	return e;
}
