/* Two ends in one process, without a socket. */
#include "conn_rig.h"

static void a_pair_delivers_in_the_next_turn(void **state)
{
	struct reactor *r = rig_open();
	struct conn *c[2];
	struct seen a = { .stop_at = 4 }, b = { .echo = true };
	conn_pair(r, c);
	conn_setup(c[0], &seen_handler, &a, NULL);
	conn_setup(c[1], &seen_handler, &b, NULL);
	assert_int_equal(conn_write_now(c[0], "pi", 2), 2);
	conn_write_copy(c[0], "ng", 2);
	conn_flush(c[0]);
	assert_int_equal(b.n, 0);
	rig_run(r);
	assert_string_equal(b.text, "ping");
	assert_string_equal(a.text, "ping");
	a.stop_on_close = true;
	conn_finish(c[0]);
	rig_run(r);
	assert_int_equal(a.why, CONN_CLOSED_HERE);
	assert_int_equal(b.why, CONN_CLOSED_THERE);
	rig_close(r);
}

static void a_pair_has_a_window(void **state)
{
	struct reactor *r = rig_open();
	struct conn *c[2];
	struct seen a = { .stop_on_drain = true }, b = { 0 };
	conn_pair(r, c);
	conn_setup(c[0], &seen_handler, &a, &(struct conn_limits){ .soft = 1000, .hard = 1000000, .stall_ms = 1000 });
	conn_setup(c[1], &seen_handler, &b, NULL);
	conn_pause(c[1]);
	for (int i = 0; i < 6; i++) conn_write_copy(c[0], block, sizeof block);
	conn_flush(c[0]);
	assert_int_equal(conn_queued(c[0]), 2 * sizeof block); /* four are in the window */
	assert_true(conn_full(c[0]));
	conn_resume(c[1]);
	rig_run(r);
	while (b.n < 6 * sizeof block) {
		reactor_stop(r);
		rig_run(r);
	}
	assert_int_equal(b.n, 6 * sizeof block);
	rig_close(r);
}

static void a_pair_works_in_a_virtual_reactor(void **state)
{
	struct reactor *r = reactor_create_virtual(&(struct reactor_options){ .clock = &clock_real });
	conn_layer_open(r, 65536);
	struct conn *c[2];
	struct seen a = { 0 }, b = { .echo = true };
	conn_pair(r, c);
	conn_setup(c[0], &seen_handler, &a, NULL);
	conn_setup(c[1], &seen_half_handler, &b, NULL);
	conn_write_copy(c[0], "ping", 4);
	int turns = 0;
	while (reactor_turn(r)) assert_true(++turns < 10);
	assert_string_equal(a.text, "ping");
	conn_close(c[0]);
	while (reactor_turn(r)) assert_true(++turns < 10);
	assert_int_equal(a.why, CONN_CLOSED_HERE);
	assert_int_equal(b.ended, 1);
	conn_write_copy(c[1], "to nobody", 9);
	while (reactor_turn(r)) assert_true(++turns < 20);
	assert_int_equal(b.why, CONN_RESET);
	rig_close(r);
}

int main(void)
{
	memset(block, 'b', sizeof block);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_delivers_in_the_next_turn),
		cmocka_unit_test(a_pair_has_a_window),
		cmocka_unit_test(a_pair_works_in_a_virtual_reactor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
