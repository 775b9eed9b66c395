#include "store/mention.h"

#include <string.h>

#include "base/vec.h"
#include "model/mention.h"
#include "store/history.h"
#include "store/indexed.h"
#include "store/rows.h"

/* Who has blocked the author too: a block is nobody's to see. They are left out where mentions are counted and listed.
 */
static const struct sql SQL_NAMED = {
	"SELECT u.user_id FROM users u JOIN members m ON m.channel_id = $2 AND m.user_id = u.user_id AND m.left_rev IS "
	"NULL "
	"WHERE u.username = $1 AND u.user_id <> $3",
	NULL,
};
static const struct sql SQL_INSERT = {
	"INSERT INTO mentions (channel_id, message_id, user_id, thread_id, at) VALUES ($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_DELETE = { "DELETE FROM mentions WHERE channel_id = $1 AND message_id = $2", NULL };

static void id_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* Ascending, as they are read later. */
static void insert_sorted(struct message *m, int64_t id)
{
	size_t i = m->n_mentions++;
	for (; i > 0 && m->mention_ids[i - 1] > id; i--) m->mention_ids[i] = m->mention_ids[i - 1];
	m->mention_ids[i] = id;
}

enum err mentions_resolve(struct db_conn *c, struct arena *a, struct message *m, bool all)
{
	struct mentions found;
	enum err e = OK;
	m->n_mentions = 0, m->mention_ids = NULL, m->mention_all = false;
	if (!m->body.n || !memchr(m->body.p, '@', m->body.n)) return OK;
	mentions_find(m->body, &found);
	m->mention_all = found.all && all;
	if (found.n) m->mention_ids = arena_array(a, int64_t, found.n);
	for (size_t i = 0; i < found.n && !e; i++) {
		int64_t id = 0;
		e = db_one(c, &SQL_NAMED,
				   DB_ARGS(DB_TEXT(mention_name(&found, i)), DB_I64(m->channel_id), DB_I64(m->author_id)), id_take,
				   &id);
		if (e == ERR_NOT_FOUND) e = OK;
		if (id) insert_sorted(m, id);
	}
	return e;
}

enum err mentions_write(struct db_conn *c, const struct message *m, int64_t at)
{
	enum err e = OK;
	for (size_t i = 0; i < m->n_mentions && !e; i++)
		e = db_exec(c, &SQL_INSERT,
					DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), DB_I64(m->mention_ids[i]),
							db_opt(m->thread_id), DB_I64(at)),
					NULL);
	return e;
}

enum err mentions_rewrite(struct db_conn *c, const struct message *m, int64_t at)
{
	enum err e = db_exec(c, &SQL_DELETE, DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id)), NULL);
	return e ? e : mentions_write(c, m, at);
}

/* ---- one's own: those by name, and those of everybody in one's channels; each kind by its index, newest first. Which
 * they are is found out before any of them is read whole, and what is asked of each stands in scalar selects: a join
 * Postgres might begin with the messages of a whole channel. */

#define BELOW(at, channel, id) "(" at ", " channel ", " id ") < ($2, $3, $4)"
#define NEWEST(t) " ORDER BY at DESC, " t ".channel_id DESC, " t ".message_id DESC"
/* k: which, $5 of them. */
#define WHOLE(columns, of, k) "SELECT " columns ", k.at FROM (" k NEWEST("q") " LIMIT $5) k CROSS JOIN " of NEWEST("k")
#define WHOLE_BOTH(k, k_sqlite)                                                                                        \
	{                                                                                                                  \
		WHOLE(MESSAGE_COLUMNS,                                                                                         \
			  "LATERAL (SELECT * FROM messages x WHERE x.channel_id = k.channel_id AND x.message_id = k.message_id "   \
			  "OFFSET 0) t",                                                                                           \
			  k),                                                                                                      \
			WHOLE(MESSAGE_COLUMNS_SQLITE, "messages t ON t.channel_id = k.channel_id AND t.message_id = k.message_id", \
				  k_sqlite)                                                                                            \
	}

#define NAMED                                                                                                          \
	"SELECT q.at, q.channel_id, q.message_id FROM mentions q WHERE q.user_id = $1 AND " BELOW(                         \
		"q.at", "q.channel_id", "q.message_id") " AND (SELECT count(*) FROM members m JOIN heads h ON h.channel_id = " \
												"m.channel_id JOIN messages t ON "                                     \
												"t.channel_id = m.channel_id WHERE m.channel_id = q.channel_id AND "   \
												"m.user_id = q.user_id AND t.message_id = "                            \
												"q.message_id AND m.left_rev IS NULL AND h.deleted_at IS NULL AND "    \
												"q.message_id >= m.first_id AND q.message_id > h.min_id AND "          \
												"t.deleted_at IS NULL AND " BLOCKS("m", "t.author_id") " = 0) = 1"
static const struct sql SQL_NAMED_ME = WHOLE_BOTH(NAMED, NAMED);

/* The newest of each channel. */
#define MINE                                                                                                           \
	"m.user_id = $1 AND m.left_rev IS NULL AND (SELECT h.deleted_at FROM heads h WHERE h.channel_id = m.channel_id) "  \
	"IS NULL"
