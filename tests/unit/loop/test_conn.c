#include "conn_rig.h"

/* ---- bytes */

static void what_is_read_is_shown_and_what_is_written_arrives(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .echo = true, .stop_on_close = true };
	adopt(r, &s, fd[0]);
	assert_int_equal(s.opened, 1);
	assert_int_equal(conn_peer(s.c).n, 9);
	assert_memory_equal(conn_peer(s.c).p, "127.0.0.1", 9);
	assert_int_equal(write(fd[1], "hello", 5), 5);
	shutdown(fd[1], SHUT_WR);
	rig_run(r);
	assert_string_equal(s.text, "hello");
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_CLOSED_THERE);
	char got[16] = "";
	int end;
	assert_int_equal(peer_read(fd[1], got, sizeof got, &end), 5); /* what was queued when the peer ended was written */
	assert_string_equal(got, "hello");
	assert_int_equal(end, 0);
	const struct conn_stats *stats = conn_layer_stats(r);
	assert_int_equal(stats->open, 0);
	assert_int_equal(stats->read_bytes, 5);
	assert_int_equal(stats->written_bytes, 5);
	close(fd[1]);
	rig_close(r);
}

static void writes_of_one_turn_are_one_send(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	struct chunk *chunk = chunk_copy("0123456789", 10);
	conn_write(c, chunk, 0, 4);
	conn_write(c, chunk, 4, 2);
	conn_write(c, chunk, 8, 2);
	conn_write_copy(c, "ab", 2);
	conn_write(c, chunk, 3, 0);
	chunk_unref(chunk);
	assert_int_equal(conn_queued(c), 10);
	assert_false(conn_idle_out(c));
	conn_finish(c);
	conn_write_copy(c, "late", 4); /* ignored */
	assert_true(conn_closing(c));
	shutdown(fd[1], SHUT_WR);
	rig_run(r);
	char got[16] = "";
	int end;
	assert_int_equal(peer_read(fd[1], got, sizeof got, &end), 10);
	assert_string_equal(got, "01234589ab");
	assert_int_equal(conn_layer_stats(r)->writes, 1);
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	close(fd[1]);
	rig_close(r);
}

static void flush_and_write_now_do_not_wait_for_the_turn(void **state)
{
	struct reactor *r = rig_open();
	int fd[2], end;
	char got[8] = "";
	peer_sockets(fd, 0);
	struct seen s = { 0 };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_write_copy(c, "ab", 2);
	assert_int_equal(conn_write_now(c, "x", 1), 0); /* not past what is queued */
	conn_flush(c);
	assert_true(conn_idle_out(c));
	assert_int_equal(peer_read(fd[1], got, 2, &end), 2);
	assert_int_equal(conn_write_now(c, "cd", 2), 2);
	assert_int_equal(peer_read(fd[1], got + 2, 2, &end), 2);
	assert_string_equal(got, "abcd");
	conn_close(c);
	assert_int_equal(conn_write_now(c, "x", 1), 0);
	assert_int_equal(s.closed, 0); /* at the end of the turn */
	close(fd[1]);
	rig_close(r);
	assert_int_equal(s.closed, 1);
}

/* ---- back-pressure */

static void while_paused_nothing_is_read(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 8192);
	struct seen s = { .stop_at = 4 };
	struct conn *c = adopt(r, &s, fd[0]);
	write(fd[1], "1234", 4);
	rig_run(r);
	conn_pause(c);
	size_t sent = 0;
	for (int quiet = 0; quiet < 3;) { /* until the kernel takes no more, though the loop turns */
		ssize_t w = write(fd[1], block, sizeof block);
		if (w > 0)
			sent += (size_t)w;
		else
			quiet++;
		reactor_stop(r);
		rig_run(r);
	}
	assert_int_equal(s.n, 4);
	assert_true(sent > 0);
	s.stop_at = 4 + sent;
	conn_resume(c);
	rig_run(r);
	assert_int_equal(s.n, 4 + sent);
	close(fd[1]);
	rig_close(r);
}

