/* ASCII, which most of it is, goes by itself. Anything else goes cluster by cluster: taken apart, without its marks, in
 * canonical order, and put together again. */
#include "model/fold.h"

#include <utf8proc.h>

#include "model/text.h"

#define CLUSTER_MOST 32                 /* code points; a longer one is cut, in the query as in the message */
#define FOLDED_MOST (CLUSTER_MOST * 20) /* of one code point come 18 at most */
#define NEEDLE_MOST 2048                /* characters of a needle that have links */
#define FOLD_OPTIONS (UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE)

struct range {
	int32_t from, to;
};

static bool within(const struct range *r, size_t n, int32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].from && c <= r[i].to) return true;
	return false;
}

bool fold_unspaced(int32_t c)
{
	static const struct range scripts[] = {
		{ 0xe00, 0xfff },     /* Thai, Lao, Tibetan */
		{ 0x1000, 0x109f },   /* Myanmar */
		{ 0x1780, 0x17ff },   /* Khmer */
		{ 0x1950, 0x1aaf },   /* Tai Le, New Tai Lue, Khmer's signs, Tai Tham */
		{ 0x1b00, 0x1b7f },   /* Balinese */
		{ 0x2e80, 0x2fff },   /* radicals */
		{ 0x3005, 0x3007 },   /* Han's repeat mark and zero */
		{ 0x3021, 0x3029 },   /* Hangzhou numerals */
		{ 0x3031, 0x312f },   /* Kana, Bopomofo */
		{ 0x31a0, 0x31ff },   /* more of both */
		{ 0x3400, 0x4dbf },   /* Han */
		{ 0x4e00, 0xa4cf },   /* Han, Yi */
		{ 0xa980, 0xa9ff },   /* Javanese, Myanmar */
		{ 0xaa60, 0xaadf },   /* Myanmar, Tai Viet */
		{ 0xf900, 0xfaff },   /* Han */
		{ 0x1aff0, 0x1b16f }, /* Kana */
		{ 0x20000, 0x323af }, /* Han */
	};
	return c >= 0xe00 && within(scripts, countof(scripts), c);
}

/* Accents and points: with and without them it is the same word to who searches. */
static bool is_accent(int32_t c)
{
	static const struct range marks[] = {
		{ 0x300, 0x36f }, /* over Latin, Greek, Cyrillic */
		{ 0x483, 0x487 }, /* Cyrillic */
		{ 0x591, 0x5bd }, /* Hebrew points */
		{ 0x5bf, 0x5bf },   { 0x5c1, 0x5c2 },   { 0x5c4, 0x5c5 }, { 0x5c7, 0x5c7 },   { 0x610, 0x61a }, /* Arabic */
		{ 0x640, 0x640 }, /* its stretcher */
		{ 0x64b, 0x65f },   { 0x670, 0x670 },   { 0x6d6, 0x6dc }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
		{ 0x20d0, 0x20ff }, { 0xfe20, 0xfe2f },
	};
	return c >= 0x300 && within(marks, countof(marks), c);
}

static void put(struct fold *f, int32_t c, size_t from, size_t to)
{
	if (text_space(c)) {
		if (f->n && f->p[f->n - 1].c == ' ') {
			f->p[f->n - 1].to = (uint32_t)to;
			return;
		}
		c = ' ';
	}
	vec_push(f, ((struct fold_char){ c, (uint32_t)from, (uint32_t)to }));
}

/* Marks of one letter in the order of their classes, those of a class as they came. */
static void order_marks(int32_t *c, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		int class = utf8proc_get_property(c[i])->combining_class;
		for (size_t k = i; class && k > 0 && utf8proc_get_property(c[k - 1])->combining_class > class; k--) {
			int32_t swap = c[k];
			c[k] = c[k - 1];
			c[k - 1] = swap;
		}
	}
}

