#include "rig.h"

#include "edge/limit.h"

struct rates {
	struct rig rig;
	struct limiter *limiter;
	struct eph *eph;
	struct rate rate;
	struct address home, away;
};

static void open(struct rates *t, const char *rate)
{
	rig_init(&t->rig);
	t->limiter = mem_new(struct limiter);
	t->eph = eph_local_create(&t->rig.clock, 100);
	assert_true(rate_parse(str_of(rate), &t->rate));
	assert_true(address_parse(STR("192.0.2.1"), &t->home) && address_parse(STR("192.0.2.2"), &t->away));
}

static void close(struct rates *t)
{
	t->eph->ops->destroy(t->eph);
	mem_free(t->limiter);
	config_release(&t->rig.config);
	log_capture(NULL, NULL);
}

static struct credential token(unsigned char n)
{
	struct credential c = { .kind = CREDENTIAL_TOKEN };
	memset(c.hash, n, sizeof c.hash);
	return c;
}

static struct limit_ask ask(struct rates *t, const struct credential *c, const struct address *a)
{
	return (struct limit_ask){ .eph = t->eph,
							   .rate = &t->rate,
							   .what = "requests",
							   .credential = c,
							   .address = a,
							   .now_ms = t->rig.ns / 1000000 };
}

static const struct credential nobody = { .kind = CREDENTIAL_NONE };

static bool taken(struct rates *t, const struct limit_ask *a, int64_t *retry_ms)
{
	bool later;
	return limiter_take(t->limiter, a, &later, retry_ms) && !later;
}

static bool left_for_later(struct rates *t, const struct limit_ask *a, int64_t *retry_ms)
{
	bool later;
	return limiter_take(t->limiter, a, &later, retry_ms) && later;
}

static void strangers_share_their_address(void **state)
{
	struct rates t;
	int64_t retry_ms = 0;
	open(&t, "1/s:2");
	struct limit_ask home = ask(&t, &nobody, &t.home), away = ask(&t, &nobody, &t.away);
	assert_true(taken(&t, &home, &retry_ms) && taken(&t, &home, &retry_ms));
	assert_false(taken(&t, &home, &retry_ms));
	assert_int_equal(retry_ms, 1000);
	assert_true(taken(&t, &away, &retry_ms));
	close(&t);
}

static void people_have_their_own_wherever_they_are(void **state)
{
	struct rates t;
	int64_t retry_ms;
	open(&t, "1/s:2");
	struct credential first = token(1), second = token(2), jwt = { .kind = CREDENTIAL_JWT, .user_id = 7 };
	struct limit_ask a = ask(&t, &first, &t.home), b = ask(&t, &second, &t.away), c = ask(&t, &jwt, &t.away);
	assert_int_equal(limiter_person(t.limiter, &first), 0);
	limiter_learn(t.limiter, &first, 7, 0), limiter_learn(t.limiter, &second, 7, 0);
	assert_int_equal(limiter_person(t.limiter, &first), 7);
	assert_true(taken(&t, &a, &retry_ms) && taken(&t, &b, &retry_ms));
	assert_false(taken(&t, &c, &retry_ms));
	assert_false(limit_person(t.eph, &t.rate, "requests", 7, &retry_ms));
	assert_true(limit_person(t.eph, &t.rate, "messages", 7, &retry_ms));
	struct limit_ask address = ask(&t, &nobody, &t.home);
	assert_true(taken(&t, &address, &retry_ms));
	close(&t);
}

static void by_address_means_everybody(void **state)
{
	struct rates t;
	int64_t retry_ms;
	open(&t, "1/s:1");
	struct credential jwt = { .kind = CREDENTIAL_JWT, .user_id = 7 };
	struct limit_ask a = ask(&t, &jwt, &t.home), b = ask(&t, &nobody, &t.home);
	a.by_address = b.by_address = true;
	assert_true(taken(&t, &a, &retry_ms));
	assert_false(taken(&t, &b, &retry_ms));
	close(&t);
}

static void guesses_bar_the_unknown_from_that_address(void **state)
{
	struct rates t;
	int64_t retry_ms;
	open(&t, "1/s:1");
	struct credential guess = token(1), other = token(2), good = token(3);
	struct limit_ask a = ask(&t, &guess, &t.home), b = ask(&t, &other, &t.home), c = ask(&t, &good, &t.home),
					 d = ask(&t, &other, &t.away);
	limiter_learn(t.limiter, &good, 7, 0);
	assert_true(left_for_later(&t, &a, &retry_ms) && limiter_stranger(t.limiter, &a, &retry_ms));
	assert_true(left_for_later(&t, &b, &retry_ms));
	assert_false(limiter_stranger(t.limiter, &b, &retry_ms));
	assert_false(left_for_later(&t, &b, &retry_ms));
	assert_int_equal(retry_ms, 1000);
	assert_true(taken(&t, &c, &retry_ms));
	assert_true(left_for_later(&t, &d, &retry_ms));
	t.rig.ns += 1000000000;
	b.now_ms += 1000;
	assert_true(left_for_later(&t, &b, &retry_ms));
	close(&t);
}

