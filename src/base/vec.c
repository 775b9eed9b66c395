#include "base/vec.h"

void *vec_grow(void *p, size_t *cap, size_t need, size_t item)
{
	size_t to = *cap ? *cap : 2; /* most sessions are in two channels: the log and one */
	while (to < need) to = to > SIZE_MAX / 2 ? SIZE_MAX : to * 2;
	p = mem_resize(p, mem_times(to, item));
	*cap = to;
	return p;
}