/* Returns how many come of it. */
static size_t fold_cluster(const int32_t *cluster, size_t n, int32_t out[FOLDED_MOST])
{
	size_t k = 0, kept = 0;
	for (size_t i = 0; i < n; i++) {
		int boundclass = UTF8PROC_BOUNDCLASS_START;
		utf8proc_ssize_t got = utf8proc_decompose_char(cluster[i], out + k, (utf8proc_ssize_t)(FOLDED_MOST - k),
													   FOLD_OPTIONS, &boundclass);
		if (got > 0 && (size_t)got <= FOLDED_MOST - k) k += (size_t)got;
	}
	for (size_t i = 0; i < k; i++)
		if (!is_accent(out[i])) out[kept++] = out[i];
	order_marks(out, kept);
	utf8proc_ssize_t composed = utf8proc_normalize_utf32(out, (utf8proc_ssize_t)kept, UTF8PROC_COMPOSE);
	return composed > 0 ? (size_t)composed : 0;
}

/* Takes a cluster off *rest; 0: there is none any more. */
static size_t take_cluster(struct str *rest, int32_t out[CLUSTER_MOST])
{
	utf8proc_int32_t state = 0;
	size_t n = 0;
	int32_t c = text_next(rest);
	for (; c >= 0; c = text_next(rest)) {
		out[n++] = c;
		struct str ahead = *rest;
		int32_t next = text_next(&ahead);
		if (next < 0 || n == CLUSTER_MOST || utf8proc_grapheme_break_stateful(c, next, &state)) break;
	}
	return n;
}

void fold_text(struct fold *f, struct str source)
{
	int32_t cluster[CLUSTER_MOST], out[FOLDED_MOST];
	struct str rest = source;
	vec_clear(f);
	vec_reserve(f, source.n);
	while (rest.n) {
		size_t at = source.n - rest.n;
		unsigned char c = (unsigned char)rest.p[0];
		if (c < 0x80 && (rest.n == 1 || (unsigned char)rest.p[1] < 0x80)) {
			put(f, c >= 'A' && c <= 'Z' ? c | 0x20 : c, at, at + 1);
			rest = str_from(rest, 1);
			continue;
		}
		size_t n = take_cluster(&rest, cluster);
		if (!n) return;
		n = fold_cluster(cluster, n, out);
		for (size_t i = 0; i < n; i++) put(f, out[i], at, source.n - rest.n);
	}
}

void fold_release(struct fold *f)
{
	vec_release(f);
}

static bool same_chars(const struct fold *f, size_t at, const struct fold *needle, size_t from)
{
	if (needle->n - from > f->n - at) return false;
	while (from < needle->n && f->p[at].c == needle->p[from].c) at++, from++;
	return from == needle->n;
}

/* Of each beginning of the needle: how long a beginning of it is that stands again at its end. */
static void find_links(const struct fold *needle, size_t n, uint16_t links[NEEDLE_MOST])
{
	size_t k = 0;
	links[0] = 0;
	for (size_t i = 1; i < n; i++) {
		while (k && needle->p[i].c != needle->p[k].c) k = links[k - 1];
		if (needle->p[i].c == needle->p[k].c) k++;
		links[i] = (uint16_t)k;
	}
}

/* By Knuth, Morris and Pratt: never back in the text, however much it and the needle repeat themselves. What a needle
 * has beyond NEEDLE_MOST is compared where the rest was found. */
size_t fold_find(const struct fold *f, size_t at, const struct fold *needle)
{
	uint16_t links[NEEDLE_MOST];
	size_t n = needle->n < NEEDLE_MOST ? needle->n : NEEDLE_MOST, k = 0;
	if (!n || at > f->n || needle->n > f->n - at) return f->n;
	find_links(needle, n, links);
	for (; at < f->n; at++) {
		while (k && f->p[at].c != needle->p[k].c) k = links[k - 1];
		if (f->p[at].c == needle->p[k].c) k++;
		if (k < n) continue;
		if (same_chars(f, at + 1, needle, n)) return at + 1 - n;
		k = links[k - 1];
	}
	return f->n;
}
