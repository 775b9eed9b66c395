/* Who may do what to an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/permit_person.h"

static const struct actor owner = { .user_id = 1, .role = USER_OWNER, .scopes = SCOPE_ALL },
						  admin = { .user_id = 2, .role = USER_ADMIN, .scopes = SCOPE_ALL },
						  member = { .user_id = 3, .role = USER_MEMBER, .scopes = SCOPE_ALL },
						  reader = { .user_id = 2, .role = USER_ADMIN, .scopes = SCOPE_READ };
static const struct user the_owner = { .id = 1, .role = USER_OWNER }, an_admin = { .id = 2, .role = USER_ADMIN },
						 a_member = { .id = 3, .role = USER_MEMBER },
						 a_bot = { .id = 4, .role = USER_MEMBER, .bot = true },
						 nobody = { .id = 5, .role = USER_MEMBER, .deleted = true };

static enum err ask(const struct actor *who, const struct user *whom, enum user_role role, bool off, bool last)
{
	const struct permit_person p = {
		.act = PERSON_CHANGE,
		.actor = who,
		.need_scope = SCOPE_ADMIN,
		.target = whom,
		.new_role = role,
		.off = off,
		.last_owner = last,
	};
	struct permit_answer a = permit_person(&p);
	assert_int_equal(a.audit, !a.err);
	return a.err;
}

static enum err act(enum person_act what, const struct actor *who, const struct user *whom, int scope, bool last)
{
	const struct permit_person p = {
		.act = what, .actor = who, .need_scope = scope, .target = whom, .new_role = whom->role, .last_owner = last
	};
	return permit_person(&p).err;
}

static void roles(void **state)
{
	assert_int_equal(ask(&owner, &a_member, USER_OWNER, false, false), OK);
	assert_int_equal(ask(&admin, &a_member, USER_ADMIN, false, false), OK);
	assert_int_equal(ask(&admin, &a_member, USER_OWNER, false, false), ERR_NOT_ALLOWED);
	assert_int_equal(ask(&admin, &the_owner, USER_OWNER, false, false), ERR_NOT_ALLOWED); /* nor a new name */
	assert_int_equal(ask(&member, &a_member, USER_ADMIN, false, false), ERR_NOT_ALLOWED);
	assert_int_equal(ask(&reader, &a_member, USER_ADMIN, false, false), ERR_SCOPE_MISSING);
	assert_int_equal(ask(&owner, &a_bot, USER_OWNER, false, false), ERR_NOT_ALLOWED);
	assert_int_equal(ask(&owner, &nobody, USER_MEMBER, false, false), ERR_NOT_FOUND);
	assert_int_equal(ask(&admin, &an_admin, USER_MEMBER, false, false), OK); /* oneself */
}

/* Before it is known whether there is such a person. */
static void whoever_it_is(void **state)
{
	assert_int_equal(ask(&member, NULL, USER_MEMBER, false, false), ERR_NOT_ALLOWED);
	assert_int_equal(ask(&reader, NULL, USER_MEMBER, false, false), ERR_SCOPE_MISSING);
	struct permit_person p = { .act = PERSON_RESET, .actor = &member, .need_scope = SCOPE_ADMIN };
	assert_int_equal(permit_person(&p).err, ERR_NOT_ALLOWED);
	p.actor = &admin;
	assert_int_equal(permit_person(&p).err, OK);
}

static void the_last_owner_stays(void **state)
{
	assert_int_equal(ask(&owner, &the_owner, USER_OWNER, false, true), OK); /* another name */
	assert_int_equal(ask(&owner, &the_owner, USER_ADMIN, false, true), ERR_CONFLICT);
	assert_int_equal(ask(&owner, &the_owner, USER_OWNER, true, true), ERR_CONFLICT);
	assert_int_equal(ask(&owner, &the_owner, USER_ADMIN, false, false), OK);
	assert_int_equal(act(PERSON_DELETE, &owner, &the_owner, 0, true), ERR_CONFLICT);
	assert_int_equal(act(PERSON_DELETE, &owner, &the_owner, 0, false), OK);
	assert_int_equal(act(PERSON_RESET, &owner, &the_owner, SCOPE_ADMIN, true), OK);
}

static void deletions_and_codes(void **state)
{
	assert_int_equal(act(PERSON_DELETE, &member, &a_member, 0, false), OK);
	assert_int_equal(act(PERSON_DELETE, &member, &a_bot, SCOPE_ADMIN, false), ERR_NOT_ALLOWED);
	assert_int_equal(act(PERSON_DELETE, &admin, &an_admin, SCOPE_ADMIN, false), ERR_NOT_ALLOWED);
	assert_int_equal(act(PERSON_DELETE, &admin, &the_owner, SCOPE_ADMIN, false), ERR_NOT_ALLOWED);
	assert_int_equal(act(PERSON_DELETE, &admin, &a_bot, SCOPE_ADMIN, false), OK);
	assert_int_equal(act(PERSON_RESET, &admin, &a_member, SCOPE_ADMIN, false), OK);
	assert_int_equal(act(PERSON_RESET, &admin, &the_owner, SCOPE_ADMIN, false), ERR_NOT_ALLOWED);
	assert_int_equal(act(PERSON_RESET, &admin, &a_bot, SCOPE_ADMIN, false), OK);
	assert_int_equal(act(PERSON_RESET, &member, &a_bot, SCOPE_ADMIN, false), ERR_NOT_ALLOWED);
	assert_int_equal(permit_person_new(&admin, SCOPE_ADMIN).err, OK);
	assert_int_equal(permit_person_new(&member, SCOPE_ADMIN).err, ERR_NOT_ALLOWED);
	assert_int_equal(permit_person_new(&reader, SCOPE_ADMIN).err, ERR_SCOPE_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles),
		cmocka_unit_test(whoever_it_is),
		cmocka_unit_test(the_last_owner_stays),
		cmocka_unit_test(deletions_and_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
