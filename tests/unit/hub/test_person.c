/* People whose news may have been missed: their heads tell whose list is to be read. */
#include "hand.h"
#include "hub/person.h"

#define PEOPLE 40

static int setup(void **state)
{
	struct hand *h = hand_make();
	make_channel(h->w, 1);
	make_channel(h->w, 2);
	for (int64_t id = ME; id < ME + PEOPLE; id++) {
		make_person(h->w, id);
		enter_channel(h->w, 1, id);
	}
	hand_start(h);
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	hand_end(*state);
	return 0;
}

static int64_t questions(struct hand *h)
{
	return lane_stats(h->w->sync)->jobs;
}

static int64_t lists(struct hand *h)
{
	return metric_total(h->w->metrics, METRIC_HUB_LISTS);
}

/* As a bus does after it was away. */
static void confirm_again(struct hand *h)
{
	for (int64_t id = ME; id < ME + PEOPLE; id++) h->w->bus->ops->subscribe(h->w->bus, TOPIC_USER, id);
}

static void gather(struct hand *h, struct client **k)
{
	for (int i = 0; i < PEOPLE; i++) k[i] = hand_open_as(h, ME + i, 0, NULL, 0);
	hand_pass(h, 20);
	for (int i = 0; i < PEOPLE; i++) assert_true(has(k[i], "ready"));
}

static void leave(struct hand *h, struct client **k)
{
	for (int i = 0; i < PEOPLE; i++) hand_close(h, k[i]);
}

static void one_question_for_all_who_missed_nothing(void **state)
{
	struct hand *h = *state;
	struct client *k[PEOPLE];
	gather(h, k);
	int64_t asked = questions(h), read = lists(h);
	confirm_again(h);
	confirm_again(h);
	hand_pass(h, 20);
	assert_int_equal(questions(h), asked + 1);
	assert_int_equal(lists(h), read);
	leave(h, k);
}

static void who_has_missed_something_reads_it(void **state)
{
	struct hand *h = *state;
	struct client *k[PEOPLE];
	gather(h, k);
	enter_channel(h->w, 2, ME + 3); /* nobody is told */
	set_marker(h->w, 1, ME + 5, 77, 1000);
	int64_t read = lists(h);
	confirm_again(h);
	hand_pass(h, 20);
	assert_int_equal(lists(h), read + 2);
	assert_true(has(k[3], "channel 2\n"));
	assert_true(has(k[5], "read 1 77\n"));
	confirm_again(h);
	hand_pass(h, 20);
	assert_int_equal(lists(h), read + 2);
	leave(h, k);
}

/* Its rows are there for days. */
static void a_deleted_channel_is_nothing_that_was_missed(void **state)
{
	struct hand *h = *state;
	struct client *k[PEOPLE];
	for (int64_t id = ME; id < ME + PEOPLE; id++) {
		enter_channel(h->w, 2, id);
		set_marker(h->w, 2, id, 5, 1000);
	}
	delete_channel(h->w, 2);
	gather(h, k);
	int64_t read = lists(h);
	confirm_again(h);
	hand_pass(h, 20);
	assert_int_equal(lists(h), read);
	leave(h, k);
}

/* What is missed while the answer is on its way is missed by nobody: the bus has confirmed before. */
static void a_marker_that_was_told_meanwhile_is_not_told_again(void **state)
{
	struct hand *h = *state;
	struct client *k[PEOPLE];
	gather(h, k);
	set_marker(h->w, 1, ME + 5, 77, 1000);
	confirm_again(h);
	hand_asked(h, 1);
	hand_answer(h); /* has it */
	tell_marker(h->w, 1, ME + 5, 77, 1000);
	int64_t read = lists(h);
	hand_pass(h, 20);
	assert_in_range(lists(h) - read, 0, 1);
	assert_int_equal(count_of(k[5], "1 77\n"), 1);
	leave(h, k);
}

/* The first list of who has just come does not wait for a head. */
static void who_comes_reads_it_at_once(void **state)
{
	struct hand *h = *state;
	struct client *a = hand_reader(h, 0, NULL, 0);
	int64_t asked = questions(h), read = lists(h);
	struct client *b = hand_open(h, 0, NULL, 0);
	confirm_again(h);
	hand_pass(h, 20);
	assert_true(has(b, "ready"));
	assert_in_range(lists(h) - read, 1, 2);
	assert_in_range(questions(h) - asked, 1, 3);
	hand_close(h, b);
	hand_close(h, a);
}

#define HAND_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAND_TEST(one_question_for_all_who_missed_nothing),
		HAND_TEST(who_has_missed_something_reads_it),
		HAND_TEST(a_deleted_channel_is_nothing_that_was_missed),
		HAND_TEST(a_marker_that_was_told_meanwhile_is_not_told_again),
		HAND_TEST(who_comes_reads_it_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
