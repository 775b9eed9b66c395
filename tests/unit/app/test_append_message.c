/* Sends, retries, edits and deletions: what is written, what is answered, what is refused. */
#include "base/id.h"
#include "base/random.h"
#include "model/permit.h"
#include "rig.h"

static int64_t number_of_channels;

static int64_t channel_of(struct rig *g, enum channel_kind kind, int n_members)
{
	char name[32];
	snprintf(name, sizeof name, "m%lld", (long long)++number_of_channels);
	int64_t ch = rig_channel(g, 2, name, kind);
	for (int i = 3; i < 2 + n_members; i++) {
		struct ask *q = ask_new(g, kind == CHANNEL_PRIVATE ? 2 : i, CHANGE_JOIN, ch);
		q->change.user_id = i;
		must(ask_once(q));
	}
	return ch;
}

static void send_once(struct rig *g, int64_t who, int64_t ch, const char *body, enum err want)
{
	enum err e = ask_once(ask_send(g, who, ch, body));
	if (e != want) fail_msg("%s, not %s", err_row(e)->name, err_row(want)->name);
}

static void sends(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2), last = 0;
	for (int i = 1; i <= 3; i++) {
		struct ask *q = ask_send(g, 2 + i % 2, ch, "hello \xc3\xa4 'quoted' \"twice\" \\ {a,b}\nNULL");
		must(ask_do(q));
		struct message *m = &q->change.message;
		assert_int_equal(m->message_id, i);
		assert_int_equal(m->seq, i);
		assert_int_equal(m->rev, 2 + i); /* made, joined */
		assert_int_equal(m->changed_rev, m->rev);
		assert_int_equal(m->body_rev, m->rev);
		assert_int_equal(m->author_id, 2 + i % 2);
		assert_int_equal(q->change.actor_id, 2 + i % 2);
		assert_true(m->created_at >= last);
		assert_true(str_eq(m->body, q->send.body));
		assert_memory_equal(m->nonce, q->send.nonce, 16);
		assert_false(q->change.repeated);
		assert_non_null(q->change.event);
		assert_ptr_equal(rig_event(g, ch, m->rev), q->change.event);
		assert_true(q->change.event->epoch == g->epoch.hash && q->change.now_epoch == g->epoch.hash);
		assert_int_equal(q->change.event->at, m->created_at);
		assert_int_equal(q->change.event->kind, CHANGE_MESSAGE);
		last = m->created_at;
		ask_free(q);
	}
	assert_int_equal(rig_count(g, "SELECT last_id * 100 + last_seq FROM heads WHERE channel_id = %lld", (long long)ch),
					 303);
	assert_int_equal(rig_count(g, "SELECT last_at FROM heads WHERE channel_id = %lld", (long long)ch), last);
	assert_int_equal(
		rig_count(
			g,
			"SELECT count(*) FROM messages WHERE channel_id = %lld AND body LIKE 'hello%%NULL' AND seq = message_id "
			"AND length(nonce) = 16 AND length(request_hash) = 16 AND edited_at IS NULL",
			(long long)ch),
		3);
	rig_check_dense(g, ch);
}

/* What a reader of the log is told is what was published. */
static void frame(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 1);
	struct ask *q = ask_send(g, 2, ch, "a");
	q->send.kind = MESSAGE_ACTION;
	must(ask_do(q));
	char want[600], nonce[UUID_TEXT + 1], at[TIME_TEXT + 1] = "";
	uuid_format(q->send.nonce, nonce);
	time_format(q->change.message.created_at, at);
	snprintf(want, sizeof want,
			 "{\"op\":\"event\",\"channel_id\":%lld,\"rev\":2,\"at\":\"%s\",\"type\":\"message\",\"actor_id\":2,"
			 "\"message_id\":1,"
			 "\"message\":{\"channel_id\":%lld,\"message_id\":1,\"seq\":1,\"rev\":2,\"changed_rev\":2,\"body_rev\":2,"
			 "\"nonce\":\"%s\","
			 "\"author_id\":2,\"kind\":\"action\",\"body\":\"a\",\"created_at\":\"%s\",\"mentions\":{\"user_ids\":[],"
			 "\"all\":false},"
			 "\"attachments\":[],\"previews\":[],\"reactions\":[]}}",
			 (long long)ch, at, (long long)ch, nonce, at);
	assert_true(str_eq((struct str){ q->change.event->json, q->change.event->json_n }, str_of(want)));
	ask_free(q);
}

