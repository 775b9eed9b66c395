/* Another history of the database, and reactors that learn of it one after the other. */
#include "hub/heads.h"
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
	if (*state) world_end(*state);
	return 0;
}

/* As a change does, before anybody has heard of it. */
static void turn_over_unheard(struct world *w)
{
	pthread_mutex_lock(&w->hub->lock);
	w->hub->history++;
	atomic_store(&w->hub->epoch, w->epoch.hash);
	pthread_mutex_unlock(&w->hub->lock);
}

static struct client *one_who_reads(struct world *w, int reactor, int64_t channel)
{
	struct client *k = client_open(w, reactor, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 2));
	return k;
}

static void follows(struct reactor *r, struct mail *m)
{
	hub_follow(hub_here(r));
	mem_free(m);
}

static void let_follow(struct world *w, int reactor)
{
	struct mail *m = mem_new(struct mail);
	m->deliver = follows;
	reactor_post(w->r[reactor], m);
}

/* Read before the change, answered after it: the pod is not turned back. */
static void what_was_asked_in_an_earlier_history_says_nothing(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	join_channel(w, channel, ME);
	struct client *k = one_who_reads(w, 0, channel);
	struct hub_reactor *hr = hub_here(w->r[0]);
	uint64_t asked = hr->history, before = w->epoch.hash;
	next_epoch(w);
	hub_epoch_changed(w->hub, w->epoch.hash);
	client_wait(k, "kick draining\n");
	assert_false(hub_ours(hr, asked, before));
	assert_false(hub_ours(hr, asked, w->epoch.hash));
	assert_true(hub_ours(hr, hr->history, w->epoch.hash));
	assert_int_equal(hub_epoch(w->hub), w->epoch.hash);
	client_end(k);
}

/* A session of the new history reaches an owner that has not heard of it. */
static void an_owner_follows_the_attach_of_a_quicker_reactor(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	join_channel(w, channel, ME);
	struct client *old = one_who_reads(w, 1, channel);
	next_epoch(w);
	turn_over_unheard(w);
	let_follow(w, 1);
	client_wait(old, "kick draining\n");
	assert_int_equal(hub_here(w->r[0])->history, 0);
	struct client *k = client_open(w, 1, NULL, 0);
	client_wait(k, "ready");
	const struct cursor at = { channel, 1, 0 };
	struct client *other = client_open(w, 1, &at, 1);
	client_wait(other, line_of("synced", channel, 2));
	assert_int_equal(hub_here(w->r[0])->history, 1);
	say_changes(w, channel, 1);
	client_wait(k, line_of("event", channel, 3));
	client_wait(other, line_of("event", channel, 3));
	assert_null(strstr(client_lines(old), line_of("event", channel, 3)));
	client_end(k);
	client_end(other);
	client_end(old);
}

/* A session of an old history is not attached to an owner of the new one. */
static void a_reactor_follows_an_owner_that_was_quicker(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0), another = channel + 1;
	while (hub_owner_index(w->hub, another) != 0) another++;
	if (another > 4) make_channel(w, another);
	join_channel(w, channel, ME);
	struct client *k = one_who_reads(w, 1, channel);
	turn_over_unheard(w);
	hub_follow(hub_here(w->r[0]));
	join_channel(w, another, ME);
	tell_person(w, ME, 3);
	client_wait(k, "kick draining\n");
	say_changes(w, another, 1);
	struct client *later = client_open(w, 1, NULL, 0);
	client_wait(later, "ready");
	say_changes(w, another, 1);
	client_wait(later, line_of("event", another, 3));
	assert_null(strstr(client_lines(k), line_of("event", another, 2)));
	client_end(later);
	client_end(k);
}

static void news_of_another_epoch_make_the_pod_ask(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	join_channel(w, channel, ME);
	struct client *k = one_who_reads(w, 0, channel);
	next_epoch(w);
	tell_person(w, ME, 3);
	client_wait(k, "kick draining\n");
	client_end(k);
}

/* What its client says of ids is of what it was told: requests are judged by it. */
static void a_session_speaks_of_the_epoch_in_which_it_was_opened(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	uint64_t before = w->epoch.hash;
	join_channel(w, channel, ME);
	struct client *k = one_who_reads(w, 0, channel);
	assert_true(session_epoch(k->session) == before);
	next_epoch(w);
	turn_over_unheard(w);
	assert_true(hub_epoch(w->hub) != before);
	assert_true(session_epoch(k->session) == before);
	hub_follow(hub_here(w->r[0]));
	assert_true(session_epoch(k->session) == before);
	client_end(k);
	struct client *later = client_open(w, 0, NULL, 0);
	client_wait(later, "ready");
	assert_true(session_epoch(later->session) == w->epoch.hash);
	client_end(later);
}

