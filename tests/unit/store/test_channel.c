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

/* ---- what names the person of a channel's row */

struct naming {
	int64_t author_id, all, thread_id; /* all: everybody; 0: person 7 by name */
};

static const struct sql SQL_MESSAGE = {
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "
	"body, created_at, mention_all, thread_id) VALUES (1, $1, $1, $1, $1, $1, $2, $2, $3, '', $1, $4, $5)",
	NULL,
};
static const struct sql SQL_NAMED = {
	"INSERT INTO mentions (channel_id, message_id, user_id, thread_id, at) VALUES (1, $1, 7, $2, $1)", NULL
};

static void write_many(struct db_conn *c, int64_t *id, int n, struct naming as)
{
	both_must(db_begin(c));
	for (int i = 0; i < n; i++) {
		struct db_value nonce = DB_BYTES(((struct str){ (const char *)id, sizeof *id }));
		++*id;
		both_must(db_exec(c, &SQL_MESSAGE,
						  DB_ARGS(DB_I64(*id), nonce, DB_I64(as.author_id), DB_I64(as.all), db_opt(as.thread_id)),
						  NULL));
		if (!as.all) both_must(db_exec(c, &SQL_NAMED, DB_ARGS(DB_I64(*id), db_opt(as.thread_id)), NULL));
	}
	both_must(db_commit(c));
}

static int64_t counted(struct both *b, struct db_conn *c)
{
	const struct actor who = { .user_id = 7, .role = USER_MEMBER };
	struct channel ch;
	both_must(channel_read(c, &b->arena, 1, &who, true, &ch));
	return ch.me.mention_count;
}

/* Each kind to a hundred, among the newest thousand: whatever is written costs no more to be counted. */
static void unread_mentions_are_counted_so_far(struct both *b, struct db_conn *c)
{
	int64_t id = 0;
	two_channels(c);
	both_must(db_script(c, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (7, 9, 1)"));
	write_many(c, &id, 99, (struct naming){ .author_id = 8, .all = 1 });
	write_many(c, &id, 99, (struct naming){ .author_id = 8 });
	assert_int_equal(counted(b, c), 198);
	write_many(c, &id, 2, (struct naming){ .author_id = 8, .all = 1 });
	assert_int_equal(counted(b, c), 199);
	write_many(c, &id, 2, (struct naming){ .author_id = 8 });
	assert_int_equal(counted(b, c), 200);
	write_many(c, &id, 300, (struct naming){ .author_id = 7, .all = 1 });
	write_many(c, &id, 300, (struct naming){ .author_id = 9, .all = 1 });
	write_many(c, &id, 299, (struct naming){ .author_id = 8, .all = 1, .thread_id = 1 });
	write_many(c, &id, 450, (struct naming){ .author_id = 9 });
	write_many(c, &id, 449, (struct naming){ .author_id = 8, .thread_id = 1 });
	assert_int_equal(counted(b, c), 200);
	write_many(c, &id, 100, (struct naming){ .author_id = 9, .all = 1 });
	assert_int_equal(counted(b, c), 101); /* one is left of those that are looked at */
	write_many(c, &id, 1000, (struct naming){ .author_id = 9 });
	assert_int_equal(counted(b, c), 1);
	both_must(db_script(c, "UPDATE members SET read_id = 100000"));
	assert_int_equal(counted(b, c), 0);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(members_speak_unless_they_were_silenced),
		BOTH_FRESH(unread_mentions_are_counted_so_far),
		BOTH_FRESH(few_speak_in_a_read_only_channel_and_nobody_in_an_archived_one),
	};
	return both_main(cases, countof(cases));
}
