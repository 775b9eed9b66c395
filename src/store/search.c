/* Rounds. Each takes the spans whose upper ends are the youngest, more of them from round to round, asks the index
 * which of their messages may match, and reads the youngest of these; of what is not indexed, the youngest of all. A
 * span's upper end goes down to what was read last. When so many were found that whatever is left is older than the
 * page's last, the page is done: so a frequent word costs a look at the newest messages, a rare one some leaves a
 * segment, and how frequent it is is counted as it goes, not guessed beforehand. */
#include "store/search.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/history.h"
#include "store/rows.h"
#include "store/search_private.h"

#define SPANS_FIRST 16 /* of the first round; four times as many in each that follows, up to SPANS_MOST */
#define HITS_FIRST 16  /* read of a segment's hits in a round, likewise; of what is not indexed eight times as many */
#define HITS_MOST 128
#define ROWS_FIRST 256   /* bodies of one round, which are in memory together; twice as many in the next, */
#define ROWS_MOST 1024   /* up to so many */
#define LOOK_BYTES 16384 /* of bodies between two looks at the clock while they are matched */

/* [[channel, from, to], ...] */
#define BODY_COLUMNS "t.message_id, t.author_id, t.created_at, t.deleted_at, t.body"
static const struct sql SQL_BODIES = {
	"SELECT w.i - 1, " BODY_COLUMNS " FROM json_array_elements($1::json) WITH ORDINALITY w (v, i) CROSS JOIN LATERAL "
	"(SELECT * FROM messages m WHERE m.channel_id = (w.v ->> 0)::bigint AND m.message_id BETWEEN (w.v ->> 1)::bigint "
	"AND "
	"(w.v ->> 2)::bigint OFFSET 0) t",
	"SELECT w.key, " BODY_COLUMNS " FROM json_each($1) w CROSS JOIN messages t WHERE t.channel_id = "
	"json_extract(w.value, '$[0]') AND t.message_id BETWEEN json_extract(w.value, '$[1]') AND json_extract(w.value, "
	"'$[2]')",
};
static const struct sql SQL_WHOLE = {
	"SELECT w.i - 1, " MESSAGE_COLUMNS
	" FROM json_array_elements($1::json) WITH ORDINALITY w (v, i) CROSS JOIN LATERAL "
	"(SELECT * FROM messages m WHERE m.channel_id = (w.v ->> 0)::bigint AND m.message_id = (w.v ->> 1)::bigint OFFSET "
	"0) t",
	"SELECT w.key, " MESSAGE_COLUMNS_SQLITE " FROM json_each($1) w CROSS JOIN messages t WHERE t.channel_id = "
	"json_extract(w.value, '$[0]') AND t.message_id = json_extract(w.value, '$[1]')",
};
static const struct sql SQL_PERSON = { "SELECT user_id FROM users WHERE username = $1", NULL };
/* Whatever the statistics say: by their keys. */
static const struct sql SQL_PLANS = {
	"SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
	"set_config('enable_mergejoin', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', "
	"'off', "
	"true), set_config('statement_timeout', $1, true)",
	"SELECT $1",
};

/* ---- what was asked for */

static enum err read_author(struct searching *s, struct str name)
{
	struct db_rows rows;
	int64_t id = 0;
	enum err e = OK;
	if (!str_i64(name, 1, INT64_MAX, &id)) {
		e = db_query(s->c, &SQL_PERSON, DB_ARGS(DB_TEXT(name)), &rows);
		while (!e && db_next(&rows)) id = db_i64(&rows, 0);
		if (!e) e = db_end(&rows);
	}
	s->nothing = s->nothing || !id || (s->author_id && s->author_id != id);
	s->author_id = id;
	return e;
}

static bool cursor_read(struct str cursor, struct found *out)
{
	struct str part;
	*out = (struct found){ INT64_MAX, INT64_MAX, INT64_MAX };
	if (!cursor.p) return true;
	return str_split(&cursor, '-', &part) && str_i64(part, 0, INT64_MAX, &out->at) && str_split(&cursor, '-', &part) &&
		   str_i64(part, 0, INT64_MAX, &out->channel_id) && cursor.p && str_i64(cursor, 0, INT64_MAX, &out->message_id);
}

static const struct fold link_sign = { .p = (struct fold_char[]){ { ':', 0, 0 }, { '/', 0, 0 }, { '/', 0, 0 } },
									   .n = 3 };

