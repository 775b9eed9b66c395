/* A channel is cut at the multiples of 1,024, 256 and 64: each stretch into the largest that its last message fills and
 * that has no more than SEGMENT_BYTES of bodies, so that 64 grow to 256 and these to 1,024, and where the cuts are
 * depends on nothing but the last message's number and what the messages say. The bodies are read first and looked at
 * when their statement has ended, for its own time runs meanwhile. */
#include "store/segment.h"

#include "base/vec.h"
#include "db/array.h"

#define SEGMENT_BYTES                                                                                                  \
	(1024 * 1024) /* of bodies; 64 messages are one whatever they have. In the making it takes 16 times as much */

static const struct sql SQL_FIND = {
	"SELECT h.channel_id, h.last_id, greatest(coalesce(s.done_id, 0), h.min_id) FROM heads h LEFT JOIN search_channels "
	"s "
	"ON s.channel_id = h.channel_id WHERE h.last_id - greatest(coalesce(s.done_id, 0), h.min_id) >= 64 AND "
	"h.deleted_at IS NULL ORDER BY h.channel_id",
	NULL,
};
static const struct sql SQL_DONE = { "SELECT done_id FROM search_channels WHERE channel_id = $1", NULL };
static const struct sql SQL_KNOWN = {
	"SELECT lo, hi FROM search_segments WHERE channel_id = $1 AND lo > $2 ORDER BY lo", NULL
};
static const struct sql SQL_BODIES = {
	"SELECT message_id, author_id, created_at, body_rev, deleted_at, body FROM messages WHERE channel_id = $1 AND "
	"message_id BETWEEN $2 AND $3 ORDER BY message_id",
	NULL,
};
static const struct sql SQL_BYTES = {
	"SELECT CAST(coalesce(sum(octet_length(body)), 0) AS BIGINT) FROM messages WHERE channel_id = $1 AND message_id "
	"BETWEEN $2 AND $3",
	"SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM messages WHERE channel_id = $1 AND message_id BETWEEN $2 "
	"AND $3",
};
static const struct sql SQL_SAME = {
	"SELECT count(*), count(deleted_at), CAST(coalesce(sum(body_rev), 0) AS BIGINT), (SELECT count(*) FROM "
	"search_segments s WHERE s.channel_id = $1 AND s.lo = $2 AND s.hi = $3) FROM messages WHERE channel_id = $1 AND "
	"message_id BETWEEN $2 AND $3",
	NULL,
};
static const struct sql SQL_LOCK = { "SELECT pg_advisory_xact_lock(7310591, ($1::bigint % 2147483647)::int)::text",
									 "SELECT $1" };
/* What a crash takes back is made again. And whoever edits waits for SQL_LOCK with heads locked: a process that has
 * stopped, or is behind a cut cable, loses it as soon as appends lose theirs. */
static const struct sql SQL_SHORT = {
	"SELECT set_config('synchronous_commit', 'off', true), set_config('idle_in_transaction_session_timeout', '5000', "
	"true), set_config('tcp_user_timeout', '5000', true)",
	"SELECT 1",
};
static const struct sql SQL_CLEAR_LEAVES = { "DELETE FROM search_leaves WHERE channel_id = $1 AND lo BETWEEN $2 AND $3",
											 NULL };
static const struct sql SQL_CLEAR = { "DELETE FROM search_segments WHERE channel_id = $1 AND lo BETWEEN $2 AND $3",
									  NULL };
static const struct sql SQL_PUT = {
	"INSERT INTO search_segments (channel_id, lo, hi, first_at, last_at) VALUES ($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_PUT_LEAF = {
	"INSERT INTO search_leaves (channel_id, lo, first_gram, data) VALUES ($1, $2, $3, $4)", NULL
};
static const struct sql SQL_PUT_LEAVES = {
	"INSERT INTO search_leaves (channel_id, lo, first_gram, data) SELECT $1, $2, t.g, t.d FROM unnest($3::bigint[], "
	"$4::bytea[]) AS t (g, d)",
	NULL,
};
/* Only from where it was found: it may have been taken back since. */
static const struct sql SQL_PUT_DONE = {
	"INSERT INTO search_channels (channel_id, done_id) VALUES ($1, $3) ON CONFLICT (channel_id) DO UPDATE SET done_id "
	"= "
	"$3 WHERE search_channels.done_id = $2",
	NULL,
};
static const struct sql SQL_LEASE = {
	"UPDATE search_lease SET pod = $1, until = linnet_now_ms() + $3 WHERE name = 'index' AND (pod = $1 OR until < "
	"linnet_now_ms() OR until > linnet_now_ms() + $3 OR $2::bigint < 0)",
	"UPDATE search_lease SET pod = $1, until = $2 + $3 WHERE name = 'index'",
};

