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

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(who_leaves_a_walk_leaves_no_wrong_place),
		WORLD_TEST(who_was_not_reached_stays_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
