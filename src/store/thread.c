#include "store/thread.h"

#include "store/channel.h"
#include "store/epoch.h"
#include "store/page.h"
#include "store/rows.h"

void thread_mark_fields(struct json_out *o, const struct thread_mark *m)
{
	json_field_i64(o, "channel_id", m->channel_id);
	json_field_i64(o, "thread_id", m->thread_id);
	json_field_bool(o, "following", m->following);
	json_field_i64(o, "read_seq", m->read_seq);
}

/* ---- one */

#define ROOT_FROM " FROM messages t WHERE t.channel_id = $1 AND t.message_id = $2 AND t.message_id >= $3"
static const struct sql SQL_ROOT = { "SELECT " MESSAGE_COLUMNS ROOT_FROM, "SELECT " MESSAGE_COLUMNS_SQLITE ROOT_FROM };
#define REPLIES(where, order)                                                                                          \
	" FROM messages t WHERE t.channel_id = $1 AND t.thread_id = $2 AND " where " ORDER BY t.thread_seq " order         \
	" LIMIT $4"
static const struct sql SQL_DOWN = {
	"SELECT " MESSAGE_COLUMNS REPLIES("t.thread_seq < $3", "DESC"),
	"SELECT " MESSAGE_COLUMNS_SQLITE REPLIES("t.thread_seq < $3", "DESC"),
};
static const struct sql SQL_UP = {
	"SELECT " MESSAGE_COLUMNS REPLIES("t.thread_seq > $3", "ASC"),
	"SELECT " MESSAGE_COLUMNS_SQLITE REPLIES("t.thread_seq > $3", "ASC"),
};
static const struct sql SQL_AT = {
	"SELECT t.thread_seq, t.message_id, t.created_at" REPLIES("t.thread_seq >= $3", "ASC"), NULL
};
static const struct sql SQL_MARK = {
	"SELECT following, read_seq FROM thread_follows WHERE channel_id = $1 AND thread_id = $2 AND user_id = $3", NULL
};
/* Ids ascend with thread_seq. */
#define MENTIONS(channel, thread, user, read)                                                                          \
	COUNTED("SELECT q.message_id FROM mentions q WHERE q.user_id = " user " AND q.channel_id = " channel               \
			" AND q.thread_id = " thread                                                                               \
			" AND q.message_id > coalesce((SELECT r.message_id FROM messages r WHERE r.channel_id = " channel          \
			" AND r.thread_id = " thread " AND r.thread_seq <= " read                                                  \
			" ORDER BY r.thread_seq DESC LIMIT 1), 0) " NEWEST_OF("q"),                                                \
			"(SELECT count(*) FROM blocks b WHERE b.user_id = " user " AND b.blocked_id = (SELECT x.author_id FROM "   \
			"messages x WHERE x.channel_id = " channel " AND x.message_id = t.message_id)) = 0")
static const struct sql SQL_MENTIONS = { "SELECT " MENTIONS("$1", "$2", "$3", "$4"), NULL };

static enum err root_read(struct db_conn *c, struct arena *a, const struct channel *ch, int64_t root_id,
						  struct message *root)
{
	size_t n = 0;
	bool more;
	enum err e = page_messages(c, a, &SQL_ROOT, DB_ARGS(DB_I64(ch->id), DB_I64(root_id), DB_I64(page_first(ch))), root,
							   1, &n, &more);
	if (e || n) return e ? e : root->thread_id ? ERR_INVALID : OK;
	return ERR_NOT_FOUND;
}

/* Ids and times ascend with thread_seq: the first one that is not before the place, by halving. */
static enum err place_in(struct db_conn *c, const struct thread_query *q, int64_t last_seq, int64_t *seq)
{
	int64_t lo = 1, hi = last_seq + 1, id = q->kind == PAGE_AFTER ? q->message_id + 1 : q->message_id;
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2, found = hi;
		bool before = false;
		struct db_rows rows;
		enum err e =
			db_query(c, &SQL_AT, DB_ARGS(DB_I64(q->channel_id), DB_I64(q->root_id), DB_I64(mid), DB_I64(1)), &rows);
		if (e) return e;
		while (db_next(&rows)) {
			found = db_i64(&rows, 0);
			before = q->time_ms ? db_i64(&rows, 2) < q->time_ms : db_i64(&rows, 1) < id;
		}
		if ((e = db_end(&rows))) return e;
		if (before)
			lo = found + 1;
		else
			hi = mid;
	}
	*seq = lo;
	return OK;
}

