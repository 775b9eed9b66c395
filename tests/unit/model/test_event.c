#include "model/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void kinds(void **state)
{
	enum change_kind k;
	for (int i = 0; i < CHANGE_KIND_COUNT; i++) {
		assert_true(change_kind_parse(str_of(change_row((enum change_kind)i)->kind), &k));
		assert_int_equal(k, i);
	}
	assert_false(change_kind_parse(STR("member"), &k));
	assert_true(change_row(CHANGE_KICK)->removes);
	assert_false(change_row(CHANGE_ROLE)->removes);
	assert_true(change_row(CHANGE_JOIN)->adds);
	assert_string_equal(change_row(CHANGE_KICK)->type, "member");
}

static void references(void **state)
{
	struct event *e = event_create(3);
	assert_int_equal(e->json_n, 3);
	assert_int_equal(e->rev, 0);
	memcpy(e->json, "{}\n", 3);
	assert_ptr_equal(event_ref(e), e);
	event_unref(e);
	assert_int_equal(e->json[0], '{');
	event_unref(e);
	event_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kinds), cmocka_unit_test(references) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
