/* Replies in threads: how they are numbered, what their root becomes, who follows, what is refused. */
#include "codec/codec.h"
#include "rig.h"
#include "store/history.h"

static int64_t number_of_channels;

/* Of person 2, its owner, 3 and 4, with one message of 2: made, two joined, sent: rev 4. */
static int64_t place(struct rig *g, enum channel_kind kind)
{
	char name[32];
	snprintf(name, sizeof name, "t%lld", (long long)++number_of_channels);
	int64_t ch = rig_channel(g, 2, name, kind);
	for (int64_t who = 3; who <= 4; who++) {
		struct ask *q = ask_new(g, kind == CHANNEL_PRIVATE ? 2 : who, CHANGE_JOIN, ch);
		q->change.user_id = who;
		must(ask_once(q));
	}
	must(ask_once(ask_send(g, 2, ch, "root")));
	return ch;
}

static struct ask *reply(struct rig *g, int64_t who, int64_t ch, int64_t root, const char *body)
{
	struct ask *q = ask_send(g, who, ch, body);
	q->send.thread_id = root;
	return q;
}

static bool says(const struct event *e, const char *what)
{
	return memmem(e->json, e->json_n, what, strlen(what)) != NULL;
}

static int64_t of_message(struct rig *g, int64_t ch, int64_t id, const char *column)
{
	return rig_count(g, "SELECT %s FROM messages WHERE channel_id = %lld AND message_id = %lld", column, (long long)ch,
					 (long long)id);
}

static int64_t of_head(struct rig *g, int64_t ch, const char *column)
{
	return rig_count(g, "SELECT %s FROM heads WHERE channel_id = %lld", column, (long long)ch);
}

static int64_t of_follow(struct rig *g, int64_t ch, int64_t root, int64_t who, const char *column)
{
	return rig_count(g, "SELECT %s FROM thread_follows WHERE channel_id = %lld AND thread_id = %lld AND user_id = %lld",
					 column, (long long)ch, (long long)root, (long long)who);
}

static int64_t user_rev(struct rig *g, int64_t who)
{
	return rig_count(g, "SELECT rev FROM user_heads WHERE user_id = %lld", (long long)who);
}

static void is_refused(struct ask *q, const char *why)
{
	assert_int_equal(ask_do(q), ERR_INVALID);
	assert_string_equal(q->change.problem.fields[0].field, "thread_id");
	const struct str detail = q->change.problem.fields[0].detail;
	assert_non_null(memmem(detail.p, detail.n, why, strlen(why)));
	assert_null(q->change.event);
	ask_free(q);
}

static void numbers(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC);
	struct ask *q = reply(g, 3, ch, 1, "one");
	must(ask_do(q));
	const struct message *m = &q->change.message;
	assert_int_equal(m->message_id, 2);
	assert_int_equal(m->seq, 0);
	assert_int_equal(m->thread_id, 1);
	assert_int_equal(m->thread_seq, 1);
	assert_int_equal(m->rev, 5);
	assert_true(says(q->change.event, "\"message_id\":2,\"seq\":null,\"rev\":5,"));
	assert_true(says(q->change.event, "\"thread_id\":1,\"thread_seq\":1,"));
	assert_true(says(q->change.event, "},\"root\":{\"message_id\":1,\"thread\":{\"count\":1,\"last_id\":2,"));
	assert_true(says(q->change.event, "\"last_seq\":1,\"user_ids\":[3]}}}"));
	ask_free(q);
	assert_int_equal(of_head(g, ch, "last_id * 100 + last_seq"), 201);
	q = reply(g, 4, ch, 1, "two, seen by all");
	q->send.in_channel = true;
	must(ask_do(q));
	assert_int_equal(q->change.message.seq, 2);
	assert_int_equal(q->change.message.thread_seq, 2);
	assert_true(says(q->change.event, "\"count\":2,\"last_id\":3,"));
	assert_true(says(q->change.event, "\"last_seq\":2,\"user_ids\":[4,3]}}}"));
	ask_free(q);
	assert_int_equal(of_head(g, ch, "last_id * 100 + last_seq"), 302);
	assert_int_equal(of_message(g, ch, 1, "changed_rev"), 6);
	assert_int_equal(of_message(g, ch, 1, "body_rev"), 4);
	assert_int_equal(of_message(g, ch, 1, "thread_count * 100 + thread_last_id * 10 + thread_last_seq"), 232);
	q = ask_send(g, 2, ch, "main");
	must(ask_do(q));
	assert_int_equal(q->change.message.seq, 3);
	assert_int_equal(q->change.message.message_id, 4);
	ask_free(q);
	rig_check_dense(g, ch);
}