/* The longest words first would narrow more; but a query has few words, and a few grams of each are taken. */
static void choose_ranges(struct searching *s)
{
	const struct query *q = s->ask->query;
	struct gram_range got[GRAM_RANGES];
	if (s->author_id)
		s->ranges[s->n_ranges++] = (struct gram_range){ gram_author(s->author_id), gram_author(s->author_id) };
	if (q->has_link) s->n_ranges += gram_ranges(&link_sign, s->ranges + s->n_ranges);
	for (size_t i = 0; i < q->n_terms; i++) {
		size_t n = gram_ranges(&q->terms[i], got);
		for (size_t k = 0; k < n && s->n_ranges < SEARCH_RANGES; k++) s->ranges[s->n_ranges++] = got[k];
	}
}

static enum err understand(struct searching *s)
{
	const struct query *q = s->ask->query;
	enum err e = OK;
	if (!cursor_read(s->ask->cursor, &s->upto)) return ERR_INVALID;
	if (q->before_ms && q->before_ms - 1 < s->upto.at)
		s->upto = (struct found){ q->before_ms - 1, INT64_MAX, INT64_MAX };
	s->from_ms = q->after_ms;
	s->nothing = q->has_file || (q->unseen && !q->n_terms); /* nothing is attached to messages yet */
	for (size_t i = 0; !e && i < q->n_from; i++) e = read_author(s, q->from[i]);
	choose_ranges(s);
	return e;
}

/* ---- a round */

struct candidate { /* read, and not yet matched */
	struct found f;
	size_t at, n; /* in the round's text */
};
struct round {
	struct span **picked;
	size_t n, n_spans, n_hits, n_rows; /* how many may be taken */
	struct span **asked;               /* of each range of bodies that is read */
	size_t n_asked, rows;
	struct buf list;
	VEC(struct candidate) bodies;
	struct buf text; /* of all of them */
};

static int by_above(const void *a, const void *b)
{
	const struct span *x = *(struct span *const *)a, *y = *(struct span *const *)b;
	if (x->above != y->above) return x->above > y->above ? -1 : 1;
	if (x->channel_id != y->channel_id) return x->channel_id < y->channel_id ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int by_time(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	return found_after(x, y) ? 1 : found_after(y, x) ? -1 : 0;
}

/* What is as old as the last of a full page and one more is of no use; what is older than was asked for neither. */
static int64_t still_wanted(struct searching *s)
{
	size_t most = s->ask->limit + 1;
	if (s->found.n < most) return s->from_ms;
	qsort(s->found.p, s->found.n, sizeof *s->found.p, by_time);
	s->found.n = most;
	return s->found.p[most - 1].at;
}

static void pick(struct searching *s, struct round *r)
{
	int64_t wanted = still_wanted(s);
	r->n = 0;
	for (size_t i = 0; i < s->spans.n; i++) {
		struct span *x = &s->spans.p[i];
		if (!x->over && x->above >= wanted && x->next >= x->lo) r->picked[r->n++] = x;
	}
	if (r->n) qsort(r->picked, r->n, sizeof *r->picked, by_above);
	if (r->n > r->n_spans) r->n = r->n_spans;
}

static enum err look(struct searching *s, struct round *r)
{
	struct span *unknown[SPANS_MOST];
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->picked[i]->segment && !r->picked[i]->looked) unknown[n++] = r->picked[i];
	return n ? spans_look(s, unknown, n) : OK;
}

static void want(struct round *r, struct span *x, int64_t from, int64_t to)
{
	char text[80];
	int n = snprintf(text, sizeof text, "%s[%lld,%lld,%lld]", r->n_asked ? "," : "", (long long)x->channel_id,
					 (long long)from, (long long)to);
	buf_add(&r->list, text, (size_t)n);
	r->asked[r->n_asked++] = x;
}

/* The youngest hits of a segment. Neighbours are one range. */
static void want_hits(struct round *r, struct span *x)
{
	int64_t from = 0, to = -1;
	size_t n = 0;
	while (n < r->n_hits && r->rows < r->n_rows) {
		int place = places_take(&x->hits);
		int64_t id = x->segment + place;
		if (place < 0 || id < x->lo) {
			x->over = true;
			break;
		}
		if (id > x->next) continue;
		n++, r->rows++;
		if (to >= 0 && id == from - 1) {
			from = id;
			continue;
		}
		if (to >= 0) want(r, x, from, to);
		from = to = id;
	}
	if (to >= 0) want(r, x, from, to);
	if (to >= 0) x->next = from - 1;
}

