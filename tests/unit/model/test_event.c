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

static void who_hears_no_more(void **state)
{
	struct event *e = event_create(0);
	e->user_id = 7;
	e->kind = CHANGE_KICK;
	assert_true(event_ends(e, 7));
	assert_false(event_ends(e, 8));
	e->kind = CHANGE_JOIN;
	assert_false(event_ends(e, 7));
	e->kind = CHANGE_DELETED, e->user_id = 0;
	assert_true(event_ends(e, 7));
	event_unref(e);
}

static int64_t min_rev_of(enum change_kind kind, const char *json)
{
	size_t n = strlen(json);
	struct event *e = event_create(n);
	e->kind = kind;
	memcpy(e->json, json, n);
	int64_t rev = event_min_rev(e);
	event_unref(e);
	return rev;
}

static void what_retention_took(void **state)
{
	assert_int_equal(min_rev_of(CHANGE_RETAIN, "{\"type\":\"retain\",\"min_rev\":42,\"min_id\":7}"), 42);
	assert_int_equal(min_rev_of(CHANGE_RETAIN, "{\"min_rev\":42"), 42); /* the frame's end */
	assert_int_equal(min_rev_of(CHANGE_RETAIN, "{\"min_rev\":}"), 0);
	assert_int_equal(min_rev_of(CHANGE_RETAIN, "{\"min_rev\":99999999999999999999}"), 0);
	assert_int_equal(min_rev_of(CHANGE_RETAIN, "{}"), 0);
	assert_int_equal(min_rev_of(CHANGE_TOPIC, "{\"min_rev\":42}"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(references),
		cmocka_unit_test(who_hears_no_more),
		cmocka_unit_test(what_retention_took),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
