/* Whatever is searched for, and wherever: what matches a text has the grams by which it would be found, and stands
 * where the match says. The query is the first line, the text what follows. */
#include "model/query.h"

#include <string.h>

#include "fuzz.h"
#include "model/gram.h"

static bool has(const struct grams *g, struct gram_range r)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->p[i] >= r.from && g->p[i] <= r.to) return true;
	return false;
}

static void look(const struct query *q, struct str body)
{
	struct fold text = { 0 };
	struct grams g = { 0 };
	struct gram_range r[GRAM_RANGES];
	fold_text(&text, body);
	grams_add(&g, &text);
	for (size_t i = 0; i < text.n; i++) must(text.p[i].from < text.p[i].to && text.p[i].to <= body.n);
	for (size_t i = 1; i < text.n; i++) must(text.p[i - 1].from <= text.p[i].from);
	for (size_t i = 0; i < q->n_terms; i++) {
		if (fold_find(&text, 0, &q->terms[i]) == text.n) continue;
		size_t n = gram_ranges(&q->terms[i], r);
		must(n > 0 && n <= GRAM_RANGES);
		for (size_t k = 0; k < n; k++) must(has(&g, r[k]));
	}
	query_matches(q, &text, body);
	fold_release(&text);
	grams_release(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = { n ? (const char *)data : "", n }, line = STR_NONE;
	struct arena a;
	struct query q;
	const char *why = NULL;
	if (n > 4096 || !str_utf8(text)) return 0;
	arena_init(&a);
	query_init(&q);
	str_split(&text, '\n', &line);
	enum err e = query_parse(&q, &a, line, &why);
	must(e == OK || (e == ERR_INVALID && why));
	must(q.n_terms <= QUERY_TERMS && q.n_from <= QUERY_NAMES && q.n_in <= QUERY_NAMES);
	if (text.p) look(&q, text);
	query_release(&q);
	arena_release(&a);
	return 0;
}
