/* The owner of a channel: gaps, retention, what never comes, and the end. */
#include "hand.h"

static int setup(void **state)
{
	struct world *w = world_make();
	make_person(w, ME);
	for (int64_t c = 1; c <= 4; c++) make_channel(w, c);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

/* Retention overtook the owner while it held an event from beyond the head that it read. */
static void overtaken(struct world *w, int reactor)
{
	int64_t channel = channel_of(w, 0);
	join_channel(w, channel, ME);
	struct client *k = client_open(w, reactor, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 2));
	for (int rev = 3; rev <= 20; rev++) write_change(w, channel, "topic", 0);
	retain_from(w, channel, 15);
	struct hub_reactor *hr = hub_here(w->r[0]);
	struct event *e = make_event(w, channel, 21, CHANGE_TOPIC, 0);
	owner_event(hr, e);
	owner_overtaken(owner_get(hr, channel), 20, 1020, 15);
	event_unref(e);
	client_wait(k, line_of("event", channel, 21));
	write_change(w, channel, "topic", 0);
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 22));
	assert_non_null(strstr(client_lines(k), line_of("event", channel, 2)));
	assert_non_null(strstr(client_lines(k), line_of("reset", channel, 20)));
	assert_null(strstr(client_lines(k), line_of("event", channel, 3)));
	assert_null(strstr(client_lines(k), line_of("event", channel, 20)));
	client_end(k);
}

static void sessions_of_an_overtaken_owner_attach_anew(void **state)
{
	struct world *w = *state;
	world_start(w);
	overtaken(w, 1);
}

static void so_do_those_on_its_own_reactor(void **state)
{
	struct world *w = *state;
	world_start(w);
	overtaken(w, 0);
}

/* ---- turned by hand: the end of a channel */

#define HER INT64_C(8)

static int hand_setup(void **state)
{
	struct hand *h = hand_make();
	make_person(h->w, ME);
	make_person(h->w, HER);
	for (int64_t c = 1; c <= 4; c++) make_channel(h->w, c);
	*state = h;
	return 0;
}

static int hand_teardown(void **state)
{
	hand_end(*state);
	return 0;
}

static struct owner *owner_of(struct hand *h, int64_t channel)
{
	return owner_get(hub_here(hub_owner_reactor(h->w->hub, channel)->reactor), channel);
}

/* ---- turned by hand: what was heard of and is not there */

static int64_t questions(struct hand *h)
{
	return lane_stats(h->w->sync)->jobs;
}

static struct client *one_at_rev_2(struct hand *h)
{
	hand_start(h);
	enter_channel(h->w, 1, ME);
	struct client *k = hand_reader(h, 0, NULL, 0);
	say_changes(h->w, 1, 1);
	hand_pass(h, 2);
	assert_true(has(k, line_of("event", 1, 2)));
	return k;
}

/* Forged, say. The database is asked once, and not for ever. */
static void what_the_database_refutes_is_nothing(void **state)
{
	struct hand *h = *state;
	struct client *k = one_at_rev_2(h);
	int64_t asked = questions(h);
	publish(h->w, 1, 900, CHANGE_TOPIC, 0);
	owner_behind(owner_of(h, 1), 1000);
	hand_pass(h, 50);
	assert_int_equal(questions(h), asked + 1);
	hand_pass(h, 1000);
	assert_int_equal(questions(h), asked + 1);
	assert_int_equal(owner_of(h, 1)->held_n, 0);
	assert_false(owner_of(h, 1)->healing);
	say_changes(h->w, 1, 1);
	write_change(h->w, 1, "topic", 0);
	say_changes(h->w, 1, 1); /* a gap */
	hand_pass(h, 50);
	for (int rev = 3; rev <= 5; rev++) assert_int_equal(count_of(k, line_of("event", 1, rev)), 1);
	assert_int_equal(questions(h), asked + 2);
	hand_close(h, k);
}

/* The read may have looked before it was written: it is asked for again, not as fast as the database can answer. */
static void what_was_heard_of_since_the_read_began_stays(void **state)
{
	struct hand *h = *state;
	struct client *k = one_at_rev_2(h);
	publish(h->w, 1, 900, CHANGE_TOPIC, 0);
	hand_asked(h, 1);
	publish(h->w, 1, 5, CHANGE_TOPIC, 0);
	owner_behind(owner_of(h, 1), 6);
	hand_answer(h);
	hand_turn(h);
	assert_int_equal(owner_of(h, 1)->target, 6);
	assert_int_equal(owner_of(h, 1)->held_n, 1);
	int64_t asked = questions(h);
	for (int rev = 3; rev <= 6; rev++) write_change(h->w, 1, "topic", 0);
	hand_pass(h, 200);
	for (int rev = 3; rev <= 6; rev++) assert_int_equal(count_of(k, line_of("event", 1, rev)), 1);
	assert_int_equal(questions(h), asked + 1);
	hand_close(h, k);
}

