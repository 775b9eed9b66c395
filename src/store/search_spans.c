/* Where to look: the channels that one may read, cut into segments of the index and what lies between them. */
#include <stdlib.h>
#include <string.h>

#include "store/channel.h"
#include "store/search_private.h"

static const struct sql SQL_CHANNELS = {
	"SELECT m.channel_id, h.last_id, h.last_at, greatest(h.min_id + 1, CASE h.history WHEN 1 THEN m.first_id ELSE 1 "
	"END), "
	"c.name_key FROM members m JOIN heads h ON h.channel_id = m.channel_id JOIN channels c ON c.channel_id = "
	"m.channel_id "
	"WHERE m.user_id = $1 AND m.left_rev IS NULL AND m.channel_id > 0 AND h.deleted_at IS NULL AND ($2::bigint = 0 OR "
	"m.channel_id = $2) ORDER BY m.channel_id",
	NULL,
};
/* Two lists in step: the channels' ids, and from where on of each, as [[id, from], ...] */
static const struct sql SQL_SEGMENTS = {
	"SELECT x.channel_id, x.lo, x.hi, x.first_at, x.last_at FROM json_array_elements($1::json) w (v) CROSS JOIN "
	"LATERAL "
	"(SELECT * FROM search_segments s WHERE s.channel_id = (w.v ->> 0)::bigint AND s.lo > (w.v ->> 1)::bigint OFFSET "
	"0) x",
	"SELECT x.channel_id, x.lo, x.hi, x.first_at, x.last_at FROM json_each($1) w CROSS JOIN search_segments x WHERE "
	"x.channel_id = json_extract(w.value, '$[0]') AND x.lo > json_extract(w.value, '$[1]')",
};
/* [[channel, segment, from, to], ...] */
static const struct sql SQL_LEAVES = {
	"SELECT w.i - 1, x.first_gram, x.data FROM json_array_elements($1::json) WITH ORDINALITY w (v, i) CROSS JOIN "
	"LATERAL "
	"(SELECT l.first_gram, l.data FROM search_leaves l WHERE l.channel_id = (w.v ->> 0)::bigint AND l.lo = (w.v ->> "
	"1)::bigint AND l.first_gram <= (w.v ->> 3)::bigint AND l.first_gram >= coalesce((SELECT k.first_gram FROM "
	"search_leaves k WHERE k.channel_id = (w.v ->> 0)::bigint AND k.lo = (w.v ->> 1)::bigint AND k.first_gram <= (w.v "
	"->> 2)::bigint ORDER BY k.first_gram DESC LIMIT 1), (w.v ->> 2)::bigint) OFFSET 0) x",
	"SELECT w.key, l.first_gram, l.data FROM json_each($1) w CROSS JOIN search_leaves l WHERE l.channel_id = "
	"json_extract(w.value, '$[0]') AND l.lo = json_extract(w.value, '$[1]') AND l.first_gram <= json_extract(w.value, "
	"'$[3]') AND l.first_gram >= coalesce((SELECT k.first_gram FROM search_leaves k WHERE k.channel_id = "
	"json_extract(w.value, '$[0]') AND k.lo = json_extract(w.value, '$[1]') AND k.first_gram <= json_extract(w.value, "
	"'$[2]') ORDER BY k.first_gram DESC LIMIT 1), json_extract(w.value, '$[2]'))",
};
/* [[channel, message], ...]: the first from there on */
static const struct sql SQL_TIMES = {
	"SELECT w.i - 1, x.message_id, x.created_at FROM json_array_elements($1::json) WITH ORDINALITY w (v, i) CROSS JOIN "
	"LATERAL (SELECT t.message_id, t.created_at FROM messages t WHERE t.channel_id = (w.v ->> 0)::bigint AND "
	"t.message_id "
	">= (w.v ->> 1)::bigint ORDER BY t.message_id LIMIT 1) x",
	"SELECT w.key, x.message_id, x.created_at FROM json_each($1) w CROSS JOIN messages x WHERE x.channel_id = "
	"json_extract(w.value, '$[0]') AND x.message_id = (SELECT t.message_id FROM messages t WHERE t.channel_id = "
	"json_extract(w.value, '$[0]') AND t.message_id >= json_extract(w.value, '$[1]') ORDER BY t.message_id LIMIT 1)",
};

struct readable {
	int64_t id, last_id, last_at, first;
};
struct readables {
	struct readable *p;
	size_t n, cap;
};

