/* The head check on Postgres: what the bus has lost is found, for channels and people, by what has moved and by id; and
 * without it nobody hears of the last event of a burst. */
#include <sched.h>
#include <semaphore.h>

#include "hub/check.h"
#include "store/moves.h"
#include "support/postgres.h"
#include "world.h"

#define EVERY_MS 100 /* between checks */

static struct postgres *server;

/* One database, empty for each test. */
static struct world *make(void)
{
	struct world *w = world_make_in(postgres_url(server));
	run_sql(w, "TRUNCATE users, user_heads, sessions, heads, channels, members, changes, moves");
	w->uncertain = true;
	w->config.head_check_ms = w->config.head_check_away_ms = EVERY_MS;
	make_person(w, ME);
	for (int64_t c = 1; c <= 4; c++) make_channel(w, c);
	return w;
}

static int setup(void **state)
{
	struct world *w = make();
	world_start(w);
	*state = w;
	return 0;
}

static int setup_without(void **state)
{
	struct world *w = make();
	w->config.faults = STR("no_head_check");
	world_start(w);
	*state = w;
	return 0;
}

/* Nothing but what a test asks for. */
static int setup_rare(void **state)
{
	struct world *w = make();
	w->config.head_check_ms = w->config.head_check_away_ms = 60000;
	world_start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

static int64_t total(struct world *w, enum metric id)
{
	return metric_total(w->metrics, id);
}

struct more {
	struct world *w;
	enum metric id;
	int64_t than;
};

static bool is_more(void *arg)
{
	const struct more *m = arg;
	return total(m->w, m->id) > m->than;
}

/* Until `n` more checks have been answered. */
static void checks(struct world *w, int n)
{
	struct more m = { w, METRIC_HUB_CHECK_SECONDS, total(w, METRIC_HUB_CHECK_SECONDS) + n - 1 };
	world_until(w, is_more, &m);
	assert_true(is_more(&m));
}

static struct client *one_who_reads(struct world *w, int reactor, int64_t channel)
{
	join_channel(w, channel, ME);
	struct client *k = client_open(w, reactor, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 2));
	return k;
}

/* ---- channels */

static void a_lost_last_event_is_found(void **state)
{
	struct world *w = *state;
	for (int owner = 0; owner < WORLD_REACTORS; owner++) {
		int64_t channel = channel_of(w, (size_t)owner);
		struct client *k = one_who_reads(w, 1 - owner, channel);
		checks(w, 2); /* the first reads by id, those that follow what has moved */
		int64_t whole = total(w, METRIC_HUB_CHECK_WHOLE), found = total(w, METRIC_HUB_CHECK_FOUND);
		assert_int_equal(write_change(w, channel, "topic", 0), 3);
		client_wait(k, line_of("event", channel, 3));
		assert_int_equal(total(w, METRIC_HUB_CHECK_WHOLE), whole);
		assert_true(total(w, METRIC_HUB_CHECK_FOUND) > found);
		client_end(k);
	}
}

static void the_first_check_reads_by_id(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, 0, channel);
	write_change(w, channel, "topic", 0);
	run_sql(w, "DELETE FROM moves");
	check_soon(w->hub->check);
	client_wait(k, line_of("event", channel, 3));
	assert_int_equal(total(w, METRIC_HUB_CHECK_WHOLE), 1);
	client_end(k);
}

/* A mechanism that is not needed is not tested by the tests above. */
static void without_it_nobody_hears_of_the_last_event(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, 0, channel);
	write_change(w, channel, "topic", 0);
	check_soon(w->hub->check);
	struct client *later = client_open(w, 0, NULL, 0); /* many turns; reads the list, which is at 3 */
	client_wait(later, "ready");
	assert_null(strstr(client_lines(k), line_of("event", channel, 3)));
	assert_int_equal(total(w, METRIC_HUB_CHECK_SECONDS), 0);
	client_end(later);
	client_end(k);
}