/* The same for the list of a person. */
static void a_list_that_has_not_moved_refutes_what_was_heard(void **state)
{
	struct hand *h = *state;
	struct client *k = one_at_rev_2(h);
	hand_pass(h, 50);
	int64_t asked = questions(h);
	tell_person(h->w, ME, 1000);
	hand_pass(h, 1000);
	assert_in_range(questions(h) - asked, 1, 2);
	tell_person(h->w, ME, 1000);
	hand_asked(h, 1);
	tell_person(h->w, ME, 4); /* heard of while the list is being read, which began before */
	hand_answer(h);
	enter_channel(h->w, 2, ME);
	enter_channel(h->w, 3, ME);
	hand_pass(h, 50);
	assert_true(has(k, "channel 3\n"));
	hand_close(h, k);
}

static const char *last_two(int64_t channel, int64_t rev)
{
	static char text[80];
	snprintf(text, sizeof text, "%s%s", line_of("event", channel, rev), line_of("gone", channel, -1));
	return text;
}

#define READERS 4

/* Two people, two reactors, all in channel 1 at rev 3. */
static void four_readers(struct hand *h, struct client **k)
{
	join_channel(h->w, 1, ME);
	join_channel(h->w, 1, HER);
	for (int i = 0; i < READERS; i++) k[i] = hand_open_as(h, i % 2 ? HER : ME, i / 2, NULL, 0);
	hand_pass(h, 2);
	say_changes(h->w, 1, 1);
	hand_pass(h, 2);
	for (int i = 0; i < READERS; i++) assert_true(has(k[i], line_of("event", 1, 3)));
}

static void all_are_out(struct hand *h, struct client **k, int64_t rev)
{
	for (int i = 0; i < READERS; i++) {
		assert_true(has(k[i], last_two(1, rev)));
		assert_int_equal(count_of(k[i], "gone"), 1);
		assert_int_equal(count_of(k[i], "event 1 "), rev - 2);
		hand_close(h, k[i]);
	}
}

static void what_is_deleted_ends_for_everybody(void **state)
{
	struct hand *h = *state;
	struct client *k[READERS];
	hand_start(h);
	four_readers(h, k);
	int64_t rev = delete_channel(h->w, 1);
	publish(h->w, 1, rev, CHANGE_DELETED, 0);
	hand_turn(h);
	assert_int_equal(h->jobs.n, 0); /* nobody's list need be read for it */
	all_are_out(h, k, rev);
	hand_skip(h, 11000);
	assert_null(owner_of(h, 1)); /* let go with the next sweep */
}

static void a_deletion_that_was_lost_is_healed(void **state)
{
	struct hand *h = *state;
	struct client *k[READERS];
	h->w->uncertain = true;
	hand_start(h);
	four_readers(h, k);
	write_change(h->w, 1, "topic", 0);
	int64_t rev = delete_channel(h->w, 1);
	hand_skip(h, h->w->config.head_check_ms + 1);
	hand_pass(h, h->w->config.heal_wait_ms + 5);
	all_are_out(h, k, rev);
	hand_skip(h, 11000);
	assert_null(owner_of(h, 1));
}

/* Its rows are gone by the time somebody looks. */
static void a_deletion_that_left_no_rows_ends_it_too(void **state)
{
	struct hand *h = *state;
	struct client *k[READERS];
	h->w->uncertain = true;
	hand_start(h);
	four_readers(h, k);
	write_change(h->w, 1, "topic", 0);
	delete_channel(h->w, 1);
	run_sql(h->w, "DELETE FROM changes WHERE channel_id = 1");
	hand_skip(h, h->w->config.head_check_ms + 1);
	hand_pass(h, h->w->config.heal_wait_ms + 5);
	for (int i = 0; i < READERS; i++) {
		assert_true(has(k[i], line_of("gone", 1, -1)));
		hand_close(h, k[i]);
	}
	hand_skip(h, 11000);
	assert_null(owner_of(h, 1));
}

/* The list was read before, the attach comes after: by a snapshot, and from a ring. */
static void who_attaches_to_what_is_deleted_is_told(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	int64_t channel = channel_of(h->w, 0);
	join_channel(h->w, channel, ME);
	struct client *k = hand_open(h, 1, NULL, 0);
	hand_answer(h);
	delete_channel(h->w, channel);
	hand_pass(h, 5);
	assert_true(has(k, "ready 1 0"));
	assert_true(has(k, line_of("gone", channel, -1)));
	hand_close(h, k);

	int64_t other = channel + 1;
	while (hub_owner_index(h->w->hub, other) != 0) other++;
	if (other > 4) make_channel(h->w, other);
	join_channel(h->w, other, ME);
	join_channel(h->w, other, HER);
	struct client *her = hand_open_as(h, HER, 0, NULL, 0); /* keeps the owner at work */
	hand_pass(h, 2);
	const struct cursor at = { other, 2, 0 };
	k = hand_open(h, 1, &at, 1);
	hand_answer(h);
	publish(h->w, other, delete_channel(h->w, other), CHANGE_DELETED, 0);
	hand_pass(h, 5); /* the owner's reactor turns first */
	assert_true(has(k, last_two(other, 3)));
	assert_true(has(her, last_two(other, 3)));
	hand_close(h, k);
	hand_close(h, her);
}