/* ---- what there is to do */

enum err segment_find(struct db_conn *c, struct segment_work *out, size_t most, size_t *n, int64_t *waiting)
{
	struct db_rows rows;
	*n = 0;
	*waiting = 0;
	enum err e = db_query(c, &SQL_FIND, DB_NO_ARGS, &rows);
	if (e) return e;
	while (db_next(&rows)) {
		const struct segment_work w = { db_i64(&rows, 0), db_i64(&rows, 1), db_i64(&rows, 2) };
		*waiting += w.last_id - w.done_id;
		if (*n < most) out[(*n)++] = w;
	}
	return db_end(&rows);
}

struct cut {
	int64_t lo, hi;
};
struct cuts {
	struct cut *p;
	size_t n, cap;
};

static enum err read_bytes(struct db_conn *c, int64_t channel_id, const struct cut *x, int64_t *bytes)
{
	struct db_rows rows;
	enum err e = db_query(c, &SQL_BYTES, DB_ARGS(DB_I64(channel_id), DB_I64(x->lo), DB_I64(x->hi)), &rows);
	if (e) return e;
	while (db_next(&rows)) *bytes = db_i64(&rows, 0);
	return db_end(&rows);
}

/* The one that message `id` is in; *found false: it has none yet. */
static enum err find_cut(struct db_conn *c, const struct segment_work *w, int64_t id, struct cut *out, bool *found)
{
	enum err e = OK;
	*found = false;
	for (int64_t size = SEGMENT_MOST; !e && !*found && size >= SEGMENT_LEAST; size /= 4) {
		int64_t before = (id - 1) / size * size, bytes = 0;
		*out = (struct cut){ before + 1, before + size };
		if (out->hi > w->last_id) continue;
		if (size > SEGMENT_LEAST) e = read_bytes(c, w->channel_id, out, &bytes);
		*found = !e && bytes <= SEGMENT_BYTES;
	}
	return e;
}

static enum err read_known(struct db_conn *c, const struct segment_work *w, struct cuts *out)
{
	struct db_rows rows;
	enum err e = db_query(c, &SQL_KNOWN, DB_ARGS(DB_I64(w->channel_id), DB_I64(w->done_id - SEGMENT_MOST)), &rows);
	if (e) return e;
	while (db_next(&rows)) vec_push(out, ((struct cut){ db_i64(&rows, 0), db_i64(&rows, 1) }));
	return db_end(&rows);
}

static bool is_known(const struct cuts *known, const struct cut *x)
{
	size_t low = 0, high = known->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (known->p[mid].lo < x->lo)
			low = mid + 1;
		else
			high = mid;
	}
	return low < known->n && known->p[low].lo == x->lo && known->p[low].hi == x->hi;
}

/* ---- making */

struct making_body {
	int64_t message_id, author_id;
	size_t at, n; /* in the text */
};
struct making {
	struct segment *s;
	struct arena *a;
	struct leaf_maker maker;
	struct fold fold;
	struct grams grams;
	VEC(struct segment_leaf) leaves;
	VEC(struct making_body) bodies;
	struct buf text; /* of all of them */
};

static void take_row(struct making *k, const struct db_rows *r)
{
	struct segment *s = k->s;
	int64_t at = db_i64(r, 2);
	s->rows++;
	s->body_revs += db_i64(r, 3);
	if (!s->first_at) s->first_at = at;
	s->last_at = at;
	if (!db_is_null(r, 4)) {
		s->deleted++;
		return;
	}
	struct str body = db_str(r, 5);
	vec_push(&k->bodies, ((struct making_body){ db_i64(r, 0), db_i64(r, 1), k->text.n, body.n }));
	buf_add_str(&k->text, body);
	buf_add_byte(&k->text, 0);
}