/* ---- retries */

static struct ask *retry(struct rig *g, int64_t ch, int64_t nonce, const char *body)
{
	struct ask *q = ask_send(g, 3, ch, body);
	ask_nonce(q, nonce);
	return q;
}

static void same_again(struct rig *g, int64_t ch, int64_t nonce, bool bare)
{
	struct ask *q = retry(g, ch, nonce, "once");
	must(ask_do(q));
	assert_true(q->change.repeated);
	assert_int_equal(q->change.bare, bare);
	assert_null(q->change.event);
	assert_int_equal(q->change.message.message_id, 1);
	assert_int_equal(q->change.message.author_id, 3);
	assert_true(q->change.message.created_at > 0);
	ask_free(q);
}

static void retries(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	must(ask_once(retry(g, ch, 77, "once")));
	same_again(g, ch, 77, false);
	assert_int_equal(ask_once(retry(g, ch, 77, "another")), ERR_NONCE_REUSED);
	struct ask *other = ask_send(g, 2, ch, "mine"); /* a nonce is one author's */
	ask_nonce(other, 77);
	must(ask_do(other));
	assert_false(other->change.repeated);
	ask_free(other);

	/* by now muted, slowed, kept out: the answer stays */
	rig_sql(g, "UPDATE heads SET read_only = 1, archived = 1, slow_mode_s = 1000");
	rig_sql(g, "UPDATE members SET silenced_until = 9999999999999, sent_at = 9999999999998");
	same_again(g, ch, 77, false);
	rig_sql(g, "UPDATE heads SET read_only = 0, archived = 0, slow_mode_s = 0");
	rig_sql(g, "UPDATE members SET silenced_until = NULL, sent_at = NULL");
	must(ask_once(ask_new(g, 3, CHANGE_LEAVE, ch)));
	same_again(g, ch, 77, true);
	assert_int_equal(ask_once(retry(g, ch, 78, "once")), ERR_NOT_MEMBER);
	rig_join(g, 3, ch);
	same_again(g, ch, 77, false);

	/* as it is now: an edit, then a tombstone */
	struct ask *q = ask_new(g, 3, CHANGE_EDIT, ch);
	q->change.message_id = 1, q->change.text = STR("edited");
	must(ask_once(q));
	q = retry(g, ch, 77, "once");
	must(ask_do(q));
	assert_true(str_eq(q->change.message.body, STR("edited")));
	ask_free(q);
	q = ask_new(g, 3, CHANGE_DELETE, ch);
	q->change.message_id = 1;
	must(ask_once(q));
	q = retry(g, ch, 77, "once");
	must(ask_do(q));
	assert_true(q->change.message.deleted_at > 0 && q->change.message.body.n == 0);
	ask_free(q);
	rig_check_dense(g, ch);
}

