/* What the index of messages is made of. A word of letters is indexed by the three from each of its letters on, and by
 * its last two and its last one; a word of a script without spaces by each two characters, and the last one. As numbers
 * they are in the order of their characters, so that what begins with one or two characters lies side by side: a query
 * of so few finds it by a range. Who wrote a message is a gram as well, below zero. */
#ifndef LINNET_MODEL_GRAM_H
#define LINNET_MODEL_GRAM_H
#include "model/fold.h"

struct gram_range {
	int64_t from, to; /* both within; the same: one gram */
};
struct grams {
	int64_t *p;
	size_t n, cap;
};
/* Adds those of a text, some of them more than once. */
void grams_add(struct grams *g, const struct fold *text);
void grams_release(struct grams *g);
int64_t gram_author(int64_t user_id);

#define GRAM_RANGES 4 /* of one needle; more would narrow nothing */
/* Grams of which every text has all that has the needle in it. 0: it has nothing to be found by. */
size_t gram_ranges(const struct fold *needle, struct gram_range out[GRAM_RANGES]);
#endif
