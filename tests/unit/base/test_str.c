#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void assert_str(struct str s, const char *expected)
{
	assert_non_null(s.p);
	if (!str_eq(s, str_of(expected))) fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(s), expected);
}

static void of_knows_absent_from_empty(void **state)
{
	assert_null(str_of(NULL).p);
	assert_non_null(str_of("").p);
	assert_int_equal(str_of("abc").n, 3);
	assert_int_equal(STR("a\0b").n, 3);
}

static void eq_compares_bytes(void **state)
{
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_false(str_eq(STR("a"), STR("ab")));
	assert_true(str_eq(STR_NONE, STR("")));
	assert_true(str_eq(STR_NONE, STR_NONE));
}

static void eq_nocase_folds_ascii_only(void **state)
{
	assert_true(str_eq_nocase(STR("Content-LENGTH"), STR("content-length")));
	assert_false(str_eq_nocase(STR("[@`{"), STR("{`@[")));
	assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4")));
	assert_false(str_eq_nocase(STR("a"), STR("ab")));
}

static void starts_and_ends(void **state)
{
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("")));
	assert_true(str_starts(STR_NONE, STR("")));
	assert_false(str_starts(STR("ab"), STR("abc")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_true(str_ends(STR("abc"), STR("")));
	assert_false(str_ends(STR("bc"), STR("abc")));
	assert_false(str_ends(STR("abc"), STR("ab")));
}

static void cmp_is_bytewise(void **state)
{
	assert_int_equal(str_cmp(STR("a"), STR("a")), 0);
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
	assert_true(str_cmp(STR_NONE, STR("a")) < 0);
	assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
}

static void parts_never_leave_the_text(void **state)
{
	assert_str(str_from(STR("abc"), 1), "bc");
	assert_str(str_from(STR("abc"), 3), "");
	assert_str(str_from(STR("abc"), 99), "");
	assert_null(str_from(STR_NONE, 1).p);
	assert_str(str_upto(STR("abc"), 2), "ab");
	assert_str(str_upto(STR("abc"), 99), "abc");
	assert_null(str_upto(STR_NONE, 1).p);
}

static void trim_takes_blanks_and_tabs(void **state)
{
	assert_str(str_trim(STR(" \t a b\t ")), "a b");
	assert_str(str_trim(STR(" \t ")), "");
	assert_str(str_trim(STR("")), "");
	assert_str(str_trim(STR("\ra\n")), "\ra\n");
	assert_null(str_trim(STR_NONE).p);
}

static void split_gives_every_part(void **state)
{
	struct str rest = STR(",a,,b"), part;
	const char *expected[] = { "", "a", "", "b" };
	for (size_t i = 0; i < countof(expected); i++) {
		assert_true(str_split(&rest, ',', &part));
		assert_str(part, expected[i]);
	}
	assert_null(rest.p);
	assert_false(str_split(&rest, ',', &part));

	rest = STR("a,"); /* a separator at the end has an empty part behind it */
	assert_true(str_split(&rest, ',', &part));
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "");
	assert_false(str_split(&rest, ',', &part));

	rest = STR("");
	assert_true(str_split(&rest, ',', &part));
	assert_str(part, "");
	assert_false(str_split(&rest, ',', &part));
}

static void i64_reads_canonical_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t v;
	} good[] = { { "0", 0 },
				 { "7", 7 },
				 { "-1", -1 },
				 { "9223372036854775807", INT64_MAX },
				 { "-9223372036854775808", INT64_MIN } };
	int64_t v;
	for (size_t i = 0; i < countof(good); i++) {
		assert_true(str_i64(str_of(good[i].text), INT64_MIN, INT64_MAX, &v));
		assert_int_equal(v, good[i].v);
	}
	static const char *const bad[] = { "",
									   "-",
									   "+1",
									   " 1",
									   "1 ",
									   "01",
									   "-0",
									   "-01",
									   "1a",
									   "1.0",
									   "1e3",
									   "--1",
									   "9223372036854775808",
									   "-9223372036854775809",
									   "99999999999999999999",
									   "0x1" };
	v = 42;
	for (size_t i = 0; i < countof(bad); i++)
		if (str_i64(str_of(bad[i]), INT64_MIN, INT64_MAX, &v)) fail_msg("%s", bad[i]);
	assert_false(str_i64(STR("1\0"), INT64_MIN, INT64_MAX, &v));
	assert_false(str_i64(STR_NONE, INT64_MIN, INT64_MAX, &v));
	assert_int_equal(v, 42);
}

