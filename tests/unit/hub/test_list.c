/* The list of channels as sessions are told it: in which order, what is made good for who could not be told, and how
 * often it is read. */
#include <unistd.h>

#include "hand.h"
#include "hub/list.h"

#define PAD 40000 /* bytes: some such frames fill a socket that is not read */

static int setup(void **state)
{
	struct world *w = world_make();
	make_person(w, ME);
	for (int64_t c = 1; c <= 20; c++) make_channel(w, c);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	if (*state) world_end(*state);
	return 0;
}

/* ---- a dialect whose frames are large */

static void say_pad(struct session *s)
{
	char spaces[PAD];
	memset(spaces, ' ', PAD - 1);
	spaces[PAD - 1] = '\n';
	if (s->conn) conn_write_copy(s->conn, spaces, PAD);
}

/* A channel a part. */
static bool say_large_ready(struct session *s, const struct ready *r, struct ready_place *at)
{
	if (at->channel < r->n_channels) say(s, "row %lld\n", (long long)r->channels[at->channel++]->id);
	say_pad(s);
	if (at->channel < r->n_channels) return false;
	say(s, "ready %zu %zu\n", r->n_channels, r->n_gone);
	return true;
}

static void say_large_channel(struct session *s, const struct channel *c, int64_t user_rev)
{
	say_channel(s, c, user_rev);
	say_pad(s);
}

static void say_large_reset(struct session *s, int64_t channel_id, int64_t rev, const struct channel *row)
{
	say_reset(s, channel_id, rev, row);
	say_pad(s);
}

static const struct session_ops large_ops = {
	say_large_ready, say_large_channel, say_gone, say_synced, say_large_reset, say_read, say_news,
	say_hint,        say_drain,         say_kick, NULL,       say_own,
};

static struct client *one_with_large_frames(struct world *w, bool stopped)
{
	struct client *k = client_make(w, 0, NULL, 0);
	k->ops = &large_ops;
	k->stopped = stopped;
	k->soft = 4096;
	return k;
}

static void begin(struct client *k)
{
	reactor_post(k->w->r[k->reactor], &k->mail);
}

static bool is_full(void *arg)
{
	struct client *k = arg;
	return k->session && k->near && conn_full(k->near) && !conn_idle_out(k->near);
}

static void client_fills(struct client *k)
{
	world_until(k->w, is_full, k);
	assert_true(is_full(k));
}

/* ---- in which order */

/* Who is cut off after any of them comes back with the user_rev of the last one that was read: nothing before it is
 * missing. */
static void rows_come_in_the_order_of_their_change(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	join_channel(w, 3, ME);
	join_channel(w, 1, ME);
	join_channel(w, 2, ME);
	tell_person(w, ME, 4);
	client_wait(k, "channel 3\nuser_rev 2\nchannel 1\nuser_rev 3\nchannel 2\nuser_rev 4\n");
	set_level(w, 3, ME, 1);
	tell_person(w, ME, 5);
	client_wait(k, "channel 3\nuser_rev 5\n");
	client_end(k);
}

/* The stream has still to tell of the removal at user_rev 3; who comes back with 4 would never hear of it. */
static void no_row_is_told_above_a_removal_that_the_stream_has_still_to_tell(void **state)
{
	struct world *w = *state;
	w->config.heal_wait_ms = 5000; /* the stream is not in a hurry */
	world_start(w);
	join_channel(w, 1, ME);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, 1, 1);
	client_wait(k, "event 1 2\n");
	write_change(w, 1, "topic", 0);
	int64_t kick = kick_from(w, 1, ME);
	join_channel(w, 2, ME);
	tell_person(w, ME, 4);
	client_wait(k, "channel 2\nuser_rev 2\n");
	publish(w, 1, kick - 1, CHANGE_TOPIC, 0);
	publish(w, 1, kick, CHANGE_KICK, ME);
	client_wait(k, "gone 1\nuser_rev 2\n");
	client_wait(k, "channel 2\nuser_rev 4\n");
	client_end(k);
}

/* ---- made good */

