#include "rig.h"

/* ---- handlers of the tests */
static enum err who(struct request *q, struct db_conn *c)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_i64(&o, "user_id", q->actor.user_id);
	json_field_str(&o, "address", q->address);
	json_field_bool(&o, "https", q->https);
	json_field_i64(&o, "credential", q->credential.kind);
	json_close(&o, '}');
	return OK;
}

static enum err take_name(struct request *q)
{
	struct json_in in;
	struct str *name = q->in = arena_new(&q->arena, struct str);
	json_in_open(&in, q->json, &q->problem);
	json_in_str(&in, "name", JSON_NEED, name);
	return json_in_close(&in);
}

static enum err make(struct request *q, struct db_conn *c)
{
	struct str *name = q->in;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_str(&o, "made", *name);
	json_close(&o, '}');
	q->reply.status = 201;
	return OK;
}

static enum err nothing(struct request *q, struct db_conn *c)
{
	return OK;
}

static enum err page(struct request *q, struct db_conn *c)
{
	int64_t id, limit;
	struct str text;
	enum err e = request_id_param(q, 0, &id);
	if (!e) e = request_limit(q, 50, 100, &limit);
	if (!e) e = request_query_str(q, "q", &text);
	if (e) return e;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_i64(&o, "id", id);
	json_field_i64(&o, "limit", limit);
	json_field_str(&o, "q", text);
	json_close(&o, '}');
	return OK;
}

static enum err fail_with(struct request *q, struct db_conn *c)
{
	struct str code;
	enum err e = request_query_str(q, "code", &code);
	if (e) return e;
	buf_add(&q->reply.body, "half an answer", 14);
	for (int i = 1; i < ERR_END; i++)
		if (str_eq(code, str_of(err_row((enum err)i)->name))) return (enum err)i;
	return OK;
}

static struct {
	char steps[256];
} hops;
static void hop_note(const char *what)
{
	strncat(hops.steps, what, sizeof hops.steps - strlen(hops.steps) - 1);
}
static enum err hop_third(struct request *q, struct db_conn *c)
{
	hop_note("third ");
	q->reply.status = 204;
	return OK;
}
static enum err hop_second(struct request *q, struct db_conn *c)
{
	hop_note(c ? "wrong " : "second ");
	request_then(q, LANE_write, hop_third);
	return OK;
}
static enum err hop_first(struct request *q, struct db_conn *c)
{
	hop_note("first ");
	request_then(q, LANE_cpu, hop_second);
	return OK;
}

static struct request *started;
static enum err start(struct request *q)
{
	started = q;
	return q->head->query.p ? ERR_CONFLICT : OK;
}
static enum err start_and_finish(struct request *q)
{
	request_finish(q, OK);
	return OK;
}

#define ROW(m, path, name, ...)                                                                                        \
	{                                                                                                                  \
		HTTP_##m, path, name, __VA_ARGS__                                                                              \
	}
static const struct route rows[] = {
	ROW(GET, "/open", "open_get", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_requests, NULL, who),
	ROW(GET, "/who", "who_get", AUTH_session, SCOPE_read, LANE_read, BODY_none, RATE_requests, NULL, who),
	ROW(GET, "/own", "own_get", AUTH_session, SCOPE_own, LANE_read, BODY_none, RATE_none, NULL, who),
	ROW(POST, "/things", "thing_create", AUTH_session, SCOPE_write, LANE_write, BODY_json, RATE_none, take_name, make),
	ROW(DELETE, "/things/{id}", "thing_delete", AUTH_session, SCOPE_manage, LANE_write, BODY_none, RATE_none, NULL,
		nothing),
	ROW(GET, "/things/{id}", "thing_get", AUTH_none, SCOPE_read, LANE_read, BODY_none, RATE_none, NULL, page),
	{ HTTP_GET, "/few", "few_get", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, who, NULL, false,
	  "limit q" },
	{ HTTP_POST, "/none", "none", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, who, NULL, false,
	  "" },
	ROW(GET, "/fail", "fail_get", AUTH_none, SCOPE_read, LANE_read, BODY_none, RATE_none, NULL, fail_with),
	ROW(POST, "/login", "login", AUTH_none, SCOPE_own, LANE_read, BODY_form, RATE_login, NULL, who),
	ROW(POST, "/hop", "hop", AUTH_none, SCOPE_own, LANE_read, BODY_none, RATE_none, NULL, hop_first),
	ROW(POST, "/hash", "hash", AUTH_session, SCOPE_own, LANE_cpu, BODY_none, RATE_none, NULL, hop_second),
	ROW(POST, "/start", "start", AUTH_none, SCOPE_write, LANE_start, BODY_none, RATE_none, start, NULL),
	ROW(POST, "/at-once", "at_once", AUTH_none, SCOPE_write, LANE_start, BODY_none, RATE_none, start_and_finish, NULL),
	ROW(GET, "/invites/{code}", "invite_get", AUTH_none, SCOPE_read, LANE_read, BODY_none, RATE_none, NULL, nothing),
};

