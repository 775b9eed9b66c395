/* Readers that are slow: full, told to resume, cut. */
#include "conn_rig.h"

/* ---- slow readers */

static void a_slow_reader_is_full_until_it_has_read_all(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 8192);
	struct seen s = { .stop_on_drain = true };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_setup(c, &seen_handler, &s, &small);
	struct reader reader = { .fd = fd[1], .n = fill(c, 100 * 1024) };
	assert_true(conn_full(c));
	assert_int_equal(conn_write_now(c, "x", 1), 0);
	pthread_create(&reader.thread, NULL, reader_main, &reader);
	rig_run(r);
	pthread_join(reader.thread, NULL);
	assert_int_equal(s.drained, 1);
	assert_false(conn_full(c));
	assert_true(conn_idle_out(c));
	conn_write_copy(c, "x", 1);
	conn_flush(c);
	assert_int_equal(s.drained, 1);
	close(fd[1]);
	rig_close(r);
}

static void past_the_hard_limit_it_is_closed(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 8192);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_setup(c, &seen_handler, &s, &small);
	fill(c, small.hard - sizeof block + 1);
	assert_false(conn_closing(c));
	conn_write_copy(c, block, sizeof block);
	assert_true(conn_closing(c));
	assert_int_equal(conn_queued(c), 0);
	rig_run(r);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_SLOW);
	assert_int_equal(conn_layer_stats(r)->closed_slow, 1);
	close(fd[1]);
	rig_close(r);
}

static void much_at_once_does_not_make_a_reader_slow(void **state)
{
	struct reactor *r = rig_open();
	struct conn *c[2];
	struct seen s = { 0 };
	conn_pair(r, c);
	const struct conn_limits tiny = { .soft = 10, .hard = 100, .stall_ms = 1000 };
	conn_setup(c[0], &seen_handler, &s, &tiny);
	for (int i = 0; i < 100; i++) conn_write_copy(c[0], "0123456789", 10);
	assert_false(conn_closing(c[0]));
	rig_close(r);
}

static void who_takes_nothing_for_too_long_is_closed(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 8192);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	const struct conn_limits quick = { .soft = small.soft, .hard = small.hard, .stall_ms = 30 };
	conn_setup(c, &seen_handler, &s, &quick);
	fill(c, 1000);
	rig_run(r);
	assert_int_equal(s.why, CONN_SLOW);
	close(fd[1]);
	rig_close(r);
}

/* ---- slow readers that are told */

static void last_word(struct conn *c)
{
	struct seen *s = conn_data(c);
	s->told++;
	assert_true(conn_queued(c) > 0);
	conn_write_copy(c, "bye", 3);
}
static const struct conn_handler telling_handler = {
	.data = seen_data, .drained = seen_drained, .closed = seen_closed, .slow = last_word
};

static const struct conn_limits tiny = { .soft = 10, .hard = 1000, .stall_ms = 60000 };

/* A pair whose reader reads nothing, and a writer that has come to its hard limit. */
static struct reactor *too_slow(struct conn *c[2], struct seen *s, struct seen *reader)
{
	struct reactor *r = rig_open();
	conn_pair(r, c);
	conn_pair_window(c[1], 100);
	conn_setup(c[0], &telling_handler, s, &tiny);
	conn_setup(c[1], &seen_handler, reader, NULL);
	conn_pause(c[1]);
	conn_write_copy(c[0], block, 1000);
	assert_false(conn_closing(c[0]));
	conn_write_copy(c[0], block, 101);
	assert_true(conn_closing(c[0]));
	assert_int_equal(s->told, 0); /* never inside the owner's call */
	conn_write_copy(c[0], block, 100);
	assert_int_equal(conn_writev_now(c[0], &(struct iovec){ block, 10 }, 1), 0);
	return r;
}

static void the_last_word_follows_what_was_queued(void **state)
{
	struct conn *c[2];
	struct seen s = { .stop_on_close = true }, reader = { .stop_on_close = true };
	struct reactor *r = too_slow(c, &s, &reader);
	conn_resume(c[1]);
	rig_run(r);
	if (!s.closed || !reader.closed) rig_run(r);
	assert_int_equal(s.told, 1);
	assert_int_equal(s.drained, 0);
	assert_int_equal(s.why, CONN_SLOW_TOLD);
	assert_int_equal(reader.why, CONN_CLOSED_THERE);
	assert_int_equal(reader.n, 1101 + 3);
	assert_memory_equal(reader.text + 1101, "bye", 3);
	assert_int_equal(conn_layer_stats(r)->closed_slow, 1);
	rig_close(r);
}

/* Its owner closes it in the same turn: there is no last word. */
static void who_closes_it_says_nothing_more(void **state)
{
	struct conn *c[2];
	struct seen s = { .stop_on_close = true }, reader = { 0 };
	struct reactor *r = too_slow(c, &s, &reader);
	conn_close(c[0]);
	rig_run(r);
	assert_int_equal(s.told, 0);
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	rig_close(r);
}

static void last_word_and_close(struct conn *c)
{
	last_word(c);
	conn_close(c);
}

static void closed_in_its_last_word(void **state)
{
	static const struct conn_handler handler = { .data = seen_data,
												 .closed = seen_closed,
												 .slow = last_word_and_close };
	struct conn *c[2];
	struct seen s = { .stop_on_close = true }, reader = { 0 };
	struct reactor *r = too_slow(c, &s, &reader);
	conn_setup(c[0], &handler, &s, NULL);
	rig_run(r);
	assert_int_equal(s.told, 1);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	rig_close(r);
}

