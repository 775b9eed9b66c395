/* Attaching, turned by hand: what is lost on the way, what comes in between, what is too much at once. */
#include "hand.h"

static int setup(void **state)
{
	struct hand *h = hand_make();
	make_person(h->w, ME);
	for (int64_t c = 1; c <= 4; c++) make_channel(h->w, c);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	hand_end(*state);
	return 0;
}

static void write_changes(struct world *w, int64_t channel, int n)
{
	while (n--) write_change(w, channel, "topic", 0);
}

static void park(struct client *k)
{
	session_park(k->session);
	session_drained(k->session);
}

/* ---- a cursor's time */

/* A slow reader is parked before what it remembers was held against the database. */
static void the_time_of_a_cursor_outlives_a_park(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	join_channel(h->w, 1, ME);
	write_changes(h->w, 1, 5);
	const struct cursor at = { 1, 3, 777 };
	struct client *k = hand_open(h, 1, &at, 1);
	hand_asked(h, 1); /* the list */
	hand_answer(h);
	hand_turn(h);
	assert_true(has(k, "ready"));
	park(k);
	hand_pass(h, 2);
	park(k);
	hand_pass(h, 2);
	assert_true(has(k, line_of("reset", 1, 6)));
	assert_false(has(k, "event"));
	hand_close(h, k);
}

/* The owner goes while it is asked: the next one is asked the same. */
static void the_time_of_a_cursor_outlives_an_owner(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	int64_t channel = channel_of(h->w, 0);
	join_channel(h->w, channel, ME);
	write_changes(h->w, channel, 5);
	const struct cursor at = { channel, 3, 777 };
	struct client *k = hand_open(h, 1, &at, 1);
	hand_answer(h); /* the list: now the owner opens */
	hand_turn(h);
	assert_true(has(k, "ready"));
	struct hub_reactor *hr = hub_here(h->w->r[0]);
	assert_false(list_empty(&owner_get(hr, channel)->waiting));
	owner_drop_all(hr);
	hand_pass(h, 2);
	assert_true(has(k, line_of("reset", channel, 6)));
	assert_false(has(k, "event"));
	hand_close(h, k);
}

/* Once it was compared it is not compared again: the position has moved since. */
static void a_position_that_was_compared_goes_on(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	join_channel(h->w, 1, ME);
	write_changes(h->w, 1, 5);
	const struct cursor at = { 1, 3, 1003 };
	struct client *k = hand_reader(h, 1, &at, 1);
	assert_true(has(k, line_of("synced", 1, 6)));
	park(k);
	say_changes(h->w, 1, 2);
	hand_pass(h, 2);
	assert_true(has(k, line_of("event", 1, 8)));
	assert_int_equal(count_of(k, "event 1 "), 5);
	assert_false(has(k, "reset"));
	hand_close(h, k);
}

/* ---- resets */

/* A cursor of another epoch is reset, also when the socket was full before its turn came. */
static void a_reset_is_not_forgotten_by_a_park(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	join_channel(h->w, 1, ME);
	join_channel(h->w, 2, ME);
	const struct cursor at[] = { { 1, 1, 0 }, { 2, 1, 0 } };
	struct client *k = client_make(h->w, 0, at, 2);
	k->stopped = true;
	k->soft = 4096;
	k->hello.epoch = 5;
	reactor_post(h->w->r[0], &k->mail);
	hand_turn(h);
	char filler[300 * 1024];
	memset(filler, '\n', sizeof filler);
	conn_write_copy(k->near, filler, sizeof filler); /* more than the pair holds */
	hand_pass(h, 2);
	assert_false(k->session->ready);
	conn_resume(k->far);
	hand_pass(h, 5);
	assert_true(has(k, line_of("reset", 1, 1)));
	assert_true(has(k, line_of("reset", 2, 1)));
	say_changes(h->w, 1, 1);
	hand_pass(h, 2);
	assert_true(has(k, line_of("event", 1, 2)));
	hand_close(h, k);
}

