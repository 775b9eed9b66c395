#include "rig.h"

#include "edge/upgrade.h"
#include "edge/ws_gate.h"
#include "hub/hub.h"
#include "store/session.h"

static const struct route rows[] = {
	{ HTTP_GET, "/ws", "socket_open", AUTH_none, SCOPE_read, LANE_start, BODY_none, RATE_requests, upgrade_take, NULL },
};

static struct lane *sync_lane;

static void open_hub(struct rig *r)
{
	sync_lane = rig_lane(r, "sync");
	const struct hub_options o = { .config = &r->config,
								   .metrics = r->pod.metrics,
								   .bus = r->pod.bus,
								   .sync = sync_lane,
								   .write = r->pod.write,
								   .reactors = &r->reactor,
								   .n_reactors = 1,
								   .dialects = ws_dialects,
								   .n_dialects = WS_DIALECTS,
								   .epoch = r->pod.epoch.hash ? r->pod.epoch : (struct epoch){ "", 1 } };
	r->pod.hub = hub_create(&o);
}

static void open(struct rig *r)
{
	rig_open(r, rows, countof(rows));
	r->pod.bus = bus_local_create();
	open_hub(r);
}

static void close(struct rig *r)
{
	struct hub *hub = r->pod.hub;
	struct bus *bus = r->pod.bus;
	rig_settle(r);
	hub_ask_no_more(hub);
	lane_destroy(sync_lane);
	if (r->db) r->bus = bus_local_create(); /* which the rig may end: the hub's has to outlive it */
	hub_stop(hub);
	rig_close(r);
	hub_destroy(hub);
	bus->ops->destroy(bus);
}

#define WS(headers)                                                                                                    \
	"GET /ws HTTP/1.1\r\nHost: chat.example.org\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" headers  \
	"\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define COOKIE "Cookie: linnet_session=0123456789\r\n"
#define OWN "Origin: https://chat.example.org\r\n"

/* The 101's head; what comes behind it is frames. */
static struct answer upgraded(struct rig *r, struct client *k, const char *ask)
{
	struct answer a;
	client_open(r, k);
	client_send(r, k, ask);
	assert_true(client_answer(k, &a));
	if (a.status != 101) fail_msg(STR_FMT, STR_ARG(buf_str(&k->got)));
	return a;
}

static int close_code(const struct client *k)
{
	struct str rest = str_from(buf_str(&k->got), k->at);
	while (rest.n >= 2 && (unsigned char)rest.p[0] == 0x89)
		rest = str_from(rest, 2u + (unsigned char)rest.p[1]); /* pings */
	if (rest.n < 4 || (unsigned char)rest.p[0] != 0x88) return 0;
	return (unsigned char)rest.p[2] << 8 | (unsigned char)rest.p[3];
}

static void assert_close(struct rig *r, const char *ask, int code)
{
	struct client k;
	upgraded(r, &k, ask);
	assert_int_equal(close_code(&k), code);
	rig_pass(r, 1100); /* the peer's Close is waited for that long */
	assert_true(k.ended || !k.conn);
	client_close(r, &k);
}

