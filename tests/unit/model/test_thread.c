/* Who is named of a thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/thread.h"

static void is(const struct thread *t, const char *want)
{
	struct arena a;
	arena_init(&a);
	struct str text = thread_users_text(&a, t);
	assert_true(str_eq(text, str_of(want)));
	assert_true((text.p == NULL) == (want[0] == 0));
	struct thread again = { .n_users = 2, .user_ids = { 8, 9 } };
	thread_users_parse(text, &again);
	assert_int_equal(again.n_users, t->n_users);
	assert_memory_equal(again.user_ids, t->user_ids, t->n_users * sizeof *t->user_ids);
	arena_release(&a);
}

static void the_last_is_first(void **state)
{
	struct thread t = { 0 };
	is(&t, "");
	thread_name(&t, 3);
	is(&t, "3");
	thread_name(&t, 3);
	is(&t, "3");
	thread_name(&t, 4);
	thread_name(&t, 5);
	is(&t, "5,4,3");
	thread_name(&t, 3);
	is(&t, "3,5,4");
	thread_name(&t, 6);
	is(&t, "6,3,5");
}

static void from_the_last_backwards(void **state)
{
	struct thread t = { 0 };
	const int64_t authors[] = { 5, 5, 4, 5, 9007199254740991, 4, 2 };
	for (size_t i = 0; i < sizeof authors / sizeof *authors; i++) thread_name_last(&t, authors[i]);
	is(&t, "5,4,9007199254740991");
}

static void what_is_none_is_left_out(void **state)
{
	struct thread t = { 0 };
	thread_users_parse(STR("x,3,-1,,4,5,6"), &t);
	is(&t, "3,4,5");
	thread_users_parse(STR_NONE, &t);
	is(&t, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_last_is_first), cmocka_unit_test(from_the_last_backwards),
										cmocka_unit_test(what_is_none_is_left_out) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
