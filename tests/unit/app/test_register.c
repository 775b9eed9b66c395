#include "app/register.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_mode_is_set_or_follows_the_place(void **state)
{
	struct config c;
	config_init(&c);
	assert_int_equal(registration_mode(&c, STR_NONE, true), REGISTRATION_OPEN);
	assert_int_equal(registration_mode(&c, STR_NONE, false), REGISTRATION_INVITE);
	assert_int_equal(registration_mode(&c, STR("closed"), true), REGISTRATION_CLOSED);
	assert_int_equal(registration_mode(&c, STR("nonsense"), false), REGISTRATION_INVITE);
	c.registration = STR("open");
	assert_int_equal(registration_mode(&c, STR("closed"), false), REGISTRATION_OPEN);
	config_release(&c);
}

/* What is asked, and what may come of it. */
static void who_may_register(void **state)
{
	static const struct {
		const char *mode, *code, *given;
		bool local, any, invited;
		enum err err;
		bool first, later;
	} cases[] = {
		{ "", "", NULL, true, false, false, OK, true, true },
		{ "", "", NULL, true, true, false, OK, false, true },
		{ "closed", "", NULL, true, false, false, OK, true, false },
		{ "closed", "", NULL, true, true, false, ERR_REGISTRATION_CLOSED, false, false },
		{ "", "", NULL, false, false, false, ERR_BAD_SETUP_CODE, false, false },
		{ "open", "", NULL, false, false, false, ERR_BAD_SETUP_CODE, false, true },
		{ "open", "", NULL, false, true, false, OK, false, true },
		{ "invite", "", NULL, false, true, false, ERR_REGISTRATION_CLOSED, false, false },
		{ "", "sesame", "Sesame", false, false, false, OK, true, false },
		{ "open", "sesame", "sesame", false, false, false, OK, true, true },
		{ "closed", "sesame", "sesame", false, false, false, OK, true, false },
		{ "", "sesame", "sesam", false, false, false, ERR_BAD_SETUP_CODE, false, false },
		{ "", "sesame", "", false, false, false, ERR_BAD_SETUP_CODE, false, false },
		{ "", "sesame", "sesame", false, true, false, ERR_REGISTRATION_CLOSED, false, false },
		{ "", "", "", false, false, false, ERR_BAD_SETUP_CODE, false, false },
		{ "invite", "", NULL, false, true, true, OK, false, true },
		{ "", "", NULL, false, true, true, OK, false, true },
		{ "open", "", NULL, false, true, true, OK, false, true },
		{ "closed", "", NULL, false, true, true, ERR_REGISTRATION_CLOSED, false, false },
	};
	struct config c;
	config_init(&c);
	for (size_t i = 0; i < countof(cases); i++) {
		struct server_row server = { .registration = STR_NONE, .setup_hash = STR_NONE, .any_account = cases[i].any };
		struct register_permit permit;
		const struct invite invite = { .max_uses = 1 };
		c.registration = str_of(cases[i].mode), c.setup_code = str_of(cases[i].code);
		const struct register_ask ask = { .config = &c,
										  .server = &server,
										  .local = cases[i].local,
										  .setup_code = str_of(cases[i].given),
										  .invite = cases[i].invited ? &invite : NULL };
		enum err e = register_judge(&ask, NULL, &permit);
		if (e != cases[i].err || permit.as_first != cases[i].first || permit.as_later != cases[i].later)
			fail_msg("case %zu: %s, first %d, later %d", i, err_row(e)->name, permit.as_first, permit.as_later);
	}
	config_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_is_set_or_follows_the_place),
		cmocka_unit_test(who_may_register),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
