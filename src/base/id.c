#include "base/id.h"

#include <string.h>

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* no I, L, O, U */
static const char hex_digits[] = "0123456789abcdef";

/* 130 bits of text for 128 bits of id: 10 characters of time (48 bits, right-aligned in 50), 16 of randomness (80
 * bits). */
void ulid_make(struct random *r, int64_t wall_ms, char out[ULID_TEXT + 1])
{
	uint64_t t = wall_ms < 0 ? 0 : (uint64_t)wall_ms & 0xffffffffffffu;
	for (int i = 9; i >= 0; i--, t >>= 5) out[i] = crockford[t & 31];
	unsigned char random[16]; /* five bits of each byte */
	r->bytes(r, random, sizeof random);
	for (int i = 0; i < 16; i++) out[10 + i] = crockford[random[i] & 31];
	out[ULID_TEXT] = 0;
}

bool ulid_valid(struct str s)
{
	if (s.n != ULID_TEXT || s.p[0] > '7') return false;
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(crockford, s.p[i])) return false;
	return true;
}

void uuid_make(struct random *r, char out[UUID_TEXT + 1])
{
	uint8_t b[16];
	r->bytes(r, b, sizeof b);
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	uuid_format(b, out);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

static bool is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool uuid_parse(struct str s, uint8_t out[16])
{
	if (s.n != UUID_TEXT) return false;
	char digits[32];
	size_t n = 0;
	for (size_t i = 0; i < UUID_TEXT; i++) {
		if (is_dash_place(i) != (s.p[i] == '-')) return false;
		if (s.p[i] != '-') digits[n++] = s.p[i];
	}
	return hex_decode((struct str){ digits, n }, out, 16);
}

void uuid_format(const uint8_t in[16], char out[UUID_TEXT + 1])
{
	for (size_t i = 0, n = 0; i < UUID_TEXT; i++) {
		if (is_dash_place(i)) {
			out[i] = '-';
			continue;
		}
		out[i] = hex_digits[n % 2 ? in[n / 2] & 15 : in[n / 2] >> 4];
		n++;
	}
	out[UUID_TEXT] = 0;
}

void hex_encode(const void *p, size_t n, char *out)
{
	const unsigned char *b = p;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_digits[b[i] >> 4];
		out[2 * i + 1] = hex_digits[b[i] & 15];
	}
	out[2 * n] = 0;
}

bool hex_decode(struct str s, void *out, size_t n)
{
	if (s.n / 2 != n || s.n % 2) return false;
	unsigned char *b = out;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
		if (high < 0 || low < 0) return false;
		b[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
