#include "rig.h"

static enum err hello(struct request *q, struct db_conn *c)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_str(&o, "query", q->head->query);
	json_close(&o, '}');
	return OK;
}

static enum err echo(struct request *q, struct db_conn *c)
{
	buf_add_str(&q->reply.body, q->body);
	return OK;
}

static enum err large(struct request *q, struct db_conn *c)
{
	for (int i = 0; i < 100000; i++) buf_add_byte(&q->reply.body, 'x');
	q->reply.content_type = "image/png";
	return OK;
}

static const struct route rows[] = {
	{ HTTP_GET, "/inline", "inline_get", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, hello },
	{ HTTP_GET, "/lane", "lane_get", AUTH_none, SCOPE_read, LANE_read, BODY_none, RATE_none, NULL, hello },
	{ HTTP_GET, "/large", "large_get", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, large },
	{ HTTP_POST, "/echo", "echo_post", AUTH_none, SCOPE_write, LANE_write, BODY_json, RATE_none, NULL, echo },
	{ HTTP_POST, "/inline", "inline_post", AUTH_none, SCOPE_write, LANE_inline, BODY_none, RATE_none, NULL, hello },
};

static void open(struct rig *r)
{
	rig_init(r);
	rig_open(r, rows, countof(rows));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(more) "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" more

static void a_connection_is_kept(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	for (int i = 0; i < 3; i++) {
		client_send(&r, &k, GET("/inline?a"));
		assert_answer(&k, 200, "{\"query\":\"a\"}");
		client_send(&r, &k, GET("/lane?b"));
		assert_answer(&k, 200, "{\"query\":\"b\"}");
		client_send(&r, &k, POST("Content-Length: 7\r\n\r\n{\"a\":1}"));
		assert_answer(&k, 200, "{\"a\":1}");
	}
	assert_non_null(k.conn);
	client_close(&r, &k);
	rig_close(&r);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k,
				GET("/lane?1") GET("/inline?2") POST("Content-Length: 3\r\n\r\n[3]") GET("/lane?4") GET("/inline?5"));
	assert_answer(&k, 200, "1");
	assert_answer(&k, 200, "2");
	assert_answer(&k, 200, "[3]");
	assert_answer(&k, 200, "4");
	assert_answer(&k, 200, "5");
	client_close(&r, &k);
	rig_close(&r);
}

/* What comes behind a pending request waits in the client's own buffers. */
static void a_client_that_pipelines_is_slowed(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &k);
	for (int i = 0; i < 20000; i++) conn_write_copy(k.conn, GET("/lane"), strlen(GET("/lane")));
	rig_settle(&r);
	assert_int_equal(r.n_jobs, 1);
	assert_true(conn_queued(k.conn) > 100000);
	for (int i = 0; i < 20000; i++) {
		assert_true(rig_run_jobs(&r));
		rig_settle(&r);
	}
	assert_int_equal(conn_queued(k.conn), 0);
	for (int i = 0; i < 20000; i++) assert_answer(&k, 200, "query");
	client_close(&r, &k);
	rig_close(&r);
}

/* Answers to one who does not read them stay bounded. */
static void a_client_that_does_not_read_gets_no_more(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	conn_pause(k.conn);
	for (int i = 0; i < 100; i++) client_send(&r, &k, GET("/large"));
	assert_true(metric_total(r.pod.metrics, METRIC_HTTP_REQUESTS_2XX) < 8);
	conn_resume(k.conn);
	rig_settle(&r);
	for (int i = 0; i < 100; i++) assert_answer(&k, 200, "xxx");
	client_close(&r, &k);
	rig_close(&r);
}

static void requests_come_in_any_pieces(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	static const char text[] = "\r\n" GET("/lane?1")
		POST("Transfer-Encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n") GET("/inline?2");
	for (size_t i = 0; i < sizeof text - 1; i++) client_send(&r, &k, (char[2]){ text[i], 0 });
	assert_answer(&k, 200, "1");
	assert_answer(&k, 200, "[1,2]");
	assert_answer(&k, 200, "2");
	client_close(&r, &k);
	rig_close(&r);
}

static void continue_is_said_when_the_body_is_wanted(void **state)
{
	struct rig r;
	struct client k;
	struct answer a;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, POST("Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"));
	assert_true(client_answer(&k, &a));
	assert_int_equal(a.status, 100);
	client_send(&r, &k, "[1]");
	assert_answer(&k, 200, "[1]");
	client_send(&r, &k, POST("Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n"));
	assert_answer(&k, 413, CODE("too_large")); /* and the body is never asked for */
	assert_true(k.ended);
	client_close(&r, &k);
	rig_close(&r);
}