/* Until it has read `ready` it knows only what it knew when it came. */
static void before_ready_it_is_the_epoch_of_the_cursors(void **state)
{
	struct world *w = *state;
	struct client *k = client_make(w, 0, NULL, 0);
	k->hello.epoch = w->epoch.hash + 1;
	client_arrives(w->r[0], &k->mail);
	assert_true(session_epoch(k->session) == w->epoch.hash + 1);
	client_wait(k, "ready");
	assert_true(session_epoch(k->session) == w->epoch.hash);
	client_end(k);
}

/* A copy that was put back has grown past what was delivered: neither epoch nor head tell it, the row's time does. */
static void a_gap_that_begins_in_another_history_is_not_healed(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	join_channel(w, channel, ME);
	struct client *k = one_who_reads(w, 0, channel);
	run_sql(w, "UPDATE changes SET at = at + 1 WHERE channel_id = %lld AND rev = 2", (long long)channel);
	write_change(w, channel, "topic", 0);
	say_changes(w, channel, 1);
	client_wait(k, "kick draining\n");
	assert_null(strstr(client_lines(k), line_of("event", channel, 3)));
	client_end(k);
}

/* A switchover that lost nothing: what a client has seen is there, by its time. */
static void a_cursor_of_another_epoch_goes_on_where_its_time_agrees(void **state)
{
	struct world *w = *state;
	for (int64_t c = 1; c <= 4; c++) {
		join_channel(w, c, ME);
		say_changes(w, c, 2);
	}
	const struct cursor cursors[] = { { 1, 2, 1002 }, { 2, 2, 1003 }, { 3, 2, 0 }, { 4, 0, 0 } };
	struct client *k = client_make(w, 0, cursors, 4);
	k->hello.epoch = w->epoch.hash + 1;
	client_begin(k);
	client_wait(k, line_of("synced", 1, 3));
	client_wait(k, line_of("reset", 2, 3));
	client_wait(k, line_of("reset", 3, 3));
	client_wait(k, line_of("synced", 4, 3));
	assert_non_null(strstr(client_lines(k), line_of("event", 1, 3)));
	assert_non_null(strstr(client_lines(k), line_of("event", 4, 1)));
	assert_null(strstr(client_lines(k), line_of("reset", 1, 3)));
	assert_null(strstr(client_lines(k), line_of("reset", 4, 3)));
	assert_null(strstr(client_lines(k), "event 2"));
	assert_null(strstr(client_lines(k), "event 3"));
	client_end(k);
}

/* The bus has a thread of its own, which goes on until the hub stops. */
static void news_that_come_after_the_lanes_have_ended_ask_nothing(void **state)
{
	struct world *w = *state;
	next_epoch(w);
	world_stop(w);
	publish(w, 1, 1, CHANGE_TOPIC, 0);
	assert_false(atomic_load(&w->hub->probing));
}

static bool both_retry(void *arg)
{
	struct list *head = &((struct world *)arg)->hub->r[0]->retrying;
	return head->next != head && head->next->next != head;
}

static void ask_for_people(struct reactor *r, struct mail *m)
{
	heads_all(hub_here(r));
	mem_free(m);
}

/* Heads of channels and of people: nobody asks again, and nothing of them is left. */
static void what_the_database_has_not_answered_goes_with_the_hub(void **state)
{
	struct world *w = *state;
	int64_t channel = channel_of(w, 0);
	join_channel(w, channel, ME);
	struct client *k = one_who_reads(w, 0, channel);
	run_sql(w, "ALTER TABLE heads RENAME TO heads_away; ALTER TABLE user_heads RENAME TO user_heads_away");
	struct mail *m = mem_new(struct mail);
	m->deliver = ask_for_people;
	reactor_post(w->r[0], m);
	world_until(w, both_retry, w);
	assert_true(both_retry(w));
	world_end(w);
	*state = NULL;
	client_free(k);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_was_asked_in_an_earlier_history_says_nothing),
		WORLD_TEST(an_owner_follows_the_attach_of_a_quicker_reactor),
		WORLD_TEST(a_reactor_follows_an_owner_that_was_quicker),
		WORLD_TEST(news_of_another_epoch_make_the_pod_ask),
		WORLD_TEST(a_gap_that_begins_in_another_history_is_not_healed),
		WORLD_TEST(news_that_come_after_the_lanes_have_ended_ask_nothing),
		WORLD_TEST(what_the_database_has_not_answered_goes_with_the_hub),
		WORLD_TEST(a_cursor_of_another_epoch_goes_on_where_its_time_agrees),
		WORLD_TEST(a_session_speaks_of_the_epoch_in_which_it_was_opened),
		WORLD_TEST(before_ready_it_is_the_epoch_of_the_cursors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