/* What a hello may replay is used up, and the channel is busy: one reset, then the stream goes on. */
static void a_busy_channel_is_reset_once(void **state)
{
	struct hand *h = *state;
	h->w->config.replay_events = 1;
	hand_start(h);
	int64_t channel = channel_of(h->w, 0);
	join_channel(h->w, channel, ME);
	struct client *other = hand_reader(h, 0, NULL, 0); /* keeps the owner at work */
	say_changes(h->w, channel, 10);
	hand_pass(h, 2);
	const struct cursor at = { channel, 1, 0 };
	struct client *k = hand_open(h, 1, &at, 1); /* the owner's reactor turns first: it is ahead */
	for (int i = 0; i < 30; i++) {              /* each answer is old when it comes */
		hand_answer(h);
		say_changes(h->w, channel, 2);
		hand_turn(h);
	}
	hand_pass(h, 2);
	assert_int_equal(count_of(k, "reset"), 1);
	assert_true(has(k, line_of("event", channel, 71)));
	hand_close(h, k);
	hand_close(h, other);
}

/* A channel that is new to a session is no part of what its hello may replay. */
static void a_new_channel_is_not_reset(void **state)
{
	struct hand *h = *state;
	h->w->config.replay_events = 5;
	hand_start(h);
	join_channel(h->w, 1, ME);
	struct client *other = hand_reader(h, 0, NULL, 0);
	say_changes(h->w, 1, 10);
	hand_pass(h, 2);
	const struct cursor at = { 1, 6, 0 };
	struct client *k = hand_reader(h, 1, &at, 1);
	assert_true(has(k, line_of("synced", 1, 11)));
	join_channel(h->w, 2, ME);
	tell_person(h->w, ME, 3);
	hand_turn(h);
	hand_answer(h);
	say_changes(h->w, 2, 3); /* between the list and the owner's opening */
	hand_pass(h, 2);
	assert_true(has(k, line_of("event", 2, 4)));
	assert_false(has(k, "reset"));
	hand_close(h, k);
	hand_close(h, other);
}

/* A snapshot with more rows than a slow reader takes stops, and goes on when it has read. */
static void resets_stop_at_the_limit(void **state)
{
	struct hand *h = *state;
	h->w->config.conn_hard = 320 * 1024;
	for (int64_t c = 5; c <= 60; c++) make_channel(h->w, c);
	hand_start(h);
	struct cursor at[60];
	for (int64_t c = 1; c <= 60; c++) {
		join_channel(h->w, c, ME);
		write_changes(h->w, c, 2);
		at[c - 1] = (struct cursor){ c, 100, 0 };
	}
	struct client *k = client_make(h->w, 0, at, 60);
	k->stopped = true;
	k->soft = 4096;
	reactor_post(h->w->r[0], &k->mail);
	hand_turn(h);
	hand_answer(h);
	hand_turn(h);
	char filler[280 * 1024];
	memset(filler, '\n', sizeof filler);
	conn_write_copy(k->near, filler, sizeof filler);
	hand_pass(h, 5);
	assert_non_null(k->near);
	assert_in_range(metric_total(h->w->metrics, METRIC_HUB_RESETS), 0, 59);
	conn_resume(k->far);
	hand_pass(h, 10);
	for (int64_t c = 1; c <= 60; c++) assert_true(has(k, line_of("reset", c, 3)));
	assert_int_equal(count_of(k, "reset"), 60);
	hand_close(h, k);
}

/* ---- who comes next */

/* Comes with this cursor and reads all of it; whether the database was asked for more than the list, and the head of
 * the person, who is here already. */
