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

static void six_people(struct db_conn *c)
{
	static const struct {
		const char *name, *display;
	} all[] = { { "ann", NULL },    { "bob", "Robert Ätherisch" }, { "bo_b", NULL },
				{ "bo-c", "100%" }, { "carl", "Ärger" },           { "gus", NULL } };
	for (size_t i = 0; i < countof(all); i++) {
		struct person_new p = named(all[i].name);
		p.display_name = str_of(all[i].display);
		both_must(create(c, &p));
	}
	/* 42: ann, gus; 43: bob, carl */
	both_must(db_script(
		c, "INSERT INTO members (channel_id, user_id, joined_rev, joined_at) VALUES (42, 1, 1, 1), (42, 6, 2, 1), "
		   "(43, 2, 1, 1), (43, 5, 2, 1); UPDATE users SET role = 0 WHERE user_id = 6"));
}

static const struct actor member = { .user_id = 1, .role = USER_MEMBER }, guest = { .user_id = 6, .role = USER_GUEST };

static void expect(struct both *b, struct db_conn *c, struct people_query q, const char *names)
{
	struct people_page page;
	struct str got = STR("");
	if (!q.limit) q.limit = 50;
	both_must(people_find(c, &b->arena, &q, &page));
	for (size_t i = 0; i < page.n; i++)
		got =
			arena_printf(&b->arena, STR_FMT "%s" STR_FMT, STR_ARG(got), i ? " " : "", STR_ARG(page.items[i].username));
	if (!str_eq(got, str_of(names))) fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(got), names);
}

static void people_are_found_by_beginnings(struct both *b, struct db_conn *c)
{
	six_people(c);
	static const struct {
		const char *q, *names;
	} cases[] = { { "bob", "bob" },   { "carl", "carl" }, { "robert", "bob" }, { "ärg", "carl" },
				  { "%", "" },        { "_", "" },        { "bo_", "bo_b" },   { "!", "" },
				  { "100%", "bo-c" }, { "herisch", "" },  { "nobody", "" } };
	for (size_t i = 0; i < countof(cases); i++)
		expect(b, c, (struct people_query){ .who = &member, .q = str_of(cases[i].q), .channel_id = -1 },
			   cases[i].names);
	both_must(db_script(c, "UPDATE users SET deleted_at = 1 WHERE user_id = 2"));
	expect(b, c, (struct people_query){ .who = &member, .q = STR("bob"), .channel_id = -1 }, "");
}

static void people_are_found_by_ids(struct both *b, struct db_conn *c)
{
	static const int64_t ids[] = { 5, 1, 999, 2 };
	six_people(c);
	expect(b, c, (struct people_query){ .who = &member, .ids = ids, .n_ids = 4, .channel_id = -1 }, "ann bob carl");
	both_must(db_script(c, "UPDATE users SET deleted_at = 1 WHERE user_id = 2"));
	expect(b, c, (struct people_query){ .who = &member, .ids = ids, .n_ids = 4, .channel_id = -1 }, "ann bob carl");
	expect(b, c, (struct people_query){ .who = &member, .ids = ids, .n_ids = 0, .channel_id = -1 }, "");
}

static void people_are_found_by_channel(struct both *b, struct db_conn *c)
{
	six_people(c);
	expect(b, c, (struct people_query){ .who = &member, .channel_id = 43 }, "bob carl");
	expect(b, c, (struct people_query){ .who = &member, .channel_id = 43, .q = STR("c") }, "carl");
	both_must(db_script(c, "UPDATE members SET left_rev = 3 WHERE channel_id = 43 AND user_id = 2"));
	expect(b, c, (struct people_query){ .who = &member, .channel_id = 43 }, "carl");
}

/* By id, so that a page costs a page; also by a name, whichever way they are looked for. */
static void a_channels_people_go_in_pages(struct both *b, struct db_conn *c)
{
	struct people_page page;
	struct people_query q = { .who = &member, .channel_id = 43, .limit = 2 };
	six_people(c);
	both_must(db_script(c, "INSERT INTO members (channel_id, user_id, joined_rev, joined_at) VALUES (43, 3, 3, 1), "
						   "(43, 4, 4, 1)"));
	for (int large = 0; large < 2; large++) {
		q.large = large, q.q = STR_NONE, q.cursor = STR_NONE;
		expect(b, c, q, "bob bo_b");
		both_must(people_find(c, &b->arena, &q, &page));
		q.cursor = page.next;
		expect(b, c, q, "bo-c carl");
		both_must(people_find(c, &b->arena, &q, &page));
		assert_null(page.next.p);
		q.q = STR("bo"), q.cursor = STR_NONE;
		expect(b, c, q, "bob bo_b");
		both_must(people_find(c, &b->arena, &q, &page));
		q.cursor = page.next;
		expect(b, c, q, "bo-c");
		q.cursor = STR("bob");
		assert_int_equal(people_find(c, &b->arena, &q, &page), ERR_INVALID);
	}
	both_must(db_script(c, "UPDATE users SET deleted_at = 1 WHERE user_id = 2")); /* and not out of the channel yet */
	expect(b, c, (struct people_query){ .who = &member, .channel_id = 43 }, "bo_b bo-c carl");
}

