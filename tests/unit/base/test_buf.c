#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void assert_buf(const struct buf *b, const char *expected)
{
	if (!str_eq(buf_str(b), str_of(expected))) fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(buf_str(b)), expected);
}

static void adding_grows(void **state)
{
	struct buf b;
	buf_init(&b);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.n, 0);
	buf_add(&b, "ab", 2);
	buf_add_str(&b, STR("cd"));
	buf_add_str(&b, STR_NONE);
	buf_add_byte(&b, 'e');
	assert_buf(&b, "abcde");
	for (int i = 0; i < 1000; i++) buf_add_byte(&b, (char)('a' + i % 26));
	assert_int_equal(b.n, 1005);
	for (int i = 0; i < 1000; i++) assert_int_equal(b.p[5 + i], 'a' + i % 26);
	buf_release(&b);
	assert_null(b.p);
	buf_release(&b);
}

static void reserve_gives_room_behind(void **state)
{
	struct buf b = { 0 };
	assert_non_null(buf_reserve(&b, 0));
	buf_add_str(&b, STR("ab"));
	char *at = buf_reserve(&b, 5000);
	memset(at, 'x', 5000);
	b.n += 5000;
	assert_ptr_equal(at, b.p + 2);
	assert_true(b.cap >= 5002);
	assert_memory_equal(b.p, "abx", 3);
	buf_release(&b);
}

static void numbers_are_decimal(void **state)
{
	static const struct {
		int64_t v;
		const char *text;
	} rows[] = { { 0, "0" },
				 { 9, "9" },
				 { 10, "10" },
				 { -1, "-1" },
				 { INT64_MAX, "9223372036854775807" },
				 { INT64_MIN, "-9223372036854775808" } };
	struct buf b = { 0 };
	for (size_t i = 0; i < countof(rows); i++) {
		b.n = 0;
		buf_add_i64(&b, rows[i].v);
		assert_buf(&b, rows[i].text);
	}
	buf_release(&b);
}

static void printf_of_any_length(void **state)
{
	struct buf b = { 0 };
	for (size_t n = 1; n < 400; n++) {
		b.n = 0;
		buf_add_byte(&b, '<');
		buf_printf(&b, "%*d", (int)n, 7);
		assert_int_equal(b.n, n + 1);
		assert_int_equal(b.p[n], '7');
	}
	buf_printf(&b, "%s", "");
	assert_int_equal(b.n, 400);
	buf_release(&b);
}

static void drop_takes_off_the_front(void **state)
{
	struct buf b = { 0 };
	buf_drop(&b, 0);
	buf_drop(&b, 5);
	buf_add_str(&b, STR("abcdef"));
	buf_drop(&b, 2);
	assert_buf(&b, "cdef");
	buf_drop(&b, 0);
	assert_buf(&b, "cdef");
	buf_drop(&b, 99);
	assert_int_equal(b.n, 0);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adding_grows),
		cmocka_unit_test(reserve_gives_room_behind),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(printf_of_any_length),
		cmocka_unit_test(drop_takes_off_the_front),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
