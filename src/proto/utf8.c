/* The state is what the next byte must be: how many continuation bytes are still to come (bits 0 and 1) and the range
 * of the next one (least in bits 8 to 15, most in bits 16 to 23). Only the byte after the lead has a range narrower
 * than 80..BF; that is where overlong forms, surrogates and code points past 10FFFF show. */
#include "proto/utf8.h"

#include <string.h>

#define NEXT(count, least, most) ((uint32_t)(count) | (uint32_t)(least) << 8 | (uint32_t)(most) << 16)

static uint32_t after_lead(unsigned char c)
{
	if (c < 0xC2) return 0; /* a continuation byte, or an overlong form of ASCII */
	if (c < 0xE0) return NEXT(1, 0x80, 0xBF);
	if (c == 0xE0) return NEXT(2, 0xA0, 0xBF);
	if (c == 0xED) return NEXT(2, 0x80, 0x9F);
	if (c < 0xF0) return NEXT(2, 0x80, 0xBF);
	if (c == 0xF0) return NEXT(3, 0x90, 0xBF);
	if (c < 0xF4) return NEXT(3, 0x80, 0xBF);
	if (c == 0xF4) return NEXT(3, 0x80, 0x8F);
	return 0;
}

static size_t ascii_run(const char *p, size_t n)
{
	size_t i = 0;
	for (uint64_t w; i + 8 <= n; i += 8) {
		memcpy(&w, p + i, 8);
		if (w & 0x8080808080808080u) break;
	}
	while (i < n && (unsigned char)p[i] < 0x80) i++;
	return i;
}

bool utf8_feed(struct utf8 *u, const char *p, size_t n)
{
	uint32_t state = u->state;
	for (size_t i = 0; i < n; i++) {
		if (!state) {
			i += ascii_run(p + i, n - i);
			if (i == n) break;
			state = after_lead((unsigned char)p[i]);
			if (!state) return false;
			continue;
		}
		uint32_t c = (unsigned char)p[i], left = (state & 3) - 1;
		if (c < (state >> 8 & 0xFF) || c > (state >> 16 & 0xFF)) return false;
		state = left ? NEXT(left, 0x80, 0xBF) : 0;
	}
	u->state = state;
	return true;
}

size_t utf8_char(const char *p, size_t n)
{
	if (!n) return 0;
	if ((unsigned char)p[0] < 0x80) return 1;
	uint32_t state = after_lead((unsigned char)p[0]), count = state & 3;
	if (!state || n <= count) return 0;
	uint32_t second = (unsigned char)p[1];
	if (second < (state >> 8 & 0xFF) || second > (state >> 16 & 0xFF)) return 0;
	for (uint32_t i = 2; i <= count; i++)
		if ((p[i] & 0xC0) != 0x80) return 0;
	return count + 1;
}