static void open(struct rig *r)
{
	rig_init(r);
	rig_open(r, rows, countof(rows));
}

#define ASK(method, path, headers) method " " path " HTTP/1.1\r\nHost: chat.example.org\r\n" headers "\r\n"
#define TOKEN "Authorization: Bearer linnet_0123456789\r\n"
#define COOKIE "Cookie: a=b; linnet_session=0123456789\r\n"
#define JSON "Content-Type: application/json\r\n"

/* ---- who it is */
static void a_session_is_looked_for_first(void **state)
{
	struct rig r;
	open(&r);
	assert_exchange(&r, ASK("GET", "/who", ""), 401, CODE("unauthenticated"));
	assert_int_equal(r.sessions, 0);
	assert_exchange(&r, ASK("GET", "/who", COOKIE), 200, "\"user_id\":7");
	assert_exchange(&r, ASK("GET", "/who", TOKEN), 200, "\"credential\":2");
	assert_exchange(&r, ASK("GET", "/who", "authorization: bearer linnet_0123456789\r\n"), 200, "\"credential\":2");
	assert_exchange(&r, ASK("GET", "/who", TOKEN COOKIE), 200, "\"credential\":2");
	assert_exchange(&r, ASK("GET", "/who", "Authorization: Basic YTpi\r\n"), 401, CODE("unauthenticated"));
	assert_exchange(&r, ASK("GET", "/who", "Cookie: __Host-linnet_session=0123456789\r\n"), 401,
					CODE("unauthenticated"));
	assert_int_equal(r.sessions, 4);
	assert_exchange(&r, ASK("GET", "/open", TOKEN), 200, "\"user_id\":0"); /* not looked for where nobody asks */
	assert_int_equal(r.sessions, 4);
	r.session = ERR_SESSION_REVOKED;
	assert_exchange(&r, ASK("GET", "/who", COOKIE), 401, CODE("session_revoked"));
	r.session = ERR_UNAVAILABLE;
	assert_exchange(&r, ASK("GET", "/who", COOKIE), 503, CODE("unavailable"));
	rig_close(&r);
}

static void access_tokens_are_checked_at_once(void **state)
{
	struct rig r;
	struct arena a;
	char text[1024];
	open(&r);
	arena_init(&a);
	int64_t now = clock_wall_ms(&r.clock);
	struct str token = jwt_sign(&r.pod, &a, 7, STR("01HF7YATZ871VSWW2J0DG807BX"), now);
	snprintf(text, sizeof text, ASK("GET", "/who", "Authorization: Bearer " STR_FMT "\r\n"), STR_ARG(token));
	assert_exchange(&r, text, 200, "\"credential\":3");
	token = jwt_sign(&r.pod, &a, 7, STR("01HF7YATZ871VSWW2J0DG807BX"), now - 3600000);
	snprintf(text, sizeof text, ASK("GET", "/who", "Authorization: Bearer " STR_FMT "\r\n" COOKIE), STR_ARG(token));
	assert_exchange(&r, text, 401, "expired"); /* the cookie beside it does not help */
	assert_int_equal(r.sessions, 1);
	arena_release(&a);
	rig_close(&r);
}