static void i64_keeps_to_its_bounds(void **state)
{
	int64_t v;
	assert_true(str_i64(STR("5"), 5, 10, &v));
	assert_true(str_i64(STR("10"), 5, 10, &v));
	assert_false(str_i64(STR("4"), 5, 10, &v));
	assert_false(str_i64(STR("11"), 5, 10, &v));
}

static void has_finds_a_byte(void **state)
{
	assert_true(str_has(STR("a\0b"), 'b'));
	assert_true(str_has(STR("a\0b"), 0));
	assert_false(str_has(STR("ab"), 'c'));
	assert_false(str_has(STR_NONE, 'c'));
}

/* Of every code point there is, by an encoder that knows nothing of the checker. */
static size_t encode(uint32_t c, char out[4])
{
	if (c < 0x80) return out[0] = (char)c, 1;
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 63));
	out[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
	return n;
}

static void utf8_takes_every_code_point_and_no_surrogate(void **state)
{
	for (uint32_t c = 0; c < 0x120000; c++) {
		char text[4];
		struct str s = { text, encode(c, text) };
		bool expected = c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
		if (str_utf8(s) != expected) fail_msg("U+%04X", c);
		if (expected && (str_codepoints(s) != 1 || str_utf8_step(s) != s.n)) fail_msg("U+%04X", c);
	}
}

static void utf8_refuses(void **state)
{
	static const struct str bad[] = {
		{ "\x80", 1 },
		{ "\xc0\x80", 2 },
		{ "\xc1\xbf", 2 },
		{ "\xe0\x80\x80", 3 },
		{ "\xe0\x9f\xbf", 3 },
		{ "\xf0\x80\x80\x80", 4 },
		{ "\xc3", 1 },
		{ "\xe2\x82", 2 },
		{ "\xf0\x9f\x98", 3 },
		{ "\xff", 1 },
		{ "\xfe", 1 },
		{ "\xc3\x28", 2 },
		{ "\xf5\x80\x80\x80", 4 },
		{ "\xe2\x28\xa1", 3 },
		{ "\xf8\x88\x80\x80\x80", 5 },
	};
	for (size_t i = 0; i < countof(bad); i++) {
		if (str_utf8(bad[i])) fail_msg("row %zu", i);
		assert_int_equal(str_utf8_step(bad[i]), 0);
	}
	assert_true(str_utf8(STR("")));
	assert_true(str_utf8(STR_NONE));
	assert_int_equal(str_utf8_step(STR("")), 0);
}

static void utf8_sees_a_fault_at_any_place(void **state)
{
	char text[40];
	for (size_t n = 1; n <= sizeof text; n++)
		for (size_t at = 0; at < n; at++) {
			memset(text, 'a', n);
			assert_true(str_utf8((struct str){ text, n }));
			text[at] = '\xff';
			assert_false(str_utf8((struct str){ text, n }));
		}
}

static void codepoints_counts(void **state)
{
	assert_int_equal(str_codepoints(STR("")), 0);
	assert_int_equal(str_codepoints(STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
}

static void eq_secret_agrees_with_eq(void **state)
{
	assert_true(str_eq_secret(STR("abc"), STR("abc")));
	assert_false(str_eq_secret(STR("abc"), STR("abd")));
	assert_false(str_eq_secret(STR("abc"), STR("bbc")));
	assert_false(str_eq_secret(STR("abc"), STR("ab")));
	assert_true(str_eq_secret(STR_NONE, STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_knows_absent_from_empty),
		cmocka_unit_test(eq_compares_bytes),
		cmocka_unit_test(eq_nocase_folds_ascii_only),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(cmp_is_bytewise),
		cmocka_unit_test(parts_never_leave_the_text),
		cmocka_unit_test(trim_takes_blanks_and_tabs),
		cmocka_unit_test(split_gives_every_part),
		cmocka_unit_test(i64_reads_canonical_numbers),
		cmocka_unit_test(i64_keeps_to_its_bounds),
		cmocka_unit_test(has_finds_a_byte),
		cmocka_unit_test(utf8_takes_every_code_point_and_no_surrogate),
		cmocka_unit_test(utf8_refuses),
		cmocka_unit_test(utf8_sees_a_fault_at_any_place),
		cmocka_unit_test(codepoints_counts),
		cmocka_unit_test(eq_secret_agrees_with_eq),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
