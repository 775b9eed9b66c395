#include "app/admin.h"

#include "base/id.h"
#include "base/vec.h"
#include "store/account.h"
#include "store/session.h"
#include "store/sync.h"
#include "support/both.h"

struct got {
	VEC(struct str) lines;
	struct arena *a;
	bool ended;
	enum err refuse;
};

static enum err line(void *arg, struct str text)
{
	struct got *g = arg;
	vec_push(&g->lines, arena_str(g->a, text));
	return OK;
}

static enum err lines_end(void *arg)
{
	struct got *g = arg;
	g->ended = true;
	return g->refuse;
}

static struct admin_people ask(struct got *g, int64_t count, const char *prefix, const char *channels)
{
	return (struct admin_people){ .count = count,
								  .prefix = str_of(prefix),
								  .role = USER_MEMBER,
								  .channels = str_of(channels),
								  .clock = &clock_real,
								  .line = line,
								  .lines_end = lines_end,
								  .arg = g };
}

static enum err make(struct both *b, struct db_conn *c, struct got *g, const struct admin_people *p,
					 struct problem *problem)
{
	g->a = &b->arena;
	problem_init(problem, &b->arena);
	return admin_create_people(c, p, problem);
}

static void must_make(struct both *b, struct db_conn *c, int64_t count, const char *prefix, const char *channels)
{
	struct got g = { 0 };
	struct problem problem;
	struct admin_people p = ask(&g, count, prefix, channels);
	both_must(make(b, c, &g, &p, &problem));
	assert_int_equal(g.lines.n, count);
	vec_release(&g.lines);
}

/* Each rev of the channel is in exactly one row. */
static void dense(struct both *b, struct db_conn *c, int channel_id)
{
	struct str text = arena_printf(
		&b->arena,
		"SELECT h.rev - count(*) + CASE WHEN count(*) > 0 AND max(x.rev) <> h.rev THEN 1000000 ELSE 0 END FROM heads h "
		"LEFT JOIN changes x ON x.channel_id = h.channel_id WHERE h.channel_id = %d GROUP BY h.rev",
		channel_id);
	assert_int_equal(both_number(b, c, text.p), 0);
}

/* ---- */

static void the_first_is_owner_and_all_are_in_general(struct both *b, struct db_conn *c)
{
	must_make(b, c, 3, "p", NULL);
	assert_int_equal(both_number(b, c, "SELECT role FROM users WHERE username = 'p1'"), USER_OWNER);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users WHERE role = 1"), 2);
	assert_int_equal(both_number(b, c, "SELECT is_default FROM channels WHERE name_key = 'general'"), 1);
	assert_int_equal(both_number(b, c, "SELECT member_count FROM heads WHERE channel_id = 1"), 3);
	assert_int_equal(both_number(b, c, "SELECT rev FROM heads WHERE channel_id = 1"), 3);
	assert_int_equal(both_number(b, c, "SELECT member_count FROM heads WHERE channel_id = 0"), 3);
	assert_int_equal(both_number(b, c, "SELECT role FROM members WHERE channel_id = 1 AND user_id = 1"), CHANNEL_OWNER);
	assert_int_equal(both_number(b, c, "SELECT joined_rev FROM members WHERE channel_id = 1 AND user_id = 1"), 1);
	assert_int_equal(both_number(b, c, "SELECT joined_rev FROM members WHERE channel_id = 1 AND user_id = 3"), 3);
	assert_int_equal(both_number(b, c, "SELECT changed_rev FROM users WHERE user_id = 3"), 3);
	dense(b, c, 0);
	dense(b, c, 1);
	must_make(b, c, 2, "q", NULL);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users WHERE role = 3"), 1);
	assert_int_equal(both_number(b, c, "SELECT member_count FROM heads WHERE channel_id = 1"), 5);
	dense(b, c, 0);
	dense(b, c, 1);
}

static void named_channels_are_made_or_joined(struct both *b, struct db_conn *c)
{
	must_make(b, c, 1, "owner", "lobby");
	must_make(b, c, 40, "p", "lobby,Lärm,general,lobby");
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM channels WHERE channel_id > 0"), 3);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM heads WHERE channel_id > 0 AND member_count >= 40"), 3);
	assert_int_equal(both_number(b, c,
								 "SELECT member_count FROM heads h JOIN channels c ON c.channel_id = h.channel_id "
								 "WHERE c.name_key = 'lärm'"),
					 40);
	assert_int_equal(both_number(b, c, "SELECT is_default FROM channels WHERE name_key = 'lobby'"), 0);
	for (int id = 0; id <= 3; id++) dense(b, c, id);
}

