#include "base/str.h"

#include <string.h>

struct str str_of(const char *z)
{
	return z ? (struct str){ z, strlen(z) } : STR_NONE;
}

bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static unsigned char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : (unsigned char)c;
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n) return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i])) return false;
	return true;
}

bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && str_eq(str_upto(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	if (c) return c;
	return (a.n > b.n) - (a.n < b.n);
}

struct str str_from(struct str s, size_t at)
{
	if (at > s.n) at = s.n;
	return s.p ? (struct str){ s.p + at, s.n - at } : STR_NONE;
}

struct str str_upto(struct str s, size_t n)
{
	return (struct str){ s.p, n < s.n ? n : s.n };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0])) s.p++, s.n--;
	while (s.n && is_blank(s.p[s.n - 1])) s.n--;
	return s;
}

bool str_split(struct str *rest, char sep, struct str *part)
{
	struct str s = *rest;
	if (!s.p) return false;
	const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;
	if (!at) {
		*part = s;
		*rest = STR_NONE;
		return true;
	}
	*part = str_upto(s, (size_t)(at - s.p));
	*rest = str_from(s, part->n + 1);
	return true;
}

bool str_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	struct str digits = str_from(s, negative);
	if (digits.n == 0 || digits.n > 19) return false;
	if (digits.p[0] == '0' && (digits.n > 1 || negative)) return false;
	int64_t v = 0; /* built downwards, since the least number has no positive twin */
	for (size_t i = 0; i < digits.n; i++) {
		char c = digits.p[i];
		if (c < '0' || c > '9') return false;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, c - '0', &v)) return false;
	}
	if (!negative && __builtin_sub_overflow((int64_t)0, v, &v)) return false;
	if (v < min || v > max) return false;
	*out = v;
	return true;
}

bool str_has(struct str s, char c)
{
	return s.n && memchr(s.p, c, s.n);
}

/* How many bytes the well-formed sequence at p has; 0 when it is none. The second byte's range is what keeps overlong
 * forms, surrogates and numbers past U+10FFFF out (RFC 3629, section 4). */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80) return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
	size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < len) return 0;
	unsigned char least = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char most = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < least || p[1] > most) return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	return len;
}

bool str_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	for (size_t i = 0; i < s.n;) {
		if (s.n - i >= 8) { /* plain ASCII, eight at a time */
			uint64_t word;
			memcpy(&word, p + i, 8);
			if (!(word & 0x8080808080808080u)) {
				i += 8;
				continue;
			}
		}
		size_t len = utf8_sequence(p + i, s.n - i);
		if (!len) return false;
		i += len;
	}
	return true;
}

size_t str_utf8_step(struct str s)
{
	return s.n ? utf8_sequence((const unsigned char *)s.p, s.n) : 0;
}

size_t str_codepoints(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

bool str_eq_secret(struct str a, struct str b)
{
	if (a.n != b.n) return false;
	volatile unsigned char differ = 0;
	for (size_t i = 0; i < a.n; i++) differ |= (unsigned char)(a.p[i] ^ b.p[i]);
	return differ == 0;
}
