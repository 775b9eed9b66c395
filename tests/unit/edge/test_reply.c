#include "rig.h"

#include "loop/chunk.h"

static enum err signed_in(struct request *q, struct db_conn *c)
{
	reply_cookie(q, q->head->query.p ? STR_NONE : STR("secret"));
	return OK;
}

static enum err headers(struct request *q, struct db_conn *c)
{
	reply_header(q, "X-Good", STR("one"));
	reply_header(q, "X-Bad", STR("two\r\nX-Smuggled: three"));
	reply_header(q, "cache-control", STR("private, max-age=60"));
	return q->head->query.p ? ERR_CONFLICT : OK;
}

static enum err shared(struct request *q, struct db_conn *c)
{
	q->reply.shared = chunk_copy("shared bytes", 12);
	q->reply.content_type = "text/plain";
	return q->head->query.p ? ERR_CONFLICT : OK;
}

static enum err moved(struct request *q, struct db_conn *c)
{
	q->reply.status = 303;
	q->reply.close = true;
	reply_header(q, "Location", STR("/elsewhere"));
	return OK;
}

#define ROW(path, name, run)                                                                                           \
	{                                                                                                                  \
		HTTP_GET, path, name, AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, run                      \
	}
static const struct route rows[] = { ROW("/cookie", "cookie", signed_in), ROW("/headers", "headers", headers),
									 ROW("/shared", "shared", shared), ROW("/moved", "moved", moved) };

static struct answer ask(struct rig *r, struct client *k, const char *method, const char *path, const char *more)
{
	char text[512];
	struct answer a;
	snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, path, more);
	client_open(r, k);
	client_send(r, k, text);
	assert_true(client_answer(k, &a));
	return a;
}

static void cookies_are_set_and_taken_back(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	rig_set(&r, "TRUSTED_PROXIES", "127.0.0.1");
	rig_open(&r, rows, countof(rows));
	struct answer a = ask(&r, &k, "GET", "/cookie", "");
	assert_int_equal(a.status, 204);
	assert_str(answer_header(&a, "set-cookie"),
			   "linnet_session=secret; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
	client_close(&r, &k);
	a = ask(&r, &k, "GET", "/cookie", "X-Forwarded-Proto: https\r\n");
	assert_str(answer_header(&a, "set-cookie"),
			   "__Host-linnet_session=secret; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
	client_close(&r, &k);
	a = ask(&r, &k, "GET", "/cookie?out", "");
	assert_str(answer_header(&a, "set-cookie"), "linnet_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
	client_close(&r, &k);
	rig_close(&r);
}

static void headers_cannot_be_smuggled(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	rig_open(&r, rows, countof(rows));
	static const char *const paths[] = { "/headers", "/headers?fail" }; /* they go with an error too */
	for (size_t i = 0; i < countof(paths); i++) {
		struct answer a = ask(&r, &k, "GET", paths[i], "");
		assert_int_equal(a.status, i ? 409 : 204);
		assert_str(answer_header(&a, "x-good"), "one");
		assert_null(answer_header(&a, "x-bad").p);
		assert_null(answer_header(&a, "x-smuggled").p);
		assert_str(answer_header(&a, "cache-control"), "private, max-age=60"); /* instead of what is usual */
		assert_false(str_contains(a.head, "no-store"));
		client_close(&r, &k);
	}
	rig_close(&r);
}

static void bytes_may_be_shared(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	rig_open(&r, rows, countof(rows));
	struct answer a = ask(&r, &k, "GET", "/shared", "");
	assert_str(a.body, "shared bytes");
	client_close(&r, &k);
	a = ask(&r, &k, "HEAD", "/shared", "");
	assert_str(answer_header(&a, "content-length"), "12");
	assert_int_equal(a.body.n, 0);
	client_close(&r, &k);
	a = ask(&r, &k, "GET", "/shared?fail", "");
	assert_int_equal(a.status, 409);
	assert_false(str_contains(a.body, "shared"));
	client_close(&r, &k);
	rig_close(&r);
}

static void a_handler_may_end_the_connection(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	rig_open(&r, rows, countof(rows));
	struct answer a = ask(&r, &k, "GET", "/moved", "");
	assert_int_equal(a.status, 303);
	assert_str(answer_header(&a, "location"), "/elsewhere");
	assert_str(answer_header(&a, "content-length"), "0");
	assert_str(answer_header(&a, "connection"), "close");
	assert_true(k.ended);
	client_close(&r, &k);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_set_and_taken_back),
		cmocka_unit_test(headers_cannot_be_smuggled),
		cmocka_unit_test(bytes_may_be_shared),
		cmocka_unit_test(a_handler_may_end_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
