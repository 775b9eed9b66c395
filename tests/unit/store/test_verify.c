/* A database that is well has no finding; damaged in any one way it has the one that tells so. */
#include "store/verify.h"

#include "app/admin.h"
#include "base/buf.h"
#include "base/mem.h"
#include "support/both.h"

/* Of four people the first has made the channel general, 1, and room, 2, which the others have joined: revs 1 to 4.
 * Then six messages; an edit of the first; two replies in the thread of the second; later than any clock says. */
#define AT "4102444800000"
#define SAY(id, seq, rev, changed, body, thread, thread_seq)                                                           \
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "  \
	"body, created_at, thread_id, thread_seq) VALUES (2, " #id ", " #seq ", " #rev ", " #changed ", " #body            \
	", (SELECT name_hash FROM used_names WHERE user_id = 1), (SELECT name_hash FROM used_names WHERE user_id = 1), "   \
	"(" #id " % 4) + 1, 'hello', " AT " + " #rev ", " #thread ", " #thread_seq ");"
static const char healthy[] = "DROP INDEX messages_nonce;" /* of one nonce, all of them */
	SAY(1, 1, 5, 11, 11, NULL, NULL) SAY(2, 2, 6, 13, 6, NULL, NULL) SAY(3, 3, 7, 7, 7, NULL, NULL)
		SAY(4, 4, 8, 8, 8, NULL, NULL) SAY(5, 5, 9, 9, 9, NULL, NULL) SAY(6, 6, 10, 10, 10, NULL,
																		  NULL) SAY(7, NULL, 12, 12, 12, 2, 1)
			SAY(8, NULL, 13, 13, 13, 2,
				2) "INSERT INTO changes (channel_id, rev, kind, at, message_id, actor_id) VALUES (2, 11, 'edit', " AT
				   " + 11, 1, 2);"
				   "UPDATE messages SET thread_count = 2, thread_last_id = 8, thread_last_seq = 2 WHERE channel_id = 2 "
				   "AND message_id = 2;"
				   "UPDATE messages SET reply_to = 3 WHERE channel_id = 2 AND message_id = 5;"
				   "UPDATE heads SET rev = 13, rev_at = " AT " + 13, last_id = 8, last_seq = 6, last_at = " AT " + 13 "
				   "WHERE channel_id = 2;"
				   "INSERT INTO mentions (channel_id, message_id, user_id, at) VALUES (2, 3, 2, 0);"
				   "INSERT INTO message_edits (channel_id, message_id, rev, body, at) VALUES (2, 1, 5, 'helo', 0);"
				   "INSERT INTO reactions (channel_id, message_id, emoji, user_id, at) VALUES (2, 4, ':x:', 3, 0);"
				   "INSERT INTO thread_follows (channel_id, thread_id, user_id) VALUES (2, 2, 1);"
				   "INSERT INTO sessions (session_id, kind, user_id, scopes, created_at, used_at) VALUES ('S', "
				   "'token', 2, 1, 0, 0);";

struct heard {
	struct buf lines;
	size_t n;
};

static void hear(void *arg, const struct finding *f)
{
	struct heard *h = arg;
	buf_printf(&h->lines, "%s %lld " STR_FMT "\n", f->check, (long long)f->channel_id, STR_ARG(f->text));
	h->n++;
}

static enum err look(struct db_conn *c, struct heard *h, int64_t slice, struct verify *v)
{
	*v = (struct verify){ .found = hear, .arg = h, .slice = slice };
	h->n = h->lines.n = 0;
	enum err e = verify_run(c, v);
	buf_add_byte(&h->lines, 0);
	return e;
}

static void make(struct both *b, struct db_conn *c)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	const struct admin_people p = {
		.count = 4, .prefix = STR("p"), .role = USER_OWNER, .channels = STR("room"), .clock = &clock_real
	};
	both_must(admin_create_people(c, &p, &problem));
	both_must(db_script(c, healthy));
}

