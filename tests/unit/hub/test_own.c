/* One's own things besides the channels: each change is told to each device once, in the order of user_rev, by news, by
 * the list, or after the device has come back. */
#include "hand.h"
#include "hub/list.h"
#include "store/setting.h"

static struct hand *with_me(void)
{
	struct hand *h = hand_make();
	make_person(h->w, ME);
	for (int64_t c = 1; c <= 3; c++) make_channel(h->w, c);
	return h;
}

/* Its rev. */
static int64_t set(struct world *w, const char *key, const char *value)
{
	int64_t rev = 0;
	static const struct sql q = { "SELECT rev FROM user_heads WHERE user_id = $1", NULL };
	struct db_rows rows;
	bool changed;
	must(db_begin(w->writer));
	move_person(w, ME);
	must(db_query(w->writer, &q, DB_ARGS(DB_I64(ME)), &rows));
	while (db_next(&rows)) rev = db_i64(&rows, 0);
	must(db_end(&rows));
	const struct setting_row s = { str_of(key), value ? str_of(value) : STR_NONE, rev };
	must(setting_write(w->writer, ME, &s, 1000, &changed));
	assert_true(changed);
	must(db_commit(w->writer));
	return rev;
}

/* News as they come from the bus, with their frame. */
static void tell(struct world *w, const char *frame, int64_t rev)
{
	struct user_news *n = user_news_create(strlen(frame));
	memcpy(n->json, frame, strlen(frame));
	n->user_id = ME;
	n->user_rev = rev;
	n->epoch = w->epoch.hash;
	n->list_moved = true;
	bus_publish_user(w->bus, n);
	user_news_unref(n);
}

static bool say_ready_rev(struct session *s, const struct ready *r, struct ready_place *at)
{
	say(s, "ready to %lld%s\n", (long long)r->user_rev, r->whole ? " whole" : "");
	return true;
}

static struct session_ops rev_ops(void)
{
	struct session_ops o = world_ops;
	o.ready = say_ready_rev;
	return o;
}

static struct client *come(struct hand *h, const struct session_ops *ops, int64_t user_rev, uint64_t epoch)
{
	struct client *k = client_make(h->w, 0, NULL, 0);
	k->ops = ops;
	k->hello.user_rev = user_rev;
	k->hello.epoch = epoch;
	reactor_post(h->w->r[0], &k->mail);
	hand_pass(h, 3);
	return k;
}

#define FRAME(key, value, rev) "{\"op\":\"setting\",\"key\":\"" key "\",\"value\":" value ",\"user_rev\":" rev "}\n"
#define GONE(key, rev) "{\"op\":\"setting\",\"key\":\"" key "\",\"user_rev\":" rev "}\n"

/* The next one is told as it came, without a read; it is known from then on. */
static void news_in_their_order_are_told_as_they_come(void **state)
{
	struct hand *h = with_me();
	hand_start(h);
	struct client *k = hand_open(h, 0, NULL, 0);
	hand_pass(h, 3);
	int64_t lists = metric_total(h->w->metrics, METRIC_HUB_LISTS);
	tell(h->w, "a", set(h->w, "x", "1"));
	tell(h->w, "b", set(h->w, "x", "2"));
	hand_turn(h);
	assert_true(has(k, "news a\nnews b\n"));
	tell(h->w, "b", 3);
	hand_pass(h, 3);
	assert_int_equal(count_of(k, "news"), 2);
	assert_int_equal(metric_total(h->w->metrics, METRIC_HUB_LISTS), lists);
	hand_close(h, k);
	hand_end(h);
}

/* One was lost: both come from the list, and then no news of them any more. */
static void what_the_bus_lost_comes_from_the_list(void **state)
{
	struct hand *h = with_me();
	hand_start(h);
	struct client *k = hand_open(h, 0, NULL, 0);
	hand_pass(h, 3);
	set(h->w, "x", "1");
	join_channel(h->w, 1, ME);
	set(h->w, "y", "[2]");
	tell(h->w, "late", set(h->w, "x", NULL));
	hand_pass(h, 3);
	tell(h->w, "late", 2);
	tell(h->w, "late", 4);
	hand_pass(h, 3);
	assert_int_equal(count_of(k, "late"), 0);
	assert_true(has(k, "channel 1\nuser_rev 3\n" FRAME("y", "[2]", "4") GONE("x", "5")));
	assert_int_equal(count_of(k, "setting"), 2);
	hand_close(h, k);
	hand_end(h);
}

