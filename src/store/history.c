#include "store/history.h"

#include <stdlib.h>

#include "base/vec.h"
#include "store/channel.h"
#include "store/epoch.h"
#include "store/indexed.h"
#include "store/log.h"
#include "store/page.h"
#include "store/rows.h"

#define PAGE_CHANGES 100
#define PAGE_BOTH(key, where, order)                                                                                   \
	{                                                                                                                  \
		PAGE_SQL(MESSAGE_COLUMNS, key, where, order), PAGE_SQL(MESSAGE_COLUMNS_SQLITE, key, where, order)              \
	}
/* By $4, without replies in threads, or with them. */
#define ALL " AND $4 = 1"
static const struct sql SQL_DOWN[2] = { PAGE_BOTH(FLOW_ID, " < $3" FLOW, "DESC"),
										PAGE_BOTH("t.message_id", " < $3" ALL, "DESC") };
static const struct sql SQL_UP[2] = { PAGE_BOTH(FLOW_ID, " > $3" FLOW, "ASC"),
									  PAGE_BOTH("t.message_id", " > $3" ALL, "ASC") };

#define BY_ID "FROM messages t WHERE t.channel_id = $1 AND t.message_id = $2 AND t.message_id >= $3"
static const struct sql SQL_ONE = { "SELECT " MESSAGE_COLUMNS " " BY_ID, "SELECT " MESSAGE_COLUMNS_SQLITE " " BY_ID };
#define BY_IDS "FROM messages t WHERE t.channel_id = $1 AND t.message_id >= $3 AND "
static const struct sql SQL_REFS = {
	"SELECT " MESSAGE_COLUMNS " " BY_IDS IDS_ANY("t.message_id", "$2"),
	"SELECT " MESSAGE_COLUMNS_SQLITE " " BY_IDS IDS_ANY_SQLITE("t.message_id", "$2"),
};
static const struct sql SQL_REV_OF = {
	"SELECT t.rev FROM messages t WHERE t.channel_id = $1 AND t.message_id <= $2 ORDER BY t.message_id DESC LIMIT 1",
	NULL,
};
static const struct sql SQL_USERS = {
	"SELECT " USER_COLUMNS " FROM users u WHERE " IDS_ANY("u.user_id", "$1") " ORDER BY u.user_id",
	"SELECT " USER_COLUMNS " FROM users u WHERE " IDS_ANY_SQLITE("u.user_id", "$1") " ORDER BY u.user_id",
};

/* What lies before and behind a page. */
#define BESIDE(key, where, order)                                                                                      \
	{                                                                                                                  \
		"SELECT t.rev FROM messages t WHERE t.channel_id = $1 AND " key " >= $2 AND " key where " ORDER BY " key       \
		" " order " LIMIT 1",                                                                                          \
			NULL                                                                                                       \
	}
static const struct sql SQL_BEFORE[2] = { BESIDE(FLOW_ID, " < $3" FLOW, "DESC"),
										  BESIDE("t.message_id", " < $3" ALL, "DESC") };
static const struct sql SQL_BEHIND[2] = { BESIDE(FLOW_ID, " > $3" FLOW, "ASC"),
										  BESIDE("t.message_id", " > $3" ALL, "ASC") };
struct ids {
	int64_t *p;
	size_t n, cap;
};

