#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST 64

void buf_init(struct buf *b)
{
	*b = (struct buf){ 0 };
}

void buf_release(struct buf *b)
{
	mem_free(b->p);
	buf_init(b);
}

char *buf_reserve(struct buf *b, size_t more)
{
	if (more <= b->cap - b->n && b->p) return b->p + b->n;
	size_t need, cap = b->cap ? b->cap : BUF_FIRST;
	if (__builtin_add_overflow(b->n, more, &need)) need = SIZE_MAX;
	while (cap < need) cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
	b->p = mem_resize(b->p, cap);
	b->cap = cap;
	return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0) return;
	memcpy(buf_reserve(b, n), p, n);
	b->n += n;
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void buf_add_byte(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void buf_add_i64(struct buf *b, int64_t v)
{
	char digits[20], *at = digits + sizeof digits;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	do {
		*--at = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0) *--at = '-';
	buf_add(b, at, (size_t)(digits + sizeof digits - at));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	for (size_t room = 128;;) {
		va_list args;
		va_start(args, fmt);
		int n = vsnprintf(buf_reserve(b, room), room, fmt, args);
		va_end(args);
		if (n < 0) return;
		if ((size_t)n < room) {
			b->n += (size_t)n;
			return;
		}
		room = (size_t)n + 1;
	}
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	if (n == 0) return;
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}
