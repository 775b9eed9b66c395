#include "store/channel.h"
#include "support/both.h"

#define NOW INT64_C(1700000000000)

static void two_channels(struct db_conn *c)
{
	both_must(db_script(c, "INSERT INTO heads (channel_id, kind) VALUES (1, 0), (2, 1); "
						   "INSERT INTO channels (channel_id, name, name_key, created_at, created_by) VALUES "
						   "(1, 'open', 'open', 1, 1), (2, 'hidden', 'hidden', 1, 1); "
						   "INSERT INTO members (channel_id, user_id, joined_rev, joined_at) VALUES (1, 7, 1, 1)"));
}

static void expect(struct both *b, struct db_conn *c, int64_t channel_id, enum err wanted, const char *why)
{
	const struct actor who = { .user_id = 7, .role = USER_MEMBER };
	const char *told = NULL;
	enum err e = channel_speak(c, &b->arena, channel_id, &who, NOW, &told);
	if (e != wanted) fail_msg("%s instead of %s", err_row(e)->name, err_row(wanted)->name);
	if (why)
		assert_string_equal(told, why);
	else
		assert_null(told);
}

static void members_speak_unless_they_were_silenced(struct both *b, struct db_conn *c)
{
	two_channels(c);
	expect(b, c, 1, OK, NULL);
	expect(b, c, 2, ERR_NOT_FOUND, NULL);
	expect(b, c, 3, ERR_NOT_FOUND, NULL);
	both_must(db_script(c, "UPDATE members SET silenced_until = 1700000000001"));
	expect(b, c, 1, ERR_NOT_ALLOWED, "you were silenced here");
	both_must(db_script(c, "UPDATE members SET silenced_until = 1700000000000")); /* it ends */
	expect(b, c, 1, OK, NULL);
	both_must(db_script(c, "UPDATE members SET left_rev = 2"));
	expect(b, c, 1, ERR_NOT_MEMBER, NULL);
}

static void few_speak_in_a_read_only_channel_and_nobody_in_an_archived_one(struct both *b, struct db_conn *c)
{
	two_channels(c);
	both_must(db_script(c, "UPDATE heads SET read_only = 1"));
	expect(b, c, 1, ERR_NOT_ALLOWED, "the channel is read-only");
	both_must(db_script(c, "UPDATE members SET voice = 1"));
	expect(b, c, 1, OK, NULL);
	both_must(db_script(c, "UPDATE members SET voice = 0, role = 1"));
	expect(b, c, 1, OK, NULL);
	both_must(db_script(c, "UPDATE heads SET archived = 1"));
	expect(b, c, 1, ERR_NOT_ALLOWED, "the channel is archived");
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(members_speak_unless_they_were_silenced),
		BOTH_FRESH(few_speak_in_a_read_only_channel_and_nobody_in_an_archived_one),
	};
	return both_main(cases, countof(cases));
}