static void what_is_well_has_no_finding(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct verify v;
	make(b, c);
	for (int64_t slice = 0; slice < 9; slice++) {
		both_must(look(c, &h, slice, &v));
		assert_string_equal(h.lines.p, "");
		assert_int_equal(v.channels, 3);
		assert_int_equal(v.people, 4);
		assert_int_equal(v.revs, both_number(b, c, "SELECT sum(rev) FROM heads"));
	}
	buf_release(&h.lines);
}

static const struct damage {
	const char *sql, *found; /* found: a line begins so */
} damages[] = {
	{ "DELETE FROM messages WHERE channel_id = 2 AND message_id = 3", "rev_missing 2 rev 7 is in no row" },
	{ "DELETE FROM messages WHERE channel_id = 2 AND message_id = 3",
	  "message_id 2 rev 8 is message 4, after message 2" },
	{ "DELETE FROM messages WHERE channel_id = 2 AND message_id IN (3, 4)", "rev_missing 2 revs 7 to 8 are in no row" },
	{ "DELETE FROM changes WHERE channel_id = 2 AND rev = 1", "rev_missing 2 rev 1 is in no row" },
	{ "DELETE FROM messages WHERE channel_id = 2 AND message_id = 8", "rev_missing 2 rev 13 is in no row" },
	{ "UPDATE heads SET rev = 12 WHERE channel_id = 2", "head 2 the head has rev 12, its rows 13" },
	{ "UPDATE heads SET rev_at = 7 WHERE channel_id = 2", "head 2 the head has rev_at 7, its rows 4102444800013" },
	{ "UPDATE heads SET last_id = 9 WHERE channel_id = 2", "head 2 the head has last_id 9, its rows 8" },
	{ "UPDATE heads SET last_seq = 7 WHERE channel_id = 2", "head 2 the head has last_seq 7, its rows 6" },
	{ "UPDATE heads SET last_at = 7 WHERE channel_id = 2", "head 2 the head has last_at 7, its rows 4102444800013" },
	{ "INSERT INTO changes (channel_id, rev, kind, at, actor_id) VALUES (2, 10, 'pin', " AT ", 1)",
	  "rev_twice 2 rev 10 is message 6 and a change, pin" },
	{ "UPDATE messages SET created_at = " AT " + 6 WHERE channel_id = 2 AND message_id = 4",
	  "time_falls 2 rev 8 is of " },
	{ "UPDATE changes SET at = 5 WHERE channel_id = 2 AND rev = 11", "time_falls 2 rev 11 is of 5" },
	{ "UPDATE messages SET seq = 5 WHERE channel_id = 2 AND message_id = 4", "seq 2 message 4 has seq 5, after seq 3" },
	{ "UPDATE messages SET seq = NULL WHERE channel_id = 2 AND message_id = 4",
	  "seq 2 message 5 has seq 5, after seq 3" },
	{ "UPDATE heads SET member_count = 3 WHERE channel_id = 2",
	  "member_count 2 the head counts 3 members, there are 4" },
	{ "UPDATE members SET left_rev = 13 WHERE channel_id = 2 AND user_id = 3",
	  "member_count 2 the head counts 4 members, there are 3" },
	{ "UPDATE members SET left_rev = 1 WHERE channel_id = 2 AND user_id = 3",
	  "member_rev 2 person 3 joined at rev 3, left at 1; the head is at 13" },
	{ "UPDATE members SET joined_rev = 14 WHERE channel_id = 2 AND user_id = 3",
	  "member_rev 2 person 3 joined at rev 14" },
	{ "UPDATE members SET read_id = 9 WHERE channel_id = 2 AND user_id = 3",
	  "read_marker 2 person 3 has read up to message 9" },
	{ "UPDATE members SET read_seq = -1 WHERE channel_id = 2 AND user_id = 3", "read_marker 2 person 3 " },
	{ "UPDATE members SET user_rev = 9 WHERE channel_id = 2 AND user_id = 3",
	  "person_rev 2 person 3 changed last at 9; the person's head is at 1" },
	{ "DELETE FROM user_heads WHERE user_id = 4", "person_head -1 person 4 has no head" },
	{ "INSERT INTO user_heads (user_id, rev) VALUES (99, 1)",
	  "person_missing -1 person 99 has a head, and no account" },
	{ "UPDATE counters SET value = 3 WHERE name = 'user_id'", "person_counter -1 person 4 is above the counter, 3" },
	{ "UPDATE counters SET value = 1 WHERE name = 'channel_id'",
	  "channel_counter -1 channel 2 is above the counter, 1" },
	{ "UPDATE users SET changed_rev = 99 WHERE user_id = 4",
	  "person_changed -1 person 4 changed at rev 99 of channel 0, which is at 4" },
	{ "UPDATE users SET user_rev = 9 WHERE user_id = 4",
	  "person_own -1 person 4 was told of at 9; the person's head is at 1" },
	{ "DELETE FROM users WHERE user_id = 2", "session_of_nobody -1 session S is of person 2" },
	{ "DELETE FROM users WHERE user_id = 2", "member_of_nobody 2 person 2 is a member, and has no account" },
	{ "DELETE FROM users WHERE user_id = 2", "author_missing 2 message 5 is by person 2" },
	{ "DELETE FROM users WHERE user_id = 2", "mention_of_nobody 2 message 3 mentions person 2" },
	{ "UPDATE users SET role = 1", "no_owner -1 there are accounts" },
	{ "INSERT INTO members (channel_id, user_id, joined_rev, joined_at) VALUES (77, 3, 1, 1)",
	  "member_of_nothing -1 person 3 is a member of channel 77" },
	{ "UPDATE messages SET changed_rev = 14 WHERE channel_id = 2 AND message_id = 4",
	  "message_rev 2 message 4 was made at rev 8" },
	{ "UPDATE messages SET body_rev = 9 WHERE channel_id = 2 AND message_id = 4",
	  "message_rev 2 message 4 was made at " },
	{ "UPDATE messages SET reply_to = 5 WHERE channel_id = 2 AND message_id = 5",
	  "reply_to 2 message 5 quotes message 5" },
	{ "UPDATE messages SET thread_id = 3 WHERE channel_id = 2 AND message_id = 2",
	  "thread_root 2 message 7 is a reply in thread 2" },
	{ "UPDATE messages SET thread_count = 3 WHERE channel_id = 2 AND message_id = 2",
	  "thread 2 thread 2 shows 3 replies, the last 8, numbered to 2; there are 2, the last 8, and 2 with those "
	  "deleted, numbered to 2" },
	{ "UPDATE messages SET thread_seq = 3 WHERE channel_id = 2 AND message_id = 8",
	  "thread 2 thread 2 shows 2 replies" },
	{ "UPDATE messages SET thread_last_id = NULL WHERE channel_id = 2 AND message_id = 2",
	  "thread 2 thread 2 shows 2 replies, the last 0" },
	{ "UPDATE messages SET thread_last_seq = 0 WHERE channel_id = 2 AND message_id = 2",
	  "thread_reply 2 message 7 is a reply in thread 2, which has none" },
	{ "UPDATE messages SET deleted_at = 1 WHERE channel_id = 2 AND message_id = 8",
	  "thread 2 thread 2 shows 2 replies, the last 8, numbered to 2; there are 1, the last 7, and 2 with those" },
	{ "UPDATE mentions SET message_id = 70", "mention_of_nothing 2 message 70 is named by mentions" },
	{ "UPDATE message_edits SET message_id = 70", "edit_of_nothing 2 message 70 is named by message_edits" },
	{ "UPDATE reactions SET message_id = 70", "reaction_to_nothing 2 message 70 is named by reactions" },
	{ "UPDATE thread_follows SET thread_id = 70", "follow_of_nothing 2 message 70 is named by thread_follows" },
	{ "UPDATE changes SET message_id = 70 WHERE channel_id = 2 AND rev = 11",
	  "change_of_nothing 2 rev 11, edit, is of message 70" },
	{ "UPDATE messages SET channel_id = 5", "stray -1 channel 5 has messages, and is not there" },
	{ "UPDATE changes SET channel_id = 5 WHERE channel_id = 2", "stray -1 channel 5 has changes, and is not there" },
	{ "UPDATE mentions SET channel_id = 5", "stray -1 channel 5 has mentions, and is not there" },
	{ "UPDATE reactions SET channel_id = 5", "stray -1 channel 5 has reactions, and is not there" },
	{ "UPDATE message_edits SET channel_id = 5", "stray -1 channel 5 has message_edits, and is not there" },
	{ "DELETE FROM heads WHERE channel_id = 2", "head_missing 2 it has no head" },
	{ "DELETE FROM channels WHERE channel_id = 2", "channel_missing 2 it has a head only" },
	{ "DELETE FROM meta WHERE key = 'uuid'", "no_uuid -1 the database has no uuid" },
};

