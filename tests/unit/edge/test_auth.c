/* Accounts through the program's own routes, on a virtual reactor over a real database. */
#include "edge/auth.h"

#include "app/login.h"
#include "app/register.h"
#include "rig.h"
#include "store/person.h"
#include "store/session.h"

#define PASSWORD "correct horse"

static void post(char out[1024], const char *path, const char *headers, const char *body)
{
	snprintf(out, 1024,
			 "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
			 path, strlen(body), headers, body);
}

static struct answer ask(struct rig *r, struct client *k, const char *path, const char *headers, const char *body)
{
	char text[1024];
	struct answer a;
	client_open(r, k);
	post(text, path, headers, body);
	client_send(r, k, text);
	if (!client_answer(k, &a)) fail_msg("no answer");
	return a;
}

static int status(struct rig *r, const char *path, const char *headers, const char *body)
{
	struct client k;
	struct answer a = ask(r, &k, path, headers, body);
	client_close(r, &k);
	return a.status;
}

static void registered(struct rig *r, const char *name)
{
	char body[200];
	snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"" PASSWORD "\"}", name);
	assert_int_equal(status(r, "/auth/register", "", body), 201);
}

static int login(struct rig *r, const char *name, const char *password, const char *from)
{
	char body[200], headers[100];
	snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", name, password);
	snprintf(headers, sizeof headers, "X-Forwarded-For: %s\r\n", from);
	return status(r, "/auth/login", headers, body);
}

static void open_local(struct rig *r)
{
	rig_init(r);
	r->pod.local = true;
	rig_set(r, "TRUSTED_PROXIES", "127.0.0.1");
	rig_set(r, "LINNET_RATE_LOGIN", "off");
	rig_set(r, "LINNET_RATE_REGISTER", "off");
	rig_set(r, "LINNET_RATE_REQUESTS", "off");
	rig_open_db(r);
}

/* ---- registering */

static void the_first_owns_the_server(void **state)
{
	struct rig r;
	open_local(&r);
	registered(&r, "ann");
	registered(&r, "bob");
	assert_int_equal(RIG_NUMBER(&r, "SELECT role FROM users WHERE username = 'ann'"), USER_OWNER);
	assert_int_equal(RIG_NUMBER(&r, "SELECT role FROM users WHERE username = 'bob'"), USER_MEMBER);
	assert_int_equal(RIG_NUMBER(&r, "SELECT is_default FROM channels WHERE name_key = 'general'"), 1);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM members WHERE channel_id = 1"), 2);
	assert_int_equal(RIG_NUMBER(&r, "SELECT member_count FROM heads WHERE channel_id = 0"), 2);
	assert_int_equal(RIG_NUMBER(&r, "SELECT rev FROM heads WHERE channel_id = 0"), 2);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM users WHERE changed_rev > 0"), 2);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM audit WHERE action = 'server.claimed'"), 1);
	rig_close(&r);
}

/* Both have been judged before either is written. */
static void two_firsts_make_one_owner(void **state)
{
	struct rig r;
	struct client k[2];
	char text[1024];
	open_local(&r);
	r.hold_jobs = true;
	for (int i = 0; i < 2; i++) {
		client_open(&r, &k[i]);
		post(text, "/auth/register", "",
			 i ? "{\"username\":\"two\",\"password\":\"" PASSWORD "\"}"
			   : "{\"username\":\"one\",\"password\":\"" PASSWORD "\"}");
		client_send(&r, &k[i], text);
	}
	assert_int_equal(r.n_jobs, 2);
	r.hold_jobs = false;
	rig_settle(&r);
	for (int i = 0; i < 2; i++) {
		assert_answer(&k[i], 201, "");
		client_close(&r, &k[i]);
	}
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM users WHERE role = 3"), 1);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM channels WHERE channel_id > 0"), 1);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM members WHERE channel_id = 1"), 2);
	rig_close(&r);
}