static void want_all(struct round *r, struct span *x)
{
	size_t left = r->n_rows - r->rows, most = r->n_hits * 8 < left ? r->n_hits * 8 : left;
	int64_t from = x->next - (int64_t)most + 1;
	if (from <= x->lo) from = x->lo, x->over = true;
	want(r, x, from, x->next);
	r->rows += (size_t)(x->next - from + 1);
	x->next = from - 1;
}

/* Only kept: the statement ends before anything is matched, for its own time runs meanwhile. */
static void take_body(struct searching *s, struct round *r, const struct db_rows *rows)
{
	struct span *x = r->asked[db_i64(rows, 0)];
	const struct found f = { db_i64(rows, 3), x->channel_id, db_i64(rows, 1) };
	s->scanned++;
	if (f.at < x->above) x->above = f.at;
	if (!db_is_null(rows, 4) || f.at < s->from_ms || !found_after(&f, &s->upto)) return;
	if (s->author_id && db_i64(rows, 2) != s->author_id) return;
	struct str body = db_str(rows, 5);
	vec_push(&r->bodies, ((struct candidate){ f, r->text.n, body.n }));
	buf_add_str(&r->text, body);
	buf_add_byte(&r->text, 0);
}

static enum err read_bodies(struct searching *s, struct round *r)
{
	struct db_rows rows;
	vec_clear(&r->bodies);
	r->text.n = 0;
	if (!r->n_asked) return OK;
	buf_add_byte(&r->list, ']');
	enum err e = db_query(s->c, &SQL_BODIES, DB_ARGS(DB_TEXT(buf_str(&r->list))), &rows);
	if (e) return e;
	while (db_next(&rows)) take_body(s, r, &rows);
	return db_end(&rows);
}

static int by_candidate(const void *a, const void *b)
{
	return by_time(&((const struct candidate *)a)->f, &((const struct candidate *)b)->f);
}

static bool is_late(const struct searching *s)
{
	return clock_monotonic_ns(&clock_real) > s->end_ns;
}

/* How young what is still to be read may be; -1: nothing is. */
static int64_t youngest_left(const struct searching *s)
{
	int64_t at = -1;
	for (size_t i = 0; i < s->spans.n; i++) {
		const struct span *x = &s->spans.p[i];
		if (!x->over && x->next >= x->lo && x->above >= s->from_ms && x->above > at) at = x->above;
	}
	return at;
}

/* From the youngest down, so that where it ends a cursor can go on: *reached is of the first that was left. It does not
 * end before it has come further than the cursor with which it began. */
static void match(struct searching *s, struct round *r, int64_t *reached)
{
	size_t since = 0;
	bool moved = youngest_left(s) < s->upto.at;
	if (r->bodies.n) qsort(r->bodies.p, r->bodies.n, sizeof *r->bodies.p, by_candidate);
	for (size_t i = 0; i < r->bodies.n; i++) {
		const struct candidate *x = &r->bodies.p[i];
		struct str body = { r->text.p + x->at, x->n };
		if (since >= LOOK_BYTES && moved && x->f.at < s->upto.at) {
			since = 0;
			if (is_late(s)) {
				*reached = x->f.at;
				return;
			}
		}
		since += body.n;
		fold_text(&s->fold, body);
		if (query_matches(s->ask->query, &s->fold, body)) vec_push(&s->found, x->f);
	}
}

static enum err run_round(struct searching *s, struct round *r, int64_t *reached)
{
	enum err e = look(s, r);
	if (e) return e;
	r->list.n = 0;
	buf_add_byte(&r->list, '[');
	r->n_asked = r->rows = 0;
	for (size_t i = 0; i < r->n && r->rows < r->n_rows; i++) {
		struct span *x = r->picked[i];
		if (x->segment)
			want_hits(r, x);
		else
			want_all(r, x);
	}
	e = read_bodies(s, r);
	if (!e) match(s, r, reached);
	r->n_spans = r->n_spans * 4 < SPANS_MOST ? r->n_spans * 4 : SPANS_MOST;
	r->n_hits = r->n_hits * 2 < HITS_MOST ? r->n_hits * 2 : HITS_MOST;
	r->n_rows = r->n_rows * 2 < ROWS_MOST ? r->n_rows * 2 : ROWS_MOST;
	return e;
}

/* Until the page is full or all is read; else, when time is over, *reached says what is still to be read: that moment
 * and before. */
