/* A channel on one reactor: places of subscribers, frames that nobody waits for, a walk that was cut. */
#include "hub/local.h"
#include "world.h"

static int setup(void **state)
{
	struct world *w = world_make();
	make_person(w, ME);
	make_channel(w, 1);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

static void assert_places(const struct local *l, size_t n)
{
	assert_int_equal(l->subs.n, n);
	for (size_t i = 0; i < n; i++) assert_int_equal(l->subs.p[i]->at, i);
}

/* What a walk has reached stays reached, whoever leaves in whatever order while it is cut. */
static void who_leaves_a_walk_leaves_no_wrong_place(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct hub_reactor *hr = hub_here(w->r[0]);
	struct sub subs[4] = { 0 };
	local_hold(hr, 1);
	struct local *l = local_need(hr, 1);
	for (int i = 0; i < 4; i++) local_add(l, &subs[i]);
	l->walking = true, l->walk_at = 3;
	local_remove(&subs[3]); /* all that are left were reached */
	assert_places(l, 3);
	local_remove(&subs[0]);
	assert_places(l, 2);
	assert_int_equal(l->walk_at, 2);
	local_remove(&subs[2]);
	local_remove(&subs[1]);
	assert_places(l, 0);
	l->walking = false;
	local_unhold(hr, 1);
}

static void who_was_not_reached_stays_so(void **state)
{
	struct world *w = *state;
	world_start(w);
	struct hub_reactor *hr = hub_here(w->r[0]);
	struct sub subs[5] = { 0 };
	local_hold(hr, 1);
	struct local *l = local_need(hr, 1);
	for (int i = 0; i < 5; i++) local_add(l, &subs[i]);
	l->walking = true, l->walk_at = 2;
	local_remove(&subs[0]);
	assert_places(l, 4);
	assert_int_equal(l->walk_at, 1);
	assert_ptr_equal(l->subs.p[0], &subs[1]);
	local_remove(&subs[4]);
	assert_places(l, 3);
	assert_int_equal(l->walk_at, 1);
	for (int i = 1; i < 4; i++) local_remove(&subs[i]);
	l->walking = false;
	local_unhold(hr, 1);
}

static struct frame *frame_of(struct world *w, int64_t rev)
{
	struct event *e = make_event(w, 1, rev, CHANGE_TOPIC, 0);
	struct frame *frame = frame_create(e);
	event_unref(e);
	return frame;
}

static void frames_come(struct world *w, int64_t from, int64_t to)
{
	for (int64_t rev = from; rev <= to; rev++) {
		struct frame *f = frame_of(w, rev);
		local_frames(hub_here(w->r[0]), 1, &f, 1);
		frame_unref(f);
	}
}

static void rejoin_at(struct sub *sub, int64_t pos)
{
	sub->pos = pos;
	local_add(local_need(sub->session->here, 1), sub);
}

static bool is_live(void *arg)
{
	const struct client *k = arg;
	const struct sub *sub = session_sub(k->session, 1);
	return sub && sub->state == SUB_LIVE;
}

/* The last subscriber goes while frames wait, and others come while nobody is there: who comes back begins behind them.
 */
static void frames_that_nobody_waited_for_leave_no_hole(void **state)
{
	struct world *w = *state;
	world_start(w);
	join_channel(w, 1, ME);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, 1, 1);
	client_wait(k, "event 1 2\n");
	world_until(w, is_live, k); /* the event may have come by the snapshot of an attach */
	struct hub_reactor *hr = hub_here(w->r[0]);
	struct sub *sub = session_sub(k->session, 1);
	local_hold(hr, 1); /* as by an attach under way */
	frames_come(w, 3, 3);
	local_remove(sub);
	frames_come(w, 4, 4);
	rejoin_at(sub, 4);
	frames_come(w, 5, 6);
	local_unhold(hr, 1);
	client_wait(k, "event 1 6\n");
	assert_non_null(strstr(client_lines(k), "event 1 2\nevent 1 5\nevent 1 6\n"));
	client_end(k);
}

/* The same while a walk was cut. */
static void frames_are_forgotten_in_the_midst_of_a_walk(void **state)
{
	struct world *w = *state;
	world_start(w);
	join_channel(w, 1, ME);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, 1, 1);
	client_wait(k, "event 1 2\n");
	world_until(w, is_live, k); /* the event may have come by the snapshot of an attach */
	struct hub_reactor *hr = hub_here(w->r[0]);
	struct sub *sub = session_sub(k->session, 1);
	struct local *l = local_get(hr, 1);
	local_hold(hr, 1);
	frames_come(w, 3, 4);
	l->walking = true, l->walk_at = 0, l->walk_to = 4;
	local_remove(sub);
	frames_come(w, 5, 5);
	rejoin_at(sub, 5);
	frames_come(w, 6, 7);
	local_unhold(hr, 1);
	client_wait(k, "event 1 7\n");
	assert_non_null(strstr(client_lines(k), "event 1 2\nevent 1 6\nevent 1 7\n"));
	client_end(k);
}

/* Retention has overtaken the owner: one who is past it by a snapshot stays, and goes on behind the hole. */
static void who_is_past_the_hole_goes_on(void **state)
{
	struct world *w = *state;
	world_start(w);
	join_channel(w, 1, ME);
	struct client *k = client_open(w, 0, NULL, 0);
	client_wait(k, "ready");
	say_changes(w, 1, 1);
	client_wait(k, "event 1 2\n");
	world_until(w, is_live, k); /* the event may have come by the snapshot of an attach */
	struct hub_reactor *hr = hub_here(w->r[0]);
	frames_come(w, 3, 4);
	session_sub(k->session, 1)->pos = 20;
	local_reattach(hr, hr, 1, 20);
	frames_come(w, 21, 22);
	client_wait(k, "event 1 22\n");
	assert_non_null(strstr(client_lines(k), "event 1 2\nevent 1 21\nevent 1 22\n"));
	client_end(k);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(who_leaves_a_walk_leaves_no_wrong_place),
		WORLD_TEST(who_was_not_reached_stays_so),
		WORLD_TEST(frames_that_nobody_waited_for_leave_no_hole),
		WORLD_TEST(frames_are_forgotten_in_the_midst_of_a_walk),
		WORLD_TEST(who_is_past_the_hole_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