static void expect(struct both *b, struct db_conn *c, const struct damage *d)
{
	struct heard h = { 0 };
	struct verify v;
	both_must(db_begin(c));
	both_must(db_script(c, d->sql));
	for (int64_t slice = 0; slice < 4; slice++) {
		both_must(look(c, &h, slice, &v));
		if (strncmp(h.lines.p, d->found, strlen(d->found)) != 0 &&
			!strstr(h.lines.p, arena_printf(&b->arena, "\n%s", d->found).p))
			fail_msg("%s: not found: %s, but:\n%s", d->sql, d->found, h.lines.p);
		assert_int_equal(v.findings, h.n);
	}
	db_rollback(c);
	buf_release(&h.lines);
}

static void each_damage_is_found(struct both *b, struct db_conn *c)
{
	make(b, c);
	for (size_t i = 0; i < countof(damages); i++) expect(b, c, &damages[i]);
}

/* What retention has raised: rows at or below min_rev may be there or not. */
static void below_min_rev_nothing_is_wanted(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct verify v;
	make(b, c);
	both_must(db_script(c, "UPDATE heads SET min_rev = 6, min_rev_at = " AT " + 6, min_id = 2 WHERE channel_id = 2;"
						   "DELETE FROM messages WHERE channel_id = 2 AND message_id = 1;"
						   "DELETE FROM changes WHERE channel_id = 2 AND rev < 3;"));
	both_must(look(c, &h, 2, &v));
	assert_string_equal(h.lines.p, "");
	buf_release(&h.lines);
}

static void a_deleted_channel_is_left_alone(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct verify v;
	make(b, c);
	both_must(db_script(c, "UPDATE heads SET deleted_at = 1 WHERE channel_id = 2;"
						   "DELETE FROM messages WHERE channel_id = 2 AND message_id > 4"));
	both_must(look(c, &h, 0, &v));
	assert_string_equal(h.lines.p, "");
	buf_release(&h.lines);
}

static void it_gives_up_after_so_many(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct verify v;
	make(b, c);
	both_must(db_script(c, "WITH RECURSIVE s (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 2500) "
						   "INSERT INTO user_heads (user_id, rev) SELECT 100 + i, 0 FROM s"));
	both_must(look(c, &h, 10, &v));
	assert_int_equal(h.n, VERIFY_MOST);
	assert_true(v.given_up);
	buf_release(&h.lines);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(what_is_well_has_no_finding),     BOTH_FRESH(each_damage_is_found),
		BOTH_FRESH(below_min_rev_nothing_is_wanted), BOTH_FRESH(a_deleted_channel_is_left_alone),
		BOTH_FRESH(it_gives_up_after_so_many),
	};
	return both_main(cases, countof(cases));
}
