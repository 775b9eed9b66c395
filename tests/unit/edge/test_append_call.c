/* Changes over HTTP, on a virtual reactor over a real database. */
#include "edge/append_call.h"

#include "rig.h"
#include "store/session.h"

/* Registers ann, who is in #general then; her access token. */
static void sign_in(struct rig *r, char token[1024])
{
	static const char body[] = "{\"username\":\"ann\",\"password\":\"correct horse\",\"cookie\":false}";
	static const char key[] = "\"access_token\":\"";
	struct client k;
	struct answer a;
	char text[512];
	snprintf(text, sizeof text,
			 "POST /auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 strlen(body), body);
	client_open(r, &k);
	client_send(r, &k, text);
	assert_true(client_answer(&k, &a));
	const char *at = memmem(a.body.p, a.body.n, key, strlen(key));
	assert_non_null(at);
	struct str rest = str_from(a.body, (size_t)(at - a.body.p) + strlen(key)), value;
	assert_true(str_split(&rest, '"', &value));
	snprintf(token, 1024, STR_FMT, STR_ARG(value));
	client_close(r, &k);
}

static void open(struct rig *r, char token[1024])
{
	rig_init(r);
	r->pod.local = true;
	rig_open_db(r);
	sign_in(r, token);
}

static void say(struct rig *r, struct client *k, const char *token, int nonce, const char *headers)
{
	char body[200], text[2048];
	snprintf(body, sizeof body, "{\"nonce\":\"00000000-0000-4000-8000-%012d\",\"body\":\"hello\"}", nonce);
	snprintf(text, sizeof text,
			 "POST /channels/1/messages HTTP/1.1\r\nHost: localhost\r\n%s%s%s%s"
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			 *token ? "Authorization: Bearer " : "", token, *token ? "\r\n" : "", headers, strlen(body), body);
	client_send(r, k, text);
}

/* What a client has given up cannot happen much later. */
static void who_went_away_is_not_written(void **state)
{
	struct rig r;
	struct client gone, stays;
	char token[1024];
	open(&r, token);
	r.hold_jobs = true;
	client_open(&r, &gone);
	conn_pause(gone.conn); /* that it leaves something unread makes the end a reset, not a half-closed connection */
	say(&r, &gone, token, 1, "Expect: 100-continue\r\n");
	client_open(&r, &stays);
	say(&r, &stays, token, 2, "");
	client_close(&r, &gone);
	r.hold_jobs = false;
	rig_settle(&r);
	assert_answer(&stays, 201, "00000000-0000-4000-8000-000000000002");
	client_close(&r, &stays);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM messages"), 1);
	rig_close(&r);
}

static struct str cookie_of(const struct answer *a)
{
	struct str line = answer_header(a, "set-cookie"), value;
	return line.p && str_split(&line, ';', &value) ? value : STR_NONE;
}

/* A browser that only sends stays signed in; and the row is read for it once an hour, not with each. */
static void sending_is_use(void **state)
{
	struct rig r;
	struct client k;
	struct answer a;
	char headers[300], cookie[200];
	rig_init(&r);
	r.pod.local = true;
	rig_set(&r, "LINNET_KEEPALIVE_S", "3600");
	rig_open_db(&r);
	client_open(&r, &k);
	client_send(&r, &k,
				"POST /auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
				"Content-Length: 45\r\n\r\n{\"username\":\"ann\",\"password\":\"correct horse\"}");
	assert_true(client_answer(&k, &a));
	snprintf(cookie, sizeof cookie, STR_FMT, STR_ARG(cookie_of(&a)));
	snprintf(headers, sizeof headers, "Origin: http://localhost\r\nCookie: %s\r\n", cookie);
	int64_t used = RIG_NUMBER(&r, "SELECT used_at FROM sessions"),
			ends = RIG_NUMBER(&r, "SELECT expires_at FROM sessions");
	for (int i = 0; i < 3; i++) {
		if (i == 2) r.ns += (int64_t)SESSION_TOUCH_MS * 1000000;
		rig_settle(&r);
		client_close(&r, &k);
		client_open(&r, &k);
		r.hold_jobs = true;
		say(&r, &k, "", i, headers);
		assert_true(lane_depth(i == 1 ? r.pod.write : r.pod.read) == 1); /* known: straight to the append */
		r.hold_jobs = false;
		rig_settle(&r);
		assert_true(client_answer(&k, &a));
		assert_int_equal(a.status, 201);
		if (i == 2)
			assert_str(cookie_of(&a), cookie);
		else
			assert_null(cookie_of(&a).p);
	}
	assert_int_equal(RIG_NUMBER(&r, "SELECT used_at FROM sessions"), used + SESSION_TOUCH_MS);
	assert_int_equal(RIG_NUMBER(&r, "SELECT expires_at FROM sessions"), ends + SESSION_TOUCH_MS);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM messages"), 3);
	client_close(&r, &k);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(who_went_away_is_not_written),
										cmocka_unit_test(sending_is_use) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
