/* Which texts are one emoji, and the one form in which each is kept and compared: without U+FE0F, which senders put in
 * or leave out as they like. */
#ifndef LINNET_MODEL_EMOJI_H
#define LINNET_MODEL_EMOJI_H
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define EMOJI_BYTES 64 /* as kept; the longest that Unicode recommends has 35 */

/* Replaces *emoji by its form without U+FE0F, in the arena where it had one. ERR_INVALID, with the fault of the field
 * `emoji`, when it is not exactly one emoji: a pictograph, with a skin tone or tags (the flag of Wales) or not, several
 * of them held together by U+200D (families); two regional indicators (flags of countries); or a keycap. */
enum err emoji_check(struct arena *a, struct str *emoji, struct problem *p);
#endif