static bool is_read_for(struct hand *h, struct cursor at, const char *last, size_t events)
{
	struct client *k = hand_open(h, 1, &at, 1);
	size_t asked = 0;
	for (; h->jobs.n; hand_turn(h)) {
		asked += h->jobs.n;
		hand_answer(h);
	}
	assert_true(has(k, last));
	assert_int_equal(count_of(k, "event "), events);
	hand_close(h, k);
	return asked > 2;
}

/* What one snapshot has read serves everybody who comes back from there or from later: after a pod's death that is
 * everybody. */
static void what_was_read_for_one_serves_the_next(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	join_channel(h->w, 1, ME);
	write_changes(h->w, 1, 5);
	struct client *stays = hand_reader(h, 0, NULL, 0); /* the owner opens: its ring is empty */
	char synced[64], reset[64];
	snprintf(synced, sizeof synced, "%s", line_of("synced", 1, 6));
	snprintf(reset, sizeof reset, "%s", line_of("reset", 1, 6));
	assert_true(is_read_for(h, (struct cursor){ 1, 3, 1003 }, synced, 3));
	assert_false(is_read_for(h, (struct cursor){ 1, 3, 1003 }, synced, 3));
	assert_false(is_read_for(h, (struct cursor){ 1, 3, 0 }, synced, 3));
	assert_false(is_read_for(h, (struct cursor){ 1, 5, 1005 }, synced, 1));
	assert_true(is_read_for(h, (struct cursor){ 1, 3, 777 }, reset, 0)); /* another history */
	assert_true(is_read_for(h, (struct cursor){ 1, 5, 777 }, reset, 0));
	assert_true(is_read_for(h, (struct cursor){ 1, 1, 0 }, synced, 5));
	assert_false(is_read_for(h, (struct cursor){ 1, 1, 0 }, synced, 5));
	assert_false(is_read_for(h, (struct cursor){ 1, 2, 1002 }, synced, 4));
	assert_true(is_read_for(h, (struct cursor){ 1, 1, 1001 }, synced, 5)); /* nobody told the owner its time */
	hand_close(h, stays);
}

static bool is_led(struct hand *h, int64_t channel)
{
	const struct owner *o = owner_get(hub_here(h->w->r[hub_owner_index(h->w->hub, channel)]), channel);
	return o && o->led;
}

/* Two come at once, on two reactors, and one snapshot serves both; who waits is not forgotten when the first one goes.
 */
static void who_comes_meanwhile_waits_for_the_same(void **state)
{
	struct hand *h = *state;
	for (int goes = 0; goes < 2; goes++) {
		if (!goes) hand_start(h);
		int64_t channel = goes ? 2 : 1;
		join_channel(h->w, channel, ME);
		write_changes(h->w, channel, 5);
		const struct cursor at = { channel, 2, 1002 }, later = { channel, 4, 1004 };
		struct client *a = hand_open(h, 0, &at, 1), *b;
		for (int i = 0; i < 10 && !is_led(h, channel); i++) hand_answer(h), hand_turn(h);
		hand_turn(h); /* a mail to the first reactor */
		assert_true(is_led(h, channel));
		assert_int_equal(h->jobs.n, 1); /* its snapshot */
		b = hand_open(h, 1, &later, 1);
		struct job *snapshot = h->jobs.p[0];
		while (h->jobs.n > 1) hand_answer_at(h, 1), hand_turn(h);
		assert_ptr_equal(h->jobs.p[0], snapshot);
		if (goes) hand_close(h, a);
		hand_pass(h, 2);
		assert_true(has(b, line_of("synced", channel, 6)));
		assert_int_equal(count_of(b, "event "), 2);
		hand_close(h, b);
		if (!goes) hand_close(h, a);
	}
}