/* They join with a rev each all the same, in one go; who comes later does not. */
static void many_make_a_channel_large(struct both *b, struct db_conn *c)
{
	struct got g = { 0 };
	struct problem problem;
	struct admin_people p = ask(&g, 3, "p", NULL);
	p.large_from = 5;
	both_must(make(b, c, &g, &p, &problem));
	assert_int_equal(both_number(b, c, "SELECT rev + 1000 * large FROM heads WHERE channel_id = 1"), 3);
	p.prefix = STR("q"), p.count = 2;
	both_must(make(b, c, &g, &p, &problem));
	assert_int_equal(both_number(b, c, "SELECT rev + 1000 * large FROM heads WHERE channel_id = 1"), 1006);
	assert_int_equal(both_number(b, c,
								 "SELECT count(*) FROM changes WHERE channel_id = 1 AND rev = 6 AND kind = "
								 "'channel' AND actor_id = 0 AND data = '\"large\":true'"),
					 1);
	p.prefix = STR("r");
	both_must(make(b, c, &g, &p, &problem));
	assert_int_equal(both_number(b, c, "SELECT rev + 1000 * large FROM heads WHERE channel_id = 1"), 1008);
	assert_int_equal(both_number(b, c, "SELECT large FROM heads WHERE channel_id = 0"), 0);
	dense(b, c, 1);
	vec_release(&g.lines);
}

static void the_hub_reads_their_lists(struct both *b, struct db_conn *c)
{
	struct sync_list list = { .user_id = 2 };
	uint64_t epoch;
	must_make(b, c, 2, "p", "one,two");
	both_must(sync_list(c, &b->arena, &list, &epoch));
	assert_true(list.active);
	assert_int_equal(list.user_rev, 1);
	assert_int_equal(list.n_channels, 4); /* and channel 0 */
	for (size_t i = 0; i < list.n_channels; i++) assert_true(list.channels[i].me.joined_rev > 0);
}

static void their_tokens_sign_in(struct both *b, struct db_conn *c)
{
	struct got g = { 0 };
	struct problem problem;
	struct admin_people p = ask(&g, 20, "bench", NULL);
	both_must(make(b, c, &g, &p, &problem));
	for (size_t i = 0; i < g.lines.n; i++) {
		struct str rest = g.lines.p[i], name;
		struct credential cred = { .kind = CREDENTIAL_TOKEN };
		struct actor actor;
		assert_true(str_split(&rest, ' ', &name));
		assert_true(str_eq(name, arena_printf(&b->arena, "bench%d", (int)i + 1)));
		session_hash(rest, cred.hash);
		both_must(session_actor(c, &cred, 1, &actor));
		assert_int_equal(actor.user_id, i + 1);
		assert_int_equal(actor.scopes, SCOPE_ALL);
		assert_true(ulid_valid(str_of(actor.session_id)));
	}
	vec_release(&g.lines);
}

static void all_or_none(struct both *b, struct db_conn *c)
{
	struct got g = { 0 };
	struct problem problem;
	struct admin_people p = ask(&g, 5, "p", "more");
	must_make(b, c, 1, "p", NULL);
	assert_int_equal(make(b, c, &g, &p, &problem), ERR_NAME_TAKEN);
	g.refuse = ERR_UNAVAILABLE;
	p.prefix = STR("q");
	assert_int_equal(make(b, c, &g, &p, &problem), ERR_UNAVAILABLE);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users"), 1);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM channels"), 2);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM sessions"), 1);
	vec_release(&g.lines);
}

