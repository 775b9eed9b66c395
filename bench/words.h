/* What people write, made from numbers, so that every run has the same: 50,000 words of syllables, drawn by Zipf's law,
 * and now and then a line of Han characters without spaces. */
#ifndef LINNET_BENCH_WORDS_H
#define LINNET_BENCH_WORDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS 50000
#define WORD_MOST 40
#define LINE_MOST 1024

struct words {
	double below[WORDS]; /* the share of those up to a rank */
};
void words_init(struct words *w);
uint64_t words_mix(uint64_t v);                           /* a number that looks like chance */
size_t words_of_rank(uint64_t rank, char out[WORD_MOST]); /* the most frequent is of rank 0 */
size_t words_absent(uint64_t seed, char out[WORD_MOST]);  /* of the same syllables, and longer than any of them */
size_t words_han(uint64_t rank, char out[WORD_MOST]);     /* of two characters */
size_t words_line(const struct words *w, uint64_t seed, char out[LINE_MOST]); /* the message of that number */
#endif