static void pauses_inside_data(struct conn *c, const char *p, size_t n)
{
	seen_data(c, p, n);
	conn_pause(c);
}

static void pausing_inside_data_stops_the_reading_at_once(void **state)
{
	struct conn_handler h = seen_handler;
	h.data = pauses_inside_data;
	struct reactor *r = reactor_create(&(struct reactor_options){ 0 });
	conn_layer_open(r, 8); /* so small that one reading fills it */
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .stop_at = 1 };
	s.c = conn_adopt(r, fd[0], &h, &s);
	write(fd[1], "0123456789abcdefghij", 20);
	rig_run(r);
	assert_int_equal(s.n, 8);
	conn_resume(s.c);
	rig_run(r);
	assert_int_equal(s.n, 16);
	conn_resume(s.c);
	rig_run(r);
	assert_string_equal(s.text, "0123456789abcdefghij");
	close(fd[1]);
	rig_close(r);
}

/* ---- handlers that change */

static void second_data(struct conn *c, const char *p, size_t n)
{
	seen_data(c, p, n);
}
static const struct conn_handler second_handler = { .data = second_data, .closed = seen_closed };
static struct seen second;

static void first_data(struct conn *c, const char *p, size_t n)
{
	seen_data(c, p, 3); /* its part; the rest is the next one's */
	conn_setup(c, &second_handler, &second, NULL);
	if (n > 3) second_handler.data(c, p + 3, n - 3);
}

static void a_handler_may_be_changed_inside_data(void **state)
{
	const struct conn_handler first_handler = { .data = first_data, .closed = seen_closed };
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen first = { 0 };
	second = (struct seen){ 0 };
	conn_adopt(r, fd[0], &first_handler, &first);
	write(fd[1], "GETws1", 6);
	second.stop_at = 3;
	rig_run(r);
	write(fd[1], "ws2", 3);
	second.stop_at = 6;
	rig_run(r);
	assert_string_equal(first.text, "GET");
	assert_string_equal(second.text, "ws1ws2");
	close(fd[1]);
	rig_close(r);
	assert_int_equal(first.closed, 0);
	assert_int_equal(second.closed, 1);
}

/* ---- ends */

static void closes_inside(struct conn *c, const char *p, size_t n)
{
	struct seen *s = conn_data(c);
	seen_data(c, p, n);
	conn_close(c);
	conn_close(c);
	conn_finish(c);
	conn_write_copy(c, "x", 1);
	assert_int_equal(s->closed, 0);
	assert_true(conn_closing(c));
}

static void a_handler_may_close_inside_its_own_call(void **state)
{
	struct conn_handler h = seen_handler;
	h.data = closes_inside;
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .stop_on_close = true };
	conn_adopt(r, fd[0], &h, &s);
	write(fd[1], "hello", 5);
	rig_run(r);
	assert_string_equal(s.text, "hello");
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	close(fd[1]);
	rig_close(r);
	assert_int_equal(s.closed, 1);
}

static struct conn *other_conn;
static void closes_the_other(struct conn *c, const char *p, size_t n)
{
	seen_data(c, p, n);
	conn_write_copy(other_conn, "never", 5); /* it waits for the flush, and is gone before */
	conn_close(other_conn);
}

static void one_may_close_another_that_waits_for_its_flush(void **state)
{
	struct conn_handler h = seen_handler;
	h.data = closes_the_other;
	struct reactor *r = rig_open();
	int a[2], b[2], end;
	char p[8];
	peer_sockets(a, 0);
	peer_sockets(b, 0);
	struct seen s = { 0 }, t = { .stop_on_close = true };
	conn_adopt(r, a[0], &h, &s);
	other_conn = adopt(r, &t, b[0]);
	write(a[1], "x", 1);
	rig_run(r);
	assert_int_equal(t.why, CONN_CLOSED_HERE);
	assert_int_equal(peer_read(b[1], p, sizeof p, &end), 0);
	close(a[1]);
	close(b[1]);
	rig_close(r);
}

