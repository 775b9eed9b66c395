#include "store/sync.h"

#include "base/map.h"
#include "store/block.h"
#include "store/epoch.h"
#include "store/log.h"
#include "store/rows.h"

/* ---- heads */

static const struct sql SQL_HEADS = {
	"SELECT h.channel_id, h.rev, h.rev_at, h.min_rev FROM heads h WHERE " IDS_ANY("h.channel_id", "$1"),
	"SELECT h.channel_id, h.rev, h.rev_at, h.min_rev FROM heads h WHERE " IDS_ANY_SQLITE("h.channel_id", "$1"),
};

static void head_take(struct id_map *by_id, const struct db_rows *rows)
{
	struct sync_head *h = id_map_get(by_id, db_i64(rows, 0));
	if (!h) return;
	h->missing = false;
	h->rev = db_i64(rows, 1);
	h->at = db_i64(rows, 2);
	h->min_rev = db_i64(rows, 3);
}

static enum err heads_read(struct db_conn *c, struct arena *a, struct sync_head *heads, size_t n)
{
	struct id_map by_id = { 0 };
	struct db_rows rows;
	int64_t *ids = arena_array(a, int64_t, n + 1);
	for (size_t i = 0; i < n; i++) {
		ids[i] = heads[i].channel_id;
		heads[i].missing = true;
		id_map_put(&by_id, heads[i].channel_id, &heads[i]);
	}
	enum err e = db_query(c, &SQL_HEADS, DB_ARGS(ids_param(c, a, ids, n)), &rows);
	while (!e && db_next(&rows)) head_take(&by_id, &rows);
	if (!e) e = db_end(&rows);
	id_map_release(&by_id);
	return e;
}

static enum err end_snapshot(struct db_conn *c, enum err e)
{
	if (!e)
		e = db_commit(c);
	else
		db_rollback(c);
	return e;
}

enum err sync_heads(struct db_conn *c, struct sync_head *heads, size_t n, uint64_t *epoch)
{
	struct arena a;
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	arena_init(&a);
	e = heads_read(c, &a, heads, n);
	if (!e) e = epoch_read(c, epoch);
	arena_release(&a);
	return end_snapshot(c, e);
}

/* Of what is listed: the rows of a channel that was deleted stay for a while. */
#define SUM_OF_MARKERS                                                                                                 \
	"(SELECT coalesce(sum(m.read_at), 0) FROM members m WHERE m.user_id = p.user_id AND m.left_rev IS NULL AND NOT "   \
	"EXISTS (SELECT 1 FROM ended_channels e WHERE e.channel_id = m.channel_id))"
static const struct sql SQL_PERSON_HEADS = {
	"SELECT p.user_id, p.rev, " SUM_OF_MARKERS "::bigint FROM user_heads p WHERE " IDS_ANY("p.user_id", "$1"),
	"SELECT p.user_id, p.rev, " SUM_OF_MARKERS " FROM user_heads p WHERE " IDS_ANY_SQLITE("p.user_id", "$1"),
};

static enum err person_heads_read(struct db_conn *c, struct arena *a, struct sync_person_head *heads, size_t n)
{
	struct id_map by_id = { 0 };
	struct db_rows rows;
	int64_t *ids = arena_array(a, int64_t, n + 1);
	for (size_t i = 0; i < n; i++) {
		ids[i] = heads[i].user_id;
		id_map_put(&by_id, heads[i].user_id, &heads[i]);
	}
	enum err e = db_query(c, &SQL_PERSON_HEADS, DB_ARGS(ids_param(c, a, ids, n)), &rows);
	while (!e && db_next(&rows)) {
		struct sync_person_head *h = id_map_get(&by_id, db_i64(&rows, 0));
		if (h) h->rev = db_i64(&rows, 1), h->markers = db_i64(&rows, 2);
	}
	if (!e) e = db_end(&rows);
	id_map_release(&by_id);
	return e;
}

enum err sync_person_heads(struct db_conn *c, struct sync_person_head *heads, size_t n, uint64_t *epoch)
{
	struct arena a;
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	arena_init(&a);
	e = person_heads_read(c, &a, heads, n);
	if (!e) e = epoch_read(c, epoch);
	arena_release(&a);
	return end_snapshot(c, e);
}

/* ---- logs */

#define ATTACH_FROM                                                                                                    \
	CHANNEL_FROM "LEFT JOIN members m ON m.channel_id = h.channel_id AND m.user_id = $2 AND m.left_rev IS NULL "       \
				 "WHERE h.channel_id = $1"
static const struct sql SQL_ATTACH = {
	"SELECT " CHANNEL_ME_COLUMNS " " ATTACH_FROM,
	"SELECT " CHANNEL_ME_COLUMNS_SQLITE " " ATTACH_FROM,
};
static const struct sql SQL_TIME_OF_REV = {
	"SELECT created_at FROM messages WHERE channel_id = $1 AND rev = $2 UNION ALL "
	"SELECT at FROM changes WHERE channel_id = $1 AND rev = $2 UNION ALL "
	"SELECT rev_at FROM heads WHERE channel_id = $1 AND rev = $2 UNION ALL "
	"SELECT min_rev_at FROM heads WHERE channel_id = $1 AND min_rev = $2",
	NULL,
};