/* Several to one root at once, with others between: whatever becomes one batch. */
static void many_at_once(void **state)
{
	struct rig *g = *state;
	struct ask *q[30];
	int64_t ch = place(g, CHANNEL_PUBLIC), seqs[3] = { 0 };
	must(ask_once(ask_send(g, 3, ch, "another root")));
	rig_hold(g);
	for (int i = 0; i < 30; i++) {
		int root = i % 3;
		q[i] = root ? reply(g, 2 + i % 3, ch, root, "re") : ask_send(g, 2, ch, "main");
		must(ask_submit(q[i]));
	}
	rig_let_go(g);
	for (int i = 0; i < 30; i++) {
		ask_wait(q[i]);
		must(q[i]->change.err);
		const struct message *m = &q[i]->change.message;
		assert_int_equal(m->message_id, 3 + i);
		assert_int_equal(i % 3 ? m->thread_seq : m->seq - 2, ++seqs[i % 3]);
		assert_true((m->seq == 0) == (i % 3 != 0));
		ask_free(q[i]);
	}
	assert_int_equal(of_message(g, ch, 1, "thread_count * 100 + thread_last_id"), 1031);
	assert_int_equal(of_message(g, ch, 2, "thread_count * 100 + thread_last_id"), 1032);
	assert_int_equal(of_head(g, ch, "last_id * 100 + last_seq"), 3212);
	rig_check_dense(g, ch);
}

static void retries(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC);
	for (int i = 0; i < 2; i++) {
		struct ask *q = reply(g, 3, ch, 1, "once");
		ask_nonce(q, 7000 + ch);
		must(ask_do(q));
		assert_true(q->change.repeated == (i == 1));
		assert_int_equal(q->change.message.message_id, 2);
		assert_int_equal(q->change.message.thread_seq, 1);
		assert_true((q->change.event == NULL) == (i == 1));
		ask_free(q);
	}
	struct ask *q = ask_send(g, 3, ch, "once");
	ask_nonce(q, 7000 + ch);
	assert_int_equal(ask_once(q), ERR_NONCE_REUSED);
	q = reply(g, 3, ch, 1, "once");
	q->send.in_channel = true;
	ask_nonce(q, 7000 + ch);
	assert_int_equal(ask_once(q), ERR_NONCE_REUSED);
	assert_int_equal(of_message(g, ch, 1, "thread_count"), 1);
	rig_check_dense(g, ch);
}

static void refused(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC);
	must(ask_once(reply(g, 3, ch, 1, "re")));
	must(ask_once(ask_send(g, 3, ch, "goes")));
	struct ask *q = ask_new(g, 3, CHANGE_DELETE, ch);
	q->change.message_id = 3;
	must(ask_once(q));
	is_refused(reply(g, 3, ch, 9, "to nothing"), "there is no such message");
	is_refused(reply(g, 3, ch, 2, "to a reply"), "name the root of its thread, 1");
	is_refused(reply(g, 3, ch, 3, "to what is gone"), "was deleted");
	assert_int_equal(ask_once(reply(g, 9, ch, 1, "no member")), ERR_NOT_MEMBER);
	q = reply(g, 3, ch, 1, "another history");
	q->change.epoch = g->epoch.hash + 1;
	assert_int_equal(ask_once(q), ERR_EPOCH_CHANGED);
	assert_int_equal(of_message(g, ch, 1, "thread_count"), 1);
	rig_check_dense(g, ch);
}

/* Who may not read the root is told that there is none. */
static void clipped(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC);
	struct ask *q = ask_new(g, 2, CHANGE_CHANNEL, ch);
	q->patch = CHANNEL_PATCH_NONE;
	q->patch.history = HISTORY_JOINED;
	q->change.patch = &q->patch;
	must(ask_once(q));
	rig_join(g, 5, ch);
	is_refused(reply(g, 5, ch, 1, "of old"), "there is no such message");
	must(ask_once(reply(g, 3, ch, 1, "of old")));
	assert_int_equal(of_follow(g, ch, 1, 5, "following"), -1);
	rig_check_dense(g, ch);
}

