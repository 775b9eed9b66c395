/* Retention: what a channel keeps is raised by a change, then rows go in slices, nonces later than the rest. */
#include "rig.h"

#include "store/channel.h"
#include "store/mention.h"
#include "store/retention.h"
#include "store/thread.h"
#include "store/verify.h"

#define FOR_EVER 200000 /* days: nothing is so old that its nonce goes */

static int64_t made;

static int64_t room(struct rig *g)
{
	char name[32];
	snprintf(name, sizeof name, "kept%lld", (long long)++made);
	int64_t ch = rig_channel(g, 2, name, CHANNEL_PUBLIC);
	rig_join(g, 3, ch);
	return ch;
}

static int64_t count(struct rig *g, const char *what, int64_t ch)
{
	return rig_count(g, "SELECT %s WHERE channel_id = %lld", what, (long long)ch);
}

static enum err raise_to(struct rig *g, int64_t ch, int64_t rev)
{
	struct ask *q = ask_new(g, 2, CHANGE_RETAIN, ch);
	q->change.by_server = true;
	q->change.upto_rev = rev;
	q->change.upto_ms = INT64_MAX;
	return ask_once(q);
}

/* All that there is to do; how many slices it took. */
static int slices(struct rig *g, int64_t days, int64_t rows)
{
	int n = 0;
	for (bool more = true; more; n++) must(retention_slice(g->look, INT64_C(10000000000000), days, rows, &more));
	return n - 1;
}

static struct retention_due due_of(struct rig *g, int64_t upto_ms, int64_t ch)
{
	struct retention_due due[8];
	size_t n;
	for (int64_t after = 0;; after = due[n - 1].channel_id) {
		must(retention_find(g->look, upto_ms, after, due, countof(due), &n));
		for (size_t i = 0; i < n; i++)
			if (due[i].channel_id == ch) return due[i];
		if (n < countof(due)) return (struct retention_due){ 0 };
	}
}

/* Made at 1,000 days, and a row each day from then on: the changes by which it begins, then messages. */
static int64_t aged(struct rig *g, int n)
{
	int64_t ch = room(g);
	for (int i = 0; i < n; i++) must(ask_once(ask_send(g, 2 + i % 2, ch, "a word to @user2 and @user3")));
	char text[256];
	snprintf(text, sizeof text, "UPDATE changes SET at = (1000 + rev) * %lld WHERE channel_id = %lld",
			 (long long)RETENTION_DAY_MS, (long long)ch);
	rig_sql(g, text);
	snprintf(text, sizeof text, "UPDATE messages SET created_at = (1000 + rev) * %lld WHERE channel_id = %lld",
			 (long long)RETENTION_DAY_MS, (long long)ch);
	rig_sql(g, text);
	return ch;
}

static void finds(void **state)
{
	struct rig *g = *state;
	int64_t ch = aged(g, 10);                                        /* revs 1 to 12 */
	assert_int_equal(due_of(g, 1001 * RETENTION_DAY_MS, ch).rev, 0); /* not a day too old yet */
	assert_int_equal(due_of(g, 1002 * RETENTION_DAY_MS, ch).rev, 2);
	assert_int_equal(due_of(g, 1007 * RETENTION_DAY_MS + 5, ch).rev, 7);
	assert_int_equal(due_of(g, 5000 * RETENTION_DAY_MS, ch).rev, 12);
	must(raise_to(g, ch, 7));
	assert_int_equal(due_of(g, 1007 * RETENTION_DAY_MS, ch).rev, 0);
	assert_int_equal(due_of(g, 1009 * RETENTION_DAY_MS, ch).rev, 9);
}

/* In a channel where nothing happens any more nothing is raised either: there would be one more each day. */
static void leaves_the_last_retain(void **state)
{
	struct rig *g = *state;
	int64_t ch = aged(g, 10);
	must(raise_to(g, ch, 12));
	assert_int_equal(due_of(g, INT64_C(10000000000000), ch).rev, 0);
	must(ask_once(ask_send(g, 2, ch, "a word")));
	assert_int_equal(due_of(g, INT64_C(10000000000000), ch).rev, 14);
}

/* What was found to be old may be another row by now: the database may have gone back meanwhile. */
static void raises_only_what_is_old(void **state)
{
	struct rig *g = *state;
	int64_t ch = aged(g, 10);
	struct ask *q = ask_new(g, 2, CHANGE_RETAIN, ch);
	q->change.by_server = true;
	q->change.upto_rev = 9;
	q->change.upto_ms = 1009 * RETENTION_DAY_MS - 1;
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(count(g, "min_rev FROM heads", ch), 0);
	assert_int_equal(count(g, "rev FROM heads", ch), 12);
}

