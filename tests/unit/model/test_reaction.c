#include "model/reaction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static void text_is(const struct reactions *r, const char *want)
{
	struct str s = reactions_text(&arena, r);
	if (!str_eq(s, str_of(want))) fail_msg("it is %.*s", STR_ARG(s));
	if (!*want) assert_null(s.p);
}

static void written_and_read(void **state)
{
	struct reactions r, back;
	reactions_parse(&arena, STR_NONE, &r);
	assert_int_equal(r.n, 0);
	text_is(&r, "");
	reactions_add(&arena, &r, STR("a"), 7);
	reactions_add(&arena, &r, STR("b"), 9007199254740991);
	struct reaction *x = reactions_add(&arena, &r, STR("a"), 3);
	assert_int_equal(x->count, 2);
	text_is(&r, "a 2 7,3;b 1 9007199254740991");
	reactions_parse(&arena, reactions_text(&arena, &r), &back);
	assert_int_equal(back.n, 2);
	assert_ptr_equal(reactions_find(&back, STR("b")), &back.items[1]);
	assert_null(reactions_find(&back, STR("c")));
	text_is(&back, "a 2 7,3;b 1 9007199254740991");
}

static void given_and_taken(void **state)
{
	struct reactions r = { 0 };
	bool more;
	for (int64_t id = 1; id <= 3; id++) reactions_add(&arena, &r, STR("a"), id);
	reactions_add(&arena, &r, STR("b"), 1);
	reactions_remove(reactions_find(&r, STR("a")), 2, &more);
	assert_false(more);
	text_is(&r, "a 2 1,3;b 1 1");
	reactions_remove(reactions_find(&r, STR("a")), 1, &more);
	reactions_remove(reactions_find(&r, STR("a")), 3, &more);
	assert_int_equal(reactions_find(&r, STR("a"))->count, 0);
	reactions_tidy(&r);
	text_is(&r, "b 1 1");
	reactions_add(&arena, &r, STR("a"), 3); /* comes last, as it would at who was told of each step */
	text_is(&r, "b 1 1;a 1 3");
}

/* Only the first are named, and who is not does not take the place of one who came before. */
static void many(void **state)
{
	struct reactions r = { 0 };
	bool more;
	for (int64_t id = 1; id <= 25; id++) reactions_add(&arena, &r, STR("a"), id);
	struct reaction *x = reactions_find(&r, STR("a"));
	assert_int_equal(x->count, 25);
	assert_int_equal(x->n_users, REACTION_USERS);
	reactions_remove(x, 22, &more); /* not named */
	assert_false(more);
	assert_int_equal(x->n_users, REACTION_USERS);
	reactions_remove(x, 5, &more);
	assert_true(more);
	assert_int_equal(x->n_users, REACTION_USERS - 1);
	reactions_add(&arena, &r, STR("a"), 30);
	assert_int_equal(x->count, 24);
	assert_int_equal(x->user_ids[x->n_users - 1], 20);
}

/* What stands there came from us, but maybe from a later version. */
static void nonsense(void **state)
{
	static const char *const texts[] = {
		";", " ", "a", "a ", "a x", "a 0", "a -1 2", " 1 2", "a 99999999999999999999 1"
	};
	struct reactions r;
	for (size_t i = 0; i < countof(texts); i++) {
		reactions_parse(&arena, str_of(texts[i]), &r);
		assert_int_equal(r.n, 0);
	}
	reactions_parse(&arena, STR("a 2 1,x,2;;b;c 1 5 more"), &r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.items[0].n_users, 2);
	assert_true(str_eq(r.items[1].emoji, STR("c")));
	reactions_parse(&arena, STR("a 30 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22"), &r);
	assert_int_equal(r.items[0].n_users, REACTION_USERS);
}

static int forget(void **state)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(written_and_read), cmocka_unit_test(given_and_taken),
										cmocka_unit_test(many), cmocka_unit_test(nonsense) };
	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, forget);
}
