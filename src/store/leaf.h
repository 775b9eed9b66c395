/* A segment of the index in memory, and its leaves as they are stored: the grams of up to 1,024 messages of a channel,
 * each with the places of the messages that have it. Pure: bytes in, bytes out. A leaf: for each of its grams,
 * ascending, how much greater it is than the one before (the first: than the leaf's first_gram, which is 0), how many
 * places, and these: as differences, or from 128 places on as a bit for each of the segment's. Numbers in seven bits a
 * byte, the low ones first. */
#ifndef LINNET_STORE_LEAF_H
#define LINNET_STORE_LEAF_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/gram.h"

#define LEAF_PLACES 1024 /* of a segment */
#define LEAF_BYTES 900   /* about: a row of them stays in its page, in both databases */

struct places {
	uint64_t w[LEAF_PLACES / 64];
};
static inline bool places_any(const struct places *s)
{
	for (size_t i = 0; i < LEAF_PLACES / 64; i++)
		if (s->w[i]) return true;
	return false;
}
/* The highest one, taken out; -1: there is none. */
int places_take(struct places *s);

/* Adds to `out` the places of all grams within the range. False: these are no bytes of ours. */
bool leaf_places(struct str data, int64_t first_gram, struct gram_range range, struct places *out);

struct leaf_maker {
	struct leaf_pair {
		int64_t gram;
		uint32_t place;
	} * p;
	size_t n, cap;
};
/* A message's grams, which are sorted; a gram that stands there twice counts, and takes memory, once. Places ascend. */
void leaf_maker_add(struct leaf_maker *m, uint32_t place, struct grams *g);
/* Gives each leaf to `take`, ascending, and forgets them. */
void leaf_maker_end(struct leaf_maker *m, void (*take)(void *arg, int64_t first_gram, struct str data), void *arg);
void leaf_maker_release(struct leaf_maker *m);
#endif
