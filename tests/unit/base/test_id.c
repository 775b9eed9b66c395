#include "base/id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void ulid_sorts_by_time(void **state)
{
	struct random_seeded r;
	char before[ULID_TEXT + 1], after[ULID_TEXT + 1];
	random_seeded_init(&r, 1);
	ulid_make(&r.base, 0, before);
	assert_memory_equal(before, "0000000000", 10);
	for (int64_t ms = 1; ms < INT64_C(281474976710656); ms *= 3) {
		ulid_make(&r.base, ms, after);
		assert_int_equal(strlen(after), ULID_TEXT);
		assert_true(ulid_valid(str_of(after)));
		assert_true(strcmp(before, after) < 0);
		memcpy(before, after, sizeof before);
	}
	ulid_make(&r.base, INT64_C(281474976710655), after); /* 2^48 - 1 */
	assert_memory_equal(after, "7ZZZZZZZZZ", 10);
	assert_true(ulid_valid(str_of(after)));
	ulid_make(&r.base, 1469918176385, after); /* the specification's example */
	assert_memory_equal(after, "01ARYZ6S41", 10);
}

static void ulid_differs_each_time(void **state)
{
	char a[ULID_TEXT + 1], b[ULID_TEXT + 1];
	ulid_make(&random_kernel, 1, a);
	ulid_make(&random_kernel, 1, b);
	assert_string_not_equal(a, b);
}

static void ulid_valid_is_strict(void **state)
{
	assert_true(ulid_valid(STR("01ARYZ6S41TSV4RRFFQ69G5FAV")));
	assert_false(ulid_valid(STR("01ARYZ6S41TSV4RRFFQ69G5FA")));
	assert_false(ulid_valid(STR("01ARYZ6S41TSV4RRFFQ69G5FAVV")));
	assert_false(ulid_valid(STR("81ARYZ6S41TSV4RRFFQ69G5FAV"))); /* over 128 bits */
	assert_false(ulid_valid(STR("01arYZ6S41TSV4RRFFQ69G5FAV")));
	assert_false(ulid_valid(STR("01ARYZ6S41TSV4RRFFQ69G5FAU")));
	assert_false(ulid_valid(STR("01ARYZ6S41TSV4RRFFQ69G5FA\0")));
	assert_false(ulid_valid(STR("")));
	assert_false(ulid_valid(STR_NONE));
}

static void uuid_make_is_version_four(void **state)
{
	uint8_t b[16];
	char a[UUID_TEXT + 1], again[UUID_TEXT + 1];
	for (int i = 0; i < 50; i++) {
		uuid_make(&random_kernel, a);
		assert_int_equal(strlen(a), UUID_TEXT);
		assert_int_equal(a[14], '4');
		assert_non_null(strchr("89ab", a[19]));
		assert_true(uuid_parse(str_of(a), b));
		uuid_format(b, again);
		assert_string_equal(a, again);
	}
}

static void uuid_parse_takes_either_case(void **state)
{
	uint8_t b[16], upper[16];
	char text[UUID_TEXT + 1];
	assert_true(uuid_parse(STR("00112233-4455-6677-8899-aabbccddeeff"), b));
	for (int i = 0; i < 16; i++) assert_int_equal(b[i], i * 0x11);
	assert_true(uuid_parse(STR("00112233-4455-6677-8899-AABBCCDDEEFF"), upper));
	assert_memory_equal(b, upper, 16);
	uuid_format(upper, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
}

static void uuid_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"00112233445566778899aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeefff",
		"00112233-4455-6677-8899-aabbccddeefg",
		"0011223-34455-6677-8899-aabbccddeeff",
		"{0112233-4455-6677-8899-aabbccddeef}",
		"00112233-4455-6677-8899_aabbccddeeff",
		"------------------------------------",
	};
	uint8_t b[16];
	for (size_t i = 0; i < countof(bad); i++)
		if (uuid_parse(str_of(bad[i]), b)) fail_msg("%s", bad[i]);
	assert_false(uuid_parse(STR_NONE, b));
}

static void hex_both_ways(void **state)
{
	unsigned char bytes[256], back[256];
	char text[513];
	for (int i = 0; i < 256; i++) bytes[i] = (unsigned char)i;
	hex_encode(bytes, sizeof bytes, text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102", 6);
	assert_true(hex_decode(str_of(text), back, sizeof back));
	assert_memory_equal(bytes, back, sizeof bytes);
	assert_true(hex_decode(STR("aBCd"), back, 2));
	assert_int_equal(back[0], 0xab);
	hex_encode(bytes, 0, text);
	assert_string_equal(text, "");
	assert_true(hex_decode(STR(""), back, 0));
}

static void hex_decode_refuses(void **state)
{
	unsigned char back[4];
	assert_false(hex_decode(STR("abc"), back, 1));
	assert_false(hex_decode(STR("abc"), back, 2));
	assert_false(hex_decode(STR("abcd"), back, 1));
	assert_false(hex_decode(STR("abcd"), back, 3));
	assert_false(hex_decode(STR("0g"), back, 1));
	assert_false(hex_decode(STR("0x"), back, 1));
	assert_false(hex_decode(STR("\0\0"), back, 1));
	assert_false(hex_decode(STR_NONE, back, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ulid_sorts_by_time),
		cmocka_unit_test(ulid_differs_each_time),
		cmocka_unit_test(ulid_valid_is_strict),
		cmocka_unit_test(uuid_make_is_version_four),
		cmocka_unit_test(uuid_parse_takes_either_case),
		cmocka_unit_test(uuid_parse_refuses),
		cmocka_unit_test(hex_both_ways),
		cmocka_unit_test(hex_decode_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