enum err page_end(struct db_conn *c, enum err e)
{
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

int64_t page_first(const struct channel *ch)
{
	int64_t first = ch->history == HISTORY_JOINED && ch->me.first_id > 1 ? ch->me.first_id : 1;
	return first > ch->min_id ? first : ch->min_id + 1;
}

/* The rev above which all may be read: what is kept, and under `history: joined` one's membership. */
static int64_t first_rev(const struct channel *ch)
{
	return ch->history == HISTORY_JOINED && ch->me.joined_rev > ch->min_rev ? ch->me.joined_rev : ch->min_rev;
}

/* ---- items */

enum err page_messages(struct db_conn *c, struct arena *a, const struct sql *sql, struct db_args args,
					   struct message *out, size_t most, size_t *n, bool *more)
{
	struct db_rows rows;
	*n = 0;
	*more = false;
	enum err e = db_query(c, sql, args, &rows);
	if (e) return e;
	while (db_next(&rows)) {
		if (*n < most)
			message_take(&rows, 0, a, &out[(*n)++]);
		else
			*more = true;
	}
	return db_end(&rows);
}

struct span {             /* messages up to and from a place */
	int64_t below, above; /* ids: < below, > above */
	size_t n_below, n_above;
};

static struct span span_of(const struct page_query *q, int64_t place)
{
	struct span s = { 0 };
	bool from = q->time_ms != 0 || q->seq != 0; /* the place is the first of them */
	switch (q->kind) {
	case PAGE_LAST: s.below = INT64_MAX, s.n_below = q->limit; break;
	case PAGE_BEFORE: s.below = place, s.n_below = q->limit; break;
	case PAGE_AFTER: s.above = from ? place - 1 : place, s.n_above = q->limit; break;
	case PAGE_AROUND:
		s.below = place, s.n_below = q->limit / 2;
		s.above = place - 1, s.n_above = q->limit - q->limit / 2; /* the place itself is among these */
	}
	return s;
}

/* SQLite goes by the first of two lower bounds: it is the higher one, or all below would be read. */
static int64_t above(int64_t first, int64_t id)
{
	return first > id ? first : id + 1;
}

static enum err read_items(struct db_conn *c, struct arena *a, const struct page_query *q, const struct span *s,
						   struct page *out)
{
	int64_t first = page_first(&out->channel);
	struct message *down = arena_array(a, struct message, s->n_below + 1);
	size_t n_down = 0, n_up = 0;
	bool before = false, after = false;
	enum err e = OK;
	out->items = arena_array(a, struct message, q->limit + 1);
	if (s->n_below || s->below)
		e = page_messages(c, a, &SQL_DOWN[q->threads],
						  DB_ARGS(DB_I64(q->channel_id), DB_I64(first), DB_I64(s->below), DB_BOOL(q->threads),
								  DB_I64((int64_t)s->n_below + 1)),
						  down, s->n_below, &n_down, &before);
	for (size_t i = 0; i < n_down; i++) out->items[i] = down[n_down - 1 - i];
	if (!e && s->n_above)
		e = page_messages(c, a, &SQL_UP[q->threads],
						  DB_ARGS(DB_I64(q->channel_id), DB_I64(above(first, s->above)), DB_I64(s->above),
								  DB_BOOL(q->threads), DB_I64((int64_t)s->n_above + 1)),
						  out->items + n_down, s->n_above, &n_up, &after);
	out->n = n_down + n_up;
	out->before = before, out->after = after;
	return e;
}

static enum err read_beside(struct db_conn *c, const struct sql *sql, const struct page_query *q, int64_t least,
							int64_t id, int64_t *rev)
{
	struct db_rows rows;
	*rev = 0;
	enum err e =
		db_query(c, sql, DB_ARGS(DB_I64(q->channel_id), DB_I64(least), DB_I64(id), DB_BOOL(q->threads)), &rows);
	if (e) return e;
	while (db_next(&rows)) *rev = db_i64(&rows, 0);
	return db_end(&rows);
}

/* A page without messages lies where they would be. */
static enum err read_edges(struct db_conn *c, const struct page_query *q, const struct span *s, struct page *p)
{
	bool upward = q->kind == PAGE_AFTER || q->kind == PAGE_AROUND;
	int64_t lowest = p->n ? p->items[0].message_id : upward ? s->above + 1 : s->below, behind = 0;
	int64_t highest = p->n ? p->items[p->n - 1].message_id : s->below - 1;
	int64_t first = page_first(&p->channel);
	enum err e = OK;
	if (p->before || q->kind == PAGE_AFTER)
		e = read_beside(c, &SQL_BEFORE[q->threads], q, first, lowest, &p->before_rev);
	if (!e && q->kind == PAGE_BEFORE)
		e = read_beside(c, &SQL_BEHIND[q->threads], q, above(first, highest), highest, &behind);
	p->before = p->before_rev != 0;
	p->after = p->after || behind != 0;
	return e;
}

/* ---- what is named */

static void need(struct ids *v, int64_t id)
{
	if (id) vec_push(v, id);
}

static enum err read_refs(struct db_conn *c, struct arena *a, struct page *p)
{
	struct ids ids = { 0 };
	bool more;
	for (size_t i = 0; i < p->n; i++) need(&ids, p->items[i].reply_to);
	enum err e = OK;
	if (ids.n) {
		p->refs = arena_array(a, struct message, ids.n + 1);
		struct db_args args =
			DB_ARGS(DB_I64(p->channel.id), ids_param(c, a, ids.p, ids.n), DB_I64(page_first(&p->channel)));
		e = page_messages(c, a, &SQL_REFS, args, p->refs, ids.n, &p->n_refs, &more);
	}
	vec_release(&ids);
	return e;
}

static void name_reactions(struct ids *v, const struct reactions *r)
{
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->items[i].n_users; k++) need(v, r->items[i].user_ids[k]);
}