static void head_is_get_without_the_body(void **state)
{
	struct rig r;
	struct client k;
	struct answer a;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, "HEAD /lane?ab HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(str_ends(buf_str(&k.got), STR("\r\n\r\n")));
	assert_true(str_contains(buf_str(&k.got), "Content-Length: 14\r\n"));
	k.at = k.got.n;
	client_send(&r, &k, GET("/inline"));
	assert_true(client_answer(&k, &a));
	assert_int_equal(a.status, 200);
	client_close(&r, &k);
	rig_close(&r);
}

static void who_asks_for_the_end_gets_it(void **state)
{
	struct rig r;
	open(&r);
	static const char *const asks[] = { "GET /lane HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
										"GET /lane HTTP/1.0\r\n\r\n" };
	for (size_t i = 0; i < countof(asks); i++) {
		struct client k;
		struct answer a;
		client_open(&r, &k);
		client_send(&r, &k, asks[i]);
		assert_true(client_answer(&k, &a));
		assert_str(answer_header(&a, "connection"), "close");
		assert_true(k.ended);
		client_close(&r, &k);
	}
	struct client k;
	struct answer a;
	client_open(&r, &k);
	client_send(&r, &k, "GET /lane HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_true(client_answer(&k, &a));
	assert_str(answer_header(&a, "connection"), "keep-alive");
	assert_false(k.ended);
	client_close(&r, &k);
	rig_close(&r);
}

/* ---- time */
static void a_silent_connection_is_closed_without_a_word(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	rig_pass(&r, 9900);
	assert_non_null(k.conn);
	assert_false(k.ended);
	rig_pass(&r, 300);
	assert_true(k.ended || !k.conn);
	assert_int_equal(k.got.n, 0);
	client_close(&r, &k);
	rig_close(&r);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	for (int i = 0; i < 3; i++) {
		client_send(&r, &k, GET("/lane"));
		assert_answer(&k, 200, "query");
		rig_pass(&r, 74000);
		assert_false(k.ended);
	}
	rig_pass(&r, 2000);
	assert_true(k.ended || !k.conn);
	client_close(&r, &k);
	rig_close(&r);
}

static void a_head_must_be_whole_in_time(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, GET("/inline"));
	assert_answer(&k, 200, "query");
	client_send(&r, &k, "GET /lane HTTP/1.1\r\n");
	for (int i = 0; i < 9; i++) {
		rig_pass(&r, 1000);
		client_send(&r, &k, "A: b\r\n"); /* going forward is not enough */
	}
	assert_false(k.ended);
	rig_pass(&r, 1500);
	assert_answer(&k, 408, CODE("request_timeout"));
	assert_true(k.ended);
	client_close(&r, &k);
	rig_close(&r);
}

static void a_body_must_go_forward(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, POST("Content-Length: 100\r\n\r\n["));
	rig_pass(&r, 29000);
	client_send(&r, &k, "1,");
	rig_pass(&r, 29000);
	assert_false(k.ended);
	rig_pass(&r, 2000);
	assert_answer(&k, 408, CODE("request_timeout"));
	client_close(&r, &k);

	client_open(&r, &k);
	client_send(&r, &k, POST("Content-Length: 10000\r\n\r\n["));
	for (int i = 0; i < 13 && !k.ended; i++) { /* and not for ever by a byte at a time */
		rig_pass(&r, 10000);
		if (!k.ended) client_send(&r, &k, " ");
	}
	assert_answer(&k, 408, CODE("request_timeout"));
	client_close(&r, &k);
	rig_close(&r);
}

static void a_handler_is_waited_for(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &k);
	client_send(&r, &k, GET("/lane?late"));
	rig_pass(&r, 200000);
	assert_false(k.ended);
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_answer(&k, 200, "late");
	client_close(&r, &k);
	rig_close(&r);
}

/* ---- ends */
static void a_client_that_goes_while_a_job_runs_is_harmless(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	r.hold_jobs = true;
	static const char *const asks[] = { GET("/lane"), POST("Content-Length: 2\r\n\r\n[]"),
										POST("Content-Length: 2\r\n\r\n["), "GET /lane HTT",
										GET("/lane") GET("/lane") };
	for (size_t i = 0; i < countof(asks); i++) {
		client_open(&r, &k);
		client_send(&r, &k, asks[i]);
		client_close(&r, &k);
		while (rig_run_jobs(&r)) rig_settle(&r);
	}
	assert_int_equal(edge_pending(r.edge), 0);
	rig_close(&r);
}