static void scopes_are_held_to(void **state)
{
	struct rig r;
	open(&r);
	r.actor.session_kind = SESSION_TOKEN;
	r.actor.scopes = SCOPE_READ;
	assert_exchange(&r, ASK("GET", "/who", TOKEN), 200, "");
	assert_exchange(&r, ASK("DELETE", "/things/1", TOKEN), 403, CODE("scope_missing"));
	r.actor.scopes = SCOPE_ALL;
	assert_exchange(&r, ASK("DELETE", "/things/1", TOKEN), 204, "");
	assert_exchange(&r, ASK("GET", "/own", TOKEN), 403, CODE("scope_missing"));
	r.actor.session_kind = SESSION_CLIENT;
	assert_exchange(&r, ASK("GET", "/own", TOKEN), 200, "");
	rig_close(&r);
}

/* ---- where from */
static void pages_of_other_origins_are_refused(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_set(&r, "PUBLIC_URL", "https://public.example.org");
	rig_set(&r, "ALLOWED_ORIGINS", "https://web.example.org");
	rig_open(&r, rows, countof(rows));
#define LOGIN(headers) ASK("POST", "/login", JSON "Content-Length: 2\r\n" headers) "{}"
	assert_exchange(&r, LOGIN(""), 200, "");
	assert_exchange(&r, LOGIN("Origin: https://chat.example.org\r\n"), 200, "");
	assert_exchange(&r, LOGIN("Origin: https://public.example.org\r\n"), 200, "");
	assert_exchange(&r, LOGIN("Origin: https://web.example.org\r\n"), 200, "");
	assert_exchange(&r, LOGIN("Origin: https://evil.example.org\r\n"), 403, CODE("bad_origin"));
	assert_exchange(&r, LOGIN("Origin: null\r\n"), 403, CODE("bad_origin"));
	assert_non_null(strstr(r.log, "edge.origin_refused"));
	assert_non_null(strstr(r.log, "evil.example.org"));
	assert_non_null(strstr(r.log, "\"public_url\":\"https://public.example.org\""));
	assert_non_null(strstr(r.log, "\"allowed_origins\":\"https://web.example.org\""));
	assert_non_null(strstr(r.log, "\"host\":\"chat.example.org\""));
	assert_exchange(&r, LOGIN(COOKIE), 403, CODE("bad_origin")); /* with the cookie it must say where it comes from */
	assert_exchange(&r, LOGIN(COOKIE "Origin: http://chat.example.org\r\n"), 200, "");
	assert_exchange(&r, LOGIN(COOKIE TOKEN), 200, "");
	assert_exchange(&r, LOGIN(TOKEN "Origin: https://evil.example.org\r\n"), 403, CODE("bad_origin"));
	assert_exchange(&r, ASK("GET", "/who", COOKIE "Origin: https://evil.example.org\r\n"), 200, "");
	rig_close(&r);
}

static struct str header_of(struct rig *r, struct client *k, const char *ask, int status, const char *name)
{
	struct answer a;
	client_open(r, k);
	client_send(r, k, ask);
	assert_true(client_answer(k, &a));
	assert_int_equal(a.status, status);
	return answer_header(&a, name);
}

static void assert_header(struct rig *r, const char *ask, int status, const char *name, const char *want)
{
	struct client k;
	struct str got = header_of(r, &k, ask, status, name);
	if (want)
		assert_str(got, want);
	else
		assert_null(got.p);
	client_close(r, &k);
}

