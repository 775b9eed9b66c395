/* A growing run of bytes with one owner. */
#ifndef LINNET_BASE_BUF_H
#define LINNET_BASE_BUF_H
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n, cap;
};

void buf_init(struct buf *b);
void buf_release(struct buf *b);               /* leaves it as after buf_init */
char *buf_reserve(struct buf *b, size_t more); /* room for `more` bytes behind n; the caller then raises n */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_byte(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t v); /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_drop(struct buf *b, size_t n); /* takes n bytes off the front */
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}
#endif
