#include "store/leaf.h"

#include <stdlib.h>

#include "base/vec.h"

#define DENSE 128 /* places from which on bits are shorter */

int places_take(struct places *s)
{
	for (size_t i = LEAF_PLACES / 64; i-- > 0;) {
		if (!s->w[i]) continue;
		int bit = 63 - __builtin_clzll(s->w[i]);
		s->w[i] &= ~(UINT64_C(1) << bit);
		return (int)i * 64 + bit;
	}
	return -1;
}

/* ---- reading */

static bool take_number(struct str *s, uint64_t *out)
{
	*out = 0;
	for (unsigned shift = 0; s->n && shift < 64; shift += 7) {
		unsigned char c = (unsigned char)s->p[0];
		*s = str_from(*s, 1);
		*out |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) return true;
	}
	return false;
}

static void put_bits(struct places *out, const unsigned char *p)
{
	for (size_t i = 0; i < LEAF_PLACES / 8; i++) out->w[i / 8] |= (uint64_t)p[i] << i % 8 * 8;
}

/* `out` NULL: passes over them. */
static bool take_places(struct str *s, struct places *out)
{
	uint64_t count, step, at = 0;
	if (!take_number(s, &count) || !count || count > LEAF_PLACES) return false;
	if (count >= DENSE) {
		if (s->n < LEAF_PLACES / 8) return false;
		if (out) put_bits(out, (const unsigned char *)s->p);
		*s = str_from(*s, LEAF_PLACES / 8);
		return true;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (!take_number(s, &step) || step >= LEAF_PLACES) return false;
		at += step;
		if (at >= LEAF_PLACES) return false;
		if (out) out->w[at / 64] |= UINT64_C(1) << at % 64;
	}
	return true;
}

bool leaf_places(struct str data, int64_t first_gram, struct gram_range range, struct places *out)
{
	uint64_t step;
	int64_t gram = first_gram;
	while (data.n) {
		if (!take_number(&data, &step) || step > (uint64_t)INT64_MAX - (uint64_t)gram) return false;
		gram = (int64_t)((uint64_t)gram + step);
		if (gram > range.to) return true;
		if (!take_places(&data, gram >= range.from ? out : NULL)) return false;
	}
	return true;
}

/* ---- writing */

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

void leaf_maker_add(struct leaf_maker *m, uint32_t place, struct grams *g)
{
	if (g->n) qsort(g->p, g->n, sizeof *g->p, by_number);
	for (size_t i = 0; i < g->n; i++)
		if (!i || g->p[i] != g->p[i - 1]) vec_push(m, ((struct leaf_pair){ g->p[i], place }));
}

static int by_gram(const void *a, const void *b)
{
	const struct leaf_pair *x = a, *y = b;
	if (x->gram != y->gram) return x->gram < y->gram ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void put_number(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7) buf_add_byte(b, (char)(v | 0x80));
	buf_add_byte(b, (char)v);
}

static void put_dense(struct buf *b, const struct leaf_pair *p, size_t n)
{
	unsigned char bits[LEAF_PLACES / 8] = { 0 };
	for (size_t i = 0; i < n; i++) bits[p[i].place / 8] |= (unsigned char)(1u << p[i].place % 8);
	buf_add(b, bits, sizeof bits);
}

/* n pairs of one gram, each place once. */
static void put_places(struct buf *b, const struct leaf_pair *p, size_t n)
{
	uint32_t last = 0;
	put_number(b, n);
	if (n >= DENSE) {
		put_dense(b, p, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		put_number(b, p[i].place - last);
		last = p[i].place;
	}
}

static void sort_once(struct leaf_maker *m)
{
	size_t kept = 0;
	if (m->n) qsort(m->p, m->n, sizeof *m->p, by_gram);
	for (size_t i = 0; i < m->n; i++)
		if (!kept || by_gram(&m->p[kept - 1], &m->p[i])) m->p[kept++] = m->p[i];
	m->n = kept;
}

void leaf_maker_end(struct leaf_maker *m, void (*take)(void *arg, int64_t first_gram, struct str data), void *arg)
{
	struct buf b;
	int64_t first = 0, last = 0;
	buf_init(&b);
	sort_once(m);
	for (size_t i = 0, n; i < m->n; i += n) {
		int64_t gram = m->p[i].gram;
		for (n = 1; i + n < m->n && m->p[i + n].gram == gram; n++) {
		}
		if (!b.n) first = last = gram;
		put_number(&b, (uint64_t)gram - (uint64_t)last);
		put_places(&b, m->p + i, n);
		last = gram;
		if (b.n < LEAF_BYTES && i + n < m->n) continue;
		take(arg, first, buf_str(&b));
		b.n = 0;
	}
	buf_release(&b);
	m->n = 0;
}

void leaf_maker_release(struct leaf_maker *m)
{
	vec_release(m);
}