/* No more than there is room for, the newest of it; retention takes it like the rest. */
static void what_was_read_for_one_has_its_bounds(void **state)
{
	struct hand *h = *state;
	h->w->config.ring_events = 16;
	hand_start(h);
	int64_t channel = channel_of(h->w, 0);
	join_channel(h->w, channel, ME);
	write_changes(h->w, channel, 29);
	struct client *stays = hand_reader(h, 0, NULL, 0);
	say_changes(h->w, channel, 2);
	hand_pass(h, 2);
	char synced[64];
	snprintf(synced, sizeof synced, "%s", line_of("synced", channel, 32));
	assert_true(is_read_for(h, (struct cursor){ channel, 3, 1003 }, synced, 29));
	const struct owner *o = owner_get(hub_here(h->w->r[0]), channel);
	assert_int_equal(o->ring_n, 16);
	assert_int_equal(owner_time(o, 16), 1016);
	assert_false(is_read_for(h, (struct cursor){ channel, 16, 1016 }, synced, 16));
	assert_true(is_read_for(h, (struct cursor){ channel, 15, 1015 }, synced, 17));
	say_changes(h->w, channel, 3);
	hand_pass(h, 2);
	assert_int_equal(o->ring_n, 16);
	assert_int_equal(owner_time(o, 19), 1019);
	hand_close(h, stays);
}

/* ---- an owner that is ahead */

/* No ring has room, the channel is busy, each snapshot is old when it arrives: what follows it was kept. */
static void a_busy_channel_is_caught_up_with_over_the_cap(void **state)
{
	struct hand *h = *state;
	h->w->config.ring_bytes = 1;
	hand_start(h);
	int64_t channel = channel_of(h->w, 0);
	join_channel(h->w, channel, ME);
	struct client *other = hand_reader(h, 0, NULL, 0);
	say_changes(h->w, channel, 10);
	hand_pass(h, 2);
	const struct cursor at = { channel, 1, 0 };
	struct client *k = hand_open(h, 1, &at, 1); /* the owner's reactor turns first: it is ahead */
	for (int i = 0; i < 10; i++) {
		hand_answer(h);
		say_changes(h->w, channel, 2);
		hand_turn(h);
	}
	assert_true(has(k, line_of("event", channel, 31)));
	assert_int_equal(count_of(k, "event "), 30);
	assert_false(has(k, "reset"));
	say_changes(h->w, channel, 2);
	hand_turn(h);
	struct owner *o = owner_get(hub_here(h->w->r[0]), channel);
	assert_in_range(o->ring_n, 0, 2); /* nothing is kept for anybody any more */
	hand_close(h, k);
	hand_close(h, other);
}

/* Who goes away is waited for no longer. */
static void nothing_is_kept_for_who_has_gone(void **state)
{
	struct hand *h = *state;
	h->w->config.ring_bytes = 1;
	hand_start(h);
	for (int reactor = 0; reactor < 2; reactor++) {
		int64_t channel = channel_of(h->w, 0);
		if (reactor == 0) join_channel(h->w, channel, ME);
		struct client *other = hand_reader(h, 0, NULL, 0);
		say_changes(h->w, channel, 10);
		hand_pass(h, 2);
		const struct cursor at = { channel, 1, 0 };
		struct client *k = hand_open(h, reactor, &at, 1);
		hand_answer(h); /* the list */
		hand_turn(h);   /* a snapshot is wanted */
		struct owner *o = owner_get(hub_here(h->w->r[0]), channel);
		say_changes(h->w, channel, 10);
		hand_turn(h);
		assert_int_equal(o->ring_n, 10);
		hand_close(h, k);
		hand_pass(h, 2);
		assert_int_equal(pins_least(&o->pins), INT64_MAX);
		assert_int_equal(o->ring_n, 0);
		hand_close(h, other);
	}
}

/* ---- the database is away */

