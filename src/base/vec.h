/* A typed vector: `struct { T *p; size_t n, cap; }` or VEC(T). */
#ifndef LINNET_BASE_VEC_H
#define LINNET_BASE_VEC_H
#include <stddef.h>

#include "base/mem.h"

#define VEC(T)                                                                                                         \
	struct {                                                                                                           \
		T *p;                                                                                                          \
		size_t n, cap;                                                                                                 \
	}

void *vec_grow(void *p, size_t *cap, size_t need, size_t item);

#define vec_reserve(v, need)                                                                                           \
	((need) > (v)->cap ? (void)((v)->p = vec_grow((v)->p, &(v)->cap, (need), sizeof *(v)->p)) : (void)0)
#define vec_push(v, item) (vec_reserve((v), (v)->n + 1), (void)((v)->p[(v)->n++] = (item)))
#define vec_pop(v) ((v)->p[--(v)->n])
#define vec_clear(v) ((void)((v)->n = 0))
#define vec_release(v) (mem_free((v)->p), (void)((v)->p = NULL), (void)((v)->n = (v)->cap = 0))
/* Takes item i out by moving the last one into its place. */
#define vec_drop_swap(v, i) ((void)((v)->p[(i)] = (v)->p[--(v)->n]))
#endif
