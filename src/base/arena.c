/* Blocks that double from 1 KiB to 64 KiB; what is larger than a quarter of the next block gets one of its own, put
 * behind the block in use, so that the room left there is not lost. */
#include "base/arena.h"

#include <stdio.h>
#include <string.h>

#define ARENA_FIRST 1024
#define ARENA_MOST 65536
#define ARENA_ALIGN 16

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *a)
{
	*a = (struct arena){ 0 };
}

void arena_release(struct arena *a)
{
	for (struct arena_block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		mem_free(b);
	}
	arena_init(a);
}

static struct arena_block *block_create(size_t size)
{
	size_t bytes;
	if (__builtin_add_overflow(size, sizeof(struct arena_block), &bytes)) bytes = SIZE_MAX;
	struct arena_block *b = mem_alloc(bytes);
	b->size = size;
	return b;
}

static void *arena_large(struct arena *a, size_t n)
{
	struct arena_block *b = block_create(n);
	if (a->blocks) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = NULL;
		a->blocks = b; /* full from the start: at == end */
		a->at = a->end = b->bytes + n;
	}
	return b->bytes;
}

static size_t next_size(const struct arena *a)
{
	if (!a->blocks) return ARENA_FIRST;
	size_t size = a->blocks->size * 2;
	return size < ARENA_FIRST ? ARENA_FIRST : size > ARENA_MOST ? ARENA_MOST : size;
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n == 0) n = 1; /* never NULL, and apart from the next piece */
	size_t rounded = n > SIZE_MAX - ARENA_ALIGN ? SIZE_MAX : (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	a->used += rounded;
	if (rounded > (size_t)(a->end - a->at)) {
		size_t size = next_size(a);
		if (rounded > size / 4) return arena_large(a, rounded);
		struct arena_block *b = block_create(size);
		b->next = a->blocks;
		a->blocks = b;
		a->at = b->bytes;
		a->end = b->bytes + size;
	}
	void *p = a->at;
	a->at += rounded;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);
	if (n) memset(p, 0, n);
	return p;
}

char *arena_cstr(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n + 1);
	if (s.n) memcpy(p, s.p, s.n);
	p[s.n] = 0;
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	return s.p ? (struct str){ arena_cstr(a, s), s.n } : STR_NONE;
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
	char small[256];
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(small, sizeof small, fmt, args);
	if (n < 0) n = 0, small[0] = 0;
	struct str s = { NULL, (size_t)n };
	if (s.n < sizeof small) {
		s.p = arena_cstr(a, (struct str){ small, s.n });
	} else {
		char *p = arena_alloc(a, s.n + 1);
		vsnprintf(p, s.n + 1, fmt, again);
		s.p = p;
	}
	va_end(again);
	return s;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	struct str s = arena_vprintf(a, fmt, args);
	va_end(args);
	return s;
}