static void raises(void **state)
{
	struct rig *g = *state;
	int64_t ch = aged(g, 10);
	assert_int_equal(ask_once(ask_new(g, 1, CHANGE_RETAIN, ch)), ERR_NOT_ALLOWED); /* nobody asks for it */
	must(raise_to(g, ch, 7));
	assert_int_equal(count(g, "min_rev FROM heads", ch), 7);
	assert_int_equal(count(g, "min_id FROM heads", ch), 5);
	assert_int_equal(count(g, "min_rev_at FROM heads", ch), 1007 * RETENTION_DAY_MS);
	struct event *e = rig_event(g, ch, 13);
	assert_non_null(e);
	assert_int_equal(e->kind, CHANGE_RETAIN);
	assert_int_equal(event_min_rev(e), 7);
	assert_non_null(memmem(e->json, e->json_n, "\"type\":\"retain\",\"actor_id\":null,\"min_rev\":7}", 43));
	rig_check_dense(g, ch); /* rows are there still */
	must(raise_to(g, ch, 7));
	must(raise_to(g, ch, 5)); /* never back */
	must(raise_to(g, ch, 99));
	assert_int_equal(count(g, "rev FROM heads", ch), 13);
	assert_int_equal(raise_to(g, 999999, 1), ERR_NOT_FOUND);
	/* what is gone is not there for anybody, though its rows are */
	struct ask *q = ask_new(g, 2, CHANGE_EDIT, ch);
	q->change.message_id = 5;
	q->change.text = STR("other");
	assert_int_equal(ask_once(q), ERR_NOT_FOUND);
	q = ask_new(g, 2, CHANGE_PIN, ch);
	q->change.message_id = 5, q->change.on = true;
	assert_int_equal(ask_once(q), ERR_NOT_FOUND);
	q = ask_send(g, 2, ch, "about that");
	q->send.reply_to = 5;
	send_hash(&q->send);
	assert_int_equal(ask_once(q), ERR_INVALID);
	q = ask_new(g, 2, CHANGE_EDIT, ch);
	q->change.message_id = 7;
	q->change.text = STR("other");
	must(ask_once(q));
}

static void goes_in_slices(void **state)
{
	struct rig *g = *state;
	int64_t ch = aged(g, 10);
	slices(g, FOR_EVER, 100); /* of channels that were raised before */
	must(raise_to(g, ch, 9)); /* messages 1 to 7 */
	assert_int_equal(slices(g, FOR_EVER, 3), 3);
	assert_int_equal(count(g, "count(*) FROM changes", ch), 1); /* the retain itself */
	assert_int_equal(count(g, "count(*) FROM messages", ch), 10);
	assert_int_equal(rig_count(g, "SELECT count(*) FROM messages WHERE channel_id = %lld AND body = ''", (long long)ch),
					 7);
	assert_int_equal(count(g, "min(message_id) FROM mentions", ch), 8);
	assert_int_equal(slices(g, FOR_EVER, 3), 0);
	/* retries of what is gone are answered by what is left */
	struct ask *q = ask_send(g, 2, ch, "once more");
	must(ask_do(q));
	ask_free(q);
	/* their nonces live for 30 days more: at day 10^13 ms all are that old but those of `days` */
	int64_t day = INT64_C(10000000000000) / RETENTION_DAY_MS;
	slices(g, day - 1006 - RETENTION_NONCE_DAYS, 3); /* rev 3 to 6, messages 1 to 4 */
	assert_int_equal(count(g, "min(message_id) FROM messages", ch), 5);
	slices(g, 0, 100);
	assert_int_equal(count(g, "min(message_id) FROM messages", ch), 8);
	must(raise_to(g, ch, 10));
	slices(g, 0, 100);
	assert_int_equal(count(g, "min(message_id) FROM messages", ch), 9);
}

static void expect_named(struct rig *g, int64_t ch, size_t mentions, size_t threads)
{
	struct arena a;
	struct channel row;
	struct mention_page named;
	struct threads followed;
	const struct actor who = { .user_id = 3, .role = USER_MEMBER };
	const struct mentions_query mentions_q = { .user_id = 3, .cursor = STR_NONE, .limit = 10 };
	const struct threads_query threads_q = { .most = 100, .cursor = STR_NONE, .limit = 10 };
	arena_init(&a);
	must(mentions_list(g->look, &a, &mentions_q, &named));
	assert_int_equal(named.n, mentions);
	must(channel_read(g->look, &a, ch, &who, true, &row));
	assert_int_equal(row.me.mention_count, mentions);
	must(threads_read(g->look, &a, &who, &threads_q, &followed));
	assert_int_equal(followed.page.n, threads);
	arena_release(&a);
}

