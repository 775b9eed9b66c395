/* Changes over HTTP, on a virtual reactor over a real database. */
#include "edge/append_call.h"

#include "rig.h"

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
			 "POST /channels/1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s"
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			 token, headers, strlen(body), body);
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(who_went_away_is_not_written) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