static void take_grams(struct making *k, const struct making_body *x)
{
	fold_text(&k->fold, (struct str){ k->text.p + x->at, x->n });
	k->grams.n = 0;
	grams_add(&k->grams, &k->fold);
	vec_push(&k->grams, gram_author(x->author_id));
	leaf_maker_add(&k->maker, (uint32_t)(x->message_id - k->s->lo), &k->grams);
}

static void take_leaf(void *arg, int64_t first_gram, struct str data)
{
	struct making *k = arg;
	vec_push(&k->leaves, ((struct segment_leaf){ first_gram, arena_str(k->a, data) }));
}

static enum err make(struct db_conn *c, struct making *k)
{
	struct segment *s = k->s;
	struct db_rows rows;
	vec_clear(&k->bodies);
	k->text.n = 0;
	enum err e = db_query(c, &SQL_BODIES, DB_ARGS(DB_I64(s->channel_id), DB_I64(s->lo), DB_I64(s->hi)), &rows);
	if (e) return e;
	while (db_next(&rows)) take_row(k, &rows);
	e = db_end(&rows);
	if (e) return e;
	for (size_t i = 0; i < k->bodies.n; i++) take_grams(k, &k->bodies.p[i]);
	vec_clear(&k->leaves);
	leaf_maker_end(&k->maker, take_leaf, k);
	s->n_leaves = k->leaves.n;
	s->leaves = arena_array(k->a, struct segment_leaf, s->n_leaves + 1);
	for (size_t i = 0; i < s->n_leaves; i++) s->leaves[i] = k->leaves.p[i];
	return OK;
}

static enum err make_all(struct db_conn *c, struct making *k, const struct segment_work *w, const struct cuts *known,
						 int64_t messages, size_t most, size_t *n)
{
	struct segment *out = k->s;
	struct cut x;
	int64_t done = w->done_id;
	bool found;
	enum err e = OK;
	while (!e && *n < most && messages > 0) {
		e = find_cut(c, w, done + 1, &x, &found);
		if (e || !found) break;
		bool known_here = is_known(known, &x);
		if (known_here && *n && out[*n - 1].known) {
			done = out[*n - 1].done_after = x.hi; /* one step over many */
			continue;
		}
		k->s = &out[(*n)++];
		*k->s =
			(struct segment){ w->channel_id, x.lo, x.hi, .done_before = done, .done_after = x.hi, .known = known_here };
		if (!known_here) e = make(c, k), messages -= x.hi - x.lo + 1;
		done = x.hi;
	}
	return e;
}

/* What the row says, which is less than `done_id` where retention has gone further. */
static enum err read_done(struct db_conn *c, int64_t channel_id, int64_t *done)
{
	struct db_rows rows;
	enum err e = db_query(c, &SQL_DONE, DB_ARGS(DB_I64(channel_id)), &rows);
	if (e) return e;
	while (db_next(&rows)) *done = db_i64(&rows, 0);
	return db_end(&rows);
}

enum err segment_make(struct db_conn *c, struct arena *a, const struct segment_work *w, int64_t messages,
					  struct segment *out, size_t most, size_t *n)
{
	struct making k = { .s = out, .a = a };
	buf_init(&k.text);
	struct cuts known = { 0 };
	size_t from = *n;
	int64_t done = w->done_id;
	enum err e = read_known(c, w, &known);
	if (!e) e = read_done(c, w->channel_id, &done);
	if (!e) e = make_all(c, &k, w, &known, messages, most, n);
	if (*n > from && done < out[from].done_before) out[from].done_before = done;
	leaf_maker_release(&k.maker);
	fold_release(&k.fold);
	grams_release(&k.grams);
	vec_release(&k.leaves);
	vec_release(&k.bodies);
	buf_release(&k.text);
	vec_release(&known);
	return e;
}

/* ---- storing */

/* Nothing of it has changed, and nobody was quicker. */
static enum err is_wanted(struct db_conn *c, const struct segment *s, bool *wanted)
{
	struct db_rows rows;
	enum err e = db_query(c, &SQL_SAME, DB_ARGS(DB_I64(s->channel_id), DB_I64(s->lo), DB_I64(s->hi)), &rows);
	if (e) return e;
	while (db_next(&rows))
		*wanted = db_i64(&rows, 0) == s->rows && db_i64(&rows, 1) == s->deleted && db_i64(&rows, 2) == s->body_revs &&
				  !db_i64(&rows, 3);
	return db_end(&rows);
}

