#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "edge/crowd.h"

static struct address address(const char *text)
{
	struct address a;
	assert_true(address_parse(str_of(text), &a));
	return a;
}

static void each_address_is_counted_by_itself(void **state)
{
	struct crowd c;
	struct address a = address("10.0.0.1"), b = address("10.0.0.2"), v6 = address("2001:db8::1"),
				   same = address("2001:db8::2"), other = address("2001:db8:0:1::1");
	crowd_init(&c);
	assert_int_equal(crowd_enter(&c, &a), 1);
	assert_int_equal(crowd_enter(&c, &a), 2);
	assert_int_equal(crowd_enter(&c, &b), 1);
	assert_int_equal(crowd_enter(&c, &v6), 1);
	assert_int_equal(crowd_enter(&c, &same), 2); /* whoever has one has the whole /64 */
	assert_int_equal(crowd_enter(&c, &other), 1);
	crowd_leave(&c, &a);
	assert_int_equal(crowd_enter(&c, &a), 2);
	crowd_leave(&c, &a), crowd_leave(&c, &a), crowd_leave(&c, &b), crowd_leave(&c, &v6), crowd_leave(&c, &same),
		crowd_leave(&c, &other);
	assert_int_equal(c.counts.n, 0); /* nothing is kept of who has gone */
	crowd_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_address_is_counted_by_itself) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
