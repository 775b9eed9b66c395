#include "model/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static void names(void **state)
{
	struct str name, key;
	assert_int_equal(channel_name_check(&arena,
										STR("Stra\xc3\x9f"
											"e"),
										&name, &key, NULL),
					 OK);
	assert_true(str_eq(name, STR("Stra\xc3\x9f"
								 "e")));
	assert_true(str_eq(key, STR("strasse")));
	assert_int_equal(channel_name_check(&arena, STR("A\xcc\x8a"), &name, &key, NULL), OK);
	assert_true(str_eq(name, STR("\xc3\x85")));
	assert_true(str_eq(key, STR("\xc3\xa5")));
	assert_int_equal(channel_name_check(&arena, STR("c#"), &name, &key, NULL), OK);
	assert_int_equal(channel_name_check(&arena, STR("\xf0\x9f\x90\xa6\xef\xb8\x8f"), &name, &key, NULL), OK);
	char longest[129];
	for (int i = 0; i < 64; i++) memcpy(longest + 2 * i, "\xc3\xa4", 2);
	assert_int_equal(channel_name_check(&arena, (struct str){ longest, 128 }, &name, &key, NULL), OK);
	longest[128] = 'x';
	struct str bad[] = { STR_NONE,
						 STR(""),
						 STR("#x"),
						 STR("a b"),
						 STR("a\xc2\xa0"
							 "b"),
						 STR("a,b"),
						 STR("a\x07"),
						 STR("a\0"),
						 STR("a\xe2\x80\x8b"),
						 STR("a\xe2\x80\xae"),
						 STR("a\xff"),
						 STR("\xee\x80\x80"), /* private use */
						 { longest, 129 } };
	for (size_t i = 0; i < countof(bad); i++) {
		struct problem p;
		problem_init(&p, &arena);
		assert_int_equal(channel_name_check(&arena, bad[i], &name, &key, &p), ERR_INVALID);
		assert_string_equal(p.fields[0].field, "name");
	}
}

static enum err topic(struct str s, struct str *out)
{
	*out = s;
	return channel_topic_check(&arena, out, NULL);
}

static void topics(void **state)
{
	char longest[391];
	struct str out;
	memset(longest, 'x', sizeof longest);
	assert_int_equal(topic(STR("  hi there "), &out), OK);
	assert_true(str_eq(out, STR("hi there")));
	assert_int_equal(topic(STR(" "), &out), OK);
	assert_true(out.p && out.n == 0);
	assert_int_equal(topic((struct str){ longest, 390 }, &out), OK);
	assert_int_equal(topic((struct str){ longest, 391 }, &out), ERR_INVALID);
	assert_int_equal(topic(STR("a\nb"), &out), ERR_INVALID);
	assert_int_equal(topic(STR("a\xe2\x80\xa8"
							   "b"),
						   &out),
					 ERR_INVALID);
	assert_int_equal(topic(STR("a\xff"), &out), ERR_INVALID);
}

static void dm_keys(void **state)
{
	struct str key;
	int64_t ids[] = { 12, 3, 7, 3, 12 }, one[] = { 5 }, zero[] = { 0, 3 }, many[11];
	size_t n = 5;
	assert_int_equal(dm_key(&arena, ids, &n, &key, NULL), OK);
	assert_int_equal(n, 3);
	assert_true(str_eq(key, STR("3,7,12")));
	assert_int_equal(ids[0], 3);
	assert_int_equal(ids[2], 12);
	n = 1;
	assert_int_equal(dm_key(&arena, one, &n, &key, NULL), OK);
	assert_true(str_eq(key, STR("5")));
	n = 2;
	assert_int_equal(dm_key(&arena, zero, &n, &key, NULL), ERR_INVALID);
	n = 0;
	assert_int_equal(dm_key(&arena, one, &n, &key, NULL), ERR_INVALID);
	for (int i = 0; i < 11; i++) many[i] = INT64_MAX - i;
	n = 11;
	assert_int_equal(dm_key(&arena, many, &n, &key, NULL), ERR_INVALID);
	n = 10;
	assert_int_equal(dm_key(&arena, many, &n, &key, NULL), OK);
	assert_int_equal(key.n, 10 * 19 + 9);
}

static void words(void **state)
{
	enum channel_role r;
	enum notify_level l;
	enum channel_history h;
	for (int i = CHANNEL_MEMBER; i <= CHANNEL_OWNER; i++) {
		assert_true(channel_role_parse(str_of(channel_role_name((enum channel_role)i)), &r));
		assert_int_equal(r, i);
	}
	for (int i = LEVEL_DEFAULT; i <= LEVEL_NONE; i++) {
		assert_true(notify_level_parse(str_of(notify_level_name((enum notify_level)i)), &l));
		assert_int_equal(l, i);
	}
	assert_true(channel_history_parse(STR("joined"), &h));
	assert_int_equal(h, HISTORY_JOINED);
	assert_string_equal(channel_kind_name(CHANNEL_DM), "dm");
	assert_false(channel_role_parse(STR("voice"), &r));
	assert_false(notify_level_parse(STR(""), &l));
	assert_false(channel_history_parse(STR_NONE, &h));
}

static int end(void **state)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(topics), cmocka_unit_test(dm_keys),
										cmocka_unit_test(words) };
	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, end);
}