/* ---- retention */

static void publish_retain(struct world *w, int64_t channel, int64_t min_rev)
{
	char data[40];
	snprintf(data, sizeof data, "\"min_rev\":%lld", (long long)min_rev);
	int64_t rev = write_change(w, channel, "retain", 0);
	run_sql(w, "UPDATE changes SET data = '%s' WHERE channel_id = %lld AND rev = %lld", data, (long long)channel,
			(long long)rev);
	const struct event_fields f = { .kind = CHANGE_RETAIN,
									.channel_id = channel,
									.rev = rev,
									.at = rev + 1000,
									.epoch = w->epoch.hash,
									.data = str_of(data) };
	struct event *e = codec_event(&f);
	bus_publish(w->bus, &e, 1);
	event_unref(e);
}

/* Rings forget what retention took: an older cursor is reset, not replayed. */
static void a_ring_drops_what_is_below_min_rev(void **state)
{
	struct hand *h = *state;
	hand_start(h);
	join_channel(h->w, 1, ME);
	struct client *k = hand_open(h, 0, NULL, 0);
	hand_pass(h, 2);
	say_changes(h->w, 1, 10);
	hand_pass(h, 2);
	assert_int_equal(owner_of(h, 1)->ring_n, 10);
	run_sql(h->w, "UPDATE heads SET min_rev = 6, min_rev_at = 1006 WHERE channel_id = 1");
	publish_retain(h->w, 1, 6);
	hand_pass(h, 2);
	assert_true(has(k, line_of("event", 1, 12)));
	assert_int_equal(owner_of(h, 1)->min_rev, 6);
	assert_null(owner_ring(owner_of(h, 1), 6));
	assert_non_null(owner_ring(owner_of(h, 1), 7));
	const struct cursor below = { 1, 5, 0 }, at = { 1, 6, 0 };
	struct client *a = hand_open(h, 0, &below, 1), *b = hand_open(h, 0, &at, 1);
	hand_pass(h, 5);
	assert_true(has(a, line_of("reset", 1, 12)));
	assert_true(has(b, line_of("synced", 1, 12)));
	assert_int_equal(count_of(b, "event"), 6);
	hand_close(h, a);
	hand_close(h, b);
	hand_close(h, k);
}

/* One who was removed while retention overtook the owner learns it from the attach. */
static void an_overtaken_owner_reads_membership(void **state)
{
	struct hand *h = *state;
	h->w->uncertain = true;
	hand_start(h);
	join_channel(h->w, 1, ME);
	join_channel(h->w, 1, HER);
	struct client *me = hand_open(h, 0, NULL, 0), *her = hand_open_as(h, HER, 1, NULL, 0);
	hand_pass(h, 2);
	say_changes(h->w, 1, 1);
	hand_pass(h, 2);
	kick_from(h->w, 1, ME); /* nobody hears of it */
	for (int i = 0; i < 5; i++) write_change(h->w, 1, "topic", 0);
	retain_from(h->w, 1, 7);
	hand_skip(h, h->w->config.head_check_ms + 1);
	hand_pass(h, h->w->config.heal_wait_ms + 5);
	assert_true(has(me, line_of("gone", 1, -1)));
	assert_false(has(me, "reset"));
	assert_true(has(her, line_of("reset", 1, 9)));
	say_changes(h->w, 1, 1);
	hand_pass(h, 2);
	assert_true(has(her, line_of("event", 1, 10)));
	assert_false(has(me, line_of("event", 1, 10)));
	hand_close(h, me);
	hand_close(h, her);
}

#define HAND_TEST(f) cmocka_unit_test_setup_teardown(f, hand_setup, hand_teardown)
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(sessions_of_an_overtaken_owner_attach_anew),
		WORLD_TEST(so_do_those_on_its_own_reactor),
		HAND_TEST(what_the_database_refutes_is_nothing),
		HAND_TEST(what_was_heard_of_since_the_read_began_stays),
		HAND_TEST(a_list_that_has_not_moved_refutes_what_was_heard),
		HAND_TEST(what_is_deleted_ends_for_everybody),
		HAND_TEST(a_deletion_that_was_lost_is_healed),
		HAND_TEST(a_deletion_that_left_no_rows_ends_it_too),
		HAND_TEST(who_attaches_to_what_is_deleted_is_told),
		HAND_TEST(a_ring_drops_what_is_below_min_rev),
		HAND_TEST(an_overtaken_owner_reads_membership),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