static void elsewhere_the_first_needs_the_code_from_the_log(void **state)
{
	struct rig r;
	char body[300], code[64] = "";
	rig_init(&r);
	rig_open_db(&r);
	assert_int_equal(register_open(r.look, &r.config), OK);
	const char *at = strstr(r.log, "\"setup_code\":\"");
	assert_non_null(at);
	sscanf(at, "\"setup_code\":\"%40[^\"]", code);
	r.log[0] = 0, r.log_n = 0;
	assert_int_equal(register_open(r.look, &r.config), OK); /* said once */
	assert_null(strstr(r.log, "setup_code"));
	assert_int_equal(status(&r, "/auth/register", "", "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}"), 403);
	snprintf(body, sizeof body, "{\"username\":\"ann\",\"password\":\"" PASSWORD "\",\"setup_code\":\"%sX\"}", code);
	assert_int_equal(status(&r, "/auth/register", "", body), 403);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM users"), 0);
	snprintf(body, sizeof body, "{\"username\":\"ann\",\"password\":\"" PASSWORD "\",\"setup_code\":\"%s\"}", code);
	assert_int_equal(status(&r, "/auth/register", "", body), 201);
	snprintf(body, sizeof body, "{\"username\":\"bob\",\"password\":\"" PASSWORD "\",\"setup_code\":\"%s\"}", code);
	assert_int_equal(status(&r, "/auth/register", "", body), 403);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM meta WHERE key = 'setup_code_hash'"), 0);
	rig_close(&r);
}

static void two_firsts_with_the_code_make_one_account(void **state)
{
	struct rig r;
	struct client k[2];
	char text[1024], body[300];
	rig_init(&r);
	rig_set(&r, "LINNET_SETUP_CODE", "open sesame 1234");
	rig_open_db(&r);
	r.hold_jobs = true;
	for (int i = 0; i < 2; i++) {
		client_open(&r, &k[i]);
		snprintf(body, sizeof body,
				 "{\"username\":\"p%d\",\"password\":\"" PASSWORD "\",\"setup_code\":\"Open-sesame 1234\"}", i);
		post(text, "/auth/register", "", body);
		client_send(&r, &k[i], text);
	}
	r.hold_jobs = false;
	rig_settle(&r);
	assert_answer(&k[0], 201, "");
	assert_answer(&k[1], 403, CODE("registration_closed"));
	client_close(&r, &k[0]);
	client_close(&r, &k[1]);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM users"), 1);
	rig_close(&r);
}

/* A page of another site, whose name was led to this machine: no forwarding header, and its own Origin. */
static void a_name_led_here_makes_nobody_local(void **state)
{
	static const char body[] = "{\"username\":\"eve\",\"password\":\"" PASSWORD "\"}";
	struct rig r;
	char text[1024];
	open_local(&r);
	snprintf(text, sizeof text,
			 "POST /auth/register HTTP/1.1\r\nHost: evil.example:8002\r\nOrigin: http://evil.example:8002\r\n"
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(body), body);
	assert_exchange(&r, text, 403, CODE("bad_setup_code"));
	assert_exchange(&r, "GET /server HTTP/1.1\r\nHost: evil.example:8002\r\n\r\n", 200, "\"registration\":\"invite\"");
	assert_exchange(&r, "GET /server HTTP/1.1\r\nHost: localhost:8002\r\n\r\n", 200, "\"registration\":\"open\"");
	registered(&r, "ann");
	assert_exchange(&r, text, 403, CODE("registration_closed"));
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM users"), 1);
	rig_close(&r);
}

/* ---- what was left undone */

static void what_was_left_undone_is_done_at_the_next_sign_in(void **state)
{
	struct rig r;
	struct client k;
	char text[600];
	open_local(&r);
	int64_t defaults[4];
	struct registering g = { .defaults = defaults,
							 .most_defaults = 4,
							 .permit = { true, true },
							 .person = { .username = STR("ann"), .display_name = STR_NONE, .password_hash = STR_NONE },
							 .session = { .kind = SESSION_COOKIE, .now_ms = rig_wall_ms(&r.clock) } };
	assert_int_equal(register_write(r.look, &g), OK);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM members"), 1); /* of the #general that came with it */
	client_open(&r, &k);
	snprintf(text, sizeof text, "GET /auth/me HTTP/1.1\r\nHost: localhost\r\nCookie: linnet_session=%s\r\n\r\n",
			 g.session.secret);
	client_send(&r, &k, text);
	assert_answer(&k, 200, "\"username\":\"ann\"");
	client_close(&r, &k);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM members WHERE user_id = 1"), 2);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM channels WHERE name_key = 'general' AND is_default = 1"), 1);
	assert_int_equal(RIG_NUMBER(&r, "SELECT rev FROM heads WHERE channel_id = 0"), 1);
	rig_close(&r);
}

/* ---- guessing */

static void an_address_guesses_twenty_times(void **state)
{
	struct rig r;
	struct client k;
	open_local(&r);
	registered(&r, "ann");
	for (int i = 0; i < r.config.login_failures_address; i++)
		assert_int_equal(login(&r, i % 2 ? "ann" : "nobody", "a wrong one", "203.0.113.9"), 401);
	struct answer a = ask(&r, &k, "/auth/login", "X-Forwarded-For: 203.0.113.9\r\n",
						  "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}");
	assert_int_equal(a.status, 429);
	assert_str(answer_header(&a, "retry-after"), "900");
	client_close(&r, &k);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.10"), 200);
	rig_pass(&r, LOGIN_ADDRESS_MS);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.9"), 200);
	assert_int_equal(metric_total(r.pod.metrics, METRIC_LOGIN_FAILED), r.config.login_failures_address);
	rig_close(&r);
}

