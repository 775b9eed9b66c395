#include "model/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static void usernames(void **state)
{
	struct str out, good[] = { STR("ab"), STR("_x"), STR("a-b_9"), STR("abcdefghijklmnopqrstuvwxyz012345") };
	struct str bad[] = { STR_NONE,         STR(""),         STR("a"),      STR("1a"),
						 STR("-a"),        STR("a b"),      STR("a.b"),    STR("\xc3\xa4x"),
						 STR("here"),      STR("Channel"),  STR("all"),    STR("everyone"),
						 STR("system"),    STR("ADMIN"),    STR("linnet"), STR("deleted"),
						 STR("deleted-7"), STR("nickserv"), STR("serv"),   STR("abcdefghijklmnopqrstuvwxyz0123456"),
						 STR("a\0b") };
	for (size_t i = 0; i < countof(good); i++) {
		assert_int_equal(username_check(&arena, good[i], &out, NULL), OK);
		assert_true(str_eq(out, good[i]));
	}
	for (size_t i = 0; i < countof(bad); i++) {
		struct problem p;
		problem_init(&p, &arena);
		assert_int_equal(username_check(&arena, bad[i], &out, &p), ERR_INVALID);
		assert_string_equal(p.fields[0].field, "username");
	}
	assert_int_equal(username_check(&arena, STR("ALICE"), &out, NULL), OK);
	assert_true(str_eq(out, STR("alice")));
}

static enum err display(struct str s, struct str *out)
{
	*out = s;
	return display_name_check(&arena, out, NULL);
}

static void display_names(void **state)
{
	struct str out, bad[] = { STR_NONE,
							  STR(" "),
							  STR("\xe2\x80\x8b"),
							  STR("a\nb"),
							  STR("a\x01"),
							  STR("x\xe2\x80\xae"),
							  STR("\xff"),
							  STR("12345678901234567890123456789012345678901234567890123456789012345") };
	assert_int_equal(display(STR("  A\xcc\x8a  b "), &out), OK);
	assert_true(str_eq(out, STR("\xc3\x85  b")));
	assert_int_equal(display(STR("1234567890123456789012345678901234567890123456789012345678901234"), &out), OK);
	assert_int_equal(display(STR("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"), &out), OK); /* joined emoji */
	for (size_t i = 0; i < countof(bad); i++) assert_int_equal(display(bad[i], &out), ERR_INVALID);
}

static void statuses(void **state)
{
	char most[102];
	struct str out = STR("  at the lake "), bad[] = { STR(""), STR(" "), STR("a\nb"), STR("a\x7f"), STR("\xff") };
	memset(most, 'x', sizeof most);
	assert_int_equal(status_check(&arena, &out, NULL), OK);
	assert_true(str_eq(out, STR("at the lake")));
	out = (struct str){ most, 100 };
	assert_int_equal(status_check(&arena, &out, NULL), OK);
	out = (struct str){ most, 101 };
	assert_int_equal(status_check(&arena, &out, NULL), ERR_INVALID);
	for (size_t i = 0; i < countof(bad); i++) assert_int_equal(status_check(&arena, &bad[i], NULL), ERR_INVALID);
}

static void passwords(void **state)
{
	char most[257];
	memset(most, 'x', sizeof most);
	assert_int_equal(password_check(STR("0123456789"), NULL), OK);
	assert_int_equal(password_check((struct str){ most, 256 }, NULL), OK);
	assert_int_equal(password_check((struct str){ most, 257 }, NULL), ERR_INVALID);
	assert_int_equal(password_check(STR("012345678"), NULL), ERR_INVALID);
	assert_int_equal(password_check(STR("012345678\xff"), NULL), ERR_INVALID);
}

static void scope_lists(void **state)
{
	int bits = 0;
	char text[32];
	assert_true(scopes_parse(STR("write,read,read"), &bits));
	assert_int_equal(bits, SCOPE_READ | SCOPE_WRITE);
	scopes_format(SCOPE_ALL, text);
	assert_string_equal(text, "read,write,manage,admin");
	assert_true(scopes_parse(str_of(text), &bits));
	assert_int_equal(bits, SCOPE_ALL);
	scopes_format(0, text);
	assert_string_equal(text, "");
	struct str bad[] = { STR_NONE, STR(""), STR("read,"), STR(",read"), STR("read write"), STR("root"), STR("Read") };
	for (size_t i = 0; i < countof(bad); i++) assert_false(scopes_parse(bad[i], &bits));
	assert_int_equal(bits, SCOPE_ALL);
}

static void roles(void **state)
{
	enum user_role r;
	for (int i = USER_GUEST; i <= USER_OWNER; i++) {
		assert_true(user_role_parse(str_of(user_role_name((enum user_role)i)), &r));
		assert_int_equal(r, i);
	}
	assert_false(user_role_parse(STR("root"), &r));
}

static int end(void **state)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(usernames),   cmocka_unit_test(display_names),
										cmocka_unit_test(statuses),    cmocka_unit_test(passwords),
										cmocka_unit_test(scope_lists), cmocka_unit_test(roles) };
	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, end);
}