static void what_is_no_name_is_refused(struct both *b, struct db_conn *c)
{
	static const char *const prefixes[] = { "",           "1",       "Upper",
											"with space", "deleted", "abcdefghijklmnopqrstuvwxyz0123456" };
	struct got g = { 0 };
	struct problem problem;
	for (size_t i = 0; i < countof(prefixes); i++) {
		struct admin_people p = ask(&g, 2, prefixes[i], NULL);
		assert_int_equal(make(b, c, &g, &p, &problem), ERR_INVALID);
		assert_int_equal(problem.n_fields, 1);
	}
	struct admin_people p = ask(&g, 2, "p", "a,,b");
	assert_int_equal(make(b, c, &g, &p, &problem), ERR_INVALID);
	p = ask(&g, 2, NULL, NULL);
	p.username = STR("two");
	assert_int_equal(make(b, c, &g, &p, &problem), ERR_INVALID);
	p = ask(&g, 2, "p", NULL);
	p.role = USER_GUEST;
	assert_int_equal(make(b, c, &g, &p, &problem), ERR_INVALID); /* the first would be an owner */
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users"), 0);
	vec_release(&g.lines);
}

static void one_by_name_and_role(struct both *b, struct db_conn *c)
{
	struct got g = { 0 };
	struct problem problem;
	must_make(b, c, 1, "owner", NULL);
	struct admin_people p = ask(&g, 1, NULL, NULL);
	p.username = STR("guy"), p.display_name = STR("Guy Ästhet"), p.role = USER_GUEST;
	both_must(make(b, c, &g, &p, &problem));
	assert_int_equal(both_number(b, c, "SELECT role FROM users WHERE username = 'guy' AND display_key = 'guy ästhet'"),
					 USER_GUEST);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM members WHERE user_id = 2"),
					 0); /* not even of channel 0 */
	assert_int_equal(both_number(b, c, "SELECT changed_rev FROM users WHERE user_id = 2"), 2);
	dense(b, c, 0);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM audit WHERE action = 'user.create'"), 2);
	vec_release(&g.lines);
}

/* ---- by a list of names */

static enum err make_names(struct both *b, struct db_conn *c, struct got *g, const char *names, struct problem *problem)
{
	struct admin_people p = ask(g, 1, NULL, "room");
	p.names = str_of(names);
	p.role = USER_ADMIN;
	return make(b, c, g, &p, problem);
}

static void names_of_a_list_are_made_in_its_order(struct both *b, struct db_conn *c)
{
	struct got g = { 0 };
	struct problem problem;
	must_make(b, c, 1, "p", NULL);
	both_must(make_names(b, c, &g, "zoe\r\n\nann\nabcdefghijklmnopqrstuvwxyz_-0123", &problem));
	assert_int_equal(g.lines.n, 3);
	assert_memory_equal(g.lines.p[1].p, "ann linnet_", 11);
	vec_release(&g.lines);
	assert_int_equal(both_number(b, c, "SELECT user_id FROM users WHERE username = 'zoe'"), 2);
	assert_int_equal(both_number(b, c, "SELECT user_id FROM users WHERE username = 'ann'"), 3);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users WHERE role = 2"), 3);
	assert_int_equal(both_number(b, c, "SELECT member_count FROM heads WHERE channel_id = 2"), 3);
	dense(b, c, 0);
	dense(b, c, 2);
}

static void a_list_is_taken_whole_or_not(struct both *b, struct db_conn *c)
{
	static const struct {
		const char *names;
		enum err err;
	} bad[] = { { "", ERR_INVALID },         { "\n\r\n", ERR_INVALID },      { "ann\nbad name", ERR_INVALID },
				{ "ann\nBob", ERR_INVALID }, { "ann\nann", ERR_NAME_TAKEN }, { "ann\np1", ERR_NAME_TAKEN } };
	struct problem problem;
	must_make(b, c, 1, "p", NULL);
	for (size_t i = 0; i < countof(bad); i++) {
		struct got g = { 0 };
		assert_int_equal(make_names(b, c, &g, bad[i].names, &problem), bad[i].err);
		vec_release(&g.lines);
	}
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users"), 1);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(the_first_is_owner_and_all_are_in_general),
		BOTH_FRESH(named_channels_are_made_or_joined),
		BOTH_FRESH(many_make_a_channel_large),
		BOTH_FRESH(the_hub_reads_their_lists),
		BOTH_FRESH(their_tokens_sign_in),
		BOTH_FRESH(all_or_none),
		BOTH_FRESH(what_is_no_name_is_refused),
		BOTH_FRESH(one_by_name_and_role),
		BOTH_FRESH(names_of_a_list_are_made_in_its_order),
		BOTH_FRESH(a_list_is_taken_whole_or_not),
	};
	return both_main(cases, countof(cases));
}