static void what_nobody_here_reads_is_passed_over(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0), other = channel_of(w, 1);
	struct client *k = one_who_reads(w, 0, channel);
	checks(w, 2);
	int64_t rows = total(w, METRIC_HUB_CHECK_ROWS);
	for (int i = 0; i < 5; i++) write_change(w, other, "topic", 0);
	checks(w, 2);
	assert_int_equal(total(w, METRIC_HUB_CHECK_ROWS), rows + 1);
	assert_null(owner_get(hub_here(w->r[0]), other));
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 3));
	client_end(k);
}

/* A head below what was delivered, in the same epoch. */
static void a_head_that_went_back_is_another_history(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 1);
	struct client *k = one_who_reads(w, 0, channel);
	checks(w, 2);
	run_sql(w,
			"UPDATE heads SET rev = 1, rev_at = 1001 WHERE channel_id = %lld;"
			"INSERT INTO moves (channel_id, rev) VALUES (%lld, 1)",
			(long long)channel, (long long)channel);
	client_wait(k, "kick draining\n");
	client_end(k);
}

/* ---- an answer that comes late */

struct step {
	struct job job;
	sem_t go;
};

static void step_wait(struct job *j, void *state)
{
	struct step *s = container_of(j, struct step, job);
	while (sem_wait(&s->go) != 0) continue;
}

static void step_done(struct job *j) {}

static void step_submit(struct step *s, struct world *w)
{
	*s = (struct step){ .job = { .sure = true, .run = step_wait, .done = step_done } };
	sem_init(&s->go, 0, 0);
	must(lane_submit(w->sync, &s->job));
}

static bool none_waits(void *arg)
{
	return lane_depth(((struct world *)arg)->sync) == 0;
}

static bool one_waits(void *arg)
{
	return lane_depth(((struct world *)arg)->sync) == 1;
}

/* While the answer is on its way the owner, on another reactor, goes on: the head is below what it has, and not below
 * what it had when it was asked. */
static void a_head_is_compared_with_what_the_pod_had_when_it_asked(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 1);
	struct client *k = one_who_reads(w, 1, channel);
	struct step first, second;
	check_soon(w->hub->check);
	checks(w, 1);
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 3));
	step_submit(&first, w), step_submit(&second, w);
	world_until(w, none_waits, w); /* both threads are busy */
	check_soon(w->hub->check);
	world_until(w, one_waits, w);
	int64_t jobs = lane_stats(w->sync)->jobs, rows = total(w, METRIC_HUB_CHECK_ROWS);
	sem_post(&first.go);
	while (lane_stats(w->sync)->jobs < jobs + 2)
		sched_yield(); /* read; reactor 0, which is this thread, has not heard */
	say_changes(w, channel, 1);
	struct waiting four = { k, line_of("event", channel, 4) };
	while (!has_line(&four)) sched_yield();
	checks(w, 1);
	assert_int_equal(total(w, METRIC_HUB_CHECK_ROWS), rows + 1);
	sem_post(&second.go);
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 5));
	assert_null(strstr(client_lines(k), "kick"));
	client_end(k);
}

/* ---- people */

static void a_new_channel_of_ones_own_is_found(void **state)
{
	struct world *w = *state;
	struct client *k[WORLD_REACTORS];
	for (int i = 0; i < WORLD_REACTORS; i++) {
		k[i] = client_open(w, i, NULL, 0);
		client_wait(k[i], "ready");
	}
	checks(w, 2);
	int64_t whole = total(w, METRIC_HUB_CHECK_WHOLE);
	join_channel(w, 3, ME); /* nobody is told of the list */
	for (int i = 0; i < WORLD_REACTORS; i++) client_wait(k[i], "channel 3\n");
	assert_int_equal(total(w, METRIC_HUB_CHECK_WHOLE), whole);
	for (int i = 0; i < WORLD_REACTORS; i++) client_end(k[i]);
}

static void by_id_as_well(void **state)
{
	struct world *w = *state;
	struct client *k = client_open(w, 1, NULL, 0);
	client_wait(k, "ready");
	join_channel(w, 3, ME);
	run_sql(w, "DELETE FROM moves");
	check_soon(w->hub->check);
	client_wait(k, "channel 3\n");
	client_end(k);
}