/* In Postgres all in one go. */
static enum err put_leaves_at_once(struct db_conn *c, const struct segment *s)
{
	struct db_array grams = { 0 }, data = { 0 };
	if (!s->n_leaves) return OK;
	db_array_begin(&grams, DB_T_I64);
	db_array_begin(&data, DB_T_BYTES);
	for (size_t i = 0; i < s->n_leaves; i++) {
		db_array_i64(&grams, s->leaves[i].first_gram);
		db_array_str(&data, s->leaves[i].data);
	}
	enum err e =
		db_exec(c, &SQL_PUT_LEAVES,
				DB_ARGS(DB_I64(s->channel_id), DB_I64(s->lo), db_array_end(&grams), db_array_end(&data)), NULL);
	db_array_release(&grams);
	db_array_release(&data);
	return e;
}

static enum err put_leaves(struct db_conn *c, const struct segment *s)
{
	enum err e = OK;
	if (db_conn_kind(c) == DB_POSTGRES) return put_leaves_at_once(c, s);
	for (size_t i = 0; !e && i < s->n_leaves; i++)
		e = db_exec(
			c, &SQL_PUT_LEAF,
			DB_ARGS(DB_I64(s->channel_id), DB_I64(s->lo), DB_I64(s->leaves[i].first_gram), DB_BYTES(s->leaves[i].data)),
			NULL);
	return e;
}

static enum err put(struct db_conn *c, const struct segment *s, bool *stored)
{
	struct db_args span = DB_ARGS(DB_I64(s->channel_id), DB_I64(s->lo), DB_I64(s->hi));
	*stored = s->known;
	enum err e = s->known ? OK : is_wanted(c, s, stored);
	if (e || !*stored) return e;
	if (!s->known) {
		e = db_exec(c, &SQL_CLEAR_LEAVES, span, NULL);
		if (!e) e = db_exec(c, &SQL_CLEAR, span, NULL);
		if (!e) e = put_leaves(c, s);
		if (!e)
			e = db_exec(
				c, &SQL_PUT,
				DB_ARGS(DB_I64(s->channel_id), DB_I64(s->lo), DB_I64(s->hi), DB_I64(s->first_at), DB_I64(s->last_at)),
				NULL);
	}
	return e ? e
			 : db_exec(c, &SQL_PUT_DONE, DB_ARGS(DB_I64(s->channel_id), DB_I64(s->done_before), DB_I64(s->done_after)),
					   NULL);
}

static enum err put_locked(struct db_conn *c, const struct segment *s, bool *stored)
{
	enum err e = db_exec(c, &SQL_SHORT, DB_NO_ARGS, NULL);
	if (!e) e = db_exec(c, &SQL_LOCK, DB_ARGS(DB_I64(s->channel_id)), NULL);
	return e ? e : put(c, s, stored);
}

static enum err store_one(struct db_conn *c, const struct segment *s, bool *stored)
{
	enum err e = db_begin(c);
	if (e) return e;
	e = put_locked(c, s, stored);
	if (!e && *stored) return db_commit(c);
	db_rollback(c);
	*stored = false;
	return e == ERR_CONFLICT ? OK : e; /* another process was quicker */
}

/* There is one writer, and a commit costs it more than a segment does. */
static enum err store_together(struct db_conn *c, const struct segment *s, size_t n, bool *stored)
{
	enum err e = db_begin(c);
	for (size_t i = 0; !e && i < n; i++) e = put(c, &s[i], &stored[i]);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

enum err segment_store(struct db_conn *c, const struct segment *s, size_t n, bool *stored)
{
	enum err e = OK;
	for (size_t i = 0; i < n; i++) stored[i] = false;
	if (db_conn_kind(c) == DB_SQLITE) return store_together(c, s, n, stored);
	for (size_t i = 0; !e && i < n; i++) e = store_one(c, &s[i], &stored[i]);
	return e;
}

enum err segment_lease(struct db_conn *c, struct str pod, int64_t now_ms, int64_t for_ms, bool *mine)
{
	int64_t changed = 0;
	enum err e = db_exec(c, &SQL_LEASE, DB_ARGS(DB_TEXT(pod), DB_I64(now_ms), DB_I64(for_ms)), &changed);
	*mine = !e && changed > 0;
	return e;
}