static void retries_in_one_batch(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	struct ask *q[4] = { retry(g, ch, 5, "once"), retry(g, ch, 5, "once"), retry(g, ch, 5, "another"),
						 retry(g, ch, 6, "more") };
	rig_hold(g);
	for (int i = 0; i < 4; i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (int i = 0; i < 4; i++) ask_wait(q[i]);
	assert_int_equal(q[0]->change.err, OK);
	assert_int_equal(q[1]->change.err, OK);
	assert_false(q[0]->change.repeated);
	assert_true(q[1]->change.repeated);
	assert_null(q[1]->change.event);
	assert_int_equal(q[1]->change.message.message_id, 1);
	assert_true(str_eq(q[1]->change.message.body, STR("once")));
	assert_int_equal(q[2]->change.err, ERR_NONCE_REUSED);
	assert_int_equal(q[3]->change.message.message_id, 2);
	for (int i = 0; i < 4; i++) ask_free(q[i]);
	rig_check_dense(g, ch);
}

/* ---- refusals */

static void refusals(void **state)
{
	struct rig *g = *state;
	int64_t open = channel_of(g, CHANNEL_PUBLIC, 2), closed = channel_of(g, CHANNEL_PRIVATE, 2);
	send_once(g, 3, open, "x", OK);
	send_once(g, 3, closed, "x", OK);
	send_once(g, 9, open, "x", ERR_NOT_MEMBER);
	send_once(g, 9, closed, "x", ERR_NOT_FOUND);
	send_once(g, 1, closed, "x", ERR_NOT_MEMBER); /* an admin may know of it */
	send_once(g, 3, 999999, "x", ERR_NOT_FOUND);
	send_once(g, 3, 0, "x", ERR_NOT_ALLOWED); /* the server's log */
	rig_role(g, 9, USER_GUEST);
	send_once(g, 9, open, "x", ERR_NOT_FOUND);
	send_once(g, 9, 0, "x", ERR_NOT_FOUND);
	rig_role(g, 9, USER_MEMBER);
	rig_sql(g, "UPDATE heads SET read_only = 1 WHERE channel_id > 0");
	send_once(g, 3, open, "x", ERR_NOT_ALLOWED);
	send_once(g, 2, open, "x", OK); /* its owner */
	rig_sql(g, "UPDATE members SET voice = 1 WHERE user_id = 3");
	send_once(g, 3, open, "x", OK);
	rig_sql(g, "UPDATE heads SET read_only = 0, archived = 1 WHERE channel_id > 0");
	send_once(g, 2, open, "x", ERR_NOT_ALLOWED);
	rig_sql(g, "UPDATE heads SET archived = 0");
	rig_sql(g, "UPDATE members SET voice = 0, silenced_until = 9999999999999 WHERE user_id = 3");
	send_once(g, 3, open, "x", ERR_NOT_ALLOWED);
	rig_sql(g, "UPDATE members SET silenced_until = 1000 WHERE user_id = 3");
	send_once(g, 3, open, "x", OK);
	rig_sql(g, "UPDATE heads SET deleted_at = 1 WHERE channel_id > 0");
	send_once(g, 2, open, "x", ERR_NOT_FOUND);
	rig_sql(g, "UPDATE heads SET deleted_at = NULL");
	rig_check_dense(g, open);
	rig_check_dense(g, closed);
}

static void slow_mode(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 3);
	rig_sql(g, "UPDATE heads SET slow_mode_s = 100 WHERE channel_id > 0");
	send_once(g, 3, ch, "x", OK);
	struct ask *q = ask_send(g, 3, ch, "y");
	assert_int_equal(ask_do(q), ERR_RATE_LIMITED);
	assert_in_range(q->change.problem.retry_after_s, 50, 100);
	ask_free(q);
	send_once(g, 4, ch, "x", OK);
	send_once(g, 2, ch, "x", OK); /* operators may */
	send_once(g, 2, ch, "x", OK);
	rig_sql(g, "UPDATE members SET sent_at = sent_at - 100000");
	send_once(g, 3, ch, "x", OK);
	rig_sql(g, "UPDATE members SET sent_at = sent_at - 100000");
	rig_hold(g); /* two in one batch: the second is too soon */
	struct ask *two[2] = { ask_send(g, 3, ch, "a"), ask_send(g, 3, ch, "b") };
	must(ask_submit(two[0]));
	must(ask_submit(two[1]));
	rig_let_go(g);
	ask_wait(two[0]), ask_wait(two[1]);
	assert_int_equal(two[0]->change.err, OK);
	assert_int_equal(two[1]->change.err, ERR_RATE_LIMITED);
	assert_in_range(two[1]->change.problem.retry_after_s, 50, 100);
	ask_free(two[0]), ask_free(two[1]);
	rig_sql(g, "UPDATE heads SET slow_mode_s = 0");
}

