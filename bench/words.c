#include "words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HAN_FIRST 0x4e00
#define HAN_CHARS 3000
#define HAN_SHARE 20 /* one line in so many */

uint64_t words_mix(uint64_t v)
{
	v += 0x9e3779b97f4a7c15u;
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

void words_init(struct words *w)
{
	double sum = 0;
	for (size_t i = 0; i < WORDS; i++) w->below[i] = sum += 1 / pow((double)i + 2.7, 1.05);
	for (size_t i = 0; i < WORDS; i++) w->below[i] /= sum;
}

static size_t syllables(uint64_t h, size_t n, char out[WORD_MOST])
{
	static const char *const begin[] = { "b", "d", "f", "g", "h", "k",  "l",  "m",  "n",  "p",
										 "r", "s", "t", "v", "w", "st", "tr", "pl", "ch", "sh" };
	static const char *const middle[] = { "a", "e", "i", "o", "u", "ea", "ou", "y" };
	static const char *const end[] = { "", "", "", "n", "r", "s", "t", "l", "nd", "ck" };
	size_t at = 0;
	for (size_t i = 0; i < n; i++, h = words_mix(h))
		at +=
			(size_t)snprintf(out + at, WORD_MOST - at, "%s%s%s", begin[h % 20], middle[h / 20 % 8], end[h / 160 % 10]);
	return at;
}

size_t words_of_rank(uint64_t rank, char out[WORD_MOST])
{
	uint64_t h = words_mix(rank * 31 + 7);
	return syllables(h, rank < 100 ? 1 + h / 7919 % 2 : 2 + h / 7919 % 3, out);
}

size_t words_absent(uint64_t seed, char out[WORD_MOST])
{
	return syllables(words_mix(seed ^ 0xab5e17), 5, out);
}

static size_t put_char(uint32_t c, char *out)
{
	out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63));
	return 3;
}

size_t words_han(uint64_t rank, char out[WORD_MOST])
{
	uint64_t h = words_mix(rank + 99991);
	size_t n = put_char(HAN_FIRST + (uint32_t)(h % HAN_CHARS), out);
	n += put_char(HAN_FIRST + (uint32_t)(h / HAN_CHARS % HAN_CHARS), out + n);
	out[n] = 0;
	return n;
}

static uint64_t draw(const struct words *w, uint64_t h)
{
	double share = (double)(h >> 11) / (double)(UINT64_C(1) << 53);
	size_t low = 0, high = WORDS - 1;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (w->below[mid] < share)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t words_line(const struct words *w, uint64_t seed, char out[LINE_MOST])
{
	uint64_t h = words_mix(seed * 2 + 1);
	bool han = h % HAN_SHARE == 0;
	size_t at = 0, words = 3 + h / HAN_SHARE % 15;
	for (size_t i = 0; i < words; i++) {
		h = words_mix(h + i);
		uint64_t rank = draw(w, h);
		char word[WORD_MOST];
		size_t n = han ? words_han(rank, word) : words_of_rank(rank, word);
		if (i && !han) out[at++] = ' ';
		memcpy(out + at, word, n);
		at += n;
	}
	out[at] = 0;
	return at;
}
