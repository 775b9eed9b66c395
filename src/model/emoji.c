/* The grammar of UTS #51 ("possible emoji"), narrower where that would let plain characters pass: digits stand in
 * keycaps only, regional indicators in pairs only, and a skin tone never alone. Everything that it accepts is one
 * grapheme cluster and stays as it is under NFC. A sequence need not be one that fonts can show: that changes each
 * year, and pods of two versions must agree. */
#include "model/emoji.h"

#include <string.h>

#include "model/text.h"

#define SELECTOR "\xef\xb8\x8f" /* U+FE0F: show it as an emoji */
#define JOINER 0x200d
#define KEYCAP 0x20e3
#define GIVEN_BYTES (2 * EMOJI_BYTES)

static bool is_tone(int32_t c)
{
	return c >= 0x1f3fb && c <= 0x1f3ff;
}

static bool is_indicator(int32_t c)
{
	return c >= 0x1f1e6 && c <= 0x1f1ff;
}

static bool is_tag(int32_t c)
{
	return c >= 0xe0020 && c <= 0xe007e;
}

#define TAGS_END 0xe007f

static int32_t peek(struct str s)
{
	return text_next(&s);
}

static bool take(struct str *rest, bool (*is)(int32_t c))
{
	if (!is(peek(*rest))) return false;
	text_next(rest);
	return true;
}

/* None at all, or some up to their end. */
static bool take_tags(struct str *rest)
{
	if (!is_tag(peek(*rest))) return true;
	while (take(rest, is_tag)) continue;
	return text_next(rest) == TAGS_END;
}

static bool take_element(struct str *rest)
{
	if (!take(rest, text_pictograph)) return false;
	take(rest, is_tone);
	return take_tags(rest);
}

static bool take_joined(struct str s)
{
	for (;;) {
		if (!take_element(&s)) return false;
		if (!s.n) return true;
		if (text_next(&s) != JOINER) return false;
	}
}

static bool is_flag(struct str s)
{
	return take(&s, is_indicator) && take(&s, is_indicator) && !s.n;
}

static bool is_keycap(struct str s)
{
	int32_t c = text_next(&s);
	return ((c >= '0' && c <= '9') || c == '#' || c == '*') && text_next(&s) == KEYCAP && !s.n;
}

static struct str without_selectors(struct arena *a, struct str s)
{
	const struct str selector = STR(SELECTOR);
	if (!s.n || !memmem(s.p, s.n, selector.p, selector.n)) return s;
	char *out = arena_alloc(a, s.n);
	size_t n = 0;
	for (size_t i = 0; i < s.n;) {
		if (str_starts(str_from(s, i), selector))
			i += selector.n;
		else
			out[n++] = s.p[i++];
	}
	return (struct str){ out, n };
}

enum err emoji_check(struct arena *a, struct str *emoji, struct problem *p)
{
	if (emoji->n > GIVEN_BYTES) return problem_field(p, "emoji", "is longer than any emoji");
	struct str s = without_selectors(a, *emoji);
	if (!s.n || s.n > EMOJI_BYTES || !(take_joined(s) || is_flag(s) || is_keycap(s)))
		return problem_field(p, "emoji", "must be one emoji");
	*emoji = s;
	return OK;
}