static void allowed_pages_may_read_answers(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_set(&r, "ALLOWED_ORIGINS", "https://web.example.org");
	rig_open(&r, rows, countof(rows));
#define FROM "Origin: https://web.example.org\r\n"
#define EVIL "Origin: https://evil.example.org\r\n"
#define PREFLIGHT "Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n"
	assert_header(&r, ASK("GET", "/open", FROM), 200, "Access-Control-Allow-Origin", "https://web.example.org");
	assert_header(&r, ASK("GET", "/open", FROM), 200, "Access-Control-Allow-Credentials", "true");
	assert_header(&r, ASK("GET", "/open", FROM), 200, "Vary", "Origin");
	assert_header(&r, ASK("GET", "/open", EVIL), 200, "Access-Control-Allow-Origin", NULL);
	assert_header(&r, ASK("GET", "/nowhere", FROM), 404, "Access-Control-Allow-Origin", "https://web.example.org");
	assert_header(&r, ASK("OPTIONS", "/things/7", FROM PREFLIGHT), 204, "Access-Control-Allow-Methods",
				  "OPTIONS, GET, HEAD, DELETE");
	assert_header(&r, ASK("OPTIONS", "/things/7", FROM PREFLIGHT), 204, "Access-Control-Max-Age", "600");
	assert_header(&r, ASK("OPTIONS", "/things/7", EVIL PREFLIGHT), 204, "Access-Control-Allow-Methods", NULL);
	assert_header(&r, ASK("OPTIONS", "/things/7", ""), 204, "Allow", "OPTIONS, GET, HEAD, DELETE");
	assert_header(&r, ASK("OPTIONS", "*", ""), 204, "Content-Length", NULL);
	assert_exchange(&r, ASK("OPTIONS", "/nowhere", FROM PREFLIGHT), 404, CODE("not_found"));
	rig_close(&r);
}

