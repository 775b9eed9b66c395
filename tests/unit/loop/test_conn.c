#include "peer.h"

#include <pthread.h>

#include "base/log.h"

static struct conn *adopt(struct reactor *r, struct seen *s, int fd)
{
	return s->c = conn_adopt(r, fd, &seen_handler, s);
}

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

/* ---- slow readers */

static const struct conn_limits small = { .soft = 64 * 1024, .hard = 512 * 1024, .stall_ms = 60000 };
static char block[65536];

/* Writes until the kernel takes no more, as many bytes again stay queued. */
static size_t fill(struct conn *c, size_t queued)
{
	size_t sum = 0;
	while (conn_queued(c) < queued) {
		conn_write_copy(c, block, sizeof block);
		conn_flush(c);
		sum += sizeof block;
	}
	return sum;
}

struct reader {
	int fd;
	size_t n;
	pthread_t thread;
};
static void *reader_main(void *arg)
{
	struct reader *r = arg;
	char p[4096];
	int end;
	fcntl(r->fd, F_SETFL, 0);
	for (size_t left = r->n; left > 0;) {
		size_t got = peer_read(r->fd, p, left < sizeof p ? left : sizeof p, &end);
		if (got == 0) break;
		left -= got;
	}
	return NULL;
}

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

/* ---- under a clock that the test moves */

static int64_t moved_ns_now;
static int64_t moved_ns(const struct clock *c)
{
	return moved_ns_now;
}
static int64_t moved_ms(const struct clock *c)
{
	return moved_ns_now / 1000000;
}
static const struct clock moved = { moved_ms, moved_ns };

static struct reactor *moved_open(void)
{
	moved_ns_now = 1000000000;
	struct reactor *r = reactor_create(&(struct reactor_options){ .clock = &moved });
	conn_layer_open(r, 65536);
	return r;
}

static void pass(struct reactor *r, int64_t ms)
{
	moved_ns_now += ms * 1000000;
	for (int i = 0; i < 3; i++) {
		reactor_stop(r);
		reactor_run(r);
	}
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

/* ---- pairs */

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
		cmocka_unit_test(what_is_read_is_shown_and_what_is_written_arrives),
		cmocka_unit_test(writes_of_one_turn_are_one_send),
		cmocka_unit_test(flush_and_write_now_do_not_wait_for_the_turn),
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
		cmocka_unit_test(who_takes_a_little_now_and_then_is_not_closed),
		cmocka_unit_test(a_deadline_fires_once_and_can_be_moved_and_taken_back),
		cmocka_unit_test(of_many_deadlines_each_fires),
		cmocka_unit_test(a_refused_connection_is_told_by_closed),
		cmocka_unit_test(a_pair_delivers_in_the_next_turn),
		cmocka_unit_test(a_pair_has_a_window),
		cmocka_unit_test(a_pair_works_in_a_virtual_reactor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