static void name_message(struct ids *v, const struct message *m)
{
	need(v, m->author_id);
	for (size_t i = 0; i < m->n_mentions; i++) need(v, m->mention_ids[i]);
	for (size_t i = 0; i < m->thread.n_users && !m->thread_id; i++) need(v, m->thread.user_ids[i]);
	name_reactions(v, &m->reactions);
}

/* Most pages have none. */
static enum err read_mine(struct db_conn *c, struct arena *a, int64_t user_id, struct page *p)
{
	struct ids ids = { 0 };
	for (size_t i = 0; i < p->n; i++) need(&ids, p->items[i].reactions.n ? p->items[i].message_id : 0);
	for (size_t i = 0; i < p->n_refs; i++) need(&ids, p->refs[i].reactions.n ? p->refs[i].message_id : 0);
	enum err e = ids.n ? reactions_mine(c, a, p->channel.id, user_id, ids.p, ids.n, &p->mine, &p->n_mine) : OK;
	vec_release(&ids);
	return e;
}

static enum err read_users(struct db_conn *c, struct arena *a, struct page *p, const int64_t *more, size_t n_more)
{
	struct ids ids = { 0 };
	for (size_t i = 0; i < n_more; i++) need(&ids, more[i]);
	for (size_t i = 0; i < p->n; i++) name_message(&ids, &p->items[i]);
	for (size_t i = 0; i < p->n_refs; i++) name_message(&ids, &p->refs[i]);
	for (size_t i = 0; i < p->n_changes; i++) need(&ids, p->changes[i]->actor_id), need(&ids, p->changes[i]->user_id);
	enum err e = users_by_id(c, a, ids.p, ids.n, &p->users, &p->n_users);
	vec_release(&ids);
	return e;
}

enum err page_users(struct db_conn *c, struct arena *a, struct page *p)
{
	return read_users(c, a, p, NULL, 0);
}