static enum err head_of(struct db_conn *c, struct arena *a, struct sync_log *l, bool *found)
{
	struct db_rows rows;
	*found = false;
	enum err e = db_query(c, &SQL_ATTACH, DB_ARGS(DB_I64(l->channel_id), DB_I64(l->user_id)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		*found = true;
		channel_me_take(&rows, 0, a, &l->row);
	}
	l->head = l->row.rev;
	l->head_at = l->row.rev_at;
	l->min_rev = l->row.min_rev;
	l->joined_rev = l->row.me.joined_rev;
	l->clipped = l->row.history == HISTORY_JOINED;
	return db_end(&rows);
}

/* Does the row at `since` have the time that the cursor remembers? Revs without a row agree with anything but a time.
 */
static enum err same_history(struct db_conn *c, const struct sync_log *l, bool *same)
{
	struct db_rows rows;
	*same = true;
	if (!l->since_at || !l->since) return OK;
	enum err e = db_query(c, &SQL_TIME_OF_REV, DB_ARGS(DB_I64(l->channel_id), DB_I64(l->since)), &rows);
	if (e) return e;
	*same = false;
	while (db_next(&rows)) *same = *same || db_i64(&rows, 0) == l->since_at;
	return db_end(&rows);
}

static bool out_of_reach(const struct sync_log *l)
{
	int64_t floor = l->clipped && l->joined_rev > l->min_rev ? l->joined_rev : l->min_rev;
	return l->since < floor || l->since > l->head || l->head - l->since > (int64_t)l->most;
}

static enum err log_one(struct db_conn *c, struct arena *a, struct sync_log *l, uint64_t epoch)
{
	bool found, same = true;
	enum err e = head_of(c, a, l, &found);
	if (e) return e;
	l->verdict = SYNC_EVENTS;
	if (!found || (l->user_id && (!l->joined_rev || l->row.deleted))) {
		l->verdict = SYNC_GONE;
		return OK;
	}
	/* of a deleted channel rows go without min_rev */
	bool reaches = l->user_id ? !out_of_reach(l) : l->since >= l->min_rev && !l->row.deleted;
	if (reaches) e = same_history(c, l, &same);
	if (!same || (l->user_id && !reaches)) l->verdict = SYNC_RESET;
	if (e || l->verdict == SYNC_RESET || l->since < l->min_rev) return e;
	const struct log_read q = { l->channel_id, l->since, l->head, l->most, l->clipped, epoch, l->row.min_id };
	return log_read(c, a, &q, &l->events, &l->n_events);
}

static void logs_forget(struct sync_log *logs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < logs[i].n_events; k++) event_unref(logs[i].events[k]);
		logs[i].n_events = 0;
	}
}

enum err sync_logs(struct db_conn *c, struct arena *a, struct sync_log *logs, size_t n, uint64_t *epoch)
{
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	e = epoch_read(c, epoch);
	for (size_t i = 0; i < n && !e; i++) e = log_one(c, a, &logs[i], *epoch);
	e = end_snapshot(c, e);
	if (e) logs_forget(logs, n); /* the caller may try again with the same */
	return e;
}

/* ---- lists */

/* From the person's rows to the channels by their keys, whatever the statistics say: without good ones Postgres begins
 * with all channels, and looks the person up in each. OFFSET 0 is the fence. */
static const struct sql SQL_LIST = {
	"SELECT " CHANNEL_ME_COLUMNS " FROM members m "
	"CROSS JOIN LATERAL (SELECT * FROM heads h WHERE h.channel_id = m.channel_id OFFSET 0) h "
	"CROSS JOIN LATERAL (SELECT * FROM channels c WHERE c.channel_id = m.channel_id OFFSET 0) c "
	"WHERE m.user_id = $1 AND m.left_rev IS NULL AND h.deleted_at IS NULL ORDER BY m.channel_id",
	"SELECT " CHANNEL_ME_COLUMNS_SQLITE " FROM members m JOIN heads h ON h.channel_id = m.channel_id "
	"JOIN channels c ON c.channel_id = m.channel_id "
	"WHERE m.user_id = $1 AND m.left_rev IS NULL AND h.deleted_at IS NULL ORDER BY m.channel_id",
};
static const struct sql SQL_PERSON = {
	"SELECT " USER_COLUMNS ", uh.rev FROM users u JOIN user_heads uh ON uh.user_id = u.user_id WHERE u.user_id = $1",
	NULL,
};
static const struct sql SQL_ALIVE = {
	"SELECT 1 FROM sessions WHERE session_id = $1 AND user_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR "
	"expires_at > $3)",
	NULL,
};
/* Whoever deletes such rows keeps the last one that is too old: it says how far back the others reach. */
static const struct sql SQL_LEFT = {
	"SELECT channel_id, user_rev, left_at, cut_rev FROM members WHERE user_id = $1 AND left_rev IS NOT NULL "
	"ORDER BY user_rev DESC LIMIT $2",
	NULL,
};
static const struct sql SQL_PEOPLE = {
	"SELECT " USER_COLUMNS " FROM users u WHERE " IDS_ANY("u.user_id", "$1") " ORDER BY u.user_id",
	"SELECT " USER_COLUMNS " FROM users u WHERE " IDS_ANY_SQLITE("u.user_id", "$1") " ORDER BY u.user_id",
};