struct part { /* of the replies: n_below of those below, n_above of those above */
	int64_t below, above;
	size_t n_below, n_above;
};

static struct part part_of(const struct thread_query *q, int64_t seq)
{
	size_t half = q->limit / 2;
	switch (q->kind) {
	case PAGE_BEFORE: return (struct part){ seq, 0, q->limit, 0 };
	case PAGE_AFTER: return (struct part){ 0, seq - 1, 0, q->limit };
	case PAGE_AROUND: return (struct part){ seq, seq - 1, half, q->limit - half };
	default: return (struct part){ INT64_MAX, 0, q->limit, 0 };
	}
}

static enum err replies_read(struct db_conn *c, struct arena *a, const struct thread_query *q, const struct part *s,
							 struct thread_page *out)
{
	struct page *p = &out->page;
	struct message *down = arena_array(a, struct message, s->n_below + 1);
	size_t n_down = 0, n_up = 0;
	enum err e = OK;
	p->items = arena_array(a, struct message, q->limit + 2);
	struct db_value ch = DB_I64(q->channel_id), root = DB_I64(q->root_id);
	if (s->n_below)
		e = page_messages(c, a, &SQL_DOWN, DB_ARGS(ch, root, DB_I64(s->below), DB_I64((int64_t)s->n_below + 1)), down,
						  s->n_below, &n_down, &p->before);
	for (size_t i = 0; i < n_down; i++) p->items[i] = down[n_down - 1 - i];
	if (!e && s->n_above)
		e = page_messages(c, a, &SQL_UP, DB_ARGS(ch, root, DB_I64(s->above), DB_I64((int64_t)s->n_above + 1)),
						  p->items + n_down, s->n_above, &n_up, &p->after);
	p->n = n_down + n_up;
	p->before = p->before || (!s->n_below && s->above >= 1);
	p->after = p->after || (!s->n_above && s->below <= out->root.thread.last_seq);
	return e;
}

static void mark_take(const struct db_rows *r, void *arg)
{
	struct thread_mark *m = arg;
	m->following = db_i64(r, 0) != 0;
	m->read_seq = db_i64(r, 1);
}

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static enum err mark_read(struct db_conn *c, int64_t user_id, struct thread_page *out)
{
	struct thread_mark *m = &out->mark;
	const struct message *root = &out->root;
	*m = (struct thread_mark){ root->channel_id, root->message_id, false, 0 };
	struct db_value ch = DB_I64(m->channel_id), id = DB_I64(m->thread_id), user = DB_I64(user_id);
	enum err e = db_one(c, &SQL_MARK, DB_ARGS(ch, id, user), mark_take, m);
	if (e) return e == ERR_NOT_FOUND ? OK : e;
	return db_one(c, &SQL_MENTIONS, DB_ARGS(ch, id, user, DB_I64(m->read_seq)), i64_take, &out->mention_count);
}

/* What the root names is named, too. */
static enum err named(struct db_conn *c, struct arena *a, int64_t user_id, struct thread_page *out)
{
	struct page *p = &out->page;
	p->items[p->n++] = out->root;
	enum err e = page_named(c, a, user_id, p, NULL, 0);
	p->n--;
	return e;
}

static enum err thread_in(struct db_conn *c, struct arena *a, const struct actor *who, const struct thread_query *q,
						  struct thread_page *out)
{
	struct page *p = &out->page;
	int64_t seq = 0;
	enum err e = epoch_read(c, &p->epoch);
	if (!e) e = channel_read(c, a, q->channel_id, who, true, &p->channel);
	if (!e) e = root_read(c, a, &p->channel, q->root_id, &out->root);
	if (!e && q->kind != PAGE_LAST) e = place_in(c, q, out->root.thread.last_seq, &seq);
	if (e) return e;
	const struct part part = part_of(q, seq);
	e = replies_read(c, a, q, &part, out);
	if (!e) e = mark_read(c, who->user_id, out);
	return e ? e : named(c, a, who->user_id, out);
}

enum err thread_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct thread_query *q,
					 struct thread_page *out)
{
	*out = (struct thread_page){ 0 };
	enum err e = db_begin_snapshot(c);
	return e ? e : page_end(c, thread_in(c, a, who, q, out));
}

/* ---- those that one follows */

/* Of the $8 follows that moved last (thread_follows_moved). $7: HISTORY_JOINED. Those of one moment by their ids, so
 * that a cursor has one meaning. */
