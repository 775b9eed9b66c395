#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *mem_checked(void *p, size_t n)
{
	if (p) return p;
	fprintf(stderr, "out of memory (%zu bytes)\n", n);
	abort();
}

void *mem_alloc(size_t n)
{
	return mem_checked(malloc(n ? n : 1), n);
}

void *mem_zalloc(size_t n)
{
	return mem_checked(calloc(1, n ? n : 1), n);
}

void *mem_resize(void *p, size_t n)
{
	return mem_checked(realloc(p, n ? n : 1), n);
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);
	if (n) memcpy(copy, p, n);
	return copy;
}

void *mem_aligned(size_t align, size_t n)
{
	void *p = NULL;
	if (posix_memalign(&p, align, n ? n : 1) != 0) p = NULL;
	return mem_checked(p, n);
}

void mem_free(void *p)
{
	free(p);
}

size_t mem_times(size_t n, size_t item)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, item, &bytes)) mem_checked(NULL, SIZE_MAX);
	return bytes;
}