static void credentials(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	rig_sql(g, "UPDATE sessions SET expires_at = 1000 WHERE user_id = 3");
	send_once(g, 3, ch, "x", ERR_UNAUTHENTICATED);
	rig_sql(g, "UPDATE sessions SET expires_at = NULL WHERE user_id = 3");
	send_once(g, 3, ch, "x", OK);
	rig_sql(g, "UPDATE sessions SET revoked_at = 1 WHERE user_id = 3");
	send_once(g, 3, ch, "x", ERR_SESSION_REVOKED);
	rig_sql(g, "UPDATE sessions SET revoked_at = NULL WHERE user_id = 3");
	rig_sql(g, "UPDATE users SET deactivated_at = 1 WHERE user_id = 3");
	send_once(g, 3, ch, "x", ERR_UNAUTHENTICATED);
	rig_sql(g, "UPDATE users SET deactivated_at = NULL WHERE user_id = 3");
	send_once(g, 4000, ch, "x", ERR_UNAUTHENTICATED);
	rig_sql(g, "UPDATE sessions SET scopes = 1 WHERE user_id = 3");
	send_once(g, 3, ch, "x", ERR_SCOPE_MISSING);
	rig_sql(g, "UPDATE sessions SET scopes = 15 WHERE user_id = 3");

	struct ask *q = ask_send(g, 3, ch, "by the id of a session");
	q->change.credential = (struct credential){ .kind = CREDENTIAL_JWT, .user_id = 3 };
	snprintf(q->change.credential.session_id, sizeof q->change.credential.session_id, "%026d", 3);
	must(ask_do(q));
	assert_int_equal(q->change.actor_id, 3);
	ask_free(q);
	q = ask_send(g, 3, ch, "another's session");
	q->change.credential = (struct credential){ .kind = CREDENTIAL_JWT, .user_id = 3 };
	snprintf(q->change.credential.session_id, sizeof q->change.credential.session_id, "%026d", 2);
	assert_int_equal(ask_once(q), ERR_UNAUTHENTICATED);
	q = ask_send(g, 3, ch, "a cookie is no token");
	q->change.credential.kind = CREDENTIAL_TOKEN;
	assert_int_equal(ask_once(q), ERR_UNAUTHENTICATED);
	q = ask_send(g, 3, ch, "nobody");
	q->change.credential.kind = CREDENTIAL_NONE;
	assert_int_equal(ask_once(q), ERR_UNAUTHENTICATED);
	rig_check_dense(g, ch);
}

static void quotes(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	send_once(g, 3, ch, "first", OK);
	struct ask *q = ask_send(g, 2, ch, "re");
	q->send.reply_to = 1;
	q->change.epoch = g->epoch.hash;
	must(ask_do(q));
	assert_int_equal(q->change.message.reply_to, 1);
	ask_free(q);
	q = ask_send(g, 2, ch, "re");
	q->send.reply_to = 9;
	assert_int_equal(ask_do(q), ERR_INVALID);
	assert_string_equal(q->change.problem.fields[0].field, "reply_to");
	ask_free(q);
	q = ask_send(g, 2, ch, "re");
	q->send.reply_to = 1;
	q->change.epoch = g->epoch.hash + 1;
	assert_int_equal(ask_once(q), ERR_EPOCH_CHANGED);
	q = ask_send(g, 2, ch, "names nothing, so the epoch does not matter");
	q->change.epoch = g->epoch.hash + 1;
	must(ask_once(q));
	q = ask_send(g, 2, ch, "in a thread");
	q->send.thread_id = 9;
	assert_int_equal(ask_do(q), ERR_INVALID);
	assert_string_equal(q->change.problem.fields[0].field, "thread_id");
	ask_free(q);
	rig_check_dense(g, ch);
}

