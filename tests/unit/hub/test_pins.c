/* Revs that an owner keeps its frames behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/pins.h"

static void the_least_of_those_that_are_left(void **state)
{
	struct pins v = { 0 };
	assert_int_equal(pins_least(&v), INT64_MAX);
	pins_add(&v, 5);
	pins_add(&v, 5);
	pins_add(&v, 7);
	pins_add(&v, 9);
	assert_int_equal(pins_least(&v), 5);
	pins_drop(&v, 7);
	pins_drop(&v, 5);
	assert_int_equal(pins_least(&v), 5);
	pins_drop(&v, 5);
	assert_int_equal(pins_least(&v), 9);
	pins_add(&v, 10);
	pins_drop(&v, 10);
	assert_int_equal(pins_least(&v), 9);
	pins_add(&v, 10); /* again, where one waits with none */
	pins_drop(&v, 9);
	assert_int_equal(pins_least(&v), 10);
	pins_drop(&v, 10);
	assert_int_equal(pins_least(&v), INT64_MAX);
	pins_release(&v);
}

/* Always in use, never more than what is there at a time. */
static void it_does_not_grow_with_time(void **state)
{
	struct pins v = { 0 };
	for (int64_t rev = 1; rev <= 10000; rev++) {
		pins_add(&v, rev);
		if (rev > 10) pins_drop(&v, rev - 10);
		assert_int_equal(pins_least(&v), rev > 10 ? rev - 9 : 1);
	}
	assert_in_range(v.cap, 1, 64);
	pins_release(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_of_those_that_are_left),
		cmocka_unit_test(it_does_not_grow_with_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
