#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "proto/utf8.h"

/* A second opinion, by decoding. */
static int width_of(const unsigned char *p, size_t n)
{
	uint32_t v, least;
	int width;
	if (p[0] < 0x80) return 1;
	if (p[0] >> 5 == 6)
		v = p[0] & 31, width = 2, least = 0x80;
	else if (p[0] >> 4 == 14)
		v = p[0] & 15, width = 3, least = 0x800;
	else if (p[0] >> 3 == 30)
		v = p[0] & 7, width = 4, least = 0x10000;
	else
		return 0;
	if (n < (size_t)width) return 0;
	for (int i = 1; i < width; i++) {
		if (p[i] >> 6 != 2) return 0;
		v = v << 6 | (p[i] & 63);
	}
	return v < least || v > 0x10FFFF || (v >= 0xD800 && v < 0xE000) ? 0 : width;
}

/* All leads and second bytes, with the last two at the edges of their ranges. */
static void agrees_with_decoding(void **state)
{
	static const unsigned char edge[] = { 0x00, 0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xFF };
	for (int lead = 0; lead < 256; lead++)
		for (int second = 0; second < 256; second++)
			for (size_t i = 0; i < sizeof edge * sizeof edge; i++) {
				unsigned char p[4] = { (unsigned char)lead, (unsigned char)second, edge[i % sizeof edge],
									   edge[i / sizeof edge] };
				for (size_t n = 1; n <= 4; n++) {
					int width = width_of(p, n);
					assert_int_equal(utf8_char((const char *)p, n), width);
					struct utf8 u = { 0 };
					if (width) assert_true(utf8_feed(&u, (const char *)p, (size_t)width) && utf8_whole(&u));
					if (!width && n == 4) assert_false(utf8_feed(&u, (const char *)p, n));
				}
			}
}

static void every_character_in_pieces(void **state)
{
	for (uint32_t v = 0; v < 0x110000; v += v < 0x11000 ? 1 : 37) {
		if (v >= 0xD800 && v < 0xE000) continue;
		char p[4];
		size_t n = 0;
		if (v < 0x80)
			p[n++] = (char)v;
		else {
			if (v < 0x800)
				p[n++] = (char)(0xC0 | v >> 6);
			else {
				if (v < 0x10000)
					p[n++] = (char)(0xE0 | v >> 12);
				else
					p[n++] = (char)(0xF0 | v >> 18), p[n++] = (char)(0x80 | (v >> 12 & 63));
				p[n++] = (char)(0x80 | (v >> 6 & 63));
			}
			p[n++] = (char)(0x80 | (v & 63));
		}
		struct utf8 u = { 0 };
		for (size_t i = 0; i < n; i++) {
			assert_true(utf8_feed(&u, p + i, 1));
			assert_int_equal(utf8_whole(&u), i + 1 == n);
		}
	}
}

/* A fault shows at the byte that makes it, not later. */
static void fails_early(void **state)
{
	static const char *cases[] = { "\x80",     "\xC0", "\xC1", "\xE0\x9F",     "\xED\xA0",         "\xF0\x8F",
								   "\xF4\x90", "\xF5", "\xFF", "\xE2\x82\x41", "\xF0\x9F\x98\x41", "\xC3\xC3" };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct utf8 u = { 0 };
		size_t n = strlen(cases[i]);
		assert_true(utf8_feed(&u, "plain text before", 17));
		assert_true(utf8_feed(&u, cases[i], n - 1));
		assert_false(utf8_feed(&u, cases[i] + n - 1, 1));
	}
}

static void empty_pieces(void **state)
{
	struct utf8 u = { 0 };
	assert_true(utf8_feed(&u, NULL, 0));
	assert_true(utf8_whole(&u));
	assert_true(utf8_feed(&u, "\xE2", 1));
	assert_true(utf8_feed(&u, NULL, 0));
	assert_false(utf8_whole(&u));
	assert_int_equal(utf8_char(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_decoding),
		cmocka_unit_test(every_character_in_pieces),
		cmocka_unit_test(fails_early),
		cmocka_unit_test(empty_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
