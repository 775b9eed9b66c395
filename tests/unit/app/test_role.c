#include "app/role.h"

#include "app/admin.h"
#include "app/revoke.h"
#include "store/token.h"
#include "store/verify.h"
#include "support/both.h"

static void make(struct both *b, struct db_conn *c, const char *name, enum user_role role)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	const struct admin_people p = { .count = 1, .username = str_of(name), .role = role, .clock = &clock_real };
	both_must(admin_create_people(c, &p, &problem));
}

static enum err set(struct both *b, struct db_conn *c, const char *name, enum user_role role, struct role_set *r)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	*r = (struct role_set){ .username = str_of(name), .role = role, .now_ms = 5000 };
	return role_set(c, r, &problem);
}

static void session(struct db_conn *c, int64_t user_id)
{
	struct session_new s = { .user_id = user_id, .kind = SESSION_CLIENT, .address = STR("192.0.2.1"), .now_ms = 1000 };
	struct sessions_ended none = { 0 };
	both_must(db_begin(c));
	both_must(session_create(c, &s, &none));
	both_must(db_commit(c));
	sessions_ended_release(&none);
}

static void token(struct db_conn *c, int64_t user_id)
{
	struct token_new t = { .user_id = user_id, .name = STR("bot"), .scopes = SCOPE_ALL, .now_ms = 1000 };
	token_make(t.secret);
	both_must(db_begin(c));
	both_must(token_create(c, &t));
	both_must(db_commit(c));
}

static void found(void *arg, const struct finding *f)
{
	fail_msg("%s: " STR_FMT, f->check, STR_ARG(f->text));
}

static void all_is_well(struct db_conn *c)
{
	struct verify v = { .found = found };
	both_must(verify_run(c, &v));
}

static void a_role_takes_a_rev_of_channel_0(struct both *b, struct db_conn *c)
{
	struct role_set r;
	make(b, c, "ann", USER_OWNER);
	make(b, c, "bob", USER_MEMBER);
	int64_t own = both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 2");
	both_must(set(b, c, "bob", USER_ADMIN, &r));
	assert_int_equal(r.before, USER_MEMBER);
	assert_int_equal(both_number(b, c, "SELECT role FROM users WHERE user_id = 2"), USER_ADMIN);
	assert_int_equal(both_number(b, c, "SELECT rev FROM heads WHERE channel_id = 0"), 3);
	assert_int_equal(both_number(b, c, "SELECT changed_rev FROM users WHERE user_id = 2"), 3);
	assert_int_equal(both_number(b, c, "SELECT user_rev FROM users WHERE user_id = 2"), own + 1);
	assert_int_equal(both_number(b, c, "SELECT user_id FROM changes WHERE channel_id = 0 AND rev = 3"), 2);
	assert_true(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 2") > own);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM audit WHERE action = 'user.change' AND actor_id IS NULL"),
					 1);
	both_must(set(b, c, "bob", USER_ADMIN, &r)); /* so already */
	assert_int_equal(r.before, USER_ADMIN);
	assert_int_equal(both_number(b, c, "SELECT rev FROM heads WHERE channel_id = 0"), 3);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM audit WHERE action = 'user.change'"), 1);
	all_is_well(c);
}

/* It would count as an owner, so that the last person who is one could go. */
static void a_bot_becomes_no_owner(struct both *b, struct db_conn *c)
{
	struct role_set r;
	make(b, c, "ann", USER_OWNER);
	make(b, c, "robo", USER_MEMBER);
	both_must(db_script(c, "UPDATE users SET bot = 1 WHERE user_id = 2"));
	assert_int_equal(set(b, c, "robo", USER_OWNER, &r), ERR_NOT_ALLOWED);
	assert_int_equal(both_number(b, c, "SELECT role FROM users WHERE user_id = 2"), USER_MEMBER);
	both_must(set(b, c, "robo", USER_ADMIN, &r));
}