#define FOLLOWS                                                                                                        \
	"(SELECT o.channel_id, o.thread_id, o.user_id, o.following, o.read_seq FROM thread_follows o "                     \
	"WHERE o.user_id = $1 ORDER BY o.user_rev DESC LIMIT $8) f "
#define FOLLOWED                                                                                                       \
	"(SELECT f.channel_id, f.thread_id, f.user_id, f.read_seq, r.thread_last_at AS at FROM " FOLLOWS                   \
	"JOIN members m ON m.channel_id = f.channel_id AND m.user_id = f.user_id AND m.left_rev IS NULL "                  \
	"JOIN heads h ON h.channel_id = f.channel_id AND h.deleted_at IS NULL "                                            \
	"JOIN messages r ON r.channel_id = f.channel_id AND r.message_id = f.thread_id "                                   \
	"WHERE f.following = 1 AND r.thread_count > 0 AND r.message_id > h.min_id "                                        \
	"AND (h.history <> $7 OR r.message_id >= m.first_id) "                                                             \
	"AND ($6 = 0 OR r.thread_last_seq > f.read_seq) AND (r.thread_last_at, r.channel_id, r.message_id) < "             \
	"($2, $3, $4) ORDER BY r.thread_last_at DESC, r.channel_id DESC, r.message_id DESC LIMIT $5) k"
#define UNREAD_MENTIONS MENTIONS("k.channel_id", "k.thread_id", "k.user_id", "k.read_seq")
/* Which they are first: what else there is to tell is read of a page alone. */
#define FOLLOWED_WHOLE(columns, root)                                                                                  \
	"SELECT " columns ", k.read_seq, t.thread_last_seq - k.read_seq, " UNREAD_MENTIONS " FROM " FOLLOWED               \
	" CROSS JOIN " root " ORDER BY k.at DESC, k.channel_id DESC, k.thread_id DESC"
static const struct sql SQL_FOLLOWED = {
	FOLLOWED_WHOLE(MESSAGE_COLUMNS, "LATERAL (SELECT * FROM messages x WHERE x.channel_id = k.channel_id AND "
									"x.message_id = k.thread_id OFFSET 0) t"),
	FOLLOWED_WHOLE(MESSAGE_COLUMNS_SQLITE, "messages t ON t.channel_id = k.channel_id AND t.message_id = k.thread_id"),
};

static bool cursor_read(struct str cursor, int64_t *at, int64_t *channel_id, int64_t *id)
{
	struct str part;
	*at = *channel_id = *id = INT64_MAX;
	if (!cursor.p) return true;
	return str_split(&cursor, '-', &part) && str_i64(part, 1, INT64_MAX, at) && str_split(&cursor, '-', &part) &&
		   str_i64(part, 1, INT64_MAX, channel_id) && str_i64(cursor, 1, INT64_MAX, id);
}

static void item_take(const struct db_rows *rows, struct arena *a, struct message *root, struct thread_item *item)
{
	message_take(rows, 0, a, root);
	item->mark = (struct thread_mark){ root->channel_id, root->message_id, true, db_i64(rows, MESSAGE_COLUMN_COUNT) };
	item->unread = db_i64(rows, MESSAGE_COLUMN_COUNT + 1);
	item->mention_count = db_i64(rows, MESSAGE_COLUMN_COUNT + 2);
}

static enum err threads_in(struct db_conn *c, struct arena *a, const struct actor *who, const struct threads_query *q,
						   struct threads *out)
{
	struct page *p = &out->page;
	struct db_rows rows;
	int64_t at, channel_id, id;
	if (!cursor_read(q->cursor, &at, &channel_id, &id)) return ERR_INVALID;
	p->items = arena_array(a, struct message, q->limit + 1);
	out->items = arena_array(a, struct thread_item, q->limit + 1);
	enum err e = epoch_read(c, &p->epoch);
	if (!e)
		e = db_query(c, &SQL_FOLLOWED,
					 DB_ARGS(DB_I64(who->user_id), DB_I64(at), DB_I64(channel_id), DB_I64(id),
							 DB_I64((int64_t)q->limit + 1), DB_BOOL(q->unread), DB_I64(HISTORY_JOINED),
							 DB_I64(q->most)),
					 &rows);
	if (e) return e;
	for (; p->n <= q->limit && db_next(&rows); p->n++) item_take(&rows, a, &p->items[p->n], &out->items[p->n]);
	e = db_end(&rows);
	if (e) return e;
	if (p->n > q->limit) {
		const struct message *last = &p->items[--p->n - 1];
		out->next = arena_printf(a, "%lld-%lld-%lld", (long long)last->thread.last_at, (long long)last->channel_id,
								 (long long)last->message_id);
	}
	return page_users(c, a, p);
}

