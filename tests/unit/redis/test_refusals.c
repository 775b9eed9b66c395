#include "redis/refusals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void each_kind_is_told_once_until_a_minute_without_it(void **state)
{
	struct redis_refusals r = { 0 };
	assert_true(redis_refusals_new(&r, STR("OOM command not allowed"), 1 * S));
	assert_true(redis_refusals_new(&r, STR("NOPERM no"), 2 * S));
	for (int64_t s = 3; s < 300; s += 59) {
		assert_false(redis_refusals_new(&r, STR("OOM something else"), s * S));
		assert_false(redis_refusals_new(&r, STR("NOPERM"), s * S));
	}
	assert_false(redis_refusals_new(&r, STR("OOM"), 300 * S));
	assert_false(redis_refusals_new(&r, STR("OOM"), 360 * S - 1));
	assert_true(redis_refusals_new(&r, STR("OOM"), 420 * S - 1));
	assert_true(redis_refusals_new(&r, STR("NOPERM"), 420 * S));
}

static void no_flood_of_kinds(void **state)
{
	struct redis_refusals r = { 0 };
	int told = 0;
	char text[64];
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "A-LONG-WORD-OF-NO-REDIS-%d x", i);
		told += redis_refusals_new(&r, str_of(text), S + i);
		snprintf(text, sizeof text, "E%d x", i);
		told += redis_refusals_new(&r, str_of(text), S + i);
	}
	assert_int_equal(told, REFUSAL_KINDS);
	assert_false(redis_refusals_new(&r, STR(""), 2 * S));
	assert_true(redis_refusals_new(&r, STR(""), 100 * S));
	assert_false(redis_refusals_new(&r, STR(""), 101 * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_told_once_until_a_minute_without_it),
		cmocka_unit_test(no_flood_of_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
