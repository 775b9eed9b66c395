#include "model/query.h"

#include "base/clock.h"
#include "model/text.h"

#define DATE_BYTES 10

void query_init(struct query *q)
{
	*q = (struct query){ 0 };
}

void query_release(struct query *q)
{
	for (size_t i = 0; i < QUERY_TERMS; i++) fold_release(&q->terms[i]);
}

static enum err wrong(const char **why, const char *text)
{
	*why = text;
	return ERR_INVALID;
}

/* ---- filters */

static enum err add_name(struct str *names, size_t *n, struct str name, const char **why)
{
	if (!name.n) return wrong(why, "a filter has nothing behind its colon");
	if (*n == QUERY_NAMES) return wrong(why, "one filter stands there too often");
	names[(*n)++] = name;
	return OK;
}

static enum err filter_from(struct query *q, struct arena *a, struct str value, const char **why)
{
	if (value.n && value.p[0] == '@') value = str_from(value, 1);
	return add_name(q->from, &q->n_from, text_fold(a, value), why);
}

static enum err filter_in(struct query *q, struct arena *a, struct str value, const char **why)
{
	if (value.n && value.p[0] == '#') value = str_from(value, 1);
	return add_name(q->in, &q->n_in, text_fold(a, value), why);
}

/* A day, of UTC, or a moment. */
static bool read_time(struct arena *a, struct str value, int64_t *out)
{
	if (value.n == DATE_BYTES) value = arena_printf(a, STR_FMT "T00:00:00Z", STR_ARG(value));
	return time_parse(value, out) && *out > 0;
}

static enum err filter_before(struct query *q, struct arena *a, struct str value, const char **why)
{
	int64_t at;
	if (!read_time(a, value, &at)) return wrong(why, "before: wants a day, as 2026-01-31, or a time");
	if (!q->before_ms || at < q->before_ms) q->before_ms = at;
	return OK;
}

static enum err filter_after(struct query *q, struct arena *a, struct str value, const char **why)
{
	int64_t at;
	if (!read_time(a, value, &at)) return wrong(why, "after: wants a day, as 2026-01-31, or a time");
	if (at > q->after_ms) q->after_ms = at;
	return OK;
}

static enum err filter_has(struct query *q, struct arena *a, struct str value, const char **why)
{
	if (str_eq_nocase(value, STR("link")))
		q->has_link = true;
	else if (str_eq_nocase(value, STR("file")))
		q->has_file = true;
	else
		return wrong(why, "has: knows link and file");
	return OK;
}

struct filter {
	const char *name;
	enum err (*take)(struct query *q, struct arena *a, struct str value, const char **why);
};
static const struct filter filters[] = {
	{ "from", filter_from },   { "in", filter_in },   { "before", filter_before },
	{ "after", filter_after }, { "has", filter_has },
};

static const struct filter *filter_named(struct str name)
{
	for (size_t i = 0; i < countof(filters); i++)
		if (str_eq_nocase(name, str_of(filters[i].name))) return &filters[i];
	return NULL;
}

enum err query_filter(struct query *q, struct arena *a, struct str name, struct str value, const char **why)
{
	const struct filter *f = filter_named(name);
	return f ? f->take(q, a, value, why) : wrong(why, "there is no such filter");
}

/* ---- words */

/* What leaves nothing to look for (a lone accent) is passed over, but remembered: where there is nothing else, nothing
 * is found. */
static enum err add_term(struct query *q, struct str text, const char **why)
{
	struct fold f = { 0 };
	bool ink = false;
	fold_text(&f, text_trim(text));
	for (size_t i = 0; i < f.n; i++) ink = ink || f.p[i].c != ' ';
	if (ink && q->n_terms < QUERY_TERMS) {
		q->terms[q->n_terms++] = f;
		return OK;
	}
	fold_release(&f);
	q->unseen = q->unseen || text.n > 0;
	return ink ? wrong(why, "there are too many words") : OK;
}

static struct str take_until(struct str *rest, bool quote)
{
	struct str all = *rest;
	for (struct str at = all; at.n; at = *rest) {
		int32_t c = text_next(rest);
		if (c < 0) break;
		if (quote ? c == '"' : text_space(c)) return str_upto(all, all.n - at.n);
	}
	*rest = STR_NONE;
	return all;
}

/* name:value, with a name that is a filter's; a value may be in quotes, as a channel's name may be. */
static enum err take_word(struct query *q, struct arena *a, struct str *rest, const char **why)
{
	struct str whole = *rest, word = take_until(rest, false), value = word, name;
	bool filter = str_split(&value, ':', &name) && value.p && filter_named(name);
	if (!filter) return add_term(q, word, why);
	if (value.n && value.p[0] == '"') {
		struct str behind = str_from(whole, name.n + 2), quoted = take_until(&behind, true);
		if (behind.p) value = quoted, *rest = behind;
	}
	return query_filter(q, a, name, value, why);
}

/* A quote that nothing closes is a character like any other. */
static enum err take_phrase(struct query *q, struct arena *a, struct str *rest, const char **why)
{
	struct str behind = str_from(*rest, 1), phrase = take_until(&behind, true);
	if (!behind.p) return take_word(q, a, rest, why);
	*rest = behind;
	return add_term(q, phrase, why);
}

enum err query_parse(struct query *q, struct arena *a, struct str text, const char **why)
{
	enum err e = OK;
	while (!e && text.n) {
		struct str at = text;
		int32_t c = text_next(&text);
		if (c < 0) return wrong(why, "is not UTF-8");
		if (text_space(c)) continue;
		text = at;
		e = c == '"' ? take_phrase(q, a, &text, why) : take_word(q, a, &text, why);
	}
	return e;
}

bool query_asks(const struct query *q)
{
	return q->n_terms || q->n_from || q->has_link || q->has_file || q->unseen;
}

/* ---- messages */

bool query_is_link(struct str body)
{
	for (; body.n; body = str_from(body, 1)) {
		struct str rest = body;
		if (str_eq_nocase(str_upto(body, 7), STR("http://")))
			rest = str_from(body, 7);
		else if (str_eq_nocase(str_upto(body, 8), STR("https://")))
			rest = str_from(body, 8);
		else
			continue;
		int32_t c = text_next(&rest);
		if (c >= 0 && !text_space(c) && !text_hidden(c)) return true;
	}
	return false;
}

bool query_matches(const struct query *q, const struct fold *text, struct str body)
{
	for (size_t i = 0; i < q->n_terms; i++)
		if (fold_find(text, 0, &q->terms[i]) == text->n) return false;
	if (q->unseen && !q->n_terms) return false;
	return !q->has_file && (!q->has_link || query_is_link(body));
}