static void a_lost_kick_cuts_off_all_the_same(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, 1, channel);
	assert_int_equal(kick_from(w, channel, ME), 3);
	client_wait(k, line_of("gone", channel, -1));
	assert_non_null(strstr(client_lines(k), line_of("event", channel, 3)));
	client_end(k);
}

static void a_lost_revocation_as_well(void **state)
{
	struct world *w = *state;
	run_sql(w, "INSERT INTO sessions (session_id, kind, user_id, scopes, created_at, used_at) "
			   "VALUES ('01AAAAAAAAAAAAAAAAAAAAAAAA', 'cookie', 7, 0, 1, 1), "
			   "('01BBBBBBBBBBBBBBBBBBBBBBBB', 'cookie', 7, 0, 1, 1)");
	struct client *ended = client_make(w, 0, NULL, 0), *kept = client_make(w, 1, NULL, 0);
	ended->session_id = "01AAAAAAAAAAAAAAAAAAAAAAAA";
	kept->session_id = "01BBBBBBBBBBBBBBBBBBBBBBBB";
	client_begin(ended), client_begin(kept);
	client_wait(ended, "ready"), client_wait(kept, "ready");
	run_sql(w, "UPDATE sessions SET revoked_at = 2 WHERE session_id = '01AAAAAAAAAAAAAAAAAAAAAAAA'");
	move_person(w, ME);
	client_wait(ended, "kick session_revoked\n");
	join_channel(w, 3, ME);
	client_wait(kept, "channel 3\n");
	assert_null(strstr(client_lines(kept), "kick"));
	client_end(ended);
	client_end(kept);
}

/* ---- the bus away */

static void nobody_confirms(struct bus *b, enum topic_kind kind, int64_t id) {}

/* Whoever comes is served without a subscription, and hears of everything by head checks. */
static void a_pod_serves_without_its_bus(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0), other = channel_of(w, 1);
	join_channel(w, channel, ME);
	w->bus_ops.subscribe = nobody_confirms;
	struct client *waits = client_open(w, 0, NULL, 0);
	checks(w, 2);
	assert_string_equal(client_lines(waits), "");
	heads_away(w->hub, true);
	client_wait(waits, "ready");
	struct client *comes = client_open(w, 1, NULL, 0);
	client_wait(comes, "ready");
	write_change(w, channel, "topic", 0);
	client_wait(waits, line_of("event", channel, 2));
	client_wait(comes, line_of("event", channel, 2));
	join_channel(w, other, ME);
	client_wait(waits, line_of("channel", other, -1));
	client_wait(comes, line_of("channel", other, -1)); /* its stream begins at the list's rev */
	write_change(w, other, "topic", 0);
	client_wait(comes, line_of("event", other, 2));
	client_end(waits);
	client_end(comes);
}

/* Often while the bus is away, and once it is back at once. */
static void it_asks_at_once_when_the_bus_goes_and_comes(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, 0, channel);
	for (int i = 0; i < 2; i++) {
		write_change(w, channel, "topic", 0);
		heads_away(w->hub, i == 0);
		client_wait(k, line_of("event", channel, 3 + i));
	}
	client_end(k);
}

#define CHECK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define CHECK_TEST_RARE(f) cmocka_unit_test_setup_teardown(f, setup_rare, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(a_lost_last_event_is_found),
		CHECK_TEST_RARE(the_first_check_reads_by_id),
		cmocka_unit_test_setup_teardown(without_it_nobody_hears_of_the_last_event, setup_without, teardown),
		CHECK_TEST(what_nobody_here_reads_is_passed_over),
		CHECK_TEST(a_head_that_went_back_is_another_history),
		CHECK_TEST_RARE(a_head_is_compared_with_what_the_pod_had_when_it_asked),
		CHECK_TEST(a_new_channel_of_ones_own_is_found),
		CHECK_TEST_RARE(by_id_as_well),
		CHECK_TEST(a_lost_kick_cuts_off_all_the_same),
		CHECK_TEST(a_lost_revocation_as_well),
		CHECK_TEST(a_pod_serves_without_its_bus),
		CHECK_TEST_RARE(it_asks_at_once_when_the_bus_goes_and_comes),
	};
	log_capture(hush, NULL);
	server = postgres_start(NULL);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgres_destroy(server);
	return failed;
}
