/* A text as it is searched: compatibility characters, case and accents are put aside (NFKC, case folding; the marks of
 * Latin, Greek, Cyrillic, Hebrew and Arabic letters fall away, those without which a word of another script is another
 * word stay), what is not seen (joiners, variation selectors) is left out, and any run of spaces is one. Each character
 * of it knows from where in the source it comes: from the whole cluster that a reader sees as one, so that a highlight
 * never parts a letter from its accent. */
#ifndef LINNET_MODEL_FOLD_H
#define LINNET_MODEL_FOLD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"

struct fold_char {
	int32_t c;
	uint32_t from, to; /* bytes of the source */
};
struct fold {
	struct fold_char *p;
	size_t n, cap;
};
/* Forgets what was there; keeps the memory. Stops where the source is no UTF-8. */
void fold_text(struct fold *f, struct str source);
void fold_release(struct fold *f);
/* Where `needle` stands in f at or after `at`; f->n: nowhere. An empty needle stands nowhere. */
size_t fold_find(const struct fold *f, size_t at, const struct fold *needle);
/* A script whose words have no spaces between them: Han, Kana, Thai, Lao, Khmer, Myanmar and their like. */
bool fold_unspaced(int32_t c);
#endif