static void a_marker_that_came_while_it_was_parked_is_told(void **state)
{
	struct world *w = *state;
	world_start(w);
	for (int64_t c = 1; c <= 20; c++) join_channel(w, c, ME);
	struct client *k = one_with_large_frames(w, false);
	begin(k);
	client_wait(k, "ready");
	conn_pause(k->far);
	for (int64_t c = 1; c <= 20; c++) set_level(w, c, ME, 1);
	tell_person(w, ME, 41);
	client_fills(k);
	assert_true(k->session->parked);
	set_marker(w, 2, ME, 5, 100);
	tell_marker(w, 2, ME, 5, 100);
	for (int i = 0; i < 2; i++) set_marker(w, 3, ME, 7 - i, 100 + i); /* and back */
	tell_marker(w, 3, ME, 7, 100);
	tell_marker(w, 3, ME, 6, 101);
	client_resume(k);
	client_wait(k, "read 2 5\n");
	client_wait(k, "read 3 6\n");
	assert_int_equal(count_of(k, "news"), 0);
	client_end(k);
}

/* ... and each row once, in its order, however often the socket was full. */
static void a_list_that_did_not_fit_goes_on_where_it_was(void **state)
{
	struct world *w = *state;
	world_start(w);
	for (int64_t c = 1; c <= 20; c++) join_channel(w, c, ME);
	struct client *k = one_with_large_frames(w, false);
	begin(k);
	client_wait(k, "ready");
	conn_pause(k->far);
	for (int64_t c = 20; c >= 1; c--) set_level(w, c, ME, 1);
	tell_person(w, ME, 41);
	client_fills(k);
	client_resume(k);
	client_wait(k, "channel 1\nuser_rev 41\n");
	for (int64_t c = 1; c <= 20; c++) assert_int_equal(count_of(k, line_of("channel", c, -1)), 1);
	say_changes(w, 7, 1);
	client_wait(k, line_of("event", 7, 2));
	client_end(k);
}

static void news_that_came_before_ready_are_told_after_it(void **state)
{
	struct world *w = *state;
	world_start(w);
	for (int64_t c = 1; c <= 19; c++) join_channel(w, c, ME);
	struct client *k = one_with_large_frames(w, true);
	begin(k);
	client_fills(k); /* in the midst of its ready */
	assert_false(k->session->ready);
	set_marker(w, 2, ME, 5, 100);
	tell_marker(w, 2, ME, 5, 100);
	join_channel(w, 20, ME);
	tell_person(w, ME, 21);
	client_resume(k);
	client_wait(k, "ready 19 0\n");
	client_wait(k, "read 2 5\n");
	client_wait(k, "channel 20\nuser_rev 21\n");
	for (int64_t c = 1; c <= 19; c++) assert_int_equal(count_of(k, line_of("row", c, -1)), 1);
	say_changes(w, 1, 1);
	client_wait(k, "event 1 2\n");
	client_end(k);
}

/* A device that was away has missed markers too; rows that did not change are not listed. */
static void markers_are_told_to_who_comes_back(void **state)
{
	struct world *w = *state;
	world_start(w);
	join_channel(w, 1, ME);
	join_channel(w, 2, ME);
	set_marker(w, 1, ME, 5, 100);
	const struct cursor at = { 1, 1, 0 };
	struct client *k = client_make(w, 0, &at, 1);
	k->hello.user_rev = 3;
	begin(k);
	client_wait(k, "ready 1 0\n");
	client_wait(k, "read 1 5\n");
	client_end(k);
}

/* A marker that the list was quicker to tell is not told backwards. */
static void an_older_marker_says_nothing(void **state)
{
	struct world *w = *state;
	world_start(w);
	join_channel(w, 1, ME);
	set_marker(w, 1, ME, 5, 100);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	tell_marker(w, 1, ME, 4, 99);
	tell_marker(w, 1, ME, 3, 101);
	client_wait(k, "news 1 3\n");
	assert_int_equal(count_of(k, "news 1 4\n"), 0);
	client_end(k);
}

