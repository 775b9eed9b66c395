#include "model/gram.h"

#define CHAR_BITS 21
#define CHAR_MOST ((1 << CHAR_BITS) - 1)

static int64_t pack(const int32_t c[3])
{
	return ((int64_t)c[0] << 2 * CHAR_BITS) | ((int64_t)c[1] << CHAR_BITS) | c[2];
}

static size_t gram_length(int32_t first)
{
	return fold_unspaced(first) ? 2 : 3;
}

/* That which begins at i: `want` characters, or as many as the word has. *n says how many, *ends that it is the word's
 * end and not the text's. */
static void gram_at(const struct fold *f, size_t i, int32_t c[3], size_t *n, bool *ends)
{
	size_t want = gram_length(f->p[i].c);
	c[0] = c[1] = c[2] = 0;
	*ends = false;
	for (*n = 0; *n < want && i + *n < f->n; ++*n) {
		if (f->p[i + *n].c == ' ') {
			*ends = true;
			return;
		}
		c[*n] = f->p[i + *n].c;
	}
}

void grams_add(struct grams *g, const struct fold *text)
{
	int32_t c[3];
	size_t n;
	bool ends;
	vec_reserve(g, g->n + text->n);
	for (size_t i = 0; i < text->n; i++) {
		if (text->p[i].c == ' ') continue;
		gram_at(text, i, c, &n, &ends);
		vec_push(g, pack(c));
	}
}

void grams_release(struct grams *g)
{
	vec_release(g);
}

int64_t gram_author(int64_t user_id)
{
	return -1 - user_id;
}

/* The gram at i of a needle: one, if the needle says all of its characters or the end of its word; else those that
 * begin so. */
static struct gram_range range_at(const struct fold *f, size_t i, bool *whole, size_t *n)
{
	int32_t low[3], high[3];
	bool ends;
	gram_at(f, i, low, n, &ends);
	*whole = ends || *n == gram_length(f->p[i].c);
	for (size_t k = 0; k < 3; k++) high[k] = *whole || k < *n ? low[k] : CHAR_MOST;
	return (struct gram_range){ pack(low), pack(high) };
}

/* The last gram of [from, to) that is whole and ends with `to`. */
static bool last_whole(const struct fold *f, size_t from, size_t to, struct gram_range *out)
{
	for (size_t i = to; i-- > from && to - i <= 3;) {
		bool whole;
		size_t n;
		if (f->p[i].c == ' ') return false;
		*out = range_at(f, i, &whole, &n);
		if (whole && i + n == to) return true;
	}
	return false;
}

/* Side by side from the beginning, each whole, and the last one from the end. */
size_t gram_ranges(const struct fold *needle, struct gram_range out[GRAM_RANGES])
{
	size_t found = 0, i = 0, n, first = needle->n;
	bool whole;
	while (i < needle->n && found < GRAM_RANGES) {
		if (needle->p[i].c == ' ') {
			i++;
			continue;
		}
		if (first == needle->n) first = i;
		struct gram_range r = range_at(needle, i, &whole, &n);
		if (whole || last_whole(needle, 0, needle->n, &r)) out[found++] = r;
		i += n;
	}
	if (!found && first < needle->n) out[found++] = range_at(needle, first, &whole, &n);
	return found;
}