static void tells_the_other(struct conn *c, enum conn_end why)
{
	seen_closed(c, why);
	conn_write_copy(c, "x", 1); /* nothing happens */
	conn_close(c);
	conn_write_copy(other_conn, "gone", 4);
}

static void what_is_written_to_another_in_closed_is_flushed(void **state)
{
	struct conn_handler h = seen_handler;
	h.closed = tells_the_other;
	struct reactor *r = rig_open();
	struct conn *c[2];
	int a[2];
	peer_sockets(a, 0);
	struct seen s = { 0 }, t = { 0 }, u = { .stop_at = 4 };
	conn_pair(r, c);
	other_conn = c[0];
	conn_setup(c[0], &seen_handler, &t, NULL);
	conn_setup(c[1], &seen_handler, &u, NULL);
	conn_adopt(r, a[0], &h, &s);
	close(a[1]);
	rig_run(r);
	assert_int_equal(s.closed, 1);
	assert_string_equal(u.text, "gone");
	rig_close(r);
}

static int refills;
static void refills_when_drained(struct conn *c)
{
	seen_drained(c);
	for (int i = 0; i < 2; i++) conn_write_copy(c, block, sizeof block);
	if (++refills == 50) conn_finish(c);
}

static void a_download_goes_on_when_drained(void **state)
{
	struct conn_handler h = seen_handler;
	h.drained = refills_when_drained;
	struct reactor *r = rig_open();
	struct conn *c[2];
	struct seen s = { 0 }, t = { .stop_on_close = true };
	conn_pair(r, c);
	conn_setup(c[0], &h, &s, NULL);
	conn_setup(c[1], &seen_handler, &t, NULL);
	refills = 0;
	for (int i = 0; i < 2; i++) conn_write_copy(c[0], block, sizeof block);
	rig_run(r);
	assert_int_equal(refills, 50);
	assert_int_equal(t.n, 51 * 2 * sizeof block);
	assert_int_equal(t.why, CONN_CLOSED_THERE);
	rig_close(r);
}

static void closes_when_opened(struct conn *c)
{
	conn_close(c);
}
static void closes_when_drained(struct conn *c)
{
	seen_drained(c);
	conn_close(c);
}

static void it_may_close_when_opened_and_when_drained(void **state)
{
	struct conn_handler h = seen_handler;
	struct reactor *r = rig_open();
	int a[2], b[2];
	peer_sockets(a, 0);
	peer_sockets(b, 0);
	struct seen s = { .stop_on_close = true }, t = { .stop_on_close = true };
	h.opened = closes_when_opened;
	conn_adopt(r, a[0], &h, &s);
	rig_run(r);
	assert_int_equal(s.closed, 1);
	h.opened = NULL, h.drained = closes_when_drained;
	struct conn *c = conn_adopt(r, b[0], &h, &t);
	conn_setup(c, &h, &t, &(struct conn_limits){ .soft = 1, .hard = 100, .stall_ms = 1000 });
	conn_write_copy(c, "12", 2);
	rig_run(r);
	assert_int_equal(t.drained, 1);
	assert_int_equal(t.closed, 1);
	close(a[1]);
	close(b[1]);
	rig_close(r);
}

static void a_peer_that_ended_may_still_be_answered(void **state)
{
	struct reactor *r = rig_open();
	int fd[2], end;
	char got[8] = "";
	peer_sockets(fd, 0);
	struct seen s = { .stop_at = 3, .stop_on_close = true };
	struct conn *c = conn_adopt(r, fd[0], &seen_half_handler, &s);
	write(fd[1], "ask", 3);
	shutdown(fd[1], SHUT_WR);
	rig_run(r);
	while (!s.ended) { /* the end comes with the next turn */
		reactor_stop(r);
		rig_run(r);
	}
	assert_int_equal(s.closed, 0);
	conn_write_copy(c, "answer", 6);
	conn_finish(c);
	rig_run(r);
	assert_int_equal(peer_read(fd[1], got, sizeof got, &end), 6);
	assert_string_equal(got, "answer");
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	close(fd[1]);
	rig_close(r);
}