static enum err run(struct searching *s, int64_t *reached)
{
	struct round r = { .n_spans = SPANS_FIRST, .n_hits = HITS_FIRST, .n_rows = ROWS_FIRST };
	enum err e = OK;
	r.picked = arena_array(s->a, struct span *, s->spans.n + 1);
	r.asked = arena_array(s->a, struct span *, ROWS_MOST);
	buf_init(&r.list);
	buf_init(&r.text);
	*reached = -1;
	for (pick(s, &r); !e && r.n; pick(s, &r)) {
		e = run_round(s, &r, reached);
		int64_t left = youngest_left(s);
		if (*reached < 0 && !(is_late(s) && left < s->upto.at)) continue;
		if (left > *reached) *reached = left;
		break;
	}
	buf_release(&r.list);
	buf_release(&r.text);
	vec_release(&r.bodies);
	return e;
}

/* ---- the page */

static void close_page(struct searching *s, int64_t reached, struct search_page *out)
{
	const struct found *last;
	if (s->found.n) qsort(s->found.p, s->found.n, sizeof *s->found.p, by_time);
	while (reached >= 0 && s->found.n && s->found.p[s->found.n - 1].at <= reached) s->found.n--;
	out->n = s->found.n < s->ask->limit ? s->found.n : s->ask->limit;
	if (s->found.n > s->ask->limit) {
		last = &s->found.p[out->n - 1];
		out->next = arena_printf(s->a, "%lld-%lld-%lld", (long long)last->at, (long long)last->channel_id,
								 (long long)last->message_id);
	} else if (reached >= 0) {
		out->next =
			arena_printf(s->a, "%lld-%lld-%lld", (long long)reached, (long long)INT64_MAX, (long long)INT64_MAX);
	}
}

static enum err read_whole(struct searching *s, struct search_page *out)
{
	struct db_rows rows;
	struct buf b;
	buf_init(&b);
	buf_add_byte(&b, '[');
	for (size_t i = 0; i < out->n; i++)
		buf_printf(&b, "%s[%lld,%lld]", i ? "," : "", (long long)s->found.p[i].channel_id,
				   (long long)s->found.p[i].message_id);
	buf_add_byte(&b, ']');
	enum err e = db_query(s->c, &SQL_WHOLE, DB_ARGS(DB_TEXT(buf_str(&b))), &rows);
	while (!e && db_next(&rows)) message_take(&rows, 1, s->a, &out->items[db_i64(&rows, 0)].message);
	if (!e) e = db_end(&rows);
	buf_release(&b);
	return e;
}

static enum err read_users(struct searching *s, struct search_page *out)
{
	struct message *m = arena_array(s->a, struct message, out->n + 1);
	for (size_t i = 0; i < out->n; i++) m[i] = out->items[i].message;
	return users_of_messages(s->c, s->a, m, out->n, &out->users, &out->n_users);
}

static enum err fill(struct searching *s, struct search_page *out)
{
	out->items = arena_array(s->a, struct search_hit, out->n + 1);
	if (!out->n) return OK;
	enum err e = read_whole(s, out);
	if (!e) e = read_users(s, out);
	for (size_t i = 0; !e && i < out->n; i++) snippet_make(s->a, &s->fold, s->ask->query, &out->items[i]);
	return e;
}

static enum err search_in(struct searching *s, struct search_page *out)
{
	char timeout[24];
	int64_t reached;
	int n = snprintf(timeout, sizeof timeout, "%lld", (long long)s->ask->for_ms);
	enum err e = db_exec(s->c, &SQL_PLANS, DB_ARGS(DB_TEXT(((struct str){ timeout, (size_t)n }))), NULL);
	if (!e) e = understand(s);
	if (!e) e = spans_open(s);
	if (!e) e = run(s, &reached);
	if (e) return e;
	close_page(s, reached, out);
	return fill(s, out);
}

enum err search_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct search_ask *ask,
					 struct search_page *out)
{
	struct searching s = { .c = c, .a = a, .who = who, .ask = ask };
	s.end_ns = clock_monotonic_ns(&clock_real) + ask->for_ms * 1000000;
	*out = (struct search_page){ .next = STR_NONE };
	enum err e = db_begin_snapshot(c);
	if (e) return e;
	e = search_in(&s, out);
	if (!e) e = db_commit(c);
	db_rollback(c);
	out->scanned = s.scanned;
	vec_release(&s.spans);
	vec_release(&s.found);
	fold_release(&s.fold);
	return e;
}