/* One that stalled is told as well, and cut when it does not take that either. */
static void who_stalls_is_told_and_then_cut(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 8192);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	const struct conn_limits quick = { .soft = small.soft, .hard = small.hard, .stall_ms = 30 };
	conn_setup(c, &telling_handler, &s, &quick);
	fill(c, 1000);
	rig_run(r);
	assert_int_equal(s.told, 1);
	assert_int_equal(s.why, CONN_SLOW);
	assert_int_equal(conn_layer_stats(r)->closed_slow, 1);
	close(fd[1]);
	rig_close(r);
}

static void who_takes_a_little_now_and_then_is_not_closed(void **state)
{
	struct reactor *r = moved_open();
	int fd[2], end;
	peer_sockets(fd, 8192);
	struct seen s = { 0 };
	struct conn *c = adopt(r, &s, fd[0]);
	const struct conn_limits limits = { .soft = small.soft, .hard = small.hard, .stall_ms = 1000 };
	conn_setup(c, &seen_handler, &s, &limits);
	fill(c, 100000);
	size_t before = conn_queued(c);
	char p[32768];
	for (int i = 0; i < 5; i++) {
		pass(r, 900);
		size_t queued = conn_queued(c);
		while (conn_queued(c) == queued) { /* until our kernel has heard that there is room */
			peer_read(fd[1], p, sizeof p, &end);
			pass(r, 0);
		}
	}
	assert_int_equal(s.closed, 0);
	assert_true(conn_queued(c) < before);
	pass(r, 1100);
	assert_int_equal(s.why, CONN_SLOW);
	close(fd[1]);
	rig_close(r);
}

/* As a socket's buffer does: no more than fits waits for the reader, and as it reads more fits. */
static void a_pair_takes_no_more_than_its_window(void **state)
{
	struct reactor *r = moved_open();
	struct conn *c[2];
	struct seen s = { 0 }, reader = { 0 };
	const struct iovec much = { block, 250 };
	conn_pair(r, c);
	conn_setup(c[0], &seen_handler, &s, NULL);
	conn_setup(c[1], &seen_handler, &reader, NULL);
	conn_pause(c[1]);
	conn_pair_window(c[1], 100);
	assert_int_equal(conn_writev_now(c[0], &much, 1), 100);
	assert_int_equal(conn_writev_now(c[0], &much, 1), 0);
	conn_pair_window(c[1], 10); /* what is there already stays */
	assert_int_equal(conn_writev_now(c[0], &much, 1), 0);
	assert_int_equal(conn_writev_now(c[1], &much, 1), 250); /* the other direction has its own */
	conn_resume(c[1]);
	pass(r, 0);
	assert_int_equal(conn_writev_now(c[0], &much, 1), 10);
	rig_close(r);
}

static void the_last_word_is_waited_for_only_so_long(void **state)
{
	struct reactor *r = moved_open();
	struct conn *c[2];
	struct seen s = { 0 }, reader = { 0 };
	conn_pair(r, c);
	conn_pair_window(c[1], 100);
	conn_setup(c[0], &telling_handler, &s, &tiny);
	conn_setup(c[1], &seen_handler, &reader, NULL);
	conn_pause(c[1]);
	conn_write_copy(c[0], block, 1200);
	pass(r, 0);
	assert_int_equal(s.told, 1);
	pass(r, 9900);
	assert_int_equal(s.closed, 0);
	pass(r, 200);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_SLOW);
	rig_close(r);
}

/* A reader that takes `window` bytes each second; after how many seconds it is cut, 0: not within three minutes. */
static int seconds_until_cut(size_t window)
{
	struct reactor *r = moved_open();
	struct conn *c[2];
	struct seen s = { 0 }, reader = { 0 };
	int seconds = 0;
	conn_pair(r, c);
	conn_pair_window(c[1], window);
	conn_setup(c[0], &seen_handler, &s, &(struct conn_limits){ .soft = 1000, .hard = 1000000, .stall_ms = 60000 });
	conn_setup(c[1], &seen_handler, &reader, NULL);
	conn_pause(c[1]);
	for (int i = 0; i < 10; i++) conn_write_copy(c[0], block, sizeof block);
	for (; !s.closed && seconds < 180; seconds++) {
		conn_resume(c[1]);
		reactor_stop(r), reactor_run(r);
		conn_pause(c[1]);
		pass(r, 1000);
	}
	if (s.closed) assert_int_equal(s.why, CONN_SLOW);
	if (!s.closed) seconds = 0;
	rig_close(r);
	return seconds;
}

static void next_to_nothing_is_a_stall(void **state)
{
	assert_in_range(seconds_until_cut(100), 55, 65);
	assert_int_equal(seconds_until_cut(400), 0);
}

int main(void)
{
	memset(block, 'b', sizeof block);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_reader_is_full_until_it_has_read_all),
		cmocka_unit_test(past_the_hard_limit_it_is_closed),
		cmocka_unit_test(much_at_once_does_not_make_a_reader_slow),
		cmocka_unit_test(who_takes_nothing_for_too_long_is_closed),
		cmocka_unit_test(the_last_word_follows_what_was_queued),
		cmocka_unit_test(who_closes_it_says_nothing_more),
		cmocka_unit_test(closed_in_its_last_word),
		cmocka_unit_test(who_stalls_is_told_and_then_cut),
		cmocka_unit_test(next_to_nothing_is_a_stall),
		cmocka_unit_test(a_pair_takes_no_more_than_its_window),
		cmocka_unit_test(the_last_word_is_waited_for_only_so_long),
		cmocka_unit_test(who_takes_a_little_now_and_then_is_not_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