static void proxies_tell_address_and_scheme(void **state)
{
	struct rig r;
	open(&r);
	assert_exchange(&r, ASK("GET", "/open", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"), 200,
					"\"address\":\"127.0.0.1\",\"https\":false");
	rig_close(&r);
	rig_init(&r);
	rig_set(&r, "TRUSTED_PROXIES", "127.0.0.0/8");
	rig_open(&r, rows, countof(rows));
	assert_exchange(&r, ASK("GET", "/open", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"), 200,
					"\"address\":\"9.9.9.9\",\"https\":true");
	assert_exchange(&r, ASK("GET", "/who", "X-Forwarded-Proto: https\r\nCookie: __Host-linnet_session=0123456789\r\n"),
					200, "");
	assert_exchange(&r, ASK("GET", "/who", "X-Forwarded-Proto: https\r\n" COOKIE), 401, "");
	rig_close(&r);
}

/* ---- what it asks */
static void paths_and_methods(void **state)
{
	struct rig r;
	open(&r);
	assert_exchange(&r, ASK("GET", "/nowhere", ""), 404, CODE("not_found"));
	assert_exchange(&r, ASK("GET", "/nowhere", ""), 404, "\"detail\":\"There is no such path\"");
	assert_exchange(&r, ASK("GET", "/things/x", ""), 404, "\"detail\":\"There is no such thing\"");
	assert_header(&r, ASK("PUT", "/things/7", ""), 405, "Allow", "OPTIONS, GET, HEAD, DELETE");
	assert_exchange(&r, ASK("PUT", "/things/7", ""), 405, CODE("method_not_allowed"));
	assert_exchange(&r, ASK("GET", "/things/7", ""), 200, "\"id\":7,\"limit\":50,\"q\":null");
	assert_exchange(&r, ASK("GET", "/things/7?limit=100&q=a+b%20c", ""), 200, "\"limit\":100,\"q\":\"a b c\"");
	assert_exchange(&r, ASK("GET", "/api/things/9007199254740991?q=", ""), 200,
					"\"id\":9007199254740991,\"limit\":50,\"q\":\"\"");
	static const char *const ids[] = { "x", "-1", "07", "9007199254740992", "1.0", "%20" };
	char text[256];
	for (size_t i = 0; i < countof(ids); i++) {
		snprintf(text, sizeof text, ASK("GET", "/things/%s", ""), ids[i]);
		assert_exchange(&r, text, 404, CODE("not_found"));
	}
	static const char *const limits[] = { "0", "101", "", "x", "-5", "99999999999999999999" };
	for (size_t i = 0; i < countof(limits); i++) {
		snprintf(text, sizeof text, ASK("GET", "/things/7?limit=%s", ""), limits[i]);
		assert_exchange(&r, text, 422, "\"errors\":[{\"field\":\"limit\"");
	}
	assert_exchange(&r, ASK("GET", "/things/7?q=%zz", ""), 400, CODE("malformed"));
	assert_exchange(&r, ASK("GET", "/things/7?q=%00", ""), 400, CODE("malformed"));
	assert_exchange(&r, ASK("GET", "/things/7?q=%ff", ""), 400, CODE("malformed"));
	rig_close(&r);
}

/* What would be ignored is a mistake of whoever asks. */
static void query_parameters_that_a_row_does_not_take_are_refused(void **state)
{
	struct rig r;
	open(&r);
	assert_exchange(&r, ASK("GET", "/few", ""), 200, "");
	assert_exchange(&r, ASK("GET", "/few?", ""), 200, "");
	assert_exchange(&r, ASK("GET", "/few?&limit=1&&%71=x&", ""), 200, "");
	assert_exchange(&r, ASK("GET", "/few?limi=1", ""), 422, "\"field\":\"limi\"");
	assert_exchange(&r, ASK("GET", "/few?limit=1&l%C3%A4rm", ""), 422, "\"field\":\"l\303\244rm\"");
	assert_exchange(&r, ASK("GET", "/few?=1", ""), 422, "\"field\":\"query\"");
	assert_exchange(&r, ASK("GET", "/few?limit%20q=1", ""), 422, "\"field\":\"limit q\"");
	assert_exchange(&r, ASK("GET", "/few?%zz=1", ""), 400, CODE("malformed"));
	assert_exchange(&r, ASK("POST", "/none?x", ""), 422, CODE("invalid"));
	assert_exchange(&r, ASK("GET", "/open?x=1", ""), 200, "");
	rig_close(&r);
}

static void bodies_are_read_and_held_to_their_form(void **state)
{
	struct rig r;
	open(&r);
#define THING(headers, body) ASK("POST", "/things", TOKEN headers) body
	assert_exchange(&r, THING(JSON "Content-Length: 12\r\n", "{\"name\":\"x\"}"), 201, "{\"made\":\"x\"}");
	assert_exchange(
		&r, THING("Content-Type: Application/JSON ; charset=utf-8\r\nContent-Length: 12\r\n", "{\"name\":\"x\"}"), 201,
		"x");
	assert_exchange(&r, THING(JSON "Content-Length: 12\r\n", "{\"name\":\"\"x}"), 400, CODE("malformed"));
	assert_exchange(&r, THING(JSON "Content-Length: 19\r\n", "{\"name\":1,\"name\":2}"), 400, CODE("malformed"));
	assert_exchange(&r, THING(JSON "Content-Length: 0\r\n", ""), 400, CODE("malformed"));
	assert_exchange(&r, THING(JSON "Content-Length: 10\r\n", "{\"name\":7}"), 422, "\"field\":\"name\"");
	assert_exchange(&r, THING(JSON "Content-Length: 2\r\n", "[]"), 422, CODE("invalid"));
	assert_exchange(&r, THING(JSON "Content-Length: 18\r\n", "{\"name\":\"x\",\"b\":1}"), 422, "\"field\":\"b\"");
	assert_exchange(&r, THING(JSON, ""), 411, CODE("length_required"));
	assert_exchange(&r, THING("Content-Length: 2\r\n", "{}"), 415, CODE("unsupported_media"));
	assert_exchange(&r, THING("Content-Type: application/jsonp\r\nContent-Length: 2\r\n", "{}"), 415,
					CODE("unsupported_media"));
	assert_exchange(&r, THING("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 2\r\n", "{}"), 415,
					"");
	assert_exchange(&r, THING(JSON "Content-Length: 65537\r\n", ""), 413, CODE("too_large"));
	assert_exchange(
		&r, ASK("POST", "/login", "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n") "a=b",
		200, "");
	assert_exchange(&r, ASK("POST", "/things", JSON "Content-Length: 2\r\n") "{}", 401, CODE("unauthenticated"));
	rig_close(&r);
}

/* ---- what comes of it */
static void errors_are_problems(void **state)
{
	struct rig r;
	open(&r);
	for (int i = 1; i < ERR_END; i++) {
		char ask[256], code[128];
		const struct err_row *row = err_row((enum err)i);
		snprintf(ask, sizeof ask, ASK("GET", "/fail?code=%s", ""), row->name);
		const char *detail = i == ERR_NOT_FOUND ? "\"detail\":\"There is no such path\"," : "";
		snprintf(code, sizeof code, "\"status\":%d,%s\"code\":\"%s\"}", row->status, detail, row->code);
		assert_exchange(&r, ask, row->status, code);
	}
	assert_header(&r, ASK("GET", "/fail?code=BUSY", ""), 503, "Retry-After", "1");
	assert_header(&r, ASK("GET", "/fail?code=UNAUTHENTICATED", ""), 401, "WWW-Authenticate", "Bearer");
	assert_header(&r, ASK("GET", "/fail?code=CONFLICT", ""), 409, "Content-Type", "application/problem+json");
	rig_close(&r);
}

static void answers_carry_what_protects(void **state)
{
	struct rig r;
	open(&r);
	assert_header(&r, ASK("GET", "/open", ""), 200, "X-Content-Type-Options", "nosniff");
	assert_header(&r, ASK("GET", "/open", ""), 200, "Cache-Control", "no-store");
	assert_header(&r, ASK("GET", "/open", ""), 200, "Content-Security-Policy",
				  "default-src 'none'; frame-ancestors 'none'");
	assert_header(&r, ASK("GET", "/open", ""), 200, "Date", "Tue, 14 Nov 2023 22:13:21 GMT");
	assert_header(&r, ASK("GET", "/open", "X-Request-Id: mine-1.2_3\r\n"), 200, "X-Request-Id", "mine-1.2_3");
	struct client k;
	assert_int_equal(header_of(&r, &k, ASK("GET", "/open", "X-Request-Id: no\"quotes\r\n"), 200, "X-Request-Id").n, 26);
	client_close(&r, &k);
	rig_pass(&r, 1000);
	assert_header(&r, ASK("GET", "/open", ""), 200, "Date", "Tue, 14 Nov 2023 22:13:22 GMT");
	rig_close(&r);
}

static void one_line_a_request_is_logged(void **state)
{
	struct rig r;
	open(&r);
	assert_exchange(&r, ASK("GET", "/who?secret=1", COOKIE "X-Request-Id: abc\r\n"), 200, "");
	assert_non_null(strstr(
		r.log,
		"\"event\":\"http.request\",\"method\":\"GET\",\"path\":\"/who\",\"operation\":\"who_get\",\"status\":200"));
	assert_non_null(strstr(r.log, "\"user_id\":7,\"request_id\":\"abc\""));
	assert_exchange(&r, ASK("GET", "/invites/topsecret", ""), 204, "");
	assert_non_null(strstr(r.log, "\"path\":\"/invites/{code}\""));
	/* Nor where no row is: an older or newer client's, a mistake, another method. */
	static const char *const asks[] = { ASK("GET", "/nothing/topsecret", ""),
										ASK("GET", "/api/nothing/topsecret/x", ""),
										ASK("POST", "/invites/topsecret", "Content-Length: 0\r\n") };
	static const char *const paths[] = { "\"path\":\"/nothing\"", "\"path\":\"/api/nothing\"",
										 "\"path\":\"/invites\"" };
	for (size_t i = 0; i < countof(asks); i++) {
		assert_exchange(&r, asks[i], i == 2 ? 405 : 404, "");
		assert_non_null(strstr(r.log, paths[i]));
	}
	assert_exchange(&r, ASK("GET", "/", ""), 404, "");
	assert_non_null(strstr(r.log, "\"path\":\"/\""));
	assert_exchange(&r, ASK("GET", "/api", ""), 404, "");
	assert_non_null(strstr(r.log, "\"path\":\"/api\""));
	assert_null(strstr(r.log, "secret=1"));
	assert_null(strstr(r.log, "topsecret"));
	assert_null(strstr(r.log, "0123456789"));
	rig_close(&r);
}

/* ---- lanes */
static void a_full_lane_says_so(void **state)
{
	struct rig r;
	struct client k[6];
	struct answer a;
	open(&r);
	r.hold_jobs = true;
	for (size_t i = 0; i < countof(k); i++) {
		client_open(&r, &k[i]);
		client_send(&r, &k[i], ASK("GET", "/who", COOKIE));
	}
	size_t refused = 0;
	for (size_t i = 0; i < countof(k); i++)
		if (client_answer(&k[i], &a)) {
			assert_int_equal(a.status, 503);
			assert_true(str_contains(a.body, CODE("busy")));
			assert_str(answer_header(&a, "retry-after"), "1");
			refused++;
		}
	assert_int_equal(refused, 2);
	for (size_t i = 0; i < countof(k); i++) client_close(&r, &k[i]);
	rig_close(&r);
}

static void requests_hop_from_lane_to_lane(void **state)
{
	struct rig r;
	open(&r);
	hops.steps[0] = 0;
	assert_exchange(&r, ASK("POST", "/hop", ""), 204, "");
	assert_string_equal(hops.steps, "first second third ");
	hops.steps[0] = 0;
	assert_exchange(&r, ASK("POST", "/hash", TOKEN), 204, "");
	assert_string_equal(hops.steps, "second third ");
	assert_int_equal(r.sessions, 2); /* before the hashing, and with the writing */
	r.session = ERR_UNAUTHENTICATED;
	hops.steps[0] = 0;
	assert_exchange(&r, ASK("POST", "/hash", TOKEN), 401, "");
	assert_string_equal(hops.steps, "");
	rig_close(&r);
}

static void handlers_may_answer_later(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, ASK("POST", "/start", "") ASK("GET", "/open", ""));
	rig_pass(&r, 100000);
	assert_int_equal(k.got.n, 0);
	assert_int_equal(edge_pending(r.edge), 1);
	request_finish(started, ERR_LIMIT_REACHED);
	rig_settle(&r);
	assert_answer(&k, 409, CODE("limit_reached"));
	assert_answer(&k, 200, "");
	client_send(&r, &k, ASK("POST", "/start?fail", "") ASK("POST", "/at-once", ""));
	assert_answer(&k, 409, CODE("conflict"));
	assert_answer(&k, 204, "");
	client_send(&r, &k, ASK("POST", "/start", ""));
	client_close(&r, &k);
	assert_int_equal(edge_pending(r.edge), 1);
	request_finish(started, OK);
	assert_int_equal(edge_pending(r.edge), 0);
	rig_close(&r);
}

static void who_has_gone_is_not_read_for(void **state)
{
	struct rig r;
	struct client k;
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &k);
	client_send(&r, &k, ASK("GET", "/who", COOKIE));
	client_close(&r, &k); /* an end of sending alone: it might still read, for a while */
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_int_equal(r.sessions, 1);
	client_open(&r, &k);
	client_send(&r, &k, ASK("GET", "/who", COOKIE));
	client_close(&r, &k);
	rig_pass(&r, 1100);
	rig_run_jobs(&r);
	rig_settle(&r);
	assert_int_equal(r.sessions, 1);
	client_open(&r, &k);
	client_send(&r, &k, ASK("DELETE", "/things/1", TOKEN));
	client_close(&r, &k);
	rig_pass(&r, 1100);
	rig_run_jobs(&r); /* a write that was taken runs */
	rig_settle(&r);
	assert_int_equal(r.sessions, 2);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_looked_for_first),
		cmocka_unit_test(access_tokens_are_checked_at_once),
		cmocka_unit_test(scopes_are_held_to),
		cmocka_unit_test(pages_of_other_origins_are_refused),
		cmocka_unit_test(allowed_pages_may_read_answers),
		cmocka_unit_test(proxies_tell_address_and_scheme),
		cmocka_unit_test(paths_and_methods),
		cmocka_unit_test(query_parameters_that_a_row_does_not_take_are_refused),
		cmocka_unit_test(bodies_are_read_and_held_to_their_form),
		cmocka_unit_test(errors_are_problems),
		cmocka_unit_test(answers_carry_what_protects),
		cmocka_unit_test(one_line_a_request_is_logged),
		cmocka_unit_test(a_full_lane_says_so),
		cmocka_unit_test(requests_hop_from_lane_to_lane),
		cmocka_unit_test(handlers_may_answer_later),
		cmocka_unit_test(who_has_gone_is_not_read_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
