#include "app/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>

static struct config cheap(void)
{
	struct config c;
	config_init(&c);
	c.argon_ops = 1, c.argon_memory = 8388608;
	return c;
}

static void only_the_right_one_is_right(void **state)
{
	struct config c = cheap();
	struct arena a;
	struct str hash, other;
	arena_init(&a);
	assert_int_equal(password_hash(&c, &a, STR("correct horse"), &hash), OK);
	assert_int_equal(password_hash(&c, &a, STR("correct horse"), &other), OK);
	assert_true(str_starts(hash, STR("$argon2id$v=19$m=8192,t=1,p=1$")));
	assert_false(str_eq(hash, other)); /* salted */
	assert_int_equal(password_verify(&c, hash, STR("correct horse")), OK);
	static const char *const wrong[] = { "correct hors", "correct horse ", "Correct horse", "" };
	for (size_t i = 0; i < countof(wrong); i++)
		assert_int_equal(password_verify(&c, hash, str_of(wrong[i])), ERR_BAD_CREDENTIALS);
	arena_release(&a);
	config_release(&c);
}

static void nobody_has_a_password(void **state)
{
	struct config c = cheap();
	assert_int_equal(password_verify(&c, STR_NONE, STR("correct horse")), ERR_BAD_CREDENTIALS);
	assert_int_equal(password_verify(&c, STR("no hash at all"), STR("correct horse")), ERR_BAD_CREDENTIALS);
	config_release(&c);
}

static void a_hash_knows_its_cost(void **state)
{
	struct config c = cheap();
	struct arena a;
	struct str hash;
	arena_init(&a);
	assert_int_equal(password_hash(&c, &a, STR("correct horse"), &hash), OK);
	assert_false(password_stale(&c, hash));
	c.argon_ops = 2;
	assert_true(password_stale(&c, hash));
	assert_int_equal(password_verify(&c, hash, STR("correct horse")), OK);
	arena_release(&a);
	config_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_right_one_is_right),
		cmocka_unit_test(nobody_has_a_password),
		cmocka_unit_test(a_hash_knows_its_cost),
	};
	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
