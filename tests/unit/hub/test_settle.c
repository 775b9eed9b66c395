/* Another epoch that the hub finds is stored before anybody is served. */
#include "hand.h"

static int setup(void **state)
{
	struct hand *h = hand_make();
	make_person(h->w, ME);
	for (int64_t c = 1; c <= 4; c++) make_channel(h->w, c);
	enter_channel(h->w, 1, ME);
	hand_start(h);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	hand_end(*state);
	return 0;
}

/* A reader was sent away, and the hub wants to store what it has found. */
static void find(struct hand *h, struct client *k)
{
	next_epoch(h->w);
	tell_person(h->w, ME, 9);
	hand_pass(h, 5);
	assert_true(has(k, "kick draining\n"));
	assert_int_equal(h->writes.n, 1);
}

static void nobody_is_ready_before_it_is_stored(void **state)
{
	struct hand *h = *state;
	struct client *old = hand_reader(h, 1, NULL, 0);
	find(h, old);
	const struct cursor at = { 1, 0, 0 };
	struct client *k[] = { hand_open(h, 0, NULL, 0), hand_open(h, 1, &at, 1) };
	publish(h->w, 1, 2, CHANGE_TOPIC, 0);
	tell_person(h->w, ME, 9);
	hand_pass(h, 300);
	for (int i = 0; i < 2; i++) assert_string_equal(client_lines(k[i]), "");
	hand_write(h);
	hand_pass(h, 5);
	assert_int_equal(h->writes.n, 0);
	assert_true(hub_epoch(h->w->hub) == h->w->epoch.hash);
	assert_true(has(k[0], "ready"));
	assert_true(has(k[1], line_of("synced", 1, 1)));
	say_changes(h->w, 1, 1);
	hand_pass(h, 5);
	for (int i = 0; i < 2; i++) {
		assert_true(has(k[i], line_of("event", 1, 2)));
		assert_false(has(k[i], "kick"));
		hand_close(h, k[i]);
	}
	hand_close(h, old);
}

/* By what any read of the hub says of its transaction. */
static void a_read_finds_it_as_well(void **state)
{
	struct hand *h = *state;
	struct client *old = hand_reader(h, 0, NULL, 0);
	next_epoch(h->w);
	struct client *k = hand_open(h, 1, NULL, 0); /* reads a list */
	hand_pass(h, 300);
	assert_true(has(old, "kick draining\n"));
	assert_string_equal(client_lines(k), "kick draining\n"); /* came in the history before */
	struct client *later = hand_open(h, 1, NULL, 0);
	hand_pass(h, 300);
	assert_string_equal(client_lines(later), "");
	hand_write(h);
	hand_pass(h, 5);
	assert_true(has(later, "ready"));
	hand_close(h, later);
	hand_close(h, k);
	hand_close(h, old);
}

static void it_is_tried_until_the_database_takes_it(void **state)
{
	struct hand *h = *state;
	struct client *old = hand_reader(h, 0, NULL, 0);
	find(h, old);
	struct client *k = hand_open(h, 0, NULL, 0);
	for (int i = 0; i < 20; i++) {
		hand_refuse(h);
		assert_int_equal(h->writes.n, 0); /* not at once */
		hand_pass(h, 200);
		assert_string_equal(client_lines(k), "");
	}
	hand_write(h);
	hand_pass(h, 5);
	assert_true(has(k, "ready"));
	hand_close(h, k);
	hand_close(h, old);
}

/* Who came meanwhile was told nothing of the one before. */
static void what_is_stored_may_be_another_one_by_then(void **state)
{
	struct hand *h = *state;
	struct client *old = hand_reader(h, 0, NULL, 0);
	find(h, old);
	struct client *k = hand_open(h, 1, NULL, 0);
	next_epoch(h->w);
	hand_write(h);
	hand_pass(h, 5);
	assert_string_equal(client_lines(k), "kick draining\n");
	assert_true(hub_epoch(h->w->hub) == h->w->epoch.hash);
	assert_int_equal(h->writes.n, 0);
	struct client *later = hand_open(h, 1, NULL, 0);
	hand_pass(h, 5);
	assert_true(has(later, "ready"));
	hand_close(h, later);
	hand_close(h, k);
	hand_close(h, old);
}

/* The append was quicker. */
static void stored_by_somebody_else_it_is_served_at_once(void **state)
{
	struct hand *h = *state;
	struct client *old = hand_reader(h, 0, NULL, 0);
	find(h, old);
	struct client *k = hand_open(h, 1, NULL, 0);
	hand_pass(h, 5);
	assert_string_equal(client_lines(k), "");
	hub_epoch_changed(h->w->hub, h->w->epoch.hash);
	hand_pass(h, 5);
	assert_true(has(k, "ready"));
	hand_refuse(h);
	hand_pass(h, 300);
	assert_int_equal(h->writes.n, 0);
	assert_false(has(k, "kick"));
	hand_close(h, k);
	hand_close(h, old);
}

/* A head that went back while it is on its way: what it brings is of the history before. */
static void a_later_history_is_stored_as_well(void **state)
{
	struct hand *h = *state;
	struct client *old = hand_reader(h, 0, NULL, 0);
	find(h, old);
	hub_went_back(hub_here(h->w->r[1]));
	struct client *k = hand_open(h, 1, NULL, 0);
	hand_pass(h, 5);
	hand_write(h);
	hand_pass(h, 5);
	assert_string_equal(client_lines(k), "");
	hand_write(h);
	hand_pass(h, 5);
	assert_true(has(k, "ready"));
	hand_close(h, k);
	hand_close(h, old);
}

/* Pages of REST: neither what the pod does not serve, nor what is not stored. */
static void pages_wait_for_it_too(void **state)
{
	struct hand *h = *state;
	struct hub *hub = h->w->hub;
	uint64_t before = h->w->epoch.hash;
	struct client *old = hand_reader(h, 0, NULL, 0);
	assert_true(hub_serves(hub, before));
	next_epoch(h->w);
	assert_false(hub_serves(hub, h->w->epoch.hash)); /* a pooler may have read elsewhere: the database is asked */
	assert_true(hub_serves(hub, before));
	hand_pass(h, 5);
	assert_true(has(old, "kick draining\n"));
	assert_false(hub_serves(hub, h->w->epoch.hash));
	hand_write(h);
	assert_true(hub_serves(hub, h->w->epoch.hash));
	assert_false(hub_serves(hub, before));
	hand_pass(h, 5);
	assert_true(hub_serves(hub, h->w->epoch.hash));
	hand_close(h, old);
}

#define HAND_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAND_TEST(nobody_is_ready_before_it_is_stored),
		HAND_TEST(a_read_finds_it_as_well),
		HAND_TEST(it_is_tried_until_the_database_takes_it),
		HAND_TEST(what_is_stored_may_be_another_one_by_then),
		HAND_TEST(stored_by_somebody_else_it_is_served_at_once),
		HAND_TEST(a_later_history_is_stored_as_well),
		HAND_TEST(pages_wait_for_it_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