static void who_ended_sending_still_gets_answers(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	conn_write_copy(k.conn, GET("/lane?1") GET("/lane?2"), strlen(GET("/lane?1") GET("/lane?2")));
	struct conn *c = k.conn;
	conn_finish(c); /* sends, then its end; what comes is thrown away */
	rig_settle(&r);
	assert_int_equal(metric_total(r.pod.metrics, METRIC_HTTP_REQUESTS_2XX), 2);
	client_close(&r, &k);
	rig_close(&r);
}

static void stopping_ends_connections(void **state)
{
	struct rig r;
	struct client idle, fresh, busy;
	struct answer a;
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &idle), client_open(&r, &fresh), client_open(&r, &busy);
	client_send(&r, &idle, GET("/inline"));
	assert_answer(&idle, 200, "query");
	client_send(&r, &busy, GET("/lane?busy"));
	atomic_store(&r.pod.draining, true);
	edge_close_idle(r.edge);
	rig_settle(&r);
	assert_true(idle.ended && fresh.ended);
	assert_false(busy.ended);
	assert_int_equal(edge_pending(r.edge), 1);
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_true(client_answer(&busy, &a));
	assert_str(answer_header(&a, "connection"), "close");
	assert_true(busy.ended);
	assert_int_equal(edge_pending(r.edge), 0);
	client_close(&r, &idle), client_close(&r, &fresh), client_close(&r, &busy);
	rig_close(&r);
}

static void a_fault_of_the_framing_ends_it(void **state)
{
	struct rig r;
	open(&r);
	static const struct {
		const char *text;
		int status;
		const char *code;
	} cases[] = {
		{ "GET /inline HTTP/1.1\nHost: x\n\n", 400, CODE("malformed") },
		{ "GET /inline HTTP/1.1\r\nHost : x\r\n\r\n" GET("/inline"), 400, CODE("malformed") },
		{ "GET /inline HTTP/1.1\r\n\r\n", 400, CODE("malformed") },
		{ "BREW /inline HTTP/1.1\r\nHost: x\r\n\r\n", 501, CODE("not_implemented") },
		{ "GET /inline HTTP/2.0\r\nHost: x\r\n\r\n", 505, CODE("version_not_supported") },
		{ POST("Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400, CODE("malformed") },
		{ POST("Content-Length: 2\r\nExpect: a-miracle\r\n\r\n"), 417, CODE("expectation_failed") },
		{ POST("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") GET("/inline"), 400,
		  CODE("malformed") },
	};
	for (size_t i = 0; i < countof(cases); i++) {
		struct client k;
		struct answer a;
		client_open(&r, &k);
		client_send(&r, &k, cases[i].text);
		assert_answer(&k, cases[i].status, cases[i].code);
		assert_false(client_answer(&k, &a));
		assert_true(k.ended);
		client_close(&r, &k);
	}
	rig_close(&r);
}

static void a_body_that_nobody_wants_is_read_away(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, "POST /inline HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
	assert_answer(&k, 200, "query");
	client_send(&r, &k, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
	client_send(&r, &k, "llo" GET("/inline?next"));
	assert_answer(&k, 404, CODE("not_found")); /* and the connection lives on */
	assert_answer(&k, 200, "next");
	client_send(&r, &k, "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_answer(&k, 404, CODE("not_found")); /* nobody knows how long that would take */
	assert_true(k.ended);
	client_close(&r, &k);
	client_open(&r, &k);
	client_send(&r, &k, POST("Transfer-Encoding: chunked\r\n\r\n10001\r\n"));
	for (int i = 0; i < 66; i++) {
		char piece[1001];
		memset(piece, 'x', 1000), piece[1000] = 0;
		if (k.conn) client_send(&r, &k, piece);
	}
	assert_answer(&k, 413, CODE("too_large"));
	client_close(&r, &k);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_kept),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_client_that_pipelines_is_slowed),
		cmocka_unit_test(a_client_that_does_not_read_gets_no_more),
		cmocka_unit_test(requests_come_in_any_pieces),
		cmocka_unit_test(continue_is_said_when_the_body_is_wanted),
		cmocka_unit_test(head_is_get_without_the_body),
		cmocka_unit_test(who_asks_for_the_end_gets_it),
		cmocka_unit_test(a_silent_connection_is_closed_without_a_word),
		cmocka_unit_test(an_idle_connection_is_closed_after_its_time),
		cmocka_unit_test(a_head_must_be_whole_in_time),
		cmocka_unit_test(a_body_must_go_forward),
		cmocka_unit_test(a_handler_is_waited_for),
		cmocka_unit_test(a_client_that_goes_while_a_job_runs_is_harmless),
		cmocka_unit_test(who_ended_sending_still_gets_answers),
		cmocka_unit_test(stopping_ends_connections),
		cmocka_unit_test(a_fault_of_the_framing_ends_it),
		cmocka_unit_test(a_body_that_nobody_wants_is_read_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
