/* Revs behind which an owner keeps its frames, because an attach under way will come back for them: a session that a
 * snapshot brings to T, no matter how far the owner is by then, finds in the ring what follows. Pure. */
#ifndef LINNET_HUB_PINS_H
#define LINNET_HUB_PINS_H
#include <stddef.h>
#include <stdint.h>

struct pin {
	int64_t rev;
	uint32_t n; /* attaches that came at this rev */
};
struct pins { /* ascending: p[at .. n) */
	struct pin *p;
	size_t at, n, cap;
};
void pins_add(struct pins *v, int64_t rev);  /* not below one that is there */
void pins_drop(struct pins *v, int64_t rev); /* one that was added */
int64_t pins_least(const struct pins *v);    /* INT64_MAX: none */
void pins_release(struct pins *v);
#endif