/* The bad one has the batch written again, in parts: whoever was refused before is judged anew. */
static void a_refusal_is_told_once(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	struct ask *q[8];
	for (int i = 0; i < 8; i++) q[i] = ask_send(g, 2, ch, "x");
	q[0]->send.reply_to = 9;
	q[7]->send.body = STR("no \xff text");
	rig_hold(g);
	for (int i = 0; i < 8; i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (int i = 0; i < 8; i++) ask_wait(q[i]);
	assert_int_equal(q[0]->change.err, ERR_INVALID);
	assert_int_equal(q[0]->change.problem.n_fields, 1);
	assert_int_equal(q[7]->change.err, ERR_INTERNAL);
	for (int i = 0; i < 8; i++) ask_free(q[i]);
	rig_check_dense(g, ch);
}

static void mentions(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 3);
	struct ask *q = ask_send(
		g, 2, ch, "@USER4 and @user3, @user3; not @user9 who is away, `@user3`, a@user4.b or @user2 myself. @channel");
	must(ask_do(q));
	assert_int_equal(q->change.message.n_mentions, 2);
	assert_int_equal(q->change.message.mention_ids[0], 3);
	assert_int_equal(q->change.message.mention_ids[1], 4);
	assert_true(q->change.message.mention_all);
	assert_non_null(memmem(q->change.event->json, q->change.event->json_n, "\"user_ids\":[3,4],\"all\":true", 27));
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM mentions WHERE channel_id = %lld AND message_id = 1", (long long)ch), 2);
	q = ask_new(g, 2, CHANGE_EDIT, ch);
	q->change.message_id = 1, q->change.text = STR("only @user4");
	must(ask_do(q));
	assert_int_equal(q->change.message.n_mentions, 1);
	assert_false(q->change.message.mention_all);
	ask_free(q);
	assert_int_equal(rig_count(g, "SELECT sum(user_id) FROM mentions WHERE channel_id = %lld", (long long)ch), 4);
	rig_sql(g, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (4, 2, 1)");
	q = ask_send(g, 2, ch, "@user4 does not listen");
	must(ask_do(q));
	assert_int_equal(q->change.message.n_mentions, 1); /* its author does not learn of it */
	ask_free(q);
	rig_sql(g, "DELETE FROM blocks");
	rig_sql(g, "UPDATE heads SET member_count = member_count + 100");
	q = ask_send(g, 3, ch, "@channel of many");
	must(ask_do(q));
	assert_false(q->change.message.mention_all);
	ask_free(q);
	rig_sql(g, "UPDATE heads SET member_count = member_count - 100");
}

/* ---- edits and deletions */

static struct ask *edit(struct rig *g, int64_t who, int64_t ch, int64_t id, const char *text)
{
	struct ask *q = ask_new(g, who, CHANGE_EDIT, ch);
	q->change.message_id = id;
	q->change.text = str_of(text);
	return q;
}

static void edits(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	send_once(g, 3, ch, "one", OK); /* rev 3 */
	struct ask *q = edit(g, 3, ch, 1, "two");
	q->change.if_body_rev = 3;
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_EDIT);
	assert_int_equal(q->change.event->rev, 4);
	assert_int_equal(q->change.message.rev, 3);
	assert_int_equal(q->change.message.changed_rev, 4);
	assert_int_equal(q->change.message.body_rev, 4);
	assert_true(q->change.message.edited_at >= q->change.message.created_at);
	assert_non_null(memmem(q->change.event->json, q->change.event->json_n, "\"body\":\"two\"", 12));
	ask_free(q);
	assert_int_equal(
		rig_count(g,
				  "SELECT count(*) FROM message_edits WHERE channel_id = %lld AND message_id = 1 AND rev = 3 AND "
				  "body = 'one'",
				  (long long)ch),
		1);
	q = edit(g, 3, ch, 1, "three");
	q->change.if_body_rev = 3;
	assert_int_equal(ask_once(q), ERR_REV_CHANGED);
	q = edit(g, 3, ch, 1, "two"); /* as it is */
	must(ask_do(q));
	assert_null(q->change.event);
	assert_true(str_eq(q->change.message.body, STR("two")));
	ask_free(q);
	assert_int_equal(ask_once(edit(g, 2, ch, 1, "not mine")), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(edit(g, 9, ch, 1, "outside")), ERR_NOT_MEMBER);
	assert_int_equal(ask_once(edit(g, 3, ch, 7, "nothing")), ERR_NOT_FOUND);
	q = edit(g, 3, ch, 1, "of another history");
	q->change.epoch = g->epoch.hash ^ 1;
	assert_int_equal(ask_once(q), ERR_EPOCH_CHANGED);
	assert_int_equal(rig_count(g, "SELECT changed_rev FROM messages WHERE channel_id = %lld", (long long)ch), 4);
	rig_check_dense(g, ch);
}

static struct ask *deletion(struct rig *g, int64_t who, int64_t ch, int64_t id)
{
	struct ask *q = ask_new(g, who, CHANGE_DELETE, ch);
	q->change.message_id = id;
	return q;
}

