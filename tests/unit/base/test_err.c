#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void rows_are_as_the_table(void **state)
{
	assert_string_equal(err_row(OK)->code, "ok");
	assert_int_equal(err_row(OK)->status, 200);
	assert_string_equal(err_row(ERR_NAME_TAKEN)->name, "NAME_TAKEN");
	assert_string_equal(err_row(ERR_NAME_TAKEN)->code, "name_taken");
	assert_int_equal(err_row(ERR_NAME_TAKEN)->status, 409);
	assert_int_equal(err_row(ERR_NAME_TAKEN)->numeric, 433);
	assert_int_equal(err_row(ERR_SESSION_REVOKED)->close, 4003);
}

static void every_row_is_usable(void **state)
{
	for (int e = 1; e < ERR_COUNT; e++) {
		const struct err_row *row = err_row((enum err)e);
		assert_true(row->status >= 400 && row->status <= 599);
		assert_true(row->close == 0 || (row->close >= 1000 && row->close <= 1015) ||
					(row->close >= 4000 && row->close <= 4999));
		assert_true(row->numeric == 0 || (row->numeric >= 200 && row->numeric <= 599));
		assert_true(row->code[0] && row->title[0]);
		for (const char *c = row->code; *c; c++) assert_true(*c == '_' || (*c >= 'a' && *c <= 'z'));
	}
}

static void problem_keeps_the_last_detail(void **state)
{
	struct arena a;
	struct problem p;
	arena_init(&a);
	problem_init(&p, &a);
	assert_null(p.detail.p);
	assert_int_equal(problem_set(&p, ERR_CONFLICT, "first %d", 1), ERR_CONFLICT);
	assert_int_equal(problem_set(&p, ERR_INVALID, "second %s", "x"), ERR_INVALID);
	assert_true(str_eq(p.detail, STR("second x")));
	arena_release(&a);
}

static void problem_keeps_sixteen_fields(void **state)
{
	struct arena a;
	struct problem p;
	arena_init(&a);
	problem_init(&p, &a);
	for (int i = 0; i < 20; i++) assert_int_equal(problem_field(&p, "f", "fault %d", i), ERR_INVALID);
	assert_int_equal(p.n_fields, 16);
	assert_string_equal(p.fields[0].field, "f");
	assert_true(str_eq(p.fields[15].detail, STR("fault 15")));
	arena_release(&a);
}

static void problem_may_be_nobodys(void **state)
{
	assert_int_equal(problem_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
	assert_int_equal(problem_field(NULL, "f", "x"), ERR_INVALID);
}

static void an_outage_begins_and_ends_once(void **state)
{
	bool failing = false;
	assert_false(err_begins(&failing, OK));
	assert_true(err_begins(&failing, ERR_UNAVAILABLE));
	assert_false(err_begins(&failing, ERR_BUSY));
	assert_false(err_begins(&failing, OK));
	assert_true(err_begins(&failing, ERR_BUSY));
	assert_false(err_ends(&failing, ERR_BUSY));
	assert_true(err_ends(&failing, OK));
	assert_false(err_ends(&failing, OK));
	assert_true(err_begins(&failing, ERR_BUSY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_as_the_table),         cmocka_unit_test(every_row_is_usable),
		cmocka_unit_test(problem_keeps_the_last_detail), cmocka_unit_test(problem_keeps_sixteen_fields),
		cmocka_unit_test(problem_may_be_nobodys),        cmocka_unit_test(an_outage_begins_and_ends_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