enum err threads_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct threads_query *q,
					  struct threads *out)
{
	*out = (struct threads){ .next = STR_NONE };
	enum err e = db_begin_snapshot(c);
	return e ? e : page_end(c, threads_in(c, a, who, q, out));
}

/* ---- one's own part */

static const struct sql SQL_FOLLOW = {
	"INSERT INTO thread_follows (channel_id, thread_id, user_id, following, read_seq, user_rev) VALUES ($1, $2, $3, 1, "
	"$4, $5) ON CONFLICT (channel_id, thread_id, user_id) DO UPDATE SET following = 1, read_seq = excluded.read_seq, "
	"user_rev = excluded.user_rev WHERE thread_follows.following = 0",
	NULL,
};
/* Who has written the root would follow with the first reply: it is noted before. $6: it is them. */
static const struct sql SQL_UNFOLLOW = {
	"INSERT INTO thread_follows (channel_id, thread_id, user_id, following, read_seq, user_rev) SELECT $1, $2, $3, 0, "
	"$4, $5 WHERE $6 = 1 OR EXISTS (SELECT 1 FROM thread_follows f WHERE f.channel_id = $1 AND f.thread_id = $2 AND "
	"f.user_id = $3) ON CONFLICT (channel_id, thread_id, user_id) DO UPDATE SET following = 0, user_rev = "
	"excluded.user_rev WHERE thread_follows.following = 1",
	NULL,
};
static const struct sql SQL_READ = {
	"UPDATE thread_follows SET read_seq = $4, user_rev = $5 WHERE channel_id = $1 AND thread_id = $2 AND user_id = $3 "
	"AND read_seq < $4",
	NULL,
};
static const struct sql SQL_SEQ = {
	"SELECT thread_seq FROM messages WHERE channel_id = $1 AND message_id = $2 AND thread_id = $3", NULL
};

static enum err upto(struct db_conn *c, const struct thread_write *w, const struct message *root, int64_t *seq)
{
	*seq = root->thread.last_seq;
	if (w->move != THREAD_READ) return OK;
	*seq = 0;
	if (w->message_id == w->root_id) return OK;
	return db_one(c, &SQL_SEQ, DB_ARGS(DB_I64(w->channel_id), DB_I64(w->message_id), DB_I64(w->root_id)), i64_take,
				  seq);
}

static enum err move(struct db_conn *c, const struct thread_write *w, const struct message *root, int64_t user_id,
					 int64_t user_rev, bool *changed)
{
	int64_t seq = 0, n = 0;
	enum err e = upto(c, w, root, &seq);
	if (e) return e;
	struct db_value ch = DB_I64(w->channel_id), id = DB_I64(w->root_id), user = DB_I64(user_id), rev = DB_I64(user_rev);
	switch (w->move) {
	case THREAD_FOLLOW: e = db_exec(c, &SQL_FOLLOW, DB_ARGS(ch, id, user, DB_I64(seq), rev), &n); break;
	case THREAD_UNFOLLOW:
		e = db_exec(c, &SQL_UNFOLLOW, DB_ARGS(ch, id, user, DB_I64(seq), rev, DB_BOOL(root->author_id == user_id)), &n);
		break;
	case THREAD_READ: e = db_exec(c, &SQL_READ, DB_ARGS(ch, id, user, DB_I64(seq), rev), &n); break;
	}
	*changed = n > 0;
	return e;
}

enum err thread_write(struct db_conn *c, struct arena *a, const struct actor *who, struct thread_write *w,
					  int64_t user_rev, bool *changed)
{
	struct channel ch;
	struct message root = { 0 };
	uint64_t epoch;
	*changed = false;
	enum err e = epoch_read(c, &epoch);
	if (!e && w->epoch && w->epoch != epoch) e = ERR_EPOCH_CHANGED;
	if (!e) e = channel_read(c, a, w->channel_id, who, true, &ch);
	if (!e) e = root_read(c, a, &ch, w->root_id, &root);
	w->found = !e;
	w->reply_of = root.thread_id;
	return e ? e : move(c, w, &root, who->user_id, user_rev, changed);
}