static enum err list_person(struct db_conn *c, struct arena *a, struct sync_list *out)
{
	struct db_rows rows;
	enum err e = db_query(c, &SQL_PERSON, DB_ARGS(DB_I64(out->user_id)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		user_take(&rows, 0, a, &out->user);
		out->user_rev = db_i64(&rows, USER_COLUMN_COUNT);
		out->active = !out->user.deactivated && !out->user.deleted;
	}
	return db_end(&rows);
}

static enum err list_sessions(struct db_conn *c, struct sync_list *out)
{
	enum err e = OK;
	for (size_t i = 0; i < out->n_sessions && !e; i++) {
		struct sync_session *s = &out->sessions[i];
		if (s->id[0])
			e = db_one(c, &SQL_ALIVE, DB_ARGS(DB_TEXT(str_of(s->id)), DB_I64(out->user_id), DB_I64(out->now_ms)), NULL,
					   NULL);
		s->alive = !e;
		if (e == ERR_NOT_FOUND) e = OK;
	}
	return e;
}

static enum err list_left(struct db_conn *c, struct arena *a, struct sync_list *out)
{
	struct db_rows rows;
	bool whole = true;
	out->left = arena_array(a, struct sync_left, SYNC_LEFT_MOST);
	enum err e = db_query(c, &SQL_LEFT, DB_ARGS(DB_I64(out->user_id), DB_I64(SYNC_LEFT_MOST + 1)), &rows);
	while (!e && db_next(&rows)) {
		const struct sync_left left = { db_i64(&rows, 0), db_i64(&rows, 1), db_i64(&rows, 3) };
		bool young = db_i64(&rows, 2) > out->now_ms - SYNC_LEFT_MS;
		if (whole && (!young || out->n_left == SYNC_LEFT_MOST)) whole = false, out->left_reach = left.user_rev;
		if (whole) out->left[out->n_left++] = left;
	}
	return e ? e : db_end(&rows);
}

static enum err list_channels(struct db_conn *c, struct arena *a, struct sync_list *out)
{
	VEC(struct channel) v = { 0 };
	struct db_rows rows;
	enum err e = db_query(c, &SQL_LIST, DB_ARGS(DB_I64(out->user_id)), &rows);
	while (!e && db_next(&rows)) {
		struct channel ch;
		channel_me_take(&rows, 0, a, &ch);
		vec_push(&v, ch);
	}
	if (!e) e = db_end(&rows);
	out->n_channels = v.n;
	out->channels = arena_array(a, struct channel, v.n + 1);
	for (size_t i = 0; i < v.n; i++) out->channels[i] = v.p[i];
	vec_release(&v);
	return e;
}

/* The people of the direct messages. */
static enum err list_people(struct db_conn *c, struct arena *a, struct sync_list *out)
{
	VEC(int64_t) ids = { 0 };
	VEC(struct user) v = { 0 };
	struct db_rows rows;
	enum err e = OK;
	for (size_t i = 0; i < out->n_channels; i++)
		for (size_t k = 0; k < out->channels[i].n_users; k++) vec_push(&ids, out->channels[i].user_ids[k]);
	if (ids.n) e = db_query(c, &SQL_PEOPLE, DB_ARGS(ids_param(c, a, ids.p, ids.n)), &rows);
	while (ids.n && !e && db_next(&rows)) {
		struct user u;
		user_take(&rows, 0, a, &u);
		vec_push(&v, u);
	}
	if (ids.n && !e) e = db_end(&rows);
	out->n_users = v.n;
	out->users = arena_array(a, struct user, v.n + 1);
	for (size_t i = 0; i < v.n; i++) out->users[i] = v.p[i];
	vec_release(&v);
	vec_release(&ids);
	return e;
}

enum err sync_list(struct db_conn *c, struct arena *a, struct sync_list *out, uint64_t *epoch)
{
	out->n_left = 0, out->left_reach = 0, out->active = false;
	out->own = (struct own_list){ .upto = INT64_MAX };
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	e = epoch_read(c, epoch);
	if (!e) e = list_person(c, a, out);
	if (!e) e = list_sessions(c, out);
	if (!e) e = list_channels(c, a, out);
	if (!e) e = list_left(c, a, out);
	if (!e) e = blocks_of(c, a, out->user_id, &out->blocked_ids, &out->n_blocked);
	if (!e) e = blocks_against(c, a, out->user_id, &out->blocker_ids, &out->n_blockers);
	if (!e) e = list_people(c, a, out);
	if (!e && out->own_since < out->user_rev) e = own_read(c, a, out->user_id, out->own_since, &out->own);
	return end_snapshot(c, e);
}
