/* Heads as read: what tells another history, and what only looks like one. */
#include <semaphore.h>

#include "world.h"

static int setup(void **state)
{
	struct world *w = world_make();
	make_person(w, ME);
	for (int64_t c = 1; c <= 4; c++) make_channel(w, c);
	world_start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

static void read_head(struct world *w, int64_t channel)
{
	w->bus->ops->subscribe(w->bus, TOPIC_CHANNEL, channel);
}

/* A client on reactor 0 that has read up to rev 2 of a channel that reactor 0 owns. */
static struct client *one_who_reads(struct world *w, int64_t channel)
{
	join_channel(w, channel, ME);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 2));
	return k;
}

static bool has_run(void *arg)
{
	struct world *w = arg;
	return w->looks >= 30 && lane_depth(w->sync) == 0;
}

/* Two confirmations of one subscription in one turn. */
static void a_head_asked_for_twice_in_a_turn_is_no_other_history(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, channel);
	read_head(w, channel);
	read_head(w, channel);
	world_until(w, has_run, w);
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 3));
	assert_null(strstr(client_lines(k), "kick"));
	client_end(k);
}

/* ---- a read that comes late */

struct step {
	struct job job;
	struct world *w;
	int64_t channel;
	sem_t go, over;
};

static void step_wait(struct job *j, void *state)
{
	struct step *s = container_of(j, struct step, job);
	while (sem_wait(&s->go) != 0) continue;
}

static void step_write(struct job *j, void *state)
{
	struct step *s = container_of(j, struct step, job);
	write_change(s->w, s->channel, "topic", 0);
}

static void step_done(struct job *j)
{
	sem_post(&container_of(j, struct step, job)->over);
}

/* Until the lane has let go of it. */
static void step_end(struct step *s)
{
	while (sem_wait(&s->over) != 0) continue;
}

static void step_submit(struct step *s, struct world *w, int64_t channel, void (*run)(struct job *, void *))
{
	*s = (struct step){ .w = w, .channel = channel };
	sem_init(&s->go, 0, 0), sem_init(&s->over, 0, 0);
	s->job.sure = true;
	s->job.run = run;
	s->job.done = step_done;
	must(lane_submit(w->sync, &s->job));
}

static bool one_waits(void *arg)
{
	return lane_depth(((struct world *)arg)->sync) == 1;
}

static bool none_waits(void *arg)
{
	return lane_depth(((struct world *)arg)->sync) == 0;
}

static bool three_wait(void *arg)
{
	return lane_depth(((struct world *)arg)->sync) == 3;
}

/* Of two reads on their way the first was asked when the owner had less: its answer is not below that. */
static void a_head_is_compared_with_what_the_owner_had_when_it_asked(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, channel);
	struct step first, second, write;
	step_submit(&first, w, channel, step_wait); /* both threads of the lane are busy */
	step_submit(&second, w, channel, step_wait);
	world_until(w, none_waits, w);
	read_head(w, channel); /* will find rev 2 */
	world_until(w, one_waits, w);
	step_submit(&write, w, channel, step_write);
	publish(w, channel, 3, CHANGE_TOPIC, 0);
	client_wait(k, line_of("event", channel, 3));
	read_head(w, channel); /* will find rev 3 */
	world_until(w, three_wait, w);
	sem_post(&first.go);
	world_until(w, has_run, w);
	sem_post(&second.go);
	step_end(&first), step_end(&second), step_end(&write);
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 4));
	assert_null(strstr(client_lines(k), "kick"));
	client_end(k);
}

/* ---- another history */

static void a_head_below_what_was_delivered_closes_the_sessions(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, channel);
	run_sql(w, "UPDATE heads SET rev = 1, rev_at = 1001 WHERE channel_id = %lld", (long long)channel);
	read_head(w, channel);
	client_wait(k, "kick draining\n");
	client_end(k);
}

/* A file copied back changes nothing else. */
static void another_time_of_the_same_rev_closes_them_too(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	struct client *k = one_who_reads(w, channel);
	run_sql(w, "UPDATE heads SET rev_at = rev_at + 1 WHERE channel_id = %lld", (long long)channel);
	read_head(w, channel);
	client_wait(k, "kick draining\n");
	client_end(k);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_head_asked_for_twice_in_a_turn_is_no_other_history),
		WORLD_TEST(a_head_is_compared_with_what_the_owner_had_when_it_asked),
		WORLD_TEST(a_head_below_what_was_delivered_closes_the_sessions),
		WORLD_TEST(another_time_of_the_same_rev_closes_them_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
