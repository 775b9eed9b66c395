#include "app/reset.h"

#include "app/admin.h"
#include "store/account.h"
#include "store/person.h"
#include "store/token.h"
#include "support/both.h"

static void make(struct both *b, struct db_conn *c, const char *name, const char *hash)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	const struct admin_people p = {
		.count = 1,
		.username = str_of(name),
		.password_hash = str_of(hash),
		.role = USER_MEMBER,
		.clock = &clock_real,
	};
	both_must(admin_create_people(c, &p, &problem));
}

static enum err reset(struct both *b, struct db_conn *c, const char *name, struct reset_password *r)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	*r = (struct reset_password){ .username = str_of(name), .password_hash = STR("new"), .now_ms = 5000 };
	return reset_password(c, r, &problem);
}

static void session(struct db_conn *c, int64_t user_id, enum session_kind kind)
{
	struct session_new s = { .user_id = user_id, .kind = kind, .address = STR("192.0.2.1"), .now_ms = 1000 };
	struct sessions_ended none = { 0 };
	both_must(db_begin(c));
	both_must(session_create(c, &s, &none));
	both_must(db_commit(c));
	sessions_ended_release(&none);
}

static void made_without_a_token_somebody_signs_in_by_password(struct both *b, struct db_conn *c)
{
	struct person_key key;
	make(b, c, "ann", "hash");
	both_must(person_by_name(c, &b->arena, STR("ann"), &key));
	assert_true(key.user_id == 1 && key.settled && str_eq(key.password_hash, STR("hash")));
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM sessions"), 0);
}

/* Whoever has a session or a token may be whom the password was lost to. */
static void a_reset_ends_all_sessions_and_tokens(struct both *b, struct db_conn *c)
{
	struct reset_password r;
	struct person_key key;
	make(b, c, "ann", "hash");
	make(b, c, "bob", NULL);
	session(c, 1, SESSION_COOKIE);
	session(c, 1, SESSION_CLIENT);
	session(c, 2, SESSION_COOKIE);
	struct token_new t = { .user_id = 1, .name = STR("bot"), .scopes = SCOPE_ALL, .now_ms = 1000 };
	token_make(t.secret);
	both_must(db_begin(c));
	both_must(token_create(c, &t));
	both_must(db_commit(c));
	int64_t rev = both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1");
	both_must(reset(b, c, "ann", &r));
	assert_int_equal(r.n_ended, 3);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"), 1);
	assert_true(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1") > rev);
	both_must(person_by_name(c, &b->arena, STR("ann"), &key));
	assert_true(str_eq(key.password_hash, STR("new")));
	both_must(reset(b, c, "bob", &r)); /* who never had one */
	both_must(person_by_name(c, &b->arena, STR("bob"), &key));
	assert_int_equal(key.user_id, 2);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM audit WHERE action = 'user.password_reset'"), 2);
}

static void nobody_is_not_found(struct both *b, struct db_conn *c)
{
	struct reset_password r;
	make(b, c, "ann", "hash");
	assert_int_equal(reset(b, c, "eve", &r), ERR_NOT_FOUND);
	assert_int_equal(reset(b, c, "", &r), ERR_NOT_FOUND);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM audit WHERE action = 'user.password_reset'"), 0);
}

static void a_bot_gets_no_password(struct both *b, struct db_conn *c)
{
	struct reset_password r;
	make(b, c, "robo", NULL);
	session(c, 1, SESSION_TOKEN);
	both_must(db_script(c, "UPDATE users SET bot = 1"));
	assert_int_equal(reset(b, c, "robo", &r), ERR_CONFLICT);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"), 1);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users WHERE password_hash IS NOT NULL"), 0);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(made_without_a_token_somebody_signs_in_by_password),
		BOTH_FRESH(a_reset_ends_all_sessions_and_tokens),
		BOTH_FRESH(nobody_is_not_found),
		BOTH_FRESH(a_bot_gets_no_password),
	};
	return both_main(cases, countof(cases));
}
