/* An owner's `last` only grows, so pins are added at the end; those that were dropped leave from the front, or wait
 * with a count of 0 until it is their turn. */
#include "hub/pins.h"

#include <assert.h>
#include <string.h>

#include "base/vec.h"

void pins_add(struct pins *v, int64_t rev)
{
	if (v->n > v->at && v->p[v->n - 1].rev == rev) {
		v->p[v->n - 1].n++;
		return;
	}
	assert(v->n == v->at || v->p[v->n - 1].rev < rev);
	if (v->at && v->n == v->cap) {
		memmove(v->p, v->p + v->at, (v->n - v->at) * sizeof *v->p);
		v->n -= v->at, v->at = 0;
	}
	vec_push(v, ((struct pin){ rev, 1 }));
}

static struct pin *find(const struct pins *v, int64_t rev) /* it is there */
{
	size_t lo = v->at, hi = v->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (v->p[mid].rev < rev)
			lo = mid + 1;
		else
			hi = mid;
	}
	assert(lo < v->n && v->p[lo].rev == rev && v->p[lo].n);
	return &v->p[lo];
}

void pins_drop(struct pins *v, int64_t rev)
{
	find(v, rev)->n--;
	while (v->at < v->n && !v->p[v->at].n) v->at++;
	if (v->at == v->n) v->at = v->n = 0;
}

int64_t pins_least(const struct pins *v)
{
	return v->at < v->n ? v->p[v->at].rev : INT64_MAX;
}

void pins_release(struct pins *v)
{
	vec_release(v);
	v->at = 0;
}
