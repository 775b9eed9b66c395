#include "model/text.h"

#include <stdlib.h>
#include <utf8proc.h>

int32_t text_next(struct str *rest)
{
	utf8proc_int32_t c = -1;
	if (rest->n == 0) return -1;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)rest->p, (utf8proc_ssize_t)rest->n, &c);
	if (n <= 0) return -1;
	*rest = str_from(*rest, (size_t)n);
	return c;
}

bool text_control(int32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

bool text_space(int32_t c)
{
	if (c == '\t' || c == '\n' || c == '\r') return true;
	if (c < 0x80) return c == ' ';
	utf8proc_category_t k = utf8proc_category(c);
	return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP;
}

bool text_hidden(int32_t c)
{
	if (c < 0x80) return text_control(c);
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_CS:
	case UTF8PROC_CATEGORY_CO:
	case UTF8PROC_CATEGORY_CN: return true;
	default: return false;
	}
}

bool text_bidi(int32_t c)
{
	return c == 0x200e || c == 0x200f || c == 0x61c || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The library's Unicode may be older than somebody's telephone: what is not assigned in the blocks that emoji come from
 * is one of the property by Unicode's own rule. */
bool text_pictograph(int32_t c)
{
	if (c < 0xa9) return false;
	const utf8proc_property_t *p = utf8proc_get_property(c);
	bool later = (c >= 0x1f000 && c <= 0x1faff) || (c >= 0x1fc00 && c <= 0x1fffd);
	return p->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC || (later && p->category == UTF8PROC_CATEGORY_CN);
}

bool text_blank(struct str s)
{
	for (int32_t c; (c = text_next(&s)) >= 0;)
		if (!text_space(c) && !text_hidden(c)) return false;
	return true;
}

static struct str mapped(struct arena *a, struct str s, utf8proc_option_t options)
{
	utf8proc_uint8_t *out = NULL;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &out, options);
	if (n < 0) return STR_NONE;
	struct str copy = arena_str(a, (struct str){ (const char *)out, (size_t)n });
	free(out); /* taken by utf8proc with malloc */
	return copy;
}

struct str text_nfc(struct arena *a, struct str s)
{
	return mapped(a, s, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

struct str text_fold(struct arena *a, struct str s)
{
	return mapped(a, s, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
}

struct str text_trim(struct str s)
{
	for (struct str rest = s; rest.n > 0; s = rest)
		if (!text_space(text_next(&rest))) break;
	size_t end = 0;
	for (struct str rest = s; rest.n > 0;) {
		int32_t c = text_next(&rest);
		if (c < 0) return s;
		if (!text_space(c)) end = s.n - rest.n;
	}
	return str_upto(s, end);
}