/* ---- lists of numbers as a parameter */

static void list_begin(struct buf *b)
{
	buf_init(b);
	buf_add_byte(b, '[');
}

static void list_add(struct buf *b, const int64_t *v, size_t n)
{
	if (b->n > 1) buf_add_byte(b, ',');
	buf_add_byte(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i) buf_add_byte(b, ',');
		buf_add_i64(b, v[i]);
	}
	buf_add_byte(b, ']');
}

static struct db_args list_end(struct buf *b, struct db_value *v)
{
	buf_add_byte(b, ']');
	*v = DB_TEXT(buf_str(b));
	return (struct db_args){ v, 1 };
}

/* ---- channels */

static bool is_named(const struct query *q, struct str name_key)
{
	for (size_t i = 0; i < q->n_in; i++)
		if (!name_key.p || !str_eq(q->in[i], name_key)) return false;
	return true;
}

static enum err read_channels(struct searching *s, struct readables *out)
{
	struct db_rows rows;
	enum err e = db_query(s->c, &SQL_CHANNELS, DB_ARGS(DB_I64(s->who->user_id), DB_I64(s->ask->channel_id)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		const struct readable r = { db_i64(&rows, 0), db_i64(&rows, 1), db_i64(&rows, 2), db_i64(&rows, 3) };
		if (r.first <= r.last_id && r.last_at >= s->from_ms && is_named(s->ask->query, db_str(&rows, 4)))
			vec_push(out, r);
	}
	return db_end(&rows);
}

/* ---- segments */

static enum err read_segments(struct searching *s, const struct readables *channels, struct span_list *out)
{
	struct db_rows rows;
	struct buf b;
	struct db_value v;
	list_begin(&b);
	for (size_t i = 0; i < channels->n; i++)
		list_add(&b, (int64_t[]){ channels->p[i].id, channels->p[i].first - LEAF_PLACES }, 2);
	enum err e = db_query(s->c, &SQL_SEGMENTS, list_end(&b, &v), &rows);
	while (!e && db_next(&rows)) {
		struct span x = { .channel_id = db_i64(&rows, 0), .segment = db_i64(&rows, 1), .next = db_i64(&rows, 2) };
		x.lo = x.segment, x.below = db_i64(&rows, 3), x.above = db_i64(&rows, 4);
		vec_push(out, x);
	}
	if (!e) e = db_end(&rows);
	buf_release(&b);
	return e;
}

static int by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	if (x->channel_id != y->channel_id) return x->channel_id < y->channel_id ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void keep(struct searching *s, struct span x)
{
	bool late = x.below > s->upto.at, early = x.above < s->from_ms;
	if (x.lo <= x.next && !late && !early) vec_push(&s->spans, x);
}

/* From the newest down: the segments `seg` (n of them, ascending), and between them what has none. */
static void cut(struct searching *s, const struct readable *ch, const struct span *seg, size_t n)
{
	int64_t next = ch->last_id, above = ch->last_at;
	while (n > 0) {
		struct span x = seg[--n];
		if (x.next < ch->first || x.lo > next) continue;
		keep(s,
			 (struct span){ .channel_id = ch->id, .lo = x.next + 1, .next = next, .above = above, .below = x.above });
		next = x.segment - 1;
		if (!x.above) continue; /* it has no messages any more */
		above = x.below;
		if (x.lo < ch->first) x.lo = ch->first;
		keep(s, x);
	}
	keep(s, (struct span){ .channel_id = ch->id, .lo = ch->first, .next = next, .above = above });
}

static void cut_all(struct searching *s, const struct readables *channels, struct span_list *segments)
{
	size_t at = 0;
	if (segments->n) qsort(segments->p, segments->n, sizeof *segments->p, by_place);
	for (size_t i = 0; i < channels->n; i++) {
		size_t n = 0;
		while (at < segments->n && segments->p[at].channel_id < channels->p[i].id) at++;
		while (at + n < segments->n && segments->p[at + n].channel_id == channels->p[i].id) n++;
		cut(s, &channels->p[i], segments->p + at, n);
		at += n;
	}
}

/* ---- up to a moment */

#define SHORT 64 /* what is so short is read whole */

struct halving {
	struct span *span;
	int64_t lo, hi; /* the first younger one is not below lo and not above hi */
	bool told;
};
struct halvings {
	struct halving *p;
	size_t n, cap;
};

static int64_t middle(const struct halving *x)
{
	return x->lo + (x->hi - x->lo) / 2;
}

static enum err halve(struct searching *s, struct halvings *h)
{
	struct db_rows rows;
	struct buf b;
	struct db_value v;
	list_begin(&b);
	for (size_t i = 0; i < h->n; i++) {
		h->p[i].told = false;
		list_add(&b, (int64_t[]){ h->p[i].span->channel_id, middle(&h->p[i]) }, 2);
	}
	enum err e = db_query(s->c, &SQL_TIMES, list_end(&b, &v), &rows);
	while (!e && db_next(&rows)) {
		struct halving *x = &h->p[db_i64(&rows, 0)];
		if (db_i64(&rows, 2) > s->upto.at) continue;
		x->lo = db_i64(&rows, 1) + 1;
		x->told = true;
	}
	if (!e) e = db_end(&rows);
	for (size_t i = 0; i < h->n; i++)
		if (!h->p[i].told) h->p[i].hi = middle(&h->p[i]); /* a younger one, or none */
	buf_release(&b);
	return e;
}

/* Cuts off what is younger than `upto`: times ascend with ids. */
static enum err cut_younger(struct searching *s)
{
	struct halvings h = { 0 };
	enum err e = OK;
	for (size_t i = 0; i < s->spans.n; i++) {
		struct span *x = &s->spans.p[i];
		if (x->above > s->upto.at && x->next - x->lo >= SHORT)
			vec_push(&h, ((struct halving){ x, x->lo, x->next + 1, false }));
	}
	while (!e && h.n) {
		e = halve(s, &h);
		for (size_t i = h.n; i-- > 0;) {
			if (h.p[i].hi - h.p[i].lo > SHORT / 2) continue;
			h.p[i].span->next = h.p[i].hi - 1;
			vec_drop_swap(&h, i);
		}
	}
	vec_release(&h);
	return e;
}

enum err spans_open(struct searching *s)
{
	struct readables channels = { 0 };
	struct span_list segments = { 0 };
	struct channel ch;
	enum err e = s->ask->channel_id ? channel_read(s->c, s->a, s->ask->channel_id, s->who, true, &ch) : OK;
	if (!e && !s->nothing) e = read_channels(s, &channels);
	if (!e && channels.n) e = read_segments(s, &channels, &segments);
	if (!e) cut_all(s, &channels, &segments);
	if (!e) e = cut_younger(s);
	for (size_t i = 0; !e && i < s->spans.n; i++)
		if (s->spans.p[i].above > s->upto.at) s->spans.p[i].above = s->upto.at;
	vec_release(&channels);
	vec_release(&segments);
	return e;
}

/* ---- the index */

static struct places all_places(void)
{
	struct places s;
	for (size_t i = 0; i < LEAF_PLACES / 64; i++) s.w[i] = ~UINT64_C(0);
	return s;
}

static void both(struct places *x, const struct places *y)
{
	for (size_t i = 0; i < LEAF_PLACES / 64; i++) x->w[i] &= y->w[i];
}

enum err spans_look(struct searching *s, struct span *const *picked, size_t n)
{
	struct db_rows rows;
	struct buf b;
	struct db_value v;
	if (!s->got) s->got = arena_array(s->a, struct places, SPANS_MOST * s->n_ranges + 1);
	memset(s->got, 0, n * s->n_ranges * sizeof *s->got);
	struct places *got = s->got;
	list_begin(&b);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < s->n_ranges; k++)
			list_add(&b, (int64_t[]){ picked[i]->channel_id, picked[i]->segment, s->ranges[k].from, s->ranges[k].to },
					 4);
	bool any = n && s->n_ranges;
	enum err e = any ? db_query(s->c, &SQL_LEAVES, list_end(&b, &v), &rows) : OK;
	while (!e && any && db_next(&rows)) {
		size_t at = (size_t)db_i64(&rows, 0);
		if (!leaf_places(db_str(&rows, 2), db_i64(&rows, 1), s->ranges[at % s->n_ranges], &got[at]))
			got[at] = all_places(); /* damaged: everything is looked at */
	}
	if (!e && any) e = db_end(&rows);
	buf_release(&b);
	for (size_t i = 0; !e && i < n; i++) {
		picked[i]->hits = all_places();
		picked[i]->looked = true;
		for (size_t k = 0; k < s->n_ranges; k++) both(&picked[i]->hits, &got[i * s->n_ranges + k]);
	}
	return e;
}
