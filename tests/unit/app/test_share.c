#include "app/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ANN 1
#define BOB 2
#define WHOLE 1000

static void a_burst_and_then_half_of_the_time(void **state)
{
	struct shares *s = shares_create();
	int64_t now = 5000, retry, had = 0;
	for (int i = 0; i < SHARES_BURST; i++) assert_true(shares_take(s, ANN, now, WHOLE, &retry));
	assert_false(shares_take(s, ANN, now, WHOLE, &retry));
	assert_int_equal(retry, 2 * WHOLE);
	assert_true(shares_take(s, BOB, now, WHOLE, &retry)); /* has their own */
	for (int64_t i = 0; i < 100; i++) {
		now += WHOLE;
		had += shares_take(s, ANN, now, WHOLE, &retry);
	}
	assert_in_range(had, 48, 52);
	shares_destroy(s);
}

static void what_was_not_used_is_given_back(void **state)
{
	struct shares *s = shares_create();
	int64_t retry;
	for (int i = 0; i < 1000; i++) { /* all at one moment */
		assert_true(shares_take(s, ANN, 5000, WHOLE, &retry));
		shares_give(s, ANN, WHOLE);
	}
	for (int64_t i = 0; i < 1000; i++) { /* less than half, without a pause */
		assert_true(shares_take(s, ANN, 5000 + i * 10, WHOLE, &retry));
		shares_give(s, ANN, WHOLE - 5);
	}
	shares_give(s, BOB, WHOLE); /* of whom nothing is known */
	for (int i = 0; i < SHARES_BURST; i++) assert_true(shares_take(s, BOB, 5000, WHOLE, &retry));
	assert_false(shares_take(s, BOB, 5000, WHOLE, &retry));
	shares_destroy(s);
}

/* More people than there is room for: they are forgotten, never held to what another owes. */
static void nobody_pays_for_another(void **state)
{
	struct shares *s = shares_create();
	int64_t retry;
	for (int64_t id = 1; id <= 10 * SHARES_MOST; id++) assert_true(shares_take(s, id, 5000, WHOLE, &retry));
	shares_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_and_then_half_of_the_time),
		cmocka_unit_test(what_was_not_used_is_given_back),
		cmocka_unit_test(nobody_pays_for_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
