/* Memory that goes with a request or a job: taken piece by piece, given back at once. One thread at a time. */
#ifndef LINNET_BASE_ARENA_H
#define LINNET_BASE_ARENA_H
#include <stdarg.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct arena_block;
struct arena {
	struct arena_block *blocks; /* newest first */
	char *at, *end;
	size_t used; /* bytes handed out */
};

void arena_init(struct arena *a);             /* takes no memory yet */
void arena_release(struct arena *a);          /* leaves it as after arena_init */
void *arena_alloc(struct arena *a, size_t n); /* 16-aligned, uninitialised */
void *arena_zalloc(struct arena *a, size_t n);
struct str arena_str(struct arena *a, struct str s); /* a copy, with a NUL behind it; STR_NONE stays STR_NONE */
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
#define arena_new(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_zalloc((a), mem_times((n), sizeof(type))))
#endif