static void deletions(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 3);
	send_once(g, 3, ch, "one @user4", OK);
	send_once(g, 3, ch, "two", OK);
	must(ask_once(edit(g, 3, ch, 1, "changed @user4")));
	assert_int_equal(ask_once(deletion(g, 4, ch, 1)), ERR_NOT_ALLOWED);
	struct ask *q = deletion(g, 3, ch, 1);
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_DELETE);
	assert_int_equal(q->change.message.body.n, 0);
	assert_int_equal(q->change.message.changed_rev, q->change.event->rev);
	assert_true(q->change.message.deleted_at > 0);
	ask_free(q);
	q = deletion(g, 3, ch, 1);
	must(ask_do(q));
	assert_null(q->change.event);
	assert_true(q->change.message.deleted_at > 0);
	ask_free(q);
	assert_int_equal(ask_once(edit(g, 3, ch, 1, "again")), ERR_NOT_FOUND);
	assert_int_equal(
		rig_count(
			g,
			"SELECT (SELECT count(*) FROM message_edits WHERE channel_id = %lld) + (SELECT count(*) FROM mentions "
			"WHERE channel_id = %lld)",
			(long long)ch, (long long)ch),
		0);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM audit WHERE action = 'message.delete' AND target = '%lld-1'", (long long)ch),
		0);
	must(ask_once(deletion(g, 2, ch, 2))); /* the channel's owner */
	assert_int_equal(
		rig_count(g,
				  "SELECT count(*) FROM audit WHERE action = 'message.delete' AND actor_id = 2 AND target = '%lld-2'",
				  (long long)ch),
		1);
	assert_int_equal(ask_once(deletion(g, 1, ch, 2)), ERR_NOT_MEMBER);
	rig_check_dense(g, ch);
}

/* history: joined: who came later knows nothing of what was said before. */
static void clipped(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 2);
	struct ask *q = ask_new(g, 2, CHANGE_CHANNEL, ch);
	q->patch = CHANNEL_PATCH_NONE, q->patch.history = HISTORY_JOINED, q->change.patch = &q->patch;
	send_once(g, 3, ch, "before", OK);
	must(ask_once(q));
	rig_join(g, 5, ch);
	assert_int_equal(
		rig_count(g, "SELECT first_id FROM members WHERE channel_id = %lld AND user_id = 5", (long long)ch), 2);
	assert_int_equal(
		rig_count(g, "SELECT first_id FROM members WHERE channel_id = %lld AND user_id = 3", (long long)ch), 1);
	q = ask_send(g, 5, ch, "quotes what was before");
	q->send.reply_to = 1;
	assert_int_equal(ask_once(q), ERR_INVALID);
	q = edit(g, 3, ch, 1, "secret");
	must(ask_do(q));
	assert_true(str_eq(q->change.message.body, STR("secret"))); /* to its author */
	assert_null(memmem(q->change.event->json, q->change.event->json_n, "secret", 6));
	assert_non_null(memmem(q->change.event->json, q->change.event->json_n, "\"changed_rev\":6", 15));
	ask_free(q);
	/* one who leaves and comes back */
	must(ask_once(ask_new(g, 3, CHANGE_LEAVE, ch)));
	rig_join(g, 3, ch);
	assert_int_equal(ask_once(edit(g, 3, ch, 1, "too late")), ERR_NOT_FOUND);
	rig_check_dense(g, ch);
}

/* ---- one rule, said in C and in SQL: scenes drawn at random, and permit() as the judge */

struct scene {
	enum channel_kind kind;
	enum user_role role;
	int membership; /* 0 none, 1 left, 2 member, 3 op */
	bool archived, read_only, deleted, voice, silenced, slow, recent, blocked, scope;
};

static struct scene draw(struct random *r)
{
	static const enum user_role roles[] = { USER_MEMBER, USER_MEMBER, USER_GUEST, USER_ADMIN };
	return (struct scene){
		.kind = (enum channel_kind)random_below(r, 3),
		.role = roles[random_below(r, 4)],
		.membership = (int)random_below(r, 4),
		.archived = random_below(r, 6) == 0,
		.read_only = random_below(r, 3) == 0,
		.deleted = random_below(r, 12) == 0,
		.voice = random_below(r, 3) == 0,
		.silenced = random_below(r, 6) == 0,
		.slow = random_below(r, 3) == 0,
		.recent = random_below(r, 2) == 0,
		.blocked = random_below(r, 4) == 0,
		.scope = random_below(r, 12) != 0,
	};
}

