/* Objects of one size taken from blocks: no header each, neighbours in memory, given back to the slab and not to the
 * system. For what a reactor has many of: connections, sessions, subscriptions. One thread. Under AddressSanitizer what
 * was given back is poisoned. */
#ifndef LINNET_LOOP_SLAB_H
#define LINNET_LOOP_SLAB_H
#include <stddef.h>

struct slab_block;
struct slab {
	size_t size; /* of an object, rounded up */
	struct slab_block *blocks;
	void *free;
	size_t used; /* objects out */
};
void slab_init(struct slab *s, size_t size);
void *slab_take(struct slab *s); /* zeroed, 16-aligned */
void slab_give(struct slab *s, void *p);
void slab_release(struct slab *s); /* nothing may be out */
#endif