/* Its cursors are of another epoch; the socket takes some of the resets, and the rest later. */
static void no_reset_is_forgotten(void **state)
{
	struct world *w = *state;
	struct cursor at[20];
	world_start(w);
	for (int64_t c = 1; c <= 20; c++) {
		join_channel(w, c, ME);
		at[c - 1] = (struct cursor){ c, 1, 0 };
	}
	struct client *k = client_make(w, 0, at, 20);
	k->hello.epoch = w->epoch.hash + 1;
	k->ops = &large_ops;
	k->soft = 4096;
	begin(k);
	client_wait(k, "row 20\n"); /* the resets follow in the same turn */
	client_wait(k, line_of("reset", 20, 1));
	for (int64_t c = 1; c <= 20; c++) {
		assert_int_equal(count_of(k, line_of("reset", c, 1)), 1);
		say_changes(w, c, 1);
		client_wait(k, line_of("event", c, 2));
	}
	assert_true(metric_total(w->metrics, METRIC_HUB_PARKED) > 0);
	assert_int_equal(count_of(k, "synced"), 0);
	client_end(k);
}

/* ---- what ready says */

static void ready_lists_what_changed_and_what_was_left(void **state)
{
	struct world *w = *state;
	world_start(w);
	for (int64_t c = 1; c <= 4; c++) join_channel(w, c, ME); /* 5 is the person's rev now */
	kick_from(w, 2, ME);                                     /* 6 */
	kick_from(w, 3, ME);                                     /* 7 */
	set_level(w, 4, ME, 1);                                  /* 8 */
	const struct cursor at[] = { { 1, 1, 0 }, { 3, 1, 0 }, { 4, 1, 0 } };
	struct client *k = client_make(w, 0, at, 3);
	k->hello.user_rev = 5;
	begin(k);
	client_wait(k, "ready 1 2\n"); /* 4; 2 was left since, 3 is named by a cursor as well */
	client_end(k);
	k = client_make(w, 0, at, 3);
	k->hello.user_rev = 6;
	begin(k);
	client_wait(k, "ready 1 1\n");
	client_end(k);
	k = client_make(w, 0, at, 3);
	k->hello.user_rev = 8;
	begin(k);
	client_wait(k, "ready 0 1\n");
	client_end(k);
}

static void the_whole_list_is_for_who_knows_none_that_can_be_gone_on_from(void **state)
{
	struct world *w = *state;
	world_start(w);
	for (int64_t c = 1; c <= 3; c++) join_channel(w, c, ME);
	kick_from(w, 3, ME); /* 5 */
	run_sql(w, "UPDATE members SET left_at = left_at - %lld WHERE channel_id = 3", (long long)SYNC_LEFT_MS + 1000);
	const struct cursor at[] = { { 1, 1, 0 }, { 2, 1, 0 } };
	const struct {
		int64_t user_rev;
		uint64_t epoch;
		const char *ready;
	} cases[] = {
		{ 0, 0, "ready 2 0\n" },
		{ 6, 0, "ready 2 0\n" },                 /* above the head */
		{ 4, 0, "ready 2 0\n" },                 /* what was left since is forgotten */
		{ 5, 0, "ready 0 0\n" },                 /* that was known */
		{ 5, w->epoch.hash, "ready 0 0\n" },     /* the present epoch */
		{ 5, w->epoch.hash + 1, "ready 2 0\n" }, /* another */
	};
	for (size_t i = 0; i < countof(cases); i++) {
		struct client *k = client_make(w, 0, at, 2);
		k->hello.user_rev = cases[i].user_rev;
		k->hello.epoch = cases[i].epoch;
		begin(k);
		client_wait(k, cases[i].ready);
		client_end(k);
	}
}

/* ---- how often it is read */