/* Two of one place in the cache do not push each other out. */
static void some_that_fall_together_are_all_known(void **state)
{
	struct rates t;
	struct credential c[LIMITER_WAYS + 1];
	open(&t, "1/s:1");
	for (size_t i = 0; i < countof(c); i++) {
		uint64_t key = 7 + i * LIMITER_SETS;
		c[i] = token(0);
		memcpy(c[i].hash, &key, sizeof key);
	}
	for (size_t i = 0; i < LIMITER_WAYS; i++) limiter_learn(t.limiter, &c[i], 100 + (int64_t)i, 0);
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < LIMITER_WAYS; i++) {
			assert_int_equal(limiter_person(t.limiter, &c[i]), 100 + i);
			limiter_learn(t.limiter, &c[i], 100 + (int64_t)i, 0);
		}
	limiter_learn(t.limiter, &c[LIMITER_WAYS], 200, 0);
	assert_int_equal(limiter_person(t.limiter, &c[LIMITER_WAYS]), 200);
	assert_int_equal(limiter_person(t.limiter, &c[0]), 0);
	assert_int_equal(limiter_person(t.limiter, &c[1]), 101);
	close(&t);
}

static void what_was_proven_is_so_for_a_while(void **state)
{
	struct rates t;
	open(&t, "1/s:1");
	struct credential c = token(1), jwt = { .kind = CREDENTIAL_JWT, .user_id = 7 };
	assert_false(limiter_proven(t.limiter, &c, 0));
	limiter_learn(t.limiter, &c, 7, 0);
	assert_false(limiter_proven(t.limiter, &c, 0));
	limiter_learn(t.limiter, &c, 7, 1000);
	limiter_learn(t.limiter, &c, 7, 0);
	assert_true(limiter_proven(t.limiter, &c, 999));
	assert_false(limiter_proven(t.limiter, &c, 1000));
	assert_int_equal(limiter_person(t.limiter, &c), 7); /* it is known all the same */
	assert_true(limiter_proven(t.limiter, &jwt, 1000) && !limiter_proven(t.limiter, &nobody, 0));
	close(&t);
}

static void off_is_off(void **state)
{
	struct rates t;
	int64_t retry_ms;
	open(&t, "off");
	struct credential guess = token(1);
	struct limit_ask a = ask(&t, &nobody, &t.home), b = ask(&t, &guess, &t.home);
	for (int i = 0; i < 100; i++) {
		assert_true(taken(&t, &a, &retry_ms) && left_for_later(&t, &b, &retry_ms));
		assert_true(limiter_stranger(t.limiter, &b, &retry_ms));
	}
	close(&t);
}

/* ---- on the wire */
static enum err nothing(struct request *q, struct db_conn *c)
{
	return OK;
}

static const struct route rows[] = {
	{ HTTP_GET, "/open", "open", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_requests, NULL, nothing },
	{ HTTP_GET, "/who", "who", AUTH_session, SCOPE_read, LANE_read, BODY_none, RATE_requests, NULL, nothing },
	{ HTTP_GET, "/free", "free", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, nothing },
	{ HTTP_POST, "/take", "take", AUTH_session, SCOPE_read, LANE_read, BODY_json, RATE_requests, NULL, nothing },
	{ HTTP_POST, "/login", "login", AUTH_none, SCOPE_own, LANE_read, BODY_none, RATE_login, NULL, nothing },
};

#define ASK(method, path, headers) method " " path " HTTP/1.1\r\nHost: chat.example.org\r\n" headers "\r\n"
#define TOKEN "Authorization: Bearer linnet_0123456789\r\n"
#define COOKIE "Cookie: linnet_session=0123456789\r\n"
#define LOGIN ASK("POST", "/login", TOKEN)

static void assert_header(struct rig *r, const char *request, int status, const char *name, const char *want)
{
	struct client k;
	struct answer a;
	client_open(r, &k);
	client_send(r, &k, request);
	assert_true(client_answer(&k, &a));
	assert_int_equal(a.status, status);
	assert_str(answer_header(&a, name), want);
	client_close(r, &k);
}

