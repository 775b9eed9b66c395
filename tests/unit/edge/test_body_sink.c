/* Bodies taken in pieces, on a table of the test's own. */
#include "rig.h"

static struct sink {
	struct request *q;
	struct buf got;
	int begun, pieces, ended, gone, ran;
	enum err refuse, run;
	int64_t most;
	bool pause, finish_in_piece, finish_in_gone, answer_in_end;
} sink;

static enum err sink_run(struct request *q, struct db_conn *c)
{
	sink.ran++;
	return sink.run;
}

static enum err sink_begin(struct request *q)
{
	sink.q = q;
	sink.begun++;
	if (sink.most) q->body_most = sink.most;
	return sink.refuse;
}

static void sink_piece(struct request *q, struct str piece)
{
	sink.pieces++;
	buf_add_str(&sink.got, piece);
	if (sink.finish_in_piece)
		request_finish(q, ERR_CONFLICT);
	else if (sink.pause)
		request_pause(q);
}

static void sink_end(struct request *q)
{
	sink.ended++;
	q->reply.status = 201;
	if (sink.answer_in_end) request_finish(q, OK);
}

static void sink_gone(struct request *q)
{
	sink.gone++;
	if (sink.finish_in_gone) request_finish(q, ERR_UNAVAILABLE);
}

static const struct body_sink test_sink = { sink_begin, sink_piece, sink_end, sink_gone };
static enum err plain(struct request *q, struct db_conn *c)
{
	return OK;
}
static const struct route rows[] = {
	{ HTTP_POST, "/uploads", "upload", AUTH_session, SCOPE_write, LANE_read, BODY_sink, RATE_none, NULL, sink_run,
	  &test_sink },
	{ HTTP_GET, "/plain", "plain", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, plain },
};

static void open(struct rig *r)
{
	memset(&sink, 0, sizeof sink);
	sink.answer_in_end = true;
	rig_init(r);
	rig_open(r, rows, countof(rows));
}

static void close(struct rig *r)
{
	rig_close(r);
	buf_release(&sink.got);
}

#define UPLOAD(more) "POST /uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer linnet_0123456789\r\n" more "\r\n"
#define PLAIN "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"

static void pieces_come_as_they_arrive(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 10\r\n") "abc");
	assert_int_equal(sink.ran, 1);
	assert_str(buf_str(&sink.got), "abc");
	client_send(&r, &k, "defg");
	assert_str(buf_str(&sink.got), "abcdefg");
	assert_int_equal(sink.ended, 0);
	client_send(&r, &k, "hij" PLAIN);
	assert_str(buf_str(&sink.got), "abcdefghij");
	assert_answer(&k, 201, "");
	assert_answer(&k, 204, "");
	client_send(&r, &k, UPLOAD("Transfer-Encoding: chunked\r\n") "2\r\nkl\r\n1\r\nm\r\n0\r\n\r\n");
	assert_answer(&k, 201, "");
	assert_str(buf_str(&sink.got), "abcdefghijklm");
	client_send(&r, &k, UPLOAD("Content-Length: 0\r\n"));
	assert_answer(&k, 201, "");
	assert_int_equal(sink.ended, 3);
	assert_int_equal(sink.gone, 0);
	client_close(&r, &k);
	close(&r);
}

static void nothing_is_taken_before_the_session_is_known(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 5\r\nExpect: 100-continue\r\n"));
	assert_int_equal(k.got.n, 0);
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_answer(&k, 100, "");
	client_send(&r, &k, "hello");
	assert_answer(&k, 201, "");
	client_close(&r, &k);

	static const enum err verdicts[] = { ERR_UNAUTHENTICATED, ERR_UNAVAILABLE };
	for (size_t i = 0; i < countof(verdicts); i++) {
		r.session = verdicts[i];
		client_open(&r, &k);
		client_send(&r, &k, UPLOAD("Content-Length: 5\r\n") "hello");
		assert_true(rig_run_jobs(&r));
		rig_settle(&r);
		assert_answer(&k, err_row(verdicts[i])->status, err_row(verdicts[i])->code);
		assert_true(k.ended);
		client_close(&r, &k);
	}
	assert_int_equal(sink.begun, 1);
	r.session = OK;
	sink.run = ERR_LIMIT_REACHED; /* a quota */
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 5\r\n") "hello");
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_answer(&k, 409, CODE("limit_reached"));
	assert_int_equal(sink.begun, 1);
	client_close(&r, &k);
	close(&r);
}