static void takes_back(struct rig *g, int64_t who, int64_t ch, int64_t id, const char *want)
{
	struct ask *q = ask_new(g, who, CHANGE_DELETE, ch);
	q->change.message_id = id;
	must(ask_do(q));
	if (!says(q->change.event, want)) fail_msg("%.*s", (int)q->change.event->json_n, q->change.event->json);
	assert_int_equal(of_message(g, ch, 1, "changed_rev"), q->change.event->rev);
	ask_free(q);
}

static void deleted(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC);
	for (int64_t who = 2; who <= 4; who++) must(ask_once(reply(g, who, ch, 1, "re")));
	takes_back(g, 3, ch, 3, "\"root\":{\"message_id\":1,\"thread\":{\"count\":2,\"last_id\":4,");
	takes_back(g, 4, ch, 4, "\"root\":{\"message_id\":1,\"thread\":{\"count\":1,\"last_id\":2,");
	must(ask_once(reply(g, 4, ch, 1, "again"))); /* no number is given twice */
	assert_int_equal(of_message(g, ch, 5, "thread_seq"), 4);
	takes_back(g, 2, ch, 2, "\"last_seq\":4,\"user_ids\":[4]}}}");
	takes_back(g, 4, ch, 5, "\"root\":{\"message_id\":1,\"thread\":null}}");
	assert_int_equal(of_message(g, ch, 1, "thread_count"), 0);
	struct ask *q = ask_new(g, 2, CHANGE_DELETE, ch); /* the root */
	must(ask_once(reply(g, 3, ch, 1, "stays")));
	q->change.message_id = 1;
	must(ask_do(q));
	assert_true(says(q->change.event, "\"thread\":{\"count\":1,\"last_id\":6,"));
	ask_free(q);
	rig_check_dense(g, ch);
}

/* Who is written, once, and from where on the thread is new to them. */
static void follows(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC), two = user_rev(g, 2), three = user_rev(g, 3), four = user_rev(g, 4);
	must(ask_once(reply(g, 3, ch, 1, "first, and not for @user9 who is no member")));
	assert_int_equal(of_follow(g, ch, 1, 3, "following * 10 + read_seq"), 11);
	assert_int_equal(of_follow(g, ch, 1, 2, "following * 10 + read_seq"), 10);
	assert_int_equal(of_follow(g, ch, 1, 3, "user_rev"), three + 1);
	assert_int_equal(of_follow(g, ch, 1, 2, "user_rev"), two + 1);
	assert_int_equal(of_follow(g, ch, 1, 9, "following"), -1);
	assert_int_equal(user_rev(g, 9), rig_count(g, "SELECT rev FROM user_heads WHERE user_id = 9"));
	must(ask_once(reply(g, 3, ch, 1, "second, to @user4")));
	assert_int_equal(of_follow(g, ch, 1, 4, "following * 10 + read_seq"), 11);
	assert_int_equal(user_rev(g, 4), four + 1);
	assert_int_equal(
		rig_count(g, "SELECT thread_id FROM mentions WHERE channel_id = %lld AND user_id = 4", (long long)ch), 1);
	must(ask_once(reply(g, 3, ch, 1, "third, to @user4 again")));
	assert_int_equal(user_rev(g, 2) - two + user_rev(g, 3) - three + user_rev(g, 4) - four, 3); /* nobody moves again */
	rig_sql(g, "UPDATE thread_follows SET following = 0");
	must(ask_once(reply(g, 3, ch, 1, "fourth, to @user4: the root's author stays away")));
	assert_int_equal(of_follow(g, ch, 1, 2, "following"), 0);
	assert_int_equal(of_follow(g, ch, 1, 3, "following * 10 + read_seq"), 14);
	assert_int_equal(of_follow(g, ch, 1, 4, "following * 10 + read_seq"), 13);
	rig_check_dense(g, ch);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(numbers), cmocka_unit_test(many_at_once),
										cmocka_unit_test(retries), cmocka_unit_test(refused),
										cmocka_unit_test(clipped), cmocka_unit_test(deleted),
										cmocka_unit_test(follows) };
	return rig_main(tests, countof(tests));
}