static void strangers_are_counted_by_address_and_people_by_themselves(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_set(&r, "LINNET_RATE_REQUESTS", "1/s:3");
	rig_open(&r, rows, countof(rows));
	for (int i = 0; i < 3; i++) assert_exchange(&r, ASK("GET", "/open", ""), 204, "");
	assert_exchange(&r, ASK("GET", "/open", ""), 429, CODE("rate_limited"));
	assert_header(&r, ASK("GET", "/open", ""), 429, "Retry-After", "1");
	for (int i = 0; i < 3; i++)
		assert_exchange(&r, ASK("GET", "/who", COOKIE), 204, ""); /* the first taught us who it is */
	assert_header(&r, ASK("GET", "/who", COOKIE), 429, "Retry-After", "1");
	assert_header(&r, ASK("GET", "/who", TOKEN), 429, "Retry-After", "1"); /* not known yet: the same person's */
	rig_pass(&r, 1000);
	assert_exchange(&r, ASK("GET", "/who", COOKIE), 204, "");
	assert_exchange(&r, ASK("GET", "/open", ""), 204, "");
	rig_close(&r);
}

static void guessers_of_tokens_are_counted_by_address(void **state)
{
	struct rig r;
	char ask[256];
	rig_init(&r);
	rig_set(&r, "LINNET_RATE_REQUESTS", "1/s:3");
	rig_open(&r, rows, countof(rows));
	assert_exchange(&r, ASK("GET", "/who", COOKIE), 204, "");
	r.session = ERR_UNAUTHENTICATED;
	for (int i = 0; i < 20; i++) {
		snprintf(ask, sizeof ask, ASK("GET", "/who", "Authorization: Bearer linnet_guess%d\r\n"), i);
		assert_exchange(&r, ask, i < 3 ? 401 : 429, "");
	}
	assert_int_equal(r.sessions, 1 + 4); /* the database is not asked about the rest */
	r.session = OK;
	assert_exchange(&r, ASK("GET", "/who", COOKIE), 204, ""); /* who is known is let in from there all the same */
	rig_close(&r);
}

/* Whatever comes of it: a route that looks for no session, a body that is none. */
static void a_made_up_credential_is_no_way_around_the_address(void **state)
{
	static const char *const asks[] = {
		ASK("GET", "/open", COOKIE),
		ASK("GET", "/open", TOKEN),
		ASK("POST", "/take", TOKEN "Content-Type: application/json\r\nContent-Length: 1\r\n") "{",
	};
	static const int status[] = { 204, 204, 400 };
	for (size_t k = 0; k < countof(asks); k++) {
		struct rig r;
		rig_init(&r);
		rig_set(&r, "LINNET_RATE_REQUESTS", "1/s:3");
		rig_open(&r, rows, countof(rows));
		for (int i = 0; i < 4; i++) assert_exchange(&r, asks[k], status[k], ""); /* the last has found it empty */
		assert_header(&r, asks[k], 429, "Retry-After", "1");
		assert_exchange(&r, ASK("GET", "/open", ""), 429, "");
		assert_exchange(&r, ASK("GET", "/free", COOKIE), 204, "");
		assert_int_equal(r.sessions, 0);
		rig_pass(&r, 1000);
		assert_exchange(&r, ASK("GET", "/open", ""), 204, "");
		rig_close(&r);
	}
}

/* More of them than a reactor remembers, in turn: each is new every time. */
static void many_tokens_of_one_person_share_a_bucket(void **state)
{
	struct rig r;
	char ask[256];
	rig_init(&r);
	rig_set(&r, "LINNET_RATE_REQUESTS", "1/m:5");
	rig_open(&r, rows, countof(rows));
	for (int i = 0; i < 10; i++) {
		snprintf(ask, sizeof ask, ASK("GET", "/who", "Authorization: Bearer linnet_mine%d\r\n"), i);
		assert_exchange(&r, ask, i < 5 ? 204 : 429, "");
	}
	for (int i = 0; i < 5; i++) assert_exchange(&r, ASK("GET", "/open", ""), 204, ""); /* the address owes nothing */
	rig_close(&r);
}

static void logins_are_counted_by_address(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_set(&r, "LINNET_RATE_LOGIN", "6/m:2");
	rig_open(&r, rows, countof(rows));
	for (int i = 0; i < 2; i++) assert_exchange(&r, LOGIN, 204, "");
	assert_header(&r, LOGIN, 429, "Retry-After", "10");
	assert_exchange(&r, ASK("GET", "/open", ""), 204, "");
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_share_their_address),
		cmocka_unit_test(people_have_their_own_wherever_they_are),
		cmocka_unit_test(by_address_means_everybody),
		cmocka_unit_test(guesses_bar_the_unknown_from_that_address),
		cmocka_unit_test(some_that_fall_together_are_all_known),
		cmocka_unit_test(what_was_proven_is_so_for_a_while),
		cmocka_unit_test(off_is_off),
		cmocka_unit_test(strangers_are_counted_by_address_and_people_by_themselves),
		cmocka_unit_test(guessers_of_tokens_are_counted_by_address),
		cmocka_unit_test(a_made_up_credential_is_no_way_around_the_address),
		cmocka_unit_test(many_tokens_of_one_person_share_a_bucket),
		cmocka_unit_test(logins_are_counted_by_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
