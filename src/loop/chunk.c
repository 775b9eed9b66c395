#include "loop/chunk.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct chunk *chunk_create(size_t n)
{
	assert(n <= UINT32_MAX);
	struct chunk *c = mem_alloc(sizeof *c + n);
	atomic_init(&c->refs, 1);
	c->n = (uint32_t)n;
	return c;
}

struct chunk *chunk_copy(const void *p, size_t n)
{
	struct chunk *c = chunk_create(n);
	if (n > 0) memcpy(c->p, p, n);
	return c;
}

struct chunk *chunk_ref(struct chunk *c)
{
	uint32_t before = atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	assert(before > 0 && before < UINT32_MAX);
	(void)before;
	return c;
}

void chunk_unref(struct chunk *c)
{
	if (!c) return;
	uint32_t before = atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1) mem_free(c);
}
