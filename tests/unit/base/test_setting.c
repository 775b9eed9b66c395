#include "base/setting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void names_are_unique_and_found(void **state)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		assert_ptr_equal(setting_by_variable(str_of(settings[i].variable)), &settings[i]);
		assert_ptr_equal(setting_by_flag(str_of(settings[i].flag)), &settings[i]);
		assert_true(settings[i].help[0]);
		assert_int_not_equal(settings[i].roles & ROLE_ALL, 0);
	}
	assert_null(setting_by_flag(STR("")));
	assert_null(setting_by_variable(STR("listen")));
}

/* Only the names of the topology stand without the prefix. */
static void variables_follow_the_flags(void **state)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		struct str v = str_of(settings[i].variable), flag = str_of(settings[i].flag);
		if (str_starts(v, STR("LINNET_"))) v = str_from(v, 7);
		assert_int_equal(v.n, flag.n);
		for (size_t k = 0; k < v.n; k++) {
			char expected = v.p[k] == '_' ? '-' : (char)(v.p[k] | 32);
			assert_int_equal(flag.p[k], expected);
		}
	}
}

static void assert_near(const char *name, bool variable, enum role role, const char *expected)
{
	const struct setting *s = setting_near(str_of(name), variable, role);
	if (!expected) {
		if (s) fail_msg("%s is near %s", name, s->flag);
		return;
	}
	assert_non_null(s);
	assert_string_equal(s->flag, expected);
}

static void near_names(void **state)
{
	assert_near("listenn", false, ROLE_SERVE, "listen");
	assert_near("isten", false, ROLE_SERVE, "listen");
	assert_near("jwt_secret", false, ROLE_SERVE, "jwt-secret");
	assert_near("LINNET_DATABASE_URL", true, ROLE_SERVE, "database-url");
	assert_near("LINNET_READTHREADS", true, ROLE_SERVE, "read-threads");
	assert_near("dat", false, ROLE_SERVE, "data");
	assert_near("dat", false, ROLE_BACKEND, NULL);
	assert_near("x", false, ROLE_SERVE, NULL);
	assert_near("", false, ROLE_SERVE, NULL);
	assert_near("a-name-that-is-longer-than-any-setting-has-or-ever-will-have-in-this-table", false, ROLE_SERVE, NULL);
}

static void assert_shown(const struct setting *s, const char *value, const char *expected)
{
	struct arena a;
	arena_init(&a);
	struct str shown = setting_show_text(s, str_of(value), &a);
	if (!str_eq(shown, str_of(expected))) fail_msg(STR_FMT " is not %s", STR_ARG(shown), expected);
	arena_release(&a);
}

static void passwords_are_masked(void **state)
{
	const struct setting *text = &settings[CONFIG_database_url], *secret = &settings[CONFIG_jwt_secret];
	assert_shown(text, "postgresql://u:p@h/d", "postgresql://u:***@h/d");
	assert_shown(text, "postgresql://u:p@ss/w:rd@h:5/d?x=1", "postgresql://u:***@h:5/d?x=1");
	assert_shown(text, "redis://:p@h", "redis://:***@h");
	assert_shown(text, "redis://h:1/0", "redis://h:1/0");
	assert_shown(text, "postgresql://u@h/d", "postgresql://u@h/d");
	assert_shown(text, "postgresql://h/d?password=p&x=1", "postgresql://h/d?password=***");
	assert_shown(text, "host=h password='a b' x=1", "host=h password=***");
	assert_shown(text, "sqlite:/a:b@c", "sqlite:/a:b@c");
	assert_shown(text, "", "");
	assert_shown(secret, "abc", "***");
	assert_shown(secret, "", "");
}

static void long_text_is_cut_between_characters(void **state)
{
	char value[402], expected[204];
	for (int i = 0; i < 400; i++) value[i] = i == 0 ? 'a' : i % 2 ? '\xc3' : '\xa4';
	value[401] = value[400] = 0;
	value[399] = 0;
	memcpy(expected, value, 199);
	memcpy(expected + 199, "...", 4);
	assert_shown(&settings[CONFIG_data], value, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_found),
		cmocka_unit_test(variables_follow_the_flags),
		cmocka_unit_test(near_names),
		cmocka_unit_test(passwords_are_masked),
		cmocka_unit_test(long_text_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
