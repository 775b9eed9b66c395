/* What may stand in a text that people read: code points by their Unicode category, and normal forms. */
#ifndef LINNET_MODEL_TEXT_H
#define LINNET_MODEL_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Takes the first code point off *rest; -1 at the end, or where it is no UTF-8. */
int32_t text_next(struct str *rest);
bool text_control(int32_t c); /* C0, DEL, C1 */
bool text_space(int32_t c);   /* any space or separator, tab and newline among them */
bool text_hidden(int32_t c);  /* control, format, surrogate, private use or not assigned */
bool text_bidi(int32_t c);    /* turns the direction of what follows */
/* Can stand alone as an emoji (Extended_Pictographic), those that Unicode has set aside for later ones among them. */
bool text_pictograph(int32_t c);
bool text_blank(struct str s); /* nothing that leaves ink */
/* NFC, or the case-folded form for comparing. STR_NONE where s is no UTF-8. */
struct str text_nfc(struct arena *a, struct str s);
struct str text_fold(struct arena *a, struct str s);
struct str text_trim(struct str s); /* spaces of all kinds at both ends */
#endif
