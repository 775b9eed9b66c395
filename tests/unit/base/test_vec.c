#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void push_and_pop(void **state)
{
	VEC(int64_t) v = { 0 };
	for (int64_t i = 0; i < 1000; i++) vec_push(&v, i * i);
	assert_int_equal(v.n, 1000);
	for (int64_t i = 0; i < 1000; i++) assert_int_equal(v.p[i], i * i);
	assert_int_equal(vec_pop(&v), 999 * 999);
	assert_int_equal(v.n, 999);
	vec_clear(&v);
	assert_int_equal(v.n, 0);
	assert_true(v.cap >= 1000);
	vec_release(&v);
	assert_null(v.p);
	assert_int_equal(v.cap, 0);
}

static void reserve_keeps_what_is_there(void **state)
{
	VEC(char) v = { 0 };
	vec_push(&v, 'a');
	vec_reserve(&v, 5000);
	assert_true(v.cap >= 5000);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.p[0], 'a');
	size_t cap = v.cap;
	vec_reserve(&v, 10);
	assert_int_equal(v.cap, cap);
	vec_release(&v);
}

static void drop_swap_moves_the_last(void **state)
{
	VEC(int) v = { 0 };
	for (int i = 0; i < 4; i++) vec_push(&v, i);
	vec_drop_swap(&v, 1);
	assert_int_equal(v.n, 3);
	assert_int_equal(v.p[1], 3);
	vec_drop_swap(&v, 2);
	assert_int_equal(v.n, 2);
	assert_int_equal(v.p[0], 0);
	vec_release(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push_and_pop),
		cmocka_unit_test(reserve_keeps_what_is_there),
		cmocka_unit_test(drop_swap_moves_the_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