/* Three sessions of one person, whose head moves all the time. */
static void it_is_read_once_a_pause(void **state)
{
	struct world *w = *state;
	w->config.list_pause_ms = 50;
	world_start(w);
	struct client *k[3];
	for (int i = 0; i < 3; i++) {
		k[i] = client_open(w, 0, NULL, 0);
		client_wait(k[i], "ready");
	}
	int64_t began = reactor_now_ms(w->r[0]), before = metric_total(w->metrics, METRIC_HUB_LISTS);
	for (int64_t c = 1; c <= 20; c++) {
		join_channel(w, c, ME);
		tell_person(w, ME, c + 1);
		for (int i = 0; i < 3 && c % 4 == 0; i++) client_wait(k[i], line_of("channel", c, -1));
	}
	int64_t took = reactor_now_ms(w->r[0]) - began, read = metric_total(w->metrics, METRIC_HUB_LISTS) - before;
	assert_in_range(read, 2, took / 50 + 2);
	for (int i = 0; i < 3; i++) client_end(k[i]);
}

/* ... but who comes is not kept waiting. */
static void a_hello_does_not_wait_for_the_pause(void **state)
{
	struct world *w = *state;
	w->config.list_pause_ms = 10000;
	world_start(w);
	struct client *k[3];
	int64_t began = clock_monotonic_ns(&clock_real);
	for (int i = 0; i < 3; i++) {
		k[i] = client_open(w, 0, NULL, 0);
		client_wait(k[i], "ready");
	}
	assert_in_range(clock_monotonic_ns(&clock_real) - began, 0, INT64_C(9000000000));
	for (int i = 0; i < 3; i++) client_end(k[i]);
}

struct read_again {
	struct world *w;
	int64_t before;
};

static bool has_read_again(void *arg)
{
	const struct read_again *x = arg;
	return metric_total(x->w->metrics, METRIC_HUB_LISTS) > x->before;
}

struct held { /* a thread of the lane */
	struct job job;
	_Atomic bool begun, let_go;
};

static void hold(struct job *j, void *state)
{
	struct held *h = container_of(j, struct held, job);
	h->begun = true;
	while (!h->let_go) usleep(1000);
}

static bool has_begun(void *arg)
{
	return ((struct held *)arg)->begun;
}

static void let_go(struct job *j) {}

/* A read that takes long is followed by a pause of nine times as long, however often others make the head move. */
static void a_read_that_takes_long_is_made_seldom(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	struct held held[2] = { 0 };
	for (size_t i = 0; i < countof(held); i++) {
		held[i].job.home = w->r[0], held[i].job.run = hold, held[i].job.done = let_go;
		assert_int_equal(lane_submit(w->sync, &held[i].job), OK);
		world_until(w, has_begun, &held[i]);
		assert_true(has_begun(&held[i]));
	}
	struct read_again first = { w, metric_total(w->metrics, METRIC_HUB_LISTS) };
	join_channel(w, 1, ME);
	tell_person(w, ME, 2);
	world_until(w, has_read_again, &first);
	assert_true(has_read_again(&first));
	int64_t asked_ns = clock_monotonic_ns(&clock_real);
	while (clock_monotonic_ns(&clock_real) - asked_ns < INT64_C(50000000)) usleep(1000);
	for (size_t i = 0; i < countof(held); i++) held[i].let_go = true;
	client_wait(k, line_of("channel", 1, -1));
	struct read_again second = { w, metric_total(w->metrics, METRIC_HUB_LISTS) };
	join_channel(w, 2, ME);
	tell_person(w, ME, 3);
	client_wait(k, line_of("channel", 2, -1));
	assert_true(has_read_again(&second));
	assert_true(clock_monotonic_ns(&clock_real) - asked_ns >= INT64_C(450000000));
	client_end(k);
}