static void reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
}

static void what_came_before_a_reset_is_still_read(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .stop_on_close = true };
	adopt(r, &s, fd[0]);
	write(fd[1], "QUIT", 4);
	reset(fd[1]);
	rig_run(r);
	assert_string_equal(s.text, "QUIT");
	assert_int_equal(s.why, CONN_RESET);
	rig_close(r);
}

static void writing_to_one_that_reset_closes_once(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_pause(c);
	reset(fd[1]);
	assert_int_equal(conn_write_now(c, "x", 1), 0); /* never closes in the call */
	assert_false(conn_closing(c));
	conn_write_copy(c, "x", 1);
	rig_run(r);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_RESET);
	rig_close(r);
}

/* The client sends more than is read, then reads the answer: without the discarding an RST eats it. */
static void finishing_lets_the_answer_through_before_the_rest_was_read(void **state)
{
	struct reactor *r = rig_open();
	int fd[2], end;
	char got[64] = "";
	peer_sockets(fd, 0);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_pause(c);
	for (int i = 0; i < 3; i++) assert_int_equal(write(fd[1], block, sizeof block), sizeof block);
	conn_write_copy(c, "413", 3);
	conn_finish(c);
	while (!got[0]) { /* the server's side is shut by now; the client goes on sending all the same */
		reactor_stop(r);
		rig_run(r);
		peer_read(fd[1], got, 3, &end);
	}
	assert_string_equal(got, "413");
	assert_int_equal(write(fd[1], "more", 4), 4);
	assert_int_equal(peer_read(fd[1], got, 1, &end), 0);
	assert_int_equal(end, 0); /* FIN, not RST */
	assert_int_equal(s.closed, 0);
	shutdown(fd[1], SHUT_WR);
	rig_run(r);
	assert_int_equal(s.n, 0); /* the handler saw none of it */
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	close(fd[1]);
	rig_close(r);
}

static void finishing_discards_only_so_much(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { .stop_on_close = true };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_write_copy(c, "413", 3);
	conn_finish(c);
	size_t sent = 0;
	while (!s.closed) {
		ssize_t w = send(fd[1], block, sizeof block, MSG_NOSIGNAL);
		if (w > 0) sent += (size_t)w;
		reactor_stop(r);
		rig_run(r);
		if (w < 0 && errno != EAGAIN) break;
	}
	assert_int_equal(s.closed, 1);
	assert_true(conn_layer_stats(r)->read_bytes >= 256 * 1024);
	assert_true(conn_layer_stats(r)->read_bytes < 2 * 256 * 1024);
	close(fd[1]);
	rig_close(r);
}

static void finishing_waits_only_so_long_for_the_peers_end(void **state)
{
	struct reactor *r = moved_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct seen s = { 0 };
	struct conn *c = adopt(r, &s, fd[0]);
	conn_deadline(c, 100, conn_close); /* ends with the finish */
	conn_write_copy(c, "bye", 3);
	conn_finish(c);
	conn_deadline(c, 100, conn_close);
	pass(r, 0);
	pass(r, 1990);
	assert_int_equal(s.closed, 0);
	pass(r, 20);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_CLOSED_HERE);
	close(fd[1]);
	rig_close(r);
}

/* ---- deadlines */

static void deadline_closes(struct conn *c)
{
	conn_close(c);
}
static int deadlines_fired;
static void deadline_counts(struct conn *c)
{
	deadlines_fired++;
	reactor_stop(conn_reactor(c));
}

