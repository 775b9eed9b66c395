#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void kernel_bytes(struct random *r, void *p, size_t n)
{
	for (char *at = p; n;) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR) continue;
		if (got <= 0) {
			fprintf(stderr, "the kernel gives no randomness: %s\n", strerror(errno));
			abort();
		}
		at += got, n -= (size_t)got;
	}
}

struct random random_kernel = { kernel_bytes };

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

/* xoshiro256** of Blackman and Vigna. */
static uint64_t seeded_next(uint64_t s[4])
{
	uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3];
	s[2] ^= t, s[3] = rotate(s[3], 45);
	return result;
}

static void seeded_bytes(struct random *r, void *p, size_t n)
{
	struct random_seeded *seeded = (struct random_seeded *)r;
	for (char *at = p; n;) {
		uint64_t v = seeded_next(seeded->s);
		size_t take = n < sizeof v ? n : sizeof v;
		memcpy(at, &v, take);
		at += take, n -= take;
	}
}

void random_seeded_init(struct random_seeded *r, uint64_t seed)
{
	r->base.bytes = seeded_bytes;
	for (int i = 0; i < 4; i++) { /* splitmix64: never four zeros */
		uint64_t x = seed += 0x9e3779b97f4a7c15u;
		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		r->s[i] = x ^ x >> 31;
	}
}

uint64_t random_u64(struct random *r)
{
	uint64_t v;
	r->bytes(r, &v, sizeof v);
	return v;
}

uint64_t random_below(struct random *r, uint64_t n)
{
	assert(n > 0);
	uint64_t partial = (0 - n) % n; /* numbers below it would make the low results likelier */
	for (;;) {
		uint64_t v = random_u64(r);
		if (v >= partial) return v % n;
	}
}