/* The database is away: it is asked again, also when everything ends meanwhile. */
static void a_read_that_failed_is_tried_again_until_the_end(void **state)
{
	struct world *w = *state;
	world_start(w);
	run_sql(w, "ALTER TABLE user_heads RENAME TO elsewhere");
	struct client *k[2] = { client_open(w, 0, NULL, 0), client_open(w, 1, NULL, 0) };
	struct read_again again = { w, 2 };
	world_until(w, has_read_again, &again);
	assert_true(has_read_again(&again));
	struct client *later = client_open(w, 0, NULL, 0);
	run_sql(w, "ALTER TABLE elsewhere RENAME TO user_heads");
	client_wait(later, "ready");
	client_end(later);
	run_sql(w, "ALTER TABLE user_heads RENAME TO elsewhere");
	tell_person(w, ME, 100);
	int64_t lists = metric_total(w->metrics, METRIC_HUB_LISTS);
	later = client_open(w, 0, NULL, 0);
	again.before = lists;
	world_until(w, has_read_again, &again);
	assert_true(has_read_again(&again));
	*state = NULL;
	world_end(w); /* with sessions, and a pause that is not over */
	struct client *all[] = { k[0], k[1], later };
	for (size_t i = 0; i < countof(all); i++) {
		assert_int_equal(all[i]->closed, 2);
		buf_release(&all[i]->lines);
		pthread_mutex_destroy(&all[i]->lock);
		mem_free(all[i]);
	}
}

/* ---- who may not be here any more */

static void a_revoked_session_and_a_deactivated_person_are_sent_away(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct client *k = client_open(w, 0, NULL, 0), *other = client_open(w, 1, NULL, 0);
	client_wait(k, "ready");
	client_wait(other, "ready");
	run_sql(w, "UPDATE users SET deactivated_at = 1 WHERE user_id = %lld", (long long)ME);
	move_person(w, ME);
	tell_person(w, ME, 2);
	client_wait(k, "kick session_revoked\n");
	client_wait(other, "kick session_revoked\n");
	client_end(k);
	client_end(other);
}

/* ---- while it is being read */

/* They come into the reading of a list that does not have the change yet, and it is told all the same. */
static void news_that_come_while_it_is_read_make_it_be_read_again(void **state)
{
	struct hand *h = hand_make();
	struct world *w = h->w;
	make_person(w, ME);
	for (int64_t c = 1; c <= 3; c++) make_channel(w, c);
	hand_start(h);
	join_channel(w, 1, ME);
	struct client *k = hand_open(h, 0, NULL, 0);
	tell_marker(w, 1, ME, 5, 100);
	hand_answer(h); /* read before the marker is moved, arrives after the news */
	set_marker(w, 1, ME, 5, 100);
	hand_pass(h, 3);
	assert_true(has(k, "read 1 5\n"));
	join_channel(w, 2, ME);
	tell_person(w, ME, 3);
	hand_turn(h);
	assert_int_equal(h->jobs.n, 1);
	tell_person(w, ME, 4);
	hand_answer_at(h, 0);
	join_channel(w, 3, ME);
	hand_pass(h, 3);
	assert_true(has(k, line_of("channel", 2, -1)));
	assert_true(has(k, line_of("channel", 3, -1)));
	hand_close(h, k);
	hand_end(h);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(rows_come_in_the_order_of_their_change),
		WORLD_TEST(no_row_is_told_above_a_removal_that_the_stream_has_still_to_tell),
		WORLD_TEST(a_marker_that_came_while_it_was_parked_is_told),
		WORLD_TEST(a_list_that_did_not_fit_goes_on_where_it_was),
		WORLD_TEST(news_that_came_before_ready_are_told_after_it),
		WORLD_TEST(markers_are_told_to_who_comes_back),
		WORLD_TEST(an_older_marker_says_nothing),
		WORLD_TEST(no_reset_is_forgotten),
		WORLD_TEST(ready_lists_what_changed_and_what_was_left),
		WORLD_TEST(the_whole_list_is_for_who_knows_none_that_can_be_gone_on_from),
		WORLD_TEST(it_is_read_once_a_pause),
		WORLD_TEST(a_read_that_takes_long_is_made_seldom),
		WORLD_TEST(a_hello_does_not_wait_for_the_pause),
		WORLD_TEST(a_read_that_failed_is_tried_again_until_the_end),
		cmocka_unit_test(news_that_come_while_it_is_read_make_it_be_read_again),
		WORLD_TEST(a_revoked_session_and_a_deactivated_person_are_sent_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
