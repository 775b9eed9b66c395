/* The reader's check must fail when a frame is missing, doubled, out of order or altered: each is tried in a child
 * process, since a failed check ends the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tally.h"

static int64_t asked(void *arg, size_t channel, uint64_t number, struct str payload)
{
	return 0;
}

static struct str frame(int channel, int rev, char body)
{
	static char text[200];
	int n = snprintf(text, sizeof text, "{\"op\":\"event\",\"channel_id\":%d,\"rev\":%d,\"body\":\"%c\"}", channel, rev,
					 body);
	return (struct str){ text, (size_t)n };
}

static void open_tally(struct tally *t)
{
	static const int64_t ids[2] = { 7, 42 };
	tally_init(t, ids, 2, 2, 64);
	t->asked_ns = asked;
}

/* Steps are subscriber, channel, rev, body; the exit status of a child that takes them. */
struct step {
	size_t subscriber;
	int channel, rev;
	char body;
};
static int status_of(const struct step *steps, size_t n, uint64_t end)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct tally t;
		if (!freopen("/dev/null", "w", stderr)) _exit(3);
		open_tally(&t);
		for (size_t i = 0; i < n; i++)
			tally_frame(&t, steps[i].subscriber, frame(steps[i].channel, steps[i].rev, steps[i].body), 1);
		tally_end(&t, 1, end);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}
#define STATUS(end, ...)                                                                                               \
	status_of((const struct step[]){ __VA_ARGS__ },                                                                    \
			  sizeof((const struct step[]){ __VA_ARGS__ }) / sizeof(struct step), end)

static void test_whole_is_told_with_the_last_reader(void **state)
{
	struct tally t;
	open_tally(&t);
	assert_int_equal(tally_frame(&t, 0, frame(42, 5, 'a'), 1000), -1);
	assert_int_equal(tally_frame(&t, 0, frame(42, 6, 'b'), 1000), -1);
	assert_int_equal(tally_frame(&t, 1, frame(42, 5, 'a'), 2000), 1);
	assert_int_equal(tally_frame(&t, 1, frame(42, 6, 'b'), 2000), 1);
	assert_int_equal(tally_frame(&t, 0, STR("{\"op\":\"presence\"}"), 2000), -1);
	assert_int_equal(tally_frame(&t, 0, frame(8, 1, 'a'), 2000), -1);
	assert_int_equal(t.deliveries, 4);
	assert_int_equal(t.whole, 2);
	assert_int_equal(t.others, 2);
	assert_int_equal(t.latency.most, 2000);
	assert_int_equal(t.last.n, 2);
	tally_end(&t, 1, 2);
	tally_release(&t);
}

static void test_a_lost_frame_fails(void **state)
{
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 1, 42, 5, 'a' }, { 0, 42, 6, 'b' }, { 1, 42, 6, 'b' }), 0);
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 0, 42, 7, 'b' }), 1);
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 0, 42, 6, 'b' }, { 1, 42, 6, 'b' }), 1);
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 1, 42, 5, 'a' }, { 0, 42, 6, 'b' }), 1);
}

static void test_a_doubled_frame_fails(void **state)
{
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 0, 42, 5, 'a' }), 1);
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 0, 42, 6, 'b' }, { 1, 42, 5, 'a' }, { 1, 42, 5, 'a' }), 1);
}

static void test_order_counts(void **state)
{
	assert_int_equal(STATUS(2, { 0, 42, 5, 'a' }, { 0, 42, 6, 'b' }, { 1, 42, 6, 'b' }, { 1, 42, 5, 'a' }), 1);
}

static void test_an_altered_frame_fails(void **state)
{
	assert_int_equal(STATUS(1, { 0, 42, 5, 'a' }, { 1, 42, 5, 'z' }), 1);
}

static void test_shares_of_latencies(void **state)
{
	static struct hist h;
	hist_reset(&h);
	assert_int_equal(hist_at(&h, 0.99), 0);
	for (int i = 1; i <= 10000; i++) hist_add(&h, i * 1000);
	assert_in_range(hist_at(&h, 0.5), 4850000, 5150000 + 50000);
	assert_in_range(hist_at(&h, 0.99), 9700000, 10000000);
	assert_int_equal(hist_at(&h, 1), 10000000);
	assert_int_equal(h.most, 10000000);
}

static void test_numbers_of_a_frame(void **state)
{
	assert_int_equal(tally_number(frame(42, 17, 'a'), "\"rev\":"), 17);
	assert_int_equal(tally_number(frame(42, 17, 'a'), "\"at\":"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_is_told_with_the_last_reader),
		cmocka_unit_test(test_a_lost_frame_fails),
		cmocka_unit_test(test_a_doubled_frame_fails),
		cmocka_unit_test(test_order_counts),
		cmocka_unit_test(test_an_altered_frame_fails),
		cmocka_unit_test(test_shares_of_latencies),
		cmocka_unit_test(test_numbers_of_a_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