static void a_network_of_ipv6_is_one_address(void **state)
{
	struct rig r;
	char from[64];
	open_local(&r);
	for (int i = 0; i < r.config.login_failures_address; i++) {
		snprintf(from, sizeof from, "2001:db8:1:2::%x", i + 1);
		assert_int_equal(login(&r, "nobody", "a wrong one", from), 401);
	}
	assert_int_equal(login(&r, "nobody", "a wrong one", "2001:db8:1:2:ffff::1"), 429);
	assert_int_equal(login(&r, "nobody", "a wrong one", "2001:db8:1:3::1"), 401);
	rig_close(&r);
}

static void an_account_under_attack_knows_its_addresses(void **state)
{
	struct rig r;
	char from[64];
	open_local(&r);
	registered(&r, "ann");
	assert_int_equal(login(&r, "ann", PASSWORD, "198.51.100.1"), 200);
	for (int i = 0; i < r.config.login_failures_name; i++) {
		snprintf(from, sizeof from, "203.0.113.%d", i + 1);
		assert_int_equal(login(&r, "ANN", "a wrong one", from), 401);
	}
	for (int i = 0; i < 5; i++) assert_int_equal(login(&r, "ann", PASSWORD, "198.51.100.1"), 200);
	assert_int_equal(login(&r, "ann", "a wrong one", "203.0.113.200"), 401); /* a try */
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.200"), 429);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.201"), 200);
	rig_pass(&r, LOGIN_WAIT_MS);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.200"), 200);
	assert_int_equal(login(&r, "bob", "a wrong one", "203.0.113.202"), 401);
	rig_close(&r);
}

/* Who has no name here has somebody else's password checked: they are nobody all the same. */
static void nobody_signs_in_by_the_password_of_another(void **state)
{
	struct rig r;
	open_local(&r);
	assert_int_equal(login(&r, "nobody", PASSWORD, "203.0.113.1"), 401);
	registered(&r, "ann");
	static const char *const names[] = { "nobody", "bob", "eve", "x", "" };
	for (size_t i = 0; i < countof(names); i++) assert_int_equal(login(&r, names[i], PASSWORD, "203.0.113.1"), 401);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.1"), 200);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM sessions"), 2);
	rig_close(&r);
}

/* ---- use */

static struct str cookie_of(const struct answer *a)
{
	struct str line = answer_header(a, "set-cookie"), value;
	return line.p && str_split(&line, ';', &value) ? value : STR_NONE;
}

static void use_is_noted_once_an_hour(void **state)
{
	struct rig r;
	struct client k;
	struct answer a;
	char text[600];
	open_local(&r);
	a = ask(&r, &k, "/auth/register", "", "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}");
	snprintf(text, sizeof text, "GET /users HTTP/1.1\r\nHost: localhost\r\nCookie: " STR_FMT "\r\n\r\n",
			 STR_ARG(cookie_of(&a)));
	client_send(&r, &k, text);
	assert_true(client_answer(&k, &a));
	assert_null(answer_header(&a, "set-cookie").p);
	client_close(&r, &k);
	int64_t used = RIG_NUMBER(&r, "SELECT used_at FROM sessions"),
			ends = RIG_NUMBER(&r, "SELECT expires_at FROM sessions");
	r.ns += (int64_t)SESSION_TOUCH_MS * 1000000;
	rig_settle(&r);
	client_open(&r, &k);
	client_send(&r, &k, text);
	assert_true(client_answer(&k, &a));
	assert_int_equal(a.status, 200);
	assert_true(cookie_of(&a).n > 40);
	assert_int_equal(RIG_NUMBER(&r, "SELECT used_at FROM sessions"), used + SESSION_TOUCH_MS);
	assert_int_equal(RIG_NUMBER(&r, "SELECT expires_at FROM sessions"), ends + SESSION_TOUCH_MS);
	client_send(&r, &k, text);
	assert_true(client_answer(&k, &a));
	assert_null(answer_header(&a, "set-cookie").p);
	client_close(&r, &k);
	rig_close(&r);
}

