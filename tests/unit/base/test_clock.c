#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#include "base/mem.h"

static const struct {
	int64_t ms;
	const char *text;
} known[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ 951782400000, "2000-02-29T00:00:00.000Z" },
	{ 1795548355123, "2026-11-24T19:25:55.123Z" },
	{ 4107542400000, "2100-03-01T00:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
	{ -62167219200000, "0000-01-01T00:00:00.000Z" },
};

static void known_moments_both_ways(void **state)
{
	for (size_t i = 0; i < countof(known); i++) {
		char text[TIME_TEXT];
		int64_t ms;
		time_format(known[i].ms, text);
		assert_memory_equal(text, known[i].text, TIME_TEXT);
		assert_true(time_parse(str_of(known[i].text), &ms));
		assert_int_equal(ms, known[i].ms);
	}
}

static void format_keeps_to_four_digit_years(void **state)
{
	char text[TIME_TEXT];
	time_format(INT64_MAX, text);
	assert_memory_equal(text, "9999-12-31T23:59:59.999Z", TIME_TEXT);
	time_format(INT64_MIN, text);
	assert_memory_equal(text, "0000-01-01T00:00:00.000Z", TIME_TEXT);
}

/* Against the C library's calendar, a step of days and some at a time. */
static void agrees_with_gmtime(void **state)
{
	for (int64_t ms = -62167219200000; ms < 253402300799999; ms += 86400000 * INT64_C(37) + 12345678) {
		char text[TIME_TEXT], expected[64];
		struct tm tm;
		time_t seconds = (time_t)(ms < 0 ? (ms - 999) / 1000 : ms / 1000);
		gmtime_r(&seconds, &tm);
		size_t n = strftime(expected, sizeof expected, "%m-%dT%H:%M:%S", &tm);
		time_format(ms, text);
		assert_memory_equal(text + 5, expected, n);
		int64_t back;
		assert_true(time_parse((struct str){ text, TIME_TEXT }, &back));
		assert_int_equal(back, ms);
	}
}

static void parse_takes_offsets_and_decimals(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },           { "1970-01-01t00:00:00z", 0 },
		{ "1970-01-01T00:00:00.5Z", 500 },       { "1970-01-01T00:00:00.123999999Z", 123 },
		{ "1970-01-01T02:30:00+02:30", 0 },      { "1969-12-31T19:00:00-05:00", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },      { "1970-01-01T23:59:00+23:59", 0 },
		{ "1972-06-30T23:59:60Z", 78796800000 }, /* a leap second is the next one's start */
	};
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t ms;
		if (!time_parse(str_of(rows[i].text), &ms)) fail_msg("%s", rows[i].text);
		assert_int_equal(ms, rows[i].ms);
	}
}

static void parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"1970-01-01",
		"1970-01-01T00:00:00",
		"1970-01-01 00:00:00Z",
		"1970-01-01T00:00Z",
		"1970-1-01T00:00:00Z",
		"1970-00-01T00:00:00Z",
		"1970-13-01T00:00:00Z",
		"1970-01-00T00:00:00Z",
		"1970-01-32T00:00:00Z",
		"1970-04-31T00:00:00Z",
		"1970-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"1970-01-01T24:00:00Z",
		"1970-01-01T00:60:00Z",
		"1970-01-01T00:00:61Z",
		"1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00.1234567890Z",
		"1970-01-01T00:00:00,5Z",
		"1970-01-01T00:00:00+0000",
		"1970-01-01T00:00:00+24:00",
		"1970-01-01T00:00:00+00:60",
		"1970-01-01T00:00:00+00",
		"1970-01-01T00:00:00ZZ",
		" 1970-01-01T00:00:00Z",
		"+1970-01-01T00:00:00Z",
		"19700-01-01T00:00:00Z",
		"-970-01-01T00:00:00Z",
	};
	int64_t ms = 42;
	for (size_t i = 0; i < countof(bad); i++)
		if (time_parse(str_of(bad[i]), &ms)) fail_msg("%s", bad[i]);
	assert_false(time_parse(STR("1970-01-01T00:00:00\0"), &ms));
	assert_false(time_parse(STR_NONE, &ms));
	assert_int_equal(ms, 42);
}

static void real_clock_goes_forward(void **state)
{
	assert_true(clock_wall_ms(&clock_real) > 1600000000000);
	int64_t before = clock_monotonic_ns(&clock_real);
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_monotonic_ns(&clock_real);
		assert_true(now >= before);
		before = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_moments_both_ways), cmocka_unit_test(format_keeps_to_four_digit_years),
		cmocka_unit_test(agrees_with_gmtime),      cmocka_unit_test(parse_takes_offsets_and_decimals),
		cmocka_unit_test(parse_refuses),           cmocka_unit_test(real_clock_goes_forward),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
