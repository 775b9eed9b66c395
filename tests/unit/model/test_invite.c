#include "model/invite.h"

#include "model/permit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void a_code_is_random_and_of_its_letters(void **state)
{
	char a[INVITE_CODE + 1], b[INVITE_CODE + 1];
	invite_code_make(a), invite_code_make(b);
	assert_int_equal(strlen(a), INVITE_CODE);
	assert_string_not_equal(a, b);
	assert_true(invite_code_valid(str_of(a)));
	assert_true(invite_code_valid(STR("0123456789abcdefghjkmnpqrs")));
	static const char *const wrong[] = { "",
										 "0",
										 "0123456789abcdefghjkmnpqr",
										 "0123456789abcdefghjkmnpqrst",
										 "0123456789ABCDEFGHJKMNPQRS",
										 "0123456789abcdefghjkmnpqri",
										 "0123456789abcdefghjkmnpqr\xff",
										 "0123456789abcdefghjkmnpq%0" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(invite_code_valid(str_of(wrong[i])));
	assert_false(invite_code_valid((struct str){ "0123456789abcdefghjkmnpqr\0", 26 }));
}

static void it_lets_in_whom_it_is_for_while_it_lasts(void **state)
{
	struct invite i = { .max_uses = 2, .uses = 1, .expires_at = 100 };
	assert_int_equal(invite_judge(&i, 7, 99), OK);
	assert_int_equal(invite_judge(&i, 0, 99), OK);
	assert_int_equal(invite_judge(&i, 7, 100), ERR_INVITE_EXPIRED);
	i.uses = 2;
	assert_int_equal(invite_judge(&i, 7, 99), ERR_INVITE_USED_UP);
	assert_int_equal(invite_judge(&i, 7, 100), ERR_INVITE_USED_UP);
	i = (struct invite){ .user_id = 7, .max_uses = 1, .expires_at = 100 };
	assert_int_equal(invite_judge(&i, 7, 99), OK);
	assert_int_equal(invite_judge(&i, 8, 99), ERR_NOT_FOUND);
	assert_int_equal(invite_judge(&i, 0, 99), ERR_NOT_FOUND);
}

static enum err invites(enum user_role server, int kind, bool member, enum channel_role role, bool by_name)
{
	const struct actor actor = { .role = server };
	const struct channel channel = { .id = kind == CHANNEL_SERVER ? 0 : 1, .kind = (enum channel_kind)kind };
	const struct permit p = { .actor = &actor, .channel = kind < 0 ? NULL : &channel, .member = member, .role = role };
	struct permit_answer a = permit_invite(&p, by_name);
	assert_true(a.err || a.audit);
	return a.err;
}

static void members_invite_and_operators_make_links_into_private_channels(void **state)
{
	static const struct {
		enum user_role server;
		int kind; /* -1: to the server */
		bool member;
		enum channel_role role;
		enum err by_link, by_name;
	} cases[] = {
		{ USER_MEMBER, -1, false, CHANNEL_MEMBER, OK, OK },
		{ USER_GUEST, -1, false, CHANNEL_MEMBER, ERR_NOT_ALLOWED, ERR_NOT_ALLOWED },
		{ USER_MEMBER, CHANNEL_PUBLIC, true, CHANNEL_MEMBER, OK, OK },
		{ USER_GUEST, CHANNEL_PUBLIC, true, CHANNEL_MEMBER, ERR_NOT_ALLOWED, ERR_NOT_ALLOWED },
		{ USER_MEMBER, CHANNEL_PUBLIC, false, CHANNEL_MEMBER, ERR_NOT_MEMBER, ERR_NOT_MEMBER },
		{ USER_GUEST, CHANNEL_PUBLIC, false, CHANNEL_MEMBER, ERR_NOT_FOUND, ERR_NOT_FOUND },
		{ USER_MEMBER, CHANNEL_PRIVATE, true, CHANNEL_MEMBER, ERR_NOT_ALLOWED, OK },
		{ USER_MEMBER, CHANNEL_PRIVATE, true, CHANNEL_OP, OK, OK },
		{ USER_ADMIN, CHANNEL_PRIVATE, true, CHANNEL_MEMBER, OK, OK },
		{ USER_ADMIN, CHANNEL_PRIVATE, false, CHANNEL_MEMBER, ERR_NOT_MEMBER, ERR_NOT_MEMBER },
		{ USER_MEMBER, CHANNEL_PRIVATE, false, CHANNEL_MEMBER, ERR_NOT_FOUND, ERR_NOT_FOUND },
		{ USER_OWNER, CHANNEL_DM, true, CHANNEL_MEMBER, ERR_NOT_ALLOWED, ERR_NOT_ALLOWED },
		{ USER_OWNER, CHANNEL_SERVER, true, CHANNEL_MEMBER, ERR_NOT_FOUND, ERR_NOT_FOUND },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int by_name = 0; by_name < 2; by_name++) {
			enum err e = invites(cases[i].server, cases[i].kind, cases[i].member, cases[i].role, by_name);
			if (e != (by_name ? cases[i].by_name : cases[i].by_link))
				fail_msg("case %zu, by name %d: %s", i, by_name, err_row(e)->name);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_is_random_and_of_its_letters),
		cmocka_unit_test(it_lets_in_whom_it_is_for_while_it_lasts),
		cmocka_unit_test(members_invite_and_operators_make_links_into_private_channels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