static void a_deadline_fires_once_and_can_be_moved_and_taken_back(void **state)
{
	struct reactor *r = rig_open();
	struct conn *c[2], *d[2];
	struct seen s = { .stop_on_close = true }, t = { 0 };
	conn_pair(r, c);
	conn_pair(r, d);
	conn_setup(c[0], &seen_handler, &s, NULL);
	conn_setup(d[0], &seen_handler, &t, NULL);
	deadlines_fired = 0;
	conn_deadline(c[0], 1, deadline_closes);
	int64_t begin = reactor_now_ms(r);
	conn_deadline(c[0], 30, deadline_counts); /* moves */
	conn_deadline(c[1], 2, deadline_closes);
	conn_deadline(c[1], 0, NULL);
	conn_deadline(d[0], 5, deadline_closes);
	conn_close(d[0]); /* takes its own with it */
	rig_run(r);
	assert_int_equal(deadlines_fired, 1);
	assert_true(reactor_now_ms(r) - begin >= 30); /* by the turn's clock, which may be behind */
	assert_int_equal(s.closed, 0);
	assert_int_equal(t.why, CONN_CLOSED_HERE);
	conn_deadline(c[0], 3, deadline_closes);
	rig_run(r);
	assert_int_equal(s.closed, 1);
	assert_int_equal(deadlines_fired, 1);
	rig_close(r);
}

#define MANY 500
static void of_many_deadlines_each_fires(void **state)
{
	struct reactor *r = rig_open();
	struct seen s = { 0 };
	struct conn *c[2];
	for (int i = 0; i < MANY; i++) {
		conn_pair(r, c);
		conn_setup(c[0], &seen_handler, &s, NULL);
		conn_setup(c[1], &seen_handler, &s, NULL);
		conn_deadline(c[0], i * 7 % 60, deadline_closes); /* the other end then follows */
	}
	while (s.closed < 2 * MANY) {
		reactor_stop(r);
		rig_run(r);
	}
	assert_int_equal(conn_layer_stats(r)->open, 0);
	rig_close(r);
}

/* ---- connecting */

static void a_refused_connection_is_told_by_closed(void **state)
{
	struct reactor *r = rig_open();
	int fd[2];
	peer_sockets(fd, 0);
	struct sockaddr_in addr;
	socklen_t n = sizeof addr;
	getpeername(fd[0], (struct sockaddr *)&addr, &n); /* its listener is closed: nobody listens there */
	struct seen s = { .stop_on_close = true };
	struct conn *c = conn_connect(r, (struct sockaddr *)&addr, n, NULL, NULL, &seen_handler, &s);
	conn_write_copy(c, "x", 1);
	rig_run(r);
	assert_int_equal(s.opened, 0);
	assert_int_equal(s.closed, 1);
	assert_int_equal(s.why, CONN_REFUSED);
	close(fd[0]);
	close(fd[1]);
	rig_close(r);
}

int main(void)
{
	memset(block, 'b', sizeof block);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_shown_and_what_is_written_arrives),
		cmocka_unit_test(writes_of_one_turn_are_one_send),
		cmocka_unit_test(flush_and_write_now_do_not_wait_for_the_turn),
		cmocka_unit_test(while_paused_nothing_is_read),
		cmocka_unit_test(pausing_inside_data_stops_the_reading_at_once),
		cmocka_unit_test(a_handler_may_be_changed_inside_data),
		cmocka_unit_test(a_handler_may_close_inside_its_own_call),
		cmocka_unit_test(one_may_close_another_that_waits_for_its_flush),
		cmocka_unit_test(what_is_written_to_another_in_closed_is_flushed),
		cmocka_unit_test(a_download_goes_on_when_drained),
		cmocka_unit_test(it_may_close_when_opened_and_when_drained),
		cmocka_unit_test(a_peer_that_ended_may_still_be_answered),
		cmocka_unit_test(what_came_before_a_reset_is_still_read),
		cmocka_unit_test(writing_to_one_that_reset_closes_once),
		cmocka_unit_test(finishing_lets_the_answer_through_before_the_rest_was_read),
		cmocka_unit_test(finishing_discards_only_so_much),
		cmocka_unit_test(finishing_waits_only_so_long_for_the_peers_end),
		cmocka_unit_test(a_deadline_fires_once_and_can_be_moved_and_taken_back),
		cmocka_unit_test(of_many_deadlines_each_fires),
		cmocka_unit_test(a_refused_connection_is_told_by_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