static void a_guest_sees_common_channels(struct both *b, struct db_conn *c)
{
	struct user u;
	six_people(c);
	expect(b, c, (struct people_query){ .who = &guest, .channel_id = -1 }, "ann gus");
	both_must(person_seen(c, &b->arena, &guest, 1, &u));
	both_must(person_seen(c, &b->arena, &guest, 6, &u));
	assert_int_equal(person_seen(c, &b->arena, &guest, 2, &u), ERR_NOT_FOUND);
	both_must(person_seen(c, &b->arena, &member, 2, &u));
	both_must(db_script(c, "INSERT INTO heads (channel_id, kind) VALUES (43, 0); INSERT INTO members (channel_id, "
						   "user_id, joined_rev, joined_at) VALUES (43, 1, 3, 1), (43, 6, 4, 1)"));
	struct people_query q = { .who = &guest, .channel_id = -1, .limit = 3 };
	struct people_page page;
	expect(b, c, q, "ann bob carl"); /* each once, by id */
	both_must(people_find(c, &b->arena, &q, &page));
	q.cursor = page.next;
	expect(b, c, q, "gus");
	q.cursor = STR("bob");
	assert_int_equal(people_find(c, &b->arena, &q, &page), ERR_INVALID);
	both_must(db_script(c, "UPDATE heads SET deleted_at = 1"));
	both_must(db_script(c, "UPDATE members SET left_rev = 3 WHERE channel_id = 42 AND user_id = 1"));
	expect(b, c, (struct people_query){ .who = &guest, .channel_id = -1 }, "gus");
}

static void lists_go_in_pages(struct both *b, struct db_conn *c)
{
	struct people_page page;
	struct people_query q = { .who = &member, .channel_id = -1, .limit = 4 };
	six_people(c);
	both_must(people_find(c, &b->arena, &q, &page));
	assert_int_equal(page.n, 4);
	q.cursor = page.next;
	both_must(people_find(c, &b->arena, &q, &page));
	assert_int_equal(page.n, 2);
	assert_null(page.next.p);
	q.cursor = STR("made up");
	assert_int_equal(people_find(c, &b->arena, &q, &page), ERR_INVALID);
}

/* Whatever the plan costs while there is nobody: that an index serves at all. */
static void beginnings_are_found_by_an_index(struct both *b, struct db_conn *c)
{
	static const struct sql q = {
		"EXPLAIN SELECT u.user_id FROM users u WHERE u.display_key COLLATE \"C\" >= 'a' AND u.display_key COLLATE "
		"\"C\" < "
		"'b'",
		"EXPLAIN QUERY PLAN SELECT u.user_id FROM users u WHERE u.display_key >= 'a' AND u.display_key < 'b'"
	};
	bool pg = db_conn_kind(c) == DB_POSTGRES, found = false;
	struct db_rows rows;
	if (pg) both_must(db_script(c, "SET enable_seqscan = off"));
	both_must(db_query(c, &q, DB_NO_ARGS, &rows));
	while (db_next(&rows)) {
		struct str line = db_str(&rows, pg ? 0 : 3);
		found |= memmem(line.p, line.n, "users_display", 13) != NULL;
	}
	both_must(db_end(&rows));
	if (pg) both_must(db_script(c, "RESET enable_seqscan"));
	assert_true(found);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(people_are_found_by_beginnings), BOTH_FRESH(people_are_found_by_ids),
		BOTH_FRESH(people_are_found_by_channel),    BOTH_FRESH(a_channels_people_go_in_pages),
		BOTH_FRESH(a_guest_sees_common_channels),   BOTH_FRESH(lists_go_in_pages),
		BOTH(beginnings_are_found_by_an_index),
	};
	return both_main(cases, countof(cases));
}