/* ... so that a device which is cut off behind any of them comes back with what it was told. */
static void who_comes_back_is_told_what_it_missed_behind_its_ready(void **state)
{
	struct hand *h = with_me();
	const struct session_ops ops = rev_ops();
	hand_start(h);
	set(h->w, "x", "1");       /* 2 */
	join_channel(h->w, 1, ME); /* 3 */
	set(h->w, "y", "2");       /* 4 */
	join_channel(h->w, 2, ME); /* 5 */
	struct client *k = come(h, &ops, 1, 0);
	assert_true(has(k, "ready to 1\n" FRAME("x", "1", "2") FRAME("y", "2", "4")));
	assert_int_equal(count_of(k, "channel"), 0); /* ready had them */
	hand_close(h, k);
	k = come(h, &ops, 2, 0);
	assert_true(has(k, "ready to 3\n" FRAME("y", "2", "4")));
	assert_int_equal(count_of(k, "setting"), 1);
	hand_close(h, k);
	k = come(h, &ops, 4, h->w->epoch.hash);
	assert_true(has(k, "ready to 5\n"));
	tell(h->w, "a", set(h->w, "x", "3"));
	hand_turn(h);
	assert_true(has(k, "news a\n"));
	assert_int_equal(count_of(k, "setting"), 0);
	hand_close(h, k);
	hand_end(h);
}

static void a_whole_list_needs_no_frames(void **state)
{
	struct hand *h = with_me();
	const struct session_ops ops = rev_ops();
	hand_start(h);
	set(h->w, "x", "1");
	const struct {
		int64_t user_rev;
		uint64_t epoch;
	} cases[] = { { 0, 0 }, { 3, 0 }, { 1, h->w->epoch.hash + 1 } };
	for (size_t i = 0; i < countof(cases); i++) {
		struct client *k = come(h, &ops, cases[i].user_rev, cases[i].epoch);
		assert_true(has(k, "ready to 2 whole\n"));
		assert_int_equal(count_of(k, "setting"), 0);
		hand_close(h, k);
	}
	hand_end(h);
}

/* A stream has still to tell of the removal at 3: nothing above it may be told before. */
static void none_is_told_above_a_removal_that_has_still_to_be_told(void **state)
{
	struct hand *h = with_me();
	h->w->config.heal_wait_ms = 5000;
	hand_start(h);
	join_channel(h->w, 1, ME);
	struct client *k = hand_open(h, 0, NULL, 0);
	hand_pass(h, 3);
	int64_t topic = write_change(h->w, 1, "topic", 0), kick = kick_from(h->w, 1, ME);
	publish(h->w, 1, kick, CHANGE_KICK, ME); /* held back: it is not the next one */
	tell(h->w, "early", set(h->w, "x", "1"));
	hand_pass(h, 200);
	assert_int_equal(count_of(k, "early") + count_of(k, "setting"), 0);
	publish(h->w, 1, topic, CHANGE_TOPIC, 0);
	hand_pass(h, 200);
	assert_true(has(k, "gone 1\nuser_rev 2\n" FRAME("x", "1", "4")));
	assert_int_equal(count_of(k, "setting"), 1);
	hand_close(h, k);
	hand_end(h);
}

/* More than one read takes. */
static void many_come_by_several_reads(void **state)
{
	struct hand *h = with_me();
	const struct session_ops ops = rev_ops();
	char key[16], line[96];
	h->w->config.conn_soft = 1 << 20;
	hand_start(h);
	for (int i = 0; i < 2 * OWN_MOST + 10; i++) {
		snprintf(key, sizeof key, "k%d", i);
		set(h->w, key, "true");
	}
	struct client *k = come(h, &ops, 1, 0);
	hand_pass(h, 500);
	assert_int_equal(count_of(k, "setting"), 2 * OWN_MOST + 10);
	const char *at = client_lines(k);
	for (int i = 0; i < 2 * OWN_MOST + 10; i++) {
		snprintf(line, sizeof line, "\"k%d\",\"value\":true,\"user_rev\":%d}\n", i, i + 2);
		at = strstr(at, line);
		assert_non_null(at);
	}
	tell(h->w, "a", set(h->w, "x", "3"));
	hand_turn(h);
	assert_true(has(k, "news a\n"));
	hand_close(h, k);
	hand_end(h);
}

