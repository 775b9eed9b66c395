/* A bus that is faster than a reactor: what waits is bounded, and what did not fit is healed. The bus is certain here:
 * no head check would help. */
#include "hand.h"

static int setup(void **state)
{
	struct hand *h = hand_make();
	make_person(h->w, ME);
	for (int64_t c = 1; c <= 4; c++) make_channel(h->w, c);
	h->w->config.hub_queue = 4;
	enter_channel(h->w, 1, ME);
	enter_channel(h->w, 2, ME);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	hand_end(*state);
	return 0;
}

static int64_t missed(struct hand *h)
{
	return metric_total(h->w->metrics, METRIC_HUB_MISSED);
}

static void assert_all(struct client *k, int64_t channel, int64_t from, int64_t to)
{
	for (int64_t rev = from; rev <= to; rev++) assert_int_equal(count_of(k, line_of("event", channel, rev)), 1);
}

static void what_does_not_fit_is_healed(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	struct client *k[] = { hand_reader(h, 0, NULL, 0), hand_reader(h, 1, NULL, 0) };
	for (int64_t c = 1; c <= 2; c++) say_changes(h->w, c, 10); /* rev 1 is the join */
	hand_pass(h, 100);
	assert_int_equal(missed(h), hub_owner_index(h->w->hub, 1) == hub_owner_index(h->w->hub, 2) ? 16 : 12);
	for (int i = 0; i < 2; i++)
		for (int64_t c = 1; c <= 2; c++) assert_all(k[i], c, 2, 11);
	say_changes(h->w, 1, 4); /* there is room again */
	hand_pass(h, 2);
	for (int i = 0; i < 2; i++) {
		assert_all(k[i], 1, 12, 15);
		hand_close(h, k[i]);
	}
}

static void the_bytes_are_bounded_too(void **state)
{
	struct hand *h = *state;
	h->w->config.hub_queue = 1000;
	h->w->config.hub_queue_bytes = 1500;
	hand_start(h);
	struct client *k = hand_reader(h, 0, NULL, 0);
	say_changes(h->w, 1, 100);
	hand_pass(h, 100);
	assert_in_range(missed(h), 80, 99);
	assert_all(k, 1, 2, 101);
	hand_close(h, k);
}

/* An owner that is still being opened: the head that it waits for may have been read before. */
static void so_is_what_an_owner_misses_while_it_opens(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	struct client *k = hand_open(h, 0, NULL, 0);
	hand_answer(h); /* the list */
	hand_turn(h);
	assert_true(has(k, "ready"));
	hand_answer(h); /* heads */
	say_changes(h->w, 1, 10);
	hand_pass(h, 100);
	assert_all(k, 1, 2, 11);
	hand_close(h, k);
}

/* Of themselves: a new channel, a marker, the end of a session. */
static void so_are_news_of_people(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	struct client *k = hand_reader(h, 1, NULL, 0);
	for (int64_t user = 100; user < 110; user++) tell_person(h->w, user, 2);
	enter_channel(h->w, 3, ME);
	tell_person(h->w, ME, 4);
	set_marker(h->w, 1, ME, 1, 1000);
	tell_marker(h->w, 1, ME, 1, 1000);
	hand_pass(h, 20);
	assert_int_equal(missed(h), 16); /* of 12, on either reactor */
	assert_true(has(k, "channel 3\n"));
	assert_true(has(k, "read 1 1\n"));
	hand_close(h, k);
}

/* More channels than are remembered: then all may have missed something. */
static void with_too_many_all_are_looked_at(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	struct client *k = hand_reader(h, 0, NULL, 0);
	for (int64_t c = 1000; c < 4000; c++) publish(h->w, c, 1, CHANGE_TOPIC, 0);
	say_changes(h->w, 1, 3);
	enter_channel(h->w, 3, ME);
	tell_person(h->w, ME, 4);
	hand_pass(h, 100);
	assert_all(k, 1, 2, 4);
	assert_true(has(k, "channel 3\n"));
	hand_close(h, k);
}

/* Somebody who types: lost, and nobody asks. */
static void hints_are_lost(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	struct client *k = hand_reader(h, 0, NULL, 0);
	int64_t asked = lane_stats(h->w->sync)->jobs;
	for (int i = 0; i < 10; i++) {
		struct hint *n = hint_create(0);
		n->channel_id = 1, n->user_id = 99;
		bus_publish_hint(h->w->bus, n);
		hint_unref(n);
	}
	hand_pass(h, 50);
	assert_in_range(count_of(k, "hint 1\n"), 1, 4);
	assert_int_equal(lane_stats(h->w->sync)->jobs, asked);
	assert_int_equal(missed(h), 0);
	hand_close(h, k);
}

#define HAND_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAND_TEST(what_does_not_fit_is_healed),
		HAND_TEST(the_bytes_are_bounded_too),
		HAND_TEST(so_is_what_an_owner_misses_while_it_opens),
		HAND_TEST(so_are_news_of_people),
		HAND_TEST(with_too_many_all_are_looked_at),
		HAND_TEST(hints_are_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
