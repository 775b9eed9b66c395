/* Randomness as the pod sees it: the kernel's, or a seeded one in the simulation. Secrets always come from the kernel.
 */
#ifndef LINNET_BASE_RANDOM_H
#define LINNET_BASE_RANDOM_H
#include <stddef.h>
#include <stdint.h>

struct random {
	void (*bytes)(struct random *, void *p, size_t n);
};
extern struct random random_kernel; /* stateless: any thread */
struct random_seeded {              /* xoshiro256**: not for secrets */
	struct random base;
	uint64_t s[4];
};
void random_seeded_init(struct random_seeded *r, uint64_t seed);
uint64_t random_u64(struct random *r);
uint64_t random_below(struct random *r, uint64_t n); /* uniform in [0, n), n > 0 */
#endif