static enum err verdict_of(const struct scene *s)
{
	const struct actor actor = { .user_id = 9, .role = s->role, .scopes = s->scope ? SCOPE_ALL : SCOPE_READ };
	const struct channel channel = { .kind = s->kind,
									 .archived = s->archived,
									 .read_only = s->read_only,
									 .deleted = s->deleted,
									 .slow_mode_s = s->slow ? 1000 : 0 };
	const struct permit p = { .kind = CHANGE_MESSAGE,
							  .actor = &actor,
							  .need_scope = SCOPE_WRITE,
							  .channel = &channel,
							  .left = s->membership == 1,
							  .member = s->membership > 1,
							  .role = s->membership == 3 ? CHANNEL_OP : CHANNEL_MEMBER,
							  .voice = s->voice,
							  .silenced_until = s->silenced ? 2000000 : 0,
							  .now_ms = 1500000,
							  .slow_at = s->recent ? 1400000 : 0,
							  .blocked = s->blocked && s->kind == CHANNEL_DM };
	return permit(&p).err;
}

static void stage(struct rig *g, const struct scene *s, int64_t ch)
{
	char text[1500];
	snprintf(text, sizeof text,
			 "UPDATE heads SET kind = %d, archived = %d, read_only = %d, slow_mode_s = %d, deleted_at = %s, "
			 "member_count = 2 WHERE channel_id = %lld;"
			 "DELETE FROM members WHERE channel_id = %lld AND user_id = 9; DELETE FROM blocks;"
			 "UPDATE users SET role = %d WHERE user_id = 9; UPDATE sessions SET scopes = %d WHERE user_id = 9;",
			 s->kind, s->archived, s->read_only, s->slow ? 1000 : 0, s->deleted ? "1" : "NULL", (long long)ch,
			 (long long)ch, s->role, s->scope ? SCOPE_ALL : SCOPE_READ);
	rig_sql(g, text);
	if (s->blocked) rig_sql(g, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (2, 9, 1)");
	if (!s->membership) return;
	snprintf(text, sizeof text,
			 "INSERT INTO members (channel_id, user_id, role, voice, silenced_until, joined_rev, joined_at, left_rev, "
			 "sent_at) "
			 "VALUES (%lld, 9, %d, %d, %s, 1, 1, %s, %s)",
			 (long long)ch, s->membership == 3 ? CHANNEL_OP : CHANNEL_MEMBER, s->voice,
			 s->silenced ? "9000000000000" : "NULL", s->membership == 1 ? "1" : "NULL",
			 s->recent ? "8999999999999" : "NULL");
	rig_sql(g, text);
}

static void as_permit_says(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel_of(g, CHANNEL_PUBLIC, 1);
	struct random_seeded r;
	int allowed = 0, written = 0;
	random_seeded_init(&r, 4711);
	for (int i = 0; i < 150; i++) {
		struct scene s = draw(&r.base);
		stage(g, &s, ch);
		enum err want = verdict_of(&s), got = ask_once(ask_send(g, 9, ch, "x"));
		if (got != want)
			fail_msg("scene %d (kind %d, role %d, membership %d, archived %d, read-only %d, deleted %d, voice %d, "
					 "silenced %d, slow %d, "
					 "recent %d, blocked %d, scope %d): %s, not %s",
					 i, s.kind, s.role, s.membership, s.archived, s.read_only, s.deleted, s.voice, s.silenced, s.slow,
					 s.recent, s.blocked, s.scope, err_row(got)->name, err_row(want)->name);
		allowed += want == OK, written += got == OK;
	}
	assert_in_range(allowed, 10, 140);
	const struct scene quiet = { .kind = CHANNEL_PUBLIC, .role = USER_MEMBER, .scope = true };
	stage(g, &quiet, ch);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)ch), written);
	rig_check_dense(g, ch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends),
		cmocka_unit_test(frame),
		cmocka_unit_test(retries),
		cmocka_unit_test(retries_in_one_batch),
		cmocka_unit_test(refusals),
		cmocka_unit_test(slow_mode),
		cmocka_unit_test(credentials),
		cmocka_unit_test(quotes),
		cmocka_unit_test(a_refusal_is_told_once),
		cmocka_unit_test(mentions),
		cmocka_unit_test(edits),
		cmocka_unit_test(deletions),
		cmocka_unit_test(clipped),
		cmocka_unit_test(as_permit_says),
	};
	return rig_main(tests, countof(tests));
}
