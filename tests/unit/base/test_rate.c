#include "base/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void parse_reads_what_format_writes(void **state)
{
	static const char *const good[] = { "10/s:30", "1/m:1", "1000000/h:1000000", "off" };
	for (size_t i = 0; i < countof(good); i++) {
		struct rate r;
		char text[RATE_TEXT];
		assert_true(rate_parse(str_of(good[i]), &r));
		rate_format(&r, text);
		assert_string_equal(text, good[i]);
	}
	struct rate r;
	assert_true(rate_parse(STR("10/m:20"), &r));
	assert_int_equal(r.count, 10);
	assert_int_equal(r.per_ms, 60000);
	assert_int_equal(r.burst, 20);
}

static void parse_refuses(void **state)
{
	static const char *const bad[] = { "",       "on",      "10",      "10/s",   "10/s:",  "10/d:1",      "/s:1",
									   "0/s:1",  "1/s:0",   "-1/s:1",  "1/s:-1", "1/ss:1", "1000001/s:1", "1/s:1 ",
									   " 1/s:1", "1/s:1:1", "1.5/s:1", "off ",   "OFF",    "1/s:1000001", "1:1/s" };
	struct rate r = { 7, 7, 7 };
	for (size_t i = 0; i < countof(bad); i++)
		if (rate_parse(str_of(bad[i]), &r)) fail_msg("%s", bad[i]);
	assert_int_equal(r.count, 7);
}

static void burst_then_one_after_the_other(void **state)
{
	struct rate r = { 10, 1000, 3 };
	struct bucket b = { 0 };
	int64_t retry = -1;
	for (int i = 0; i < 3; i++) assert_true(bucket_take(&r, &b, 1000, &retry));
	assert_int_equal(retry, 0);
	assert_false(bucket_take(&r, &b, 1000, &retry));
	assert_int_equal(retry, 100);
	assert_false(bucket_take(&r, &b, 1060, &retry));
	assert_int_equal(retry, 40);
	assert_true(bucket_take(&r, &b, 1100, &retry));
	assert_false(bucket_take(&r, &b, 1199, &retry));
	assert_int_equal(retry, 1);
	assert_true(bucket_take(&r, &b, 1200, NULL));
}

/* What is told is true: not before, but then. */
static void retry_is_exact(void **state)
{
	static const struct rate rates[] = { { 7, 1000, 2 }, { 3, 60000, 1 }, { 1000, 1000, 5 }, { 999999, 3600000, 1 } };
	for (size_t i = 0; i < countof(rates); i++) {
		struct bucket b = { 0 };
		int64_t now = 123456, retry;
		for (int n = 0; n < 50; n++) {
			while (bucket_take(&rates[i], &b, now, &retry)) assert_int_equal(retry, 0);
			assert_true(retry >= 1);
			assert_false(bucket_take(&rates[i], &b, now + retry - 1, NULL));
			now += retry;
			assert_true(bucket_take(&rates[i], &b, now, NULL));
		}
	}
}

static void long_run_keeps_the_rate(void **state)
{
	struct rate r = { 7, 1000, 20 };
	struct bucket b = { 0 };
	int64_t taken = 0;
	for (int64_t now = 0; now < 100000; now++) taken += bucket_take(&r, &b, now, NULL);
	assert_in_range(taken, 719, 720);
}

static void never_more_than_the_burst(void **state)
{
	struct rate r = { 1000, 1000, 4 };
	struct bucket b = { 0 };
	int taken = 0;
	bucket_take(&r, &b, 5, NULL);
	while (bucket_take(&r, &b, INT64_MAX, NULL)) taken++;
	assert_int_equal(taken, 4);
}

static void clock_going_back_gives_nothing(void **state)
{
	struct rate r = { 1, 1000, 1 };
	struct bucket b = { 0 };
	int64_t retry;
	assert_true(bucket_take(&r, &b, 5000, NULL));
	assert_false(bucket_take(&r, &b, 4000, &retry));
	assert_int_equal(retry, 2000);
	assert_true(bucket_take(&r, &b, 6000, NULL));
	struct bucket early = { 0 };
	assert_true(bucket_take(&r, &early, INT64_MIN, NULL));
	assert_false(bucket_take(&r, &early, 0, NULL));
}

static void off_lets_everything_through(void **state)
{
	struct rate r = { 0 };
	struct bucket b = { 0 };
	int64_t retry = 5;
	for (int i = 0; i < 1000; i++) assert_true(bucket_take(&r, &b, 0, &retry));
	assert_int_equal(retry, 0);
	assert_true(bucket_full(&r, &b, 0));
}

static void full_again_when_all_came_back(void **state)
{
	struct rate r = { 2, 1000, 4 };
	struct bucket b = { 0 };
	assert_true(bucket_full(&r, &b, 0));
	bucket_take(&r, &b, 0, NULL);
	bucket_take(&r, &b, 0, NULL);
	assert_false(bucket_full(&r, &b, 999));
	assert_true(bucket_full(&r, &b, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_reads_what_format_writes), cmocka_unit_test(parse_refuses),
		cmocka_unit_test(burst_then_one_after_the_other), cmocka_unit_test(retry_is_exact),
		cmocka_unit_test(long_run_keeps_the_rate),        cmocka_unit_test(never_more_than_the_burst),
		cmocka_unit_test(clock_going_back_gives_nothing), cmocka_unit_test(off_lets_everything_through),
		cmocka_unit_test(full_again_when_all_came_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