/* It is asked by the sign-in page, and answered as to anybody. */
static void one_that_has_ended_stays_so(void **state)
{
	struct rig r;
	struct client k;
	struct answer a;
	char cookie[200], text[600];
	open_local(&r);
	a = ask(&r, &k, "/auth/register", "", "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}");
	snprintf(cookie, sizeof cookie, STR_FMT, STR_ARG(cookie_of(&a)));
	client_close(&r, &k);
	int64_t ends = RIG_NUMBER(&r, "SELECT expires_at FROM sessions");
	r.ns += (SESSION_LIFE_MS + 1) * 1000000;
	rig_settle(&r);
	static const char *const paths[] = { "/auth/me", "/server", "/auth/me" };
	static const int wanted[] = { 401, 200, 401 };
	for (size_t i = 0; i < countof(paths); i++) {
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\n\r\n", paths[i], cookie);
		client_open(&r, &k);
		client_send(&r, &k, text);
		assert_true(client_answer(&k, &a));
		assert_int_equal(a.status, wanted[i]);
		assert_null(answer_header(&a, "set-cookie").p);
		client_close(&r, &k);
	}
	assert_int_equal(RIG_NUMBER(&r, "SELECT expires_at FROM sessions"), ends);
	rig_close(&r);
}

struct heard {
	int n;
	char revoked[4][27];
	int64_t user_rev;
};

static void hear(void *arg, struct user_news *n)
{
	struct heard *h = arg;
	if (!n->revoked_session[0]) return;
	assert_true(n->list_moved);
	h->user_rev = n->user_rev;
	memcpy(h->revoked[h->n++ % 4], n->revoked_session, 27);
}

static void open_sockets_hear_of_a_new_password(void **state)
{
	struct rig r;
	struct client k;
	struct heard h = { 0 };
	struct bus_sink sink = { .user = hear, .arg = &h };
	char headers[300];
	open_local(&r);
	r.bus->ops->attach(r.bus, &sink);
	registered(&r, "ann");
	struct answer a = ask(&r, &k, "/auth/login", "", "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}");
	snprintf(headers, sizeof headers, "Origin: http://localhost\r\nCookie: " STR_FMT "\r\n", STR_ARG(cookie_of(&a)));
	client_close(&r, &k);
	int64_t rev = RIG_NUMBER(&r, "SELECT rev FROM user_heads");
	assert_int_equal(status(&r, "/auth/password", headers,
							"{\"old_password\":\"a wrong one\",\"new_password\":\"a better password\"}"),
					 401);
	assert_int_equal(h.n, 0);
	assert_int_equal(status(&r, "/auth/password", headers,
							"{\"old_password\":\"" PASSWORD "\",\"new_password\":\"a better password\"}"),
					 204);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.user_rev, rev + 1);
	assert_int_equal(RIG_NUMBER(&r, "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"), 1);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.1"), 401);
	assert_int_equal(login(&r, "ann", "a better password", "203.0.113.1"), 200);
	assert_int_equal(status(&r, "/auth/logout", headers, ""), 204);
	assert_int_equal(h.n, 2);
	assert_int_equal(status(&r, "/auth/logout", headers, ""), 401);
	rig_close(&r);
}

static void a_cost_that_was_raised_hashes_anew(void **state)
{
	struct rig r;
	open_local(&r);
	registered(&r, "ann");
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.1"), 200);
	assert_int_equal(RIG_NUMBER(&r, "SELECT password_hash LIKE '%t=1,%' FROM users"), 1);
	rig_set(&r, "LINNET_ARGON_OPS", "2");
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.1"), 200);
	assert_int_equal(RIG_NUMBER(&r, "SELECT password_hash LIKE '%t=2,%' FROM users"), 1);
	assert_int_equal(login(&r, "ann", PASSWORD, "203.0.113.1"), 200);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_owns_the_server),
		cmocka_unit_test(two_firsts_make_one_owner),
		cmocka_unit_test(elsewhere_the_first_needs_the_code_from_the_log),
		cmocka_unit_test(two_firsts_with_the_code_make_one_account),
		cmocka_unit_test(a_name_led_here_makes_nobody_local),
		cmocka_unit_test(what_was_left_undone_is_done_at_the_next_sign_in),
		cmocka_unit_test(an_address_guesses_twenty_times),
		cmocka_unit_test(a_network_of_ipv6_is_one_address),
		cmocka_unit_test(an_account_under_attack_knows_its_addresses),
		cmocka_unit_test(nobody_signs_in_by_the_password_of_another),
		cmocka_unit_test(use_is_noted_once_an_hour),
		cmocka_unit_test(one_that_has_ended_stays_so),
		cmocka_unit_test(open_sockets_hear_of_a_new_password),
		cmocka_unit_test(a_cost_that_was_raised_hashes_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
