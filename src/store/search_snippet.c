/* A window of the body around the first match, parted into what matches and what does not. */
#include <stdlib.h>

#include "store/search_private.h"

#define BEFORE 48  /* characters before the first match, */
#define LENGTH 240 /* of the whole */
#define PARTS 64

struct stretch {
	size_t from, to; /* of the folded text */
};
struct stretches {
	struct stretch *p;
	size_t n, cap;
};

static int by_start(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;
	if (x->from != y->from) return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

/* Where a term stands, as far as a window reaches that begins with it. */
static void find_term(const struct fold *f, const struct fold *term, struct stretches *out)
{
	size_t at = fold_find(f, 0, term);
	for (size_t end = at + LENGTH; at < f->n && at < end; at = fold_find(f, at + 1, term))
		vec_push(out, ((struct stretch){ at, at + term->n }));
}

static void find_all(const struct fold *f, const struct query *q, struct stretches *out)
{
	size_t kept = 0;
	for (size_t i = 0; i < q->n_terms; i++) find_term(f, &q->terms[i], out);
	if (out->n) qsort(out->p, out->n, sizeof *out->p, by_start);
	for (size_t i = 0; i < out->n; i++) {
		if (kept && out->p[i].from <= out->p[kept - 1].to) {
			if (out->p[i].to > out->p[kept - 1].to) out->p[kept - 1].to = out->p[i].to;
		} else {
			out->p[kept++] = out->p[i];
		}
	}
	out->n = kept;
}

static void put(struct search_hit *hit, struct arena *a, struct str body, size_t from, size_t to)
{
	hit->snippet[hit->n_snippet++] = arena_str(a, str_upto(str_from(body, from), to > from ? to - from : 0));
}

/* Bytes of the source up to which folded characters reach. */
static void write_parts(struct arena *a, const struct fold *f, const struct stretches *m, struct stretch window,
						struct search_hit *hit)
{
	struct str body = hit->message.body;
	size_t at = f->n ? f->p[window.from].from : 0, end = window.to ? f->p[window.to - 1].to : 0;
	if (!window.from) at = 0;
	if (window.to == f->n) end = body.n;
	for (size_t i = 0; i < m->n && hit->n_snippet + 3 <= PARTS; i++) {
		size_t from = f->p[m->p[i].from].from, to = f->p[m->p[i].to - 1].to;
		if (from < at) from = at; /* two matches within one cluster */
		if (to > end) to = end;
		if (from >= to) continue;
		put(hit, a, body, at, from);
		put(hit, a, body, from, to);
		at = to;
	}
	put(hit, a, body, at, end);
}

static void mark_cuts(struct arena *a, struct stretch window, size_t n, struct search_hit *hit)
{
	struct str *first = &hit->snippet[0], *last = &hit->snippet[hit->n_snippet - 1];
	if (window.from) *first = arena_printf(a, "\xe2\x80\xa6" STR_FMT, STR_ARG(*first));
	if (window.to < n) *last = arena_printf(a, STR_FMT "\xe2\x80\xa6", STR_ARG(*last));
}

void snippet_make(struct arena *a, struct fold *scratch, const struct query *q, struct search_hit *hit)
{
	struct stretches m = { 0 };
	struct stretch window = { 0, 0 };
	fold_text(scratch, hit->message.body);
	find_all(scratch, q, &m);
	if (m.n && m.p[0].from > BEFORE) window.from = m.p[0].from - BEFORE;
	window.to = window.from + LENGTH < scratch->n ? window.from + LENGTH : scratch->n;
	if (m.n && m.p[0].to > window.to) window.to = m.p[0].to;
	hit->snippet = arena_array(a, struct str, PARTS);
	hit->n_snippet = 0;
	write_parts(a, scratch, &m, window, hit);
	mark_cuts(a, window, scratch->n, hit);
	vec_release(&m);
}