static void a_session_becomes_a_socket(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	open(&r);
	struct answer a = upgraded(&r, &k, WS(V13 KEY COOKIE OWN));
	assert_str(answer_header(&a, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_str(answer_header(&a, "upgrade"), "websocket");
	assert_null(answer_header(&a, "sec-websocket-protocol").p);
	assert_null(answer_header(&a, "sec-websocket-extensions").p);
	assert_int_equal(hub_sessions(r.pod.hub), 1);
	client_send(&r, &k, "\x89\x80\1\2\3\4"); /* a ping, masked */
	assert_memory_equal(k.got.p + k.at, "\x8a\0", 2);
	assert_int_equal(edge_pending(r.edge), 0);
	client_close(&r, &k);
	assert_int_equal(hub_sessions(r.pod.hub), 0);
	close(&r);
}

static void bytes_behind_the_handshake_are_the_sockets(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &k);
	client_send(&r, &k, WS(V13 KEY COOKIE OWN) "\x89\x80\1\2\3\4"); /* has to wait for the session's job */
	client_send(&r, &k, "\x89\x80\1\2\3\4");
	assert_int_equal(k.got.n, 0);
	rig_run_jobs(&r);
	rig_settle(&r);
	struct answer a;
	assert_true(client_answer(&k, &a));
	assert_int_equal(k.got.n - k.at, 4);
	assert_memory_equal(k.got.p + k.at, "\x8a\0\x8a\0", 4);
	client_close(&r, &k);
	close(&r);
}

static void subprotocols_and_extensions_are_agreed(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	open(&r);
	struct answer a = upgraded(&r, &k,
							   WS(V13 KEY "Sec-WebSocket-Protocol: linnet.v1, bearer.linnet_0123456789\r\n"
										  "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"));
	assert_str(answer_header(&a, "sec-websocket-protocol"), "linnet.v1"); /* never the token */
	assert_false(str_contains(a.head, "linnet_0123456789"));
	assert_str(answer_header(&a, "sec-websocket-extensions"),
			   "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
	assert_int_equal(r.sessions, 1);
	assert_int_equal(close_code(&k), 0);
	client_close(&r, &k);
	a = upgraded(&r, &k, WS(V13 KEY COOKIE OWN "Sec-WebSocket-Protocol: chat\r\n"));
	assert_null(answer_header(&a, "sec-websocket-protocol").p);
	client_close(&r, &k);
	assert_null(strstr(r.log, "linnet_0123456789"));
	close(&r);
}

static void what_is_wrong_with_a_session_is_told_by_a_close(void **state)
{
	struct rig r;
	rig_init(&r);
	open(&r);
	assert_close(&r, WS(V13 KEY), 4001);
	assert_close(&r, WS(V13 KEY "Sec-WebSocket-Protocol: linnet.v1, bearer.not-a-jwt\r\n"), 4001);
	assert_int_equal(r.sessions, 0);
	r.session = ERR_UNAUTHENTICATED;
	assert_close(&r, WS(V13 KEY COOKIE OWN), 4001);
	r.session = ERR_SESSION_REVOKED;
	assert_close(&r, WS(V13 KEY COOKIE OWN), 4003);
	r.session = OK;
	r.actor.scopes = 0;
	assert_close(&r, WS(V13 KEY "Authorization: Bearer linnet_0123456789\r\n"), 1008);
	assert_int_equal(hub_sessions(r.pod.hub), 0);
	close(&r);
}

/* Each is told by a close, and counted for the address like any other request that shows nothing good. */
static void made_up_sessions_are_counted(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_set(&r, "LINNET_RATE_REQUESTS", "1/m:2");
	open(&r);
	r.session = ERR_UNAUTHENTICATED;
	for (int i = 0; i < 3; i++) assert_close(&r, WS(V13 KEY COOKIE OWN), 4001); /* the last has found it empty */
	assert_exchange(&r, WS(V13 KEY COOKIE OWN), 429, CODE("rate_limited"));
	assert_int_equal(r.sessions, 3);
	close(&r);
}

static void what_is_wrong_with_the_handshake_is_told_by_an_answer(void **state)
{
	struct rig r;
	rig_init(&r);
	open(&r);
	assert_exchange(&r, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426, CODE("upgrade_required"));
	assert_exchange(&r, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n" V13 KEY "\r\n", 426,
					CODE("upgrade_required"));
	assert_exchange(&r, "HEAD /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" V13 KEY "\r\n",
					426, "");
	assert_exchange(&r, WS(KEY), 426, CODE("upgrade_required"));
	assert_exchange(&r, WS("Sec-WebSocket-Version: 8\r\n" KEY), 426, "13");
	assert_exchange(&r, WS(V13), 400, CODE("malformed"));
	assert_exchange(&r, WS(V13 "Sec-WebSocket-Key: c2hvcnQ=\r\n"), 400, CODE("malformed"));
	assert_exchange(&r, WS(V13 KEY "Content-Length: 2\r\n") "{}", 426, CODE("upgrade_required"));
	assert_exchange(&r, WS(V13 KEY COOKIE), 403, CODE("bad_origin"));
	assert_exchange(&r, WS(V13 KEY COOKIE "Origin: https://evil.example.org\r\n"), 403, CODE("bad_origin"));
	assert_exchange(&r, WS(V13 KEY "Origin: https://evil.example.org\r\n"), 403, CODE("bad_origin"));
	r.session = ERR_UNAVAILABLE;
	assert_exchange(&r, WS(V13 KEY COOKIE OWN), 503, CODE("unavailable"));
	r.session = OK;
	atomic_store(&r.pod.draining, true);
	struct client k;
	struct answer a;
	client_open(&r, &k);
	client_send(&r, &k, WS(V13 KEY COOKIE OWN));
	assert_true(client_answer(&k, &a));
	assert_int_equal(a.status, 503);
	assert_str(answer_header(&a, "connection"), "close");
	client_close(&r, &k);
	close(&r);
}

static void who_goes_meanwhile_is_no_socket(void **state)
{
	struct rig r;
	struct client k;
	rig_init(&r);
	open(&r);
	r.hold_jobs = true;
	client_open(&r, &k);
	client_send(&r, &k, WS(V13 KEY COOKIE OWN));
	client_close(&r, &k);
	while (rig_run_jobs(&r)) rig_settle(&r);
	assert_int_equal(hub_sessions(r.pod.hub), 0);
	assert_int_equal(edge_pending(r.edge), 0);
	close(&r);
}

/* ---- over a database */

static const struct sql SQL_OLD = { "UPDATE sessions SET used_at = used_at - $1, expires_at = expires_at - $1", NULL };

static const struct sql SQL_END = { "UPDATE sessions SET expires_at = $1", NULL };

static struct str cookie_in(const struct answer *a)
{
	struct str line = answer_header(a, "set-cookie"), value;
	return line.p && str_split(&line, ';', &value) ? value : STR_NONE;
}

static void open_db(struct rig *r, char cookie[200])
{
	static const char body[] = "{\"username\":\"ann\",\"password\":\"correct horse\"}";
	struct client k;
	struct answer a;
	char text[512];
	rig_init(r);
	r->pod.local = true;
	rig_open_db(r);
	open_hub(r);
	client_open(r, &k);
	snprintf(text, sizeof text,
			 "POST /auth/register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 strlen(body), body);
	client_send(r, &k, text);
	assert_true(client_answer(&k, &a));
	snprintf(cookie, 200, STR_FMT, STR_ARG(cookie_in(&a)));
	client_close(r, &k);
}

/* A page that is kept open for weeks asks for little else. */
static void a_cookie_slides_with_the_upgrade(void **state)
{
	struct rig r;
	struct client k;
	char text[1024], cookie[200];
	open_db(&r, cookie);
	int64_t ends = RIG_NUMBER(&r, "SELECT expires_at FROM sessions");
	snprintf(text, sizeof text, WS(V13 KEY OWN "Cookie: %s\r\n"), cookie);
	for (int old = 0; old < 2; old++) {
		if (old) assert_int_equal(db_exec(r.look, &SQL_OLD, DB_ARGS(DB_I64(SESSION_TOUCH_MS)), NULL), OK);
		struct answer a = upgraded(&r, &k, text);
		assert_int_equal(close_code(&k), 0);
		if (old)
			assert_str(cookie_in(&a), cookie);
		else
			assert_null(cookie_in(&a).p);
		client_close(&r, &k);
		assert_int_equal(RIG_NUMBER(&r, "SELECT expires_at FROM sessions"), ends);
	}
	close(&r);
}

static void greeted(struct rig *r, struct client *k, const char *cookie)
{
	char text[1024];
	snprintf(text, sizeof text, WS(V13 KEY OWN "Cookie: %s\r\n"), cookie);
	upgraded(r, k, text);
	static const char hello[] = "\x81\x8e\0\0\0\0{\"op\":\"hello\"}"; /* a mask of zeros leaves the text as it is */
	conn_write_copy(k->conn, hello, sizeof hello - 1);
	rig_settle(r);
	k->at = k->got.n;
}

/* Some heartbeats long, at each of which the client says something. */
static void sit(struct rig *r, struct client *k, int64_t ms)
{
	r->ns += ms * 1000000;
	rig_settle(r);
	for (int i = 0; i < 3 && k->conn; i++) {
		client_send(r, k, "\x89\x80\1\2\3\4");
		r->ns += r->config.heartbeat_ms * 1000000;
		rig_settle(r);
	}
}

#define HOUR_MS INT64_C(3600000)

static void an_open_socket_keeps_its_session(void **state)
{
	struct rig r;
	struct client k;
	char cookie[200];
	open_db(&r, cookie);
	greeted(&r, &k, cookie);
	int64_t used = RIG_NUMBER(&r, "SELECT used_at FROM sessions"),
			ends = RIG_NUMBER(&r, "SELECT expires_at FROM sessions");
	sit(&r, &k, 12 * HOUR_MS);
	assert_int_equal(RIG_NUMBER(&r, "SELECT used_at FROM sessions"),
					 used); /* an answer of HTTP could slide the cookie */
	sit(&r, &k, 12 * HOUR_MS);
	assert_true(RIG_NUMBER(&r, "SELECT used_at FROM sessions") >= used + 24 * HOUR_MS);
	assert_true(RIG_NUMBER(&r, "SELECT expires_at FROM sessions") >= ends + 24 * HOUR_MS);
	assert_int_equal(hub_sessions(r.pod.hub), 1);
	client_close(&r, &k);
	close(&r);
}

/* The end that was read with the upgrade has been moved on since, by what the browser asked over HTTP. */
static void the_end_of_a_session_is_read_again(void **state)
{
	struct rig r;
	struct client k;
	char cookie[200];
	open_db(&r, cookie);
	int64_t wall = rig_wall_ms(&r.clock);
	assert_int_equal(db_exec(r.look, &SQL_END, DB_ARGS(DB_I64(wall + 60000)), NULL), OK);
	greeted(&r, &k, cookie);
	assert_int_equal(db_exec(r.look, &SQL_END, DB_ARGS(DB_I64(wall + 10 * 60000)), NULL), OK);
	sit(&r, &k, 2 * 60000);
	assert_int_equal(hub_sessions(r.pod.hub), 1);
	k.at = k.got.n;
	r.ns += INT64_C(10) * 60000 * 1000000;
	rig_settle(&r);
	assert_int_equal(close_code(&k), 4001);
	assert_int_equal(hub_sessions(r.pod.hub), 0);
	client_close(&r, &k);
	close(&r);
}

/* Nobody knows: then it goes on. */
static void a_database_that_is_away_ends_no_socket(void **state)
{
	struct rig r;
	struct client k;
	char cookie[200];
	open_db(&r, cookie);
	greeted(&r, &k, cookie);
	r.hold_jobs = true;
	sit(&r, &k, 2 * HOUR_MS);
	assert_int_equal(lane_depth(r.pod.read), 1); /* one look at a time */
	assert_int_equal(hub_sessions(r.pod.hub), 1);
	client_close(&r, &k);
	r.hold_jobs = false;
	close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_becomes_a_socket),
		cmocka_unit_test(bytes_behind_the_handshake_are_the_sockets),
		cmocka_unit_test(subprotocols_and_extensions_are_agreed),
		cmocka_unit_test(what_is_wrong_with_a_session_is_told_by_a_close),
		cmocka_unit_test(made_up_sessions_are_counted),
		cmocka_unit_test(a_cookie_slides_with_the_upgrade),
		cmocka_unit_test(an_open_socket_keeps_its_session),
		cmocka_unit_test(the_end_of_a_session_is_read_again),
		cmocka_unit_test(a_database_that_is_away_ends_no_socket),
		cmocka_unit_test(what_is_wrong_with_the_handshake_is_told_by_an_answer),
		cmocka_unit_test(who_goes_meanwhile_is_no_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
