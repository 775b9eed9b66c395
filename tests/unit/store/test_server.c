#include "store/server.h"

#include "store/person.h"
#include "support/both.h"

#define NOW INT64_C(1700000000000)

static enum err create(struct db_conn *c, struct person_new *p)
{
	both_must(db_begin(c));
	enum err e = person_create(c, p);
	if (e)
		db_rollback(c);
	else
		both_must(db_commit(c));
	return e;
}

static struct person_new named(const char *name)
{
	return (struct person_new){ .username = str_of(name),
								.display_name = STR_NONE,
								.password_hash = STR("hash"),
								.role = USER_MEMBER,
								.now_ms = NOW };
}

static void a_setup_code_is_made_once(struct both *b, struct db_conn *c)
{
	char code[SETUP_CODE_TEXT + 1], other[SETUP_CODE_TEXT + 1];
	struct server_row s;
	bool made;
	both_must(server_make_setup(c, code, &made));
	assert_true(made);
	both_must(server_make_setup(c, other, &made));
	assert_false(made);
	both_must(server_read(c, &b->arena, &s));
	assert_false(s.any_account);
	assert_true(str_eq(s.name, STR("Linnet")));
	assert_null(strstr(arena_cstr(&b->arena, s.setup_hash), code));
	assert_true(server_setup_matches(s.setup_hash, str_of(code)));
	for (size_t i = 0; code[i]; i++)
		code[i] = (char)(code[i] >= 'A' && code[i] <= 'Z' ? code[i] + 32 : code[i] == '-' ? ' ' : code[i]);
	assert_true(server_setup_matches(s.setup_hash, str_of(code)));
	code[0] ^= 1;
	assert_false(server_setup_matches(s.setup_hash, str_of(code)));
	assert_false(server_setup_matches(s.setup_hash, STR("")));
	assert_false(server_setup_matches(STR_NONE, str_of(code)));
	both_must(server_end_setup(c));
	both_must(server_read(c, &b->arena, &s));
	assert_null(s.setup_hash.p);
}

static void there_is_no_code_where_there_are_people(struct both *b, struct db_conn *c)
{
	char code[SETUP_CODE_TEXT + 1];
	struct person_new ann = named("ann");
	struct server_row s;
	bool made;
	both_must(create(c, &ann));
	both_must(server_make_setup(c, code, &made));
	assert_false(made);
	both_must(db_script(c, "INSERT INTO meta (key, value) VALUES ('name', 'Elsewhere'), ('registration', 'closed')"));
	both_must(server_read(c, &b->arena, &s));
	assert_true(s.any_account);
	assert_true(str_eq(s.name, STR("Elsewhere")));
	assert_true(str_eq(s.registration, STR("closed")));
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(a_setup_code_is_made_once),
		BOTH_FRESH(there_is_no_code_where_there_are_people),
	};
	return both_main(cases, countof(cases));
}