#define OF_CHANNEL(columns, indexed)                                                                                   \
	ALL_NEWEST(columns, indexed,                                                                                       \
			   " AND y.message_id >= m.first_id AND y.message_id > (SELECT h.min_id FROM heads h WHERE h.channel_id "  \
			   "= m.channel_id) AND y.author_id <> m.user_id AND " BELOW(                                              \
				   "y.created_at", "y.channel_id", "y.message_id") " AND " BLOCKS("m", "y.author_id") " = 0")
static const struct sql SQL_NAMED_ALL =
	WHOLE_BOTH("SELECT q.* FROM members m CROSS JOIN LATERAL (" OF_CHANNEL(
				   "y.created_at AS at, y.channel_id, y.message_id", "") ") q WHERE " MINE,
			   "SELECT q.created_at AS at, q.channel_id, q.message_id FROM members m CROSS JOIN messages q ON "
			   "q.channel_id = m.channel_id AND q.message_id IN (" OF_CHANNEL(
				   "y.message_id", " INDEXED BY messages_mention_all") ") WHERE " MINE);

struct named {
	struct message *m;
	int64_t *at;
	size_t n;
};

static enum err read_named(struct db_conn *c, struct arena *a, const struct sql *sql, const struct mentions_query *q,
						   const int64_t from[3], struct named *out)
{
	struct db_rows rows;
	out->n = 0;
	out->m = arena_array(a, struct message, q->limit + 1);
	out->at = arena_array(a, int64_t, q->limit + 1);
	enum err e = db_query(
		c, sql,
		DB_ARGS(DB_I64(q->user_id), DB_I64(from[0]), DB_I64(from[1]), DB_I64(from[2]), DB_I64((int64_t)q->limit + 1)),
		&rows);
	if (e) return e;
	while (out->n <= q->limit && db_next(&rows)) {
		message_take(&rows, 0, a, &out->m[out->n]);
		out->at[out->n++] = db_i64(&rows, MESSAGE_COLUMN_COUNT);
	}
	return db_end(&rows);
}

/* Which is newer: > 0 the first. */
static int newer(const struct named *x, size_t i, const struct named *y, size_t k)
{
	const struct message *a = &x->m[i], *b = &y->m[k];
	if (x->at[i] != y->at[k]) return x->at[i] > y->at[k] ? 1 : -1;
	if (a->channel_id != b->channel_id) return a->channel_id > b->channel_id ? 1 : -1;
	return (a->message_id > b->message_id) - (a->message_id < b->message_id);
}

/* A message that does both is there once. */
static void merge(struct arena *a, const struct named *x, const struct named *y, size_t limit, struct mention_page *out)
{
	size_t i = 0, k = 0;
	int64_t at = 0;
	out->items = arena_array(a, struct message, limit + 1);
	while ((i < x->n || k < y->n) && out->n < limit) {
		int order = k == y->n ? 1 : i == x->n ? -1 : newer(x, i, y, k);
		at = order >= 0 ? x->at[i] : y->at[k];
		out->items[out->n++] = order >= 0 ? x->m[i] : y->m[k];
		if (order >= 0) i++;
		if (order <= 0) k++;
	}
	const struct message *last = out->n ? &out->items[out->n - 1] : NULL;
	if (last && (i < x->n || k < y->n))
		out->next =
			arena_printf(a, "%lld-%lld-%lld", (long long)at, (long long)last->channel_id, (long long)last->message_id);
}

static bool cursor_take(struct str cursor, int64_t from[3])
{
	struct str part;
	for (size_t i = 0; i < 3; i++) from[i] = INT64_MAX;
	if (!cursor.p) return true;
	for (size_t i = 0; i < 3; i++)
		if (!str_split(&cursor, '-', &part) || !str_i64(part, 0, INT64_MAX, &from[i])) return false;
	return !cursor.p;
}

static enum err users_of(struct db_conn *c, struct arena *a, struct mention_page *p)
{
	VEC(int64_t) ids = { 0 };
	for (size_t i = 0; i < p->n; i++) {
		const struct message *m = &p->items[i];
		vec_push(&ids, m->author_id);
		for (size_t k = 0; k < m->n_mentions; k++) vec_push(&ids, m->mention_ids[k]);
		for (size_t k = 0; k < m->thread.n_users; k++) vec_push(&ids, m->thread.user_ids[k]);
		for (size_t k = 0; k < m->reactions.n; k++)
			for (size_t u = 0; u < m->reactions.items[k].n_users; u++)
				vec_push(&ids, m->reactions.items[k].user_ids[u]);
	}
	enum err e = users_by_id(c, a, ids.p, ids.n, &p->users, &p->n_users);
	vec_release(&ids);
	return e;
}

static enum err list_in(struct db_conn *c, struct arena *a, const struct mentions_query *q, const int64_t from[3],
						struct mention_page *out)
{
	struct named by_name, by_all;
	enum err e = read_named(c, a, &SQL_NAMED_ME, q, from, &by_name);
	if (!e) e = read_named(c, a, &SQL_NAMED_ALL, q, from, &by_all);
	if (e) return e;
	merge(a, &by_name, &by_all, q->limit, out);
	return users_of(c, a, out);
}

enum err mentions_list(struct db_conn *c, struct arena *a, const struct mentions_query *q, struct mention_page *out)
{
	int64_t from[3];
	*out = (struct mention_page){ .next = STR_NONE };
	if (!cursor_take(q->cursor, from)) return ERR_INVALID;
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	e = list_in(c, a, q, from, out);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}