enum err page_named(struct db_conn *c, struct arena *a, int64_t user_id, struct page *p, const int64_t *more,
					size_t n_more)
{
	enum err e = read_refs(c, a, p);
	if (!e) e = read_mine(c, a, user_id, p);
	return e ? e : read_users(c, a, p, more, n_more);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

enum err users_by_id(struct db_conn *c, struct arena *a, const int64_t *ids, size_t n, struct user **out, size_t *found)
{
	struct db_rows rows;
	*found = 0;
	*out = NULL;
	if (!n) return OK;
	int64_t *sorted = arena_array(a, int64_t, n);
	size_t k = 0;
	for (size_t i = 0; i < n; i++) sorted[i] = ids[i];
	qsort(sorted, n, sizeof *sorted, by_number);
	for (size_t i = 0; i < n; i++)
		if (!k || sorted[k - 1] != sorted[i]) sorted[k++] = sorted[i];
	*out = arena_array(a, struct user, k);
	enum err e = db_query(c, &SQL_USERS, DB_ARGS(ids_param(c, a, sorted, k)), &rows);
	if (e) return e;
	while (db_next(&rows))
		if (*found < k) user_take(&rows, 0, a, &(*out)[(*found)++]);
	return db_end(&rows);
}

enum err users_of_messages(struct db_conn *c, struct arena *a, const struct message *m, size_t n, struct user **out,
						   size_t *found)
{
	struct ids ids = { 0 };
	for (size_t i = 0; i < n; i++) name_message(&ids, &m[i]);
	enum err e = users_by_id(c, a, ids.p, ids.n, out, found);
	vec_release(&ids);
	return e;
}

/* ---- a page */

/* From the message before the first to the last one, or to the present behind the very last: so pages that touch have
 * each line once, and all of them. */
static enum err read_changes(struct db_conn *c, struct arena *a, struct page *p)
{
	int64_t since = p->before ? p->before_rev : first_rev(&p->channel);
	const struct log_read q = {
		.channel_id = p->channel.id,
		.since = since,
		.upto = !p->after ? p->channel.rev
				: p->n    ? p->items[p->n - 1].rev
						  : since,
		.most = PAGE_CHANGES,
		.clipped = p->channel.history == HISTORY_JOINED,
		.epoch = p->epoch,
		.min_id = p->channel.min_id,
	};
	return log_system(c, a, &q, &p->changes, &p->n_changes);
}

static enum err page_in(struct db_conn *c, struct arena *a, const struct actor *who, const struct page_query *q,
						struct page *p)
{
	int64_t place = 0;
	enum err e = epoch_read(c, &p->epoch);
	if (!e) e = channel_read(c, a, q->channel_id, who, true, &p->channel);
	if (!e) e = page_place(c, &p->channel, q, &place);
	if (e) return e;
	const struct span s = span_of(q, place);
	e = read_items(c, a, q, &s, p);
	if (!e) e = read_edges(c, q, &s, p);
	if (!e) e = read_changes(c, a, p);
	return e ? e : page_named(c, a, who->user_id, p, NULL, 0);
}

enum err page_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct page_query *q,
				   struct page *out)
{
	*out = (struct page){ 0 };
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	e = page_end(c, page_in(c, a, who, q, out));
	if (e) page_release(out);
	return e;
}

void page_release(struct page *p)
{
	for (size_t i = 0; i < p->n_changes; i++) event_unref(p->changes[i]);
	p->n_changes = 0;
}

/* ---- pins */

/* Those of one moment by their ids, so that a cursor has one meaning. */
#define PINNED_FROM                                                                                                    \
	", t.pinned_by FROM messages t WHERE t.channel_id = $1 AND t.pinned_at IS NOT NULL AND t.message_id >= $2 AND "    \
	"(t.pinned_at < $3 OR (t.pinned_at = $3 AND t.message_id < $4)) ORDER BY t.pinned_at DESC, t.message_id DESC "     \
	"LIMIT $5"
static const struct sql SQL_PINNED = {
	"SELECT " MESSAGE_COLUMNS PINNED_FROM,
	"SELECT " MESSAGE_COLUMNS_SQLITE PINNED_FROM,
};

static bool cursor_read(struct str cursor, int64_t *at, int64_t *id)
{
	struct str part;
	*at = *id = INT64_MAX;
	if (!cursor.p) return true;
	return str_split(&cursor, '-', &part) && str_i64(part, 1, INT64_MAX, at) && str_i64(cursor, 1, INT64_MAX, id);
}

static enum err read_pinned(struct db_conn *c, struct arena *a, const struct pins_query *q, struct pins *out)
{
	struct page *p = &out->page;
	struct db_rows rows;
	int64_t at, id;
	if (!cursor_read(q->cursor, &at, &id)) return ERR_INVALID;
	p->items = arena_array(a, struct message, q->limit + 1);
	out->pins = arena_zalloc(a, mem_times(q->limit + 1, sizeof *out->pins));
	enum err e = db_query(c, &SQL_PINNED,
						  DB_ARGS(DB_I64(q->channel_id), DB_I64(page_first(&p->channel)), DB_I64(at), DB_I64(id),
								  DB_I64((int64_t)q->limit + 1)),
						  &rows);
	if (e) return e;
	for (; p->n <= q->limit && db_next(&rows); p->n++) {
		message_take(&rows, 0, a, &p->items[p->n]);
		out->pins[p->n].at = db_i64(&rows, MESSAGE_PINNED_AT);
		out->pins[p->n].user_id = db_i64(&rows, MESSAGE_COLUMN_COUNT);
	}
	if (p->n > q->limit) {
		p->n--;
		out->next =
			arena_printf(a, "%lld-%lld", (long long)out->pins[p->n - 1].at, (long long)p->items[p->n - 1].message_id);
	}
	return db_end(&rows);
}