static void the_only_owner_stays_one(struct both *b, struct db_conn *c)
{
	struct role_set r;
	make(b, c, "ann", USER_OWNER);
	make(b, c, "bob", USER_MEMBER);
	assert_int_equal(set(b, c, "eve", USER_ADMIN, &r), ERR_NOT_FOUND);
	assert_int_equal(set(b, c, "ann", USER_MEMBER, &r), ERR_CONFLICT);
	both_must(set(b, c, "bob", USER_OWNER, &r));
	both_must(db_script(c, "UPDATE users SET deactivated_at = 1 WHERE user_id = 2"));
	assert_int_equal(set(b, c, "ann", USER_MEMBER, &r), ERR_CONFLICT); /* who is away does not count */
	both_must(db_script(c, "UPDATE users SET deactivated_at = NULL WHERE user_id = 2"));
	both_must(set(b, c, "ann", USER_MEMBER, &r));
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users WHERE role = 3"), 1);
	all_is_well(c);
}

static void guests_are_no_members_of_channel_0(struct both *b, struct db_conn *c)
{
	const char *count = "SELECT member_count FROM heads WHERE channel_id = 0";
	const char *in = "SELECT count(*) FROM members WHERE channel_id = 0 AND user_id = 2 AND left_rev IS NULL";
	struct role_set r;
	make(b, c, "ann", USER_OWNER);
	make(b, c, "bob", USER_MEMBER);
	session(c, 2);
	token(c, 2);
	assert_int_equal(both_number(b, c, count), 2);
	both_must(set(b, c, "bob", USER_GUEST, &r));
	assert_int_equal(r.n_ended, 2);
	assert_int_equal(both_number(b, c, count), 1);
	assert_int_equal(both_number(b, c, in), 0);
	session(c, 2);
	both_must(set(b, c, "bob", USER_ADMIN, &r));
	assert_int_equal(r.n_ended, 0);
	assert_int_equal(both_number(b, c, count), 2);
	assert_int_equal(both_number(b, c, in), 1);
	assert_int_equal(both_number(b, c, "SELECT joined_rev FROM members WHERE channel_id = 0 AND user_id = 2"), 4);
	make(b, c, "gil", USER_GUEST); /* who never was one */
	both_must(set(b, c, "gil", USER_MEMBER, &r));
	assert_int_equal(both_number(b, c, count), 3);
	all_is_well(c);
}

/* ---- app/revoke.h */

static enum err revoke(struct both *b, struct db_conn *c, const char *name, bool keep_tokens, struct revoke *r)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	*r = (struct revoke){ .username = str_of(name), .keep_tokens = keep_tokens, .now_ms = 5000 };
	return revoke_sessions(c, r, &problem);
}

static void sessions_of_one_or_all_are_ended(struct both *b, struct db_conn *c)
{
	const char *alive = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL";
	struct revoke r;
	char name[16];
	for (int i = 1; i <= 203; i++) { /* more than a page */
		snprintf(name, sizeof name, "p%d", i);
		make(b, c, name, USER_MEMBER);
		session(c, i);
		if (i < 4) token(c, i);
	}
	assert_int_equal(revoke(b, c, "eve", false, &r), ERR_NOT_FOUND);
	int64_t rev = both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1");
	both_must(revoke(b, c, "p1", true, &r));
	assert_true(r.people == 1 && r.ended == 1);
	assert_true(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1") > rev);
	both_must(revoke(b, c, "p1", false, &r));
	assert_true(r.people == 1 && r.ended == 1);
	both_must(revoke(b, c, "p1", false, &r));
	assert_true(r.people == 0 && r.ended == 0);
	assert_int_equal(both_number(b, c, alive), 204);
	both_must(revoke(b, c, NULL, true, &r));
	assert_true(r.people == 202 && r.ended == 202);
	assert_int_equal(both_number(b, c, alive), 2);
	both_must(revoke(b, c, NULL, false, &r));
	assert_true(r.people == 2 && r.ended == 2);
	assert_int_equal(both_number(b, c, alive), 0);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM audit WHERE action = 'sessions.revoked'"), 5);
	all_is_well(c);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(a_role_takes_a_rev_of_channel_0),  BOTH_FRESH(a_bot_becomes_no_owner),
		BOTH_FRESH(the_only_owner_stays_one),         BOTH_FRESH(guests_are_no_members_of_channel_0),
		BOTH_FRESH(sessions_of_one_or_all_are_ended),
	};
	return both_main(cases, countof(cases));
}