static void a_snapshot_that_fails_begins_anew(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	join_channel(h->w, 1, ME);
	write_changes(h->w, 1, 5);
	const struct cursor at = { 1, 2, 0 };
	struct client *k = hand_open(h, 1, &at, 1);
	hand_asked(h, 1); /* the list */
	hand_answer(h);
	hand_turn(h);
	hand_asked(h, 1); /* the head */
	hand_answer(h);
	hand_turn(h);
	assert_int_equal(h->jobs.n, 1); /* the snapshot */
	for (int i = 0; i < 20; i++) {
		struct job *j = vec_pop(&h->jobs);
		lane_drop_job(h->w->sync, j);
		hand_turn(h);
		assert_int_equal(h->jobs.n, 0);
		h->now_ns += INT64_C(101) * 1000000;
		hand_turn(h);
		assert_int_equal(h->jobs.n, 1);
	}
	hand_pass(h, 2);
	assert_true(has(k, line_of("synced", 1, 6)));
	assert_int_equal(count_of(k, "event 1 "), 4);
	hand_close(h, k);
}

/* ---- the end, with questions under way in both directions */

static void stop_with_one_on_its_way(struct hand *h, int reactor, int64_t channel, int answers)
{
	join_channel(h->w, channel, ME);
	write_changes(h->w, channel, 5);
	const struct cursor at = { channel, 2, 0 };
	struct client *k = client_open(h->w, reactor, &at, 1);
	hand_turn(h);
	for (int i = 0; i < answers; i++) {
		hand_answer(h);
		hand_turn(h);
	}
	if (answers == 2 && h->jobs.n) { /* and the database does not answer */
		struct job *j = vec_pop(&h->jobs);
		lane_drop_job(h->w->sync, j);
		hand_turn(h);
	}
	conn_close(k->near);
	for (int i = 0; i < 2; i++) reactor_turn(h->w->r[i]);
	hand_turn(h);
	assert_int_equal(k->closed, 2);
	hand_free_client(k);
}

static void nothing_is_left_at_the_end(void **state)
{
	for (int reactor = 0; reactor < 2; reactor++)
		for (size_t owner = 0; owner < 2; owner++)
			for (int answers = 0; answers < 3; answers++) {
				setup(state);
				struct hand *h = *state;
				hand_start(h);
				stop_with_one_on_its_way(h, reactor, channel_of(h->w, owner), answers);
				hand_end(h);
			}
}

/* A question is in an owner's mailbox when its reactor has stopped. */
static void a_question_that_nobody_will_answer_is_ended(void **state)
{
	for (int reactor = 0; reactor < 2; reactor++) {
		setup(state);
		struct hand *h = *state;
		hand_start(h);
		int64_t channel = channel_of(h->w, 1 - (size_t)reactor);
		join_channel(h->w, channel, ME);
		struct client *k = hand_open(h, reactor, NULL, 0);
		hand_answer(h);
		reactor_turn(h->w->r[reactor]); /* asks; the other does not turn any more */
		conn_close(k->near);
		hand_end(h);
		assert_int_equal(k->closed, 2);
		hand_free_client(k);
	}
}

#define HAND_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAND_TEST(the_time_of_a_cursor_outlives_a_park),
		HAND_TEST(the_time_of_a_cursor_outlives_an_owner),
		HAND_TEST(a_position_that_was_compared_goes_on),
		HAND_TEST(a_reset_is_not_forgotten_by_a_park),
		HAND_TEST(a_busy_channel_is_reset_once),
		HAND_TEST(a_new_channel_is_not_reset),
		HAND_TEST(resets_stop_at_the_limit),
		HAND_TEST(what_was_read_for_one_serves_the_next),
		HAND_TEST(who_comes_meanwhile_waits_for_the_same),
		HAND_TEST(what_was_read_for_one_has_its_bounds),
		HAND_TEST(a_busy_channel_is_caught_up_with_over_the_cap),
		HAND_TEST(nothing_is_kept_for_who_has_gone),
		HAND_TEST(a_snapshot_that_fails_begins_anew),
		cmocka_unit_test(nothing_is_left_at_the_end),
		cmocka_unit_test(a_question_that_nobody_will_answer_is_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