static enum err pins_in(struct db_conn *c, struct arena *a, const struct actor *who, const struct pins_query *q,
						struct pins *out)
{
	struct page *p = &out->page;
	enum err e = channel_read(c, a, q->channel_id, who, true, &p->channel);
	if (!e) e = read_pinned(c, a, q, out);
	if (e) return e;
	int64_t *by = arena_array(a, int64_t, p->n + 1);
	for (size_t i = 0; i < p->n; i++) by[i] = out->pins[i].user_id;
	return page_named(c, a, who->user_id, p, by, p->n);
}

enum err pins_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct pins_query *q,
				   struct pins *out)
{
	*out = (struct pins){ .next = STR_NONE };
	enum err e = db_begin_snapshot(c);
	return e ? e : page_end(c, pins_in(c, a, who, q, out));
}

/* ---- one message */

enum err message_find(struct db_conn *c, struct arena *a, const struct channel *ch, int64_t message_id,
					  struct message *out)
{
	size_t n = 0;
	bool more;
	struct db_args args = DB_ARGS(DB_I64(ch->id), DB_I64(message_id), DB_I64(page_first(ch)));
	enum err e = page_messages(c, a, &SQL_ONE, args, out, 1, &n, &more);
	return !e && !n ? ERR_NOT_FOUND : e;
}

enum err message_read(struct db_conn *c, struct arena *a, const struct actor *who, int64_t channel_id,
					  int64_t message_id, struct message *out)
{
	struct channel ch;
	enum err e = channel_read(c, a, channel_id, who, true, &ch);
	return e ? e : message_find(c, a, &ch, message_id, out);
}

/* ---- catch-up */

static enum err since_of(struct db_conn *c, const struct changes_query *q, int64_t *since)
{
	struct db_rows rows;
	*since = q->since_rev;
	if (q->since_rev >= 0) return OK;
	*since = 0;
	enum err e = db_query(c, &SQL_REV_OF, DB_ARGS(DB_I64(q->channel_id), DB_I64(q->since_message_id)), &rows);
	if (e) return e;
	while (db_next(&rows)) *since = db_i64(&rows, 0);
	return db_end(&rows);
}

static enum err changes_in(struct db_conn *c, struct arena *a, const struct actor *who, const struct changes_query *q,
						   struct changes *out)
{
	struct channel ch;
	int64_t since;
	enum err e = epoch_read(c, &out->epoch);
	if (!e) e = channel_read(c, a, q->channel_id, who, true, &ch);
	if (!e && q->epoch && q->epoch != out->epoch) e = ERR_RESET;
	if (!e) e = since_of(c, q, &since);
	if (!e && (since < first_rev(&ch) || since > ch.rev)) e = ERR_RESET;
	if (e) return e;
	const struct log_read l = { ch.id, since, ch.rev, q->limit, ch.history == HISTORY_JOINED, out->epoch, ch.min_id };
	e = log_read(c, a, &l, &out->items, &out->n);
	out->rev = ch.rev, out->at = ch.rev_at;
	out->after = out->n && out->items[out->n - 1]->rev < ch.rev;
	return e;
}

enum err changes_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct changes_query *q,
					  struct changes *out)
{
	*out = (struct changes){ 0 };
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	e = page_end(c, changes_in(c, a, who, q, out));
	if (e) changes_release(out);
	return e;
}

void changes_release(struct changes *p)
{
	for (size_t i = 0; i < p->n; i++) event_unref(p->items[i]);
	p->n = 0;
}
