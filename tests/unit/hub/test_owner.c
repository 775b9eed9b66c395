/* The owner of a channel: gaps, retention, what never comes. */
#include "world.h"

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

static bool some_looks(void *arg)
{
	struct world *w = arg;
	return w->looks >= 60;
}

/* An announced change that the database does not have (yet) is asked for now and then, not as fast as it can answer. */
static void what_is_not_there_is_asked_for_slowly(void **state)
{
	struct world *w = *state;
	world_start(w);
	join_channel(w, 1, ME);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, 1, 1);
	client_wait(k, "event 1 2\n");
	publish(w, 1, 5, CHANGE_TOPIC, 0);
	int64_t before = lane_stats(w->sync)->jobs;
	world_until(w, some_looks, w);
	assert_in_range(lane_stats(w->sync)->jobs - before, 1, 30);
	for (int rev = 3; rev <= 5; rev++) write_change(w, 1, "topic", 0);
	client_wait(k, "event 1 5\n");
	client_end(k);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(sessions_of_an_overtaken_owner_attach_anew),
		WORLD_TEST(so_do_those_on_its_own_reactor),
		WORLD_TEST(what_is_not_there_is_asked_for_slowly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
