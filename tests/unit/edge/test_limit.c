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

static void strangers_share_their_address(void **state)
{
	struct rates t;
	int64_t retry_ms = 0;
	open(&t, "1/s:2");
	struct limit_ask home = ask(&t, &nobody, &t.home), away = ask(&t, &nobody, &t.away);
	assert_true(limiter_take(t.limiter, &home, &retry_ms) && limiter_take(t.limiter, &home, &retry_ms));
	assert_false(limiter_take(t.limiter, &home, &retry_ms));
	assert_int_equal(retry_ms, 1000);
	assert_true(limiter_take(t.limiter, &away, &retry_ms));
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
	limiter_learn(t.limiter, &first, 7), limiter_learn(t.limiter, &second, 7);
	assert_int_equal(limiter_person(t.limiter, &first), 7);
	assert_true(limiter_take(t.limiter, &a, &retry_ms) && limiter_take(t.limiter, &b, &retry_ms));
	assert_false(limiter_take(t.limiter, &c, &retry_ms));
	assert_false(limit_person(t.eph, &t.rate, "requests", 7, &retry_ms));
	assert_true(limit_person(t.eph, &t.rate, "messages", 7, &retry_ms));
	struct limit_ask address = ask(&t, &nobody, &t.home);
	assert_true(limiter_take(t.limiter, &address, &retry_ms));
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
	assert_true(limiter_take(t.limiter, &a, &retry_ms));
	assert_false(limiter_take(t.limiter, &b, &retry_ms));
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
	limiter_learn(t.limiter, &good, 7);
	assert_true(limiter_take(t.limiter, &a, &retry_ms) && limiter_refused(t.limiter, &a, &retry_ms));
	assert_true(limiter_take(t.limiter, &b, &retry_ms));
	assert_false(limiter_refused(t.limiter, &b, &retry_ms));
	assert_false(limiter_take(t.limiter, &b, &retry_ms));
	assert_int_equal(retry_ms, 1000);
	assert_true(limiter_take(t.limiter, &c, &retry_ms));
	assert_true(limiter_take(t.limiter, &d, &retry_ms));
	t.rig.ns += 1000000000;
	b.now_ms += 1000;
	assert_true(limiter_take(t.limiter, &b, &retry_ms));
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
		assert_true(limiter_take(t.limiter, &a, &retry_ms));
		assert_true(limiter_refused(t.limiter, &b, &retry_ms));
	}
	close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_share_their_address),
		cmocka_unit_test(people_have_their_own_wherever_they_are),
		cmocka_unit_test(by_address_means_everybody),
		cmocka_unit_test(guesses_bar_the_unknown_from_that_address),
		cmocka_unit_test(off_is_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