static void a_sink_that_is_full_slows_its_client(void **state)
{
	struct rig r;
	struct client k;
	char text[1001];
	open(&r);
	sink.pause = true;
	sink.most = 1000000;
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 1000000\r\n"));
	memset(text, 'x', 1000), text[1000] = 0;
	for (int i = 0; i < 1000; i++) conn_write_copy(k.conn, text, 1000);
	rig_settle(&r);
	assert_int_equal(sink.pieces, 1);
	assert_true(conn_queued(k.conn) > 500000);
	rig_pass(&r, 50000); /* whose fault it is not */
	assert_false(k.ended);
	for (int i = 0; i < 20 && !sink.ended; i++) {
		int before = sink.pieces;
		request_resume(sink.q);
		rig_settle(&r);
		assert_true(sink.pieces <= before + 1);
	}
	assert_int_equal(sink.got.n, 1000000);
	assert_answer(&k, 201, "");
	client_close(&r, &k);
	close(&r);
}

static void a_sink_may_answer_in_the_middle_or_later(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	sink.finish_in_piece = true;
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 100\r\n") "abc");
	assert_answer(&k, 409, CODE("conflict"));
	assert_true(k.ended); /* nobody knows whether the rest comes */
	client_send(&r, &k, "more");
	assert_int_equal(sink.pieces, 1);
	assert_int_equal(sink.gone, 0);
	client_close(&r, &k);

	sink.finish_in_piece = sink.answer_in_end = false;
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 3\r\n") "abc" PLAIN);
	assert_int_equal(k.got.n, 0);
	request_finish(sink.q, OK);
	rig_settle(&r);
	assert_answer(&k, 201, "");
	assert_answer(&k, 204, "");
	client_close(&r, &k);

	sink.refuse = ERR_INVALID;
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 3\r\n") "abc");
	assert_answer(&k, 422, CODE("invalid"));
	client_close(&r, &k);
	assert_int_equal(sink.gone, 0);
	close(&r);
}

static void limits_hold_while_it_streams(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	sink.most = 5;
	sink.finish_in_gone = true;
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 6\r\n") "abcdef");
	assert_answer(&k, 413, CODE("too_large"));
	client_close(&r, &k);
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n");
	client_send(&r, &k, "3\r\ndef\r\n");
	assert_answer(&k, 413, CODE("too_large"));
	assert_str(buf_str(&sink.got), "abc");
	client_close(&r, &k);
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\nzz\r\n");
	assert_answer(&k, 400, CODE("malformed"));
	client_close(&r, &k);
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 5\r\n") "abc");
	rig_pass(&r, 31000);
	assert_answer(&k, 408, CODE("request_timeout"));
	client_close(&r, &k);
	assert_int_equal(sink.gone, 4);
	close(&r);
}

static void clients_that_go_are_told_of_once(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	for (int i = 0; i < 2; i++) { /* finishing at once, or when it can */
		sink.finish_in_gone = i == 0;
		client_open(&r, &k);
		client_send(&r, &k, UPLOAD("Content-Length: 5\r\n") "abc");
		client_close(&r, &k);
		assert_int_equal(sink.gone, i + 1);
		if (i == 1) {
			assert_int_equal(edge_pending(r.edge), 1);
			request_finish(sink.q, OK);
		}
		assert_int_equal(edge_pending(r.edge), 0);
	}
	sink.answer_in_end = false;
	client_open(&r, &k); /* after the end there is nothing to tell */
	client_send(&r, &k, UPLOAD("Content-Length: 3\r\n") "abc");
	client_close(&r, &k);
	assert_int_equal(sink.gone, 2);
	request_finish(sink.q, OK);
	r.hold_jobs = true; /* before the session was known: the sink hears of it when half of the body is missing */
	client_open(&r, &k);
	client_send(&r, &k, UPLOAD("Content-Length: 6\r\n") "abc");
	client_close(&r, &k);
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_int_equal(sink.gone, 3);
	request_finish(sink.q, OK);
	assert_int_equal(edge_pending(r.edge), 0);
	close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_come_as_they_arrive),
		cmocka_unit_test(nothing_is_taken_before_the_session_is_known),
		cmocka_unit_test(a_sink_that_is_full_slows_its_client),
		cmocka_unit_test(a_sink_may_answer_in_the_middle_or_later),
		cmocka_unit_test(limits_hold_while_it_streams),
		cmocka_unit_test(clients_that_go_are_told_of_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