/* What was taken back long ago is forgotten: who was away since then asks for all. */
static void who_is_behind_what_is_kept_gets_the_whole_list(void **state)
{
	struct hand *h = with_me();
	const struct session_ops ops = rev_ops();
	char key[16];
	hand_start(h);
	for (int i = 0; i <= SETTINGS_TAKEN_BACK; i++) {
		snprintf(key, sizeof key, "k%d", i);
		set(h->w, key, "1");
		set(h->w, key, NULL);
	}
	struct client *k = come(h, &ops, 2, 0);
	assert_true(has(k, " whole\n"));
	hand_close(h, k);
	k = come(h, &ops, 3, 0); /* the first was taken back at 3 */
	hand_pass(h, 500);
	assert_true(has(k, "ready to 4\n"));
	assert_int_equal(count_of(k, "setting"), SETTINGS_TAKEN_BACK);
	assert_false(has(k, "\"k0\""));
	hand_close(h, k);
	hand_end(h);
}

/* `ready` says who one is: only what changes later is told. */
static void what_one_is_oneself_is_told(void **state)
{
	struct hand *h = with_me();
	const struct session_ops ops = rev_ops();
	hand_start(h);
	move_person(h->w, ME);
	run_sql(h->w, "UPDATE users SET user_rev = 2, display_name = 'Ann'");
	struct client *k = come(h, &ops, 1, 0);
	assert_true(has(k, "ready to 2\n"));
	assert_int_equal(count_of(k, "\"me\""), 0);
	move_person(h->w, ME);
	run_sql(h->w,
			"UPDATE users SET user_rev = 3; INSERT INTO blocks (user_id, blocked_id, at) VALUES (7, 9, 1), (7, 8, 1)");
	tell_person(h->w, ME, 3);
	hand_pass(h, 3);
	assert_true(has(k, "{\"op\":\"me\",\"user\":{\"id\":7,"));
	assert_true(has(k, "\"blocked_ids\":[8,9],\"user_rev\":3}\n"));
	assert_int_equal(count_of(k, "\"me\""), 1);
	hand_close(h, k);
	hand_end(h);
}

static void hint(struct world *w, int64_t who)
{
	struct hint *n = hint_create(0);
	n->channel_id = 1;
	n->user_id = who;
	bus_publish_hint(w->bus, n);
	hint_unref(n);
}

static void who_is_blocked_types_unheard(void **state)
{
	struct hand *h = with_me();
	const struct cursor at = { 1, 2, 0 };
	hand_start(h);
	join_channel(h->w, 1, ME);
	struct client *k = hand_reader(h, 0, &at, 1);
	hand_pass(h, 5);
	hint(h->w, 9);
	hand_turn(h);
	assert_int_equal(count_of(k, "hint 1"), 1);
	run_sql(h->w, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (7, 9, 1)");
	move_person(h->w, ME);
	tell_person(h->w, ME, 3);
	hand_pass(h, 5);
	hint(h->w, 9);
	hand_turn(h);
	assert_int_equal(count_of(k, "hint 1"), 1);
	hint(h->w, 8);
	hand_turn(h);
	assert_int_equal(count_of(k, "hint 1"), 2);
	hand_close(h, k);
	hand_end(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(news_in_their_order_are_told_as_they_come),
		cmocka_unit_test(what_the_bus_lost_comes_from_the_list),
		cmocka_unit_test(who_comes_back_is_told_what_it_missed_behind_its_ready),
		cmocka_unit_test(a_whole_list_needs_no_frames),
		cmocka_unit_test(none_is_told_above_a_removal_that_has_still_to_be_told),
		cmocka_unit_test(many_come_by_several_reads),
		cmocka_unit_test(who_is_behind_what_is_kept_gets_the_whole_list),
		cmocka_unit_test(what_one_is_oneself_is_told),
		cmocka_unit_test(who_is_blocked_types_unheard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