static void reply(struct rig *g, int64_t ch, int64_t root)
{
	struct ask *q = ask_send(g, 3, ch, "yes");
	q->send.thread_id = root;
	must(ask_once(q));
}

/* What is gone is in no list, though its rows are there until a slice takes them. */
static void hides(void **state)
{
	struct rig *g = *state;
	rig_sql(g, "DELETE FROM mentions");
	int64_t ch = room(g);
	must(ask_once(ask_send(g, 2, ch, "@user3 by name")));    /* message 1, rev 3 */
	must(ask_once(ask_send(g, 2, ch, "@channel, and all"))); /* 2 */
	reply(g, ch, 1);                                         /* 3, rev 5 */
	must(ask_once(ask_send(g, 2, ch, "@user3 once more")));  /* 4 */
	must(ask_once(ask_send(g, 2, ch, "@channel again")));    /* 5 */
	reply(g, ch, 4);
	expect_named(g, ch, 4, 2);
	must(raise_to(g, ch, 5));
	assert_int_equal(count(g, "count(*) FROM messages", ch), 6);
	expect_named(g, ch, 2, 1);
}

/* A retry of a message that retention has taken writes none anew. */
static void nonces_outlive(void **state)
{
	struct rig *g = *state;
	int64_t ch = room(g), nonce = 0;
	struct ask *q = ask_send(g, 3, ch, "once");
	uint8_t had[16];
	memcpy(had, q->send.nonce, sizeof had);
	must(ask_once(q));
	must(raise_to(g, ch, 3));
	slices(g, FOR_EVER, 100);
	q = ask_send(g, 3, ch, "once");
	memcpy(q->send.nonce, had, sizeof had);
	send_hash(&q->send);
	must(ask_do(q));
	assert_true(q->change.repeated);
	assert_null(q->change.event);
	nonce = q->change.message.message_id;
	ask_free(q);
	assert_int_equal(nonce, 1);
	assert_int_equal(count(g, "last_id FROM heads", ch), 1);
}

struct heard {
	int64_t channel_id;
	int findings;
};

static void hear(void *arg, const struct finding *f)
{
	struct heard *h = arg;
	h->findings += f->channel_id == h->channel_id;
}

static int findings(struct rig *g, int64_t ch)
{
	struct heard h = { ch, 0 };
	struct verify v = { .found = hear, .arg = &h };
	must(db_begin_snapshot(g->look));
	must(verify_run(g->look, &v));
	must(db_commit(g->look));
	return h.findings;
}

static void deletes_reply(struct rig *g, int64_t ch, int64_t message_id, int64_t rev)
{
	struct ask *q = ask_new(g, 3, CHANGE_DELETE, ch);
	q->change.message_id = message_id;
	must(ask_once(q));
	const struct event *e = rig_event(g, ch, rev);
	assert_non_null(e);
	assert_null(memmem(e->json, e->json_n, "\"root\"", 6));
}

/* Replies may outlive their root: nothing is counted where it was, which slices may be emptying at that moment. */
static void roots_go_first(void **state)
{
	struct rig *g = *state;
	int64_t ch = room(g);
	must(ask_once(ask_send(g, 2, ch, "what do you say?")));
	for (int i = 0; i < 2; i++) {
		struct ask *q = ask_send(g, 3, ch, "this");
		q->send.thread_id = 1;
		send_hash(&q->send);
		must(ask_once(q));
	}
	must(raise_to(g, ch, 3));
	deletes_reply(g, ch, 2, 7);
	assert_int_equal(findings(g, ch), 0);
	slices(g, FOR_EVER, 100);
	deletes_reply(g, ch, 3, 8);
	assert_int_equal(
		rig_count(g, "SELECT changed_rev FROM messages WHERE channel_id = %lld AND message_id = 1", (long long)ch), 5);
	assert_int_equal(findings(g, ch), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds),
		cmocka_unit_test(leaves_the_last_retain),
		cmocka_unit_test(raises_only_what_is_old),
		cmocka_unit_test(raises),
		cmocka_unit_test(goes_in_slices),
		cmocka_unit_test(hides),
		cmocka_unit_test(nonces_outlive),
		cmocka_unit_test(roots_go_first),
	};
	return rig_main(tests, countof(tests));
}
