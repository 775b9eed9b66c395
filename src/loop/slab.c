/* Blocks of about 32 KiB, cut into objects that wait in a list linked through their own first bytes. */
#include "loop/slab.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define BLOCK_BYTES (32 * 1024)

struct slab_block {
	struct slab_block *next;
	size_t n;
	_Alignas(16) char items[];
};

static void slab_put_free(struct slab *s, void *p)
{
	memcpy(p, &s->free, sizeof s->free);
	s->free = p;
	ASAN_POISON_MEMORY_REGION(p, s->size);
}

static void slab_grow(struct slab *s)
{
	size_t n = BLOCK_BYTES / s->size;
	if (n < 4) n = 4;
	struct slab_block *b = mem_alloc(sizeof *b + n * s->size);
	b->n = n, b->next = s->blocks;
	s->blocks = b;
	for (size_t i = n; i > 0; i--) slab_put_free(s, b->items + (i - 1) * s->size);
}

void slab_init(struct slab *s, size_t size)
{
	if (size < sizeof(void *)) size = sizeof(void *);
	*s = (struct slab){ .size = (size + 15) & ~(size_t)15 };
}

void *slab_take(struct slab *s)
{
	if (!s->free) slab_grow(s);
	void *p = s->free;
	ASAN_UNPOISON_MEMORY_REGION(p, s->size);
	memcpy(&s->free, p, sizeof s->free);
	s->used++;
	return memset(p, 0, s->size);
}

void slab_give(struct slab *s, void *p)
{
	assert(s->used > 0);
	s->used--;
	slab_put_free(s, p);
}

void slab_release(struct slab *s)
{
	assert(s->used == 0);
	while (s->blocks) {
		struct slab_block *b = s->blocks;
		s->blocks = b->next;
		ASAN_UNPOISON_MEMORY_REGION(b->items, b->n * s->size);
		mem_free(b);
	}
	s->free = NULL;
}
