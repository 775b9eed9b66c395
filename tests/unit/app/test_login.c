#include "app/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

struct world {
	struct clock clock; /* first: the clock is the world */
	int64_t ms;
	struct eph *eph;
	struct config config;
};

static int64_t world_wall(const struct clock *c)
{
	return ((const struct world *)c)->ms;
}
static int64_t world_ns(const struct clock *c)
{
	return ((const struct world *)c)->ms * 1000000;
}

static int setup(void **state)
{
	struct world *w = mem_new(struct world);
	w->clock = (struct clock){ world_wall, world_ns };
	w->ms = 1000000;
	w->eph = eph_local_create(&w->clock, 10000);
	config_init(&w->config);
	w->config.login_failures_address = 7;
	w->config.login_failures_name = 9;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	w->eph->ops->destroy(w->eph);
	config_release(&w->config);
	mem_free(w);
	return 0;
}

static struct login_try try_of(struct world *w, const char *address, const char *name, bool known)
{
	return (struct login_try){
		.eph = w->eph, .config = &w->config, .address = str_of(address), .name = str_of(name), .known = known
	};
}

static void fail_from_many(struct world *w, const char *name, int n)
{
	char address[32];
	for (int i = 0; i < n; i++) {
		snprintf(address, sizeof address, "10.0.%d.%d", i / 250, i % 250);
		struct login_try t = try_of(w, address, name, false);
		login_failed(&t);
	}
}

static void an_address_has_its_share(void **state)
{
	struct world *w = *state;
	struct login_try t = try_of(w, "192.0.2.1", "ann", true), other = try_of(w, "192.0.2.2", "ann", false);
	int64_t retry_ms = 0;
	for (int i = 0; i < w->config.login_failures_address; i++) {
		assert_int_equal(login_admit(&t, &retry_ms), OK);
		login_failed(&t);
	}
	assert_int_equal(login_admit(&t, &retry_ms), ERR_RATE_LIMITED);
	assert_int_equal(retry_ms, LOGIN_ADDRESS_MS);
	w->ms += 60000; /* what is left of the window, not the whole of it again */
	assert_int_equal(login_admit(&t, &retry_ms), ERR_RATE_LIMITED);
	assert_int_equal(retry_ms, LOGIN_ADDRESS_MS - 60000);
	assert_int_equal(login_admit(&other, &retry_ms), OK);
	w->ms += LOGIN_ADDRESS_MS - 60000;
	assert_int_equal(login_admit(&t, &retry_ms), OK);
}

/* Many guesses were on their way when the first of them was counted: the right one among the late ones is refused. */
static void guesses_at_once_count_together(void **state)
{
	struct world *w = *state;
	struct login_try t = try_of(w, "192.0.2.1", "ann", false);
	int64_t retry_ms;
	for (int i = 0; i < 100; i++) assert_int_equal(login_admit(&t, &retry_ms), OK);
	for (int i = 0; i < 99; i++) login_failed(&t);
	assert_int_equal(login_confirm(&t, &retry_ms), ERR_RATE_LIMITED);
}

static void a_name_under_attack_makes_strangers_wait(void **state)
{
	struct world *w = *state;
	struct login_try known = try_of(w, "192.0.2.1", "ann", true), stranger = try_of(w, "192.0.2.2", "ann", false),
					 bob = try_of(w, "192.0.2.2", "bob", false);
	int64_t retry_ms;
	fail_from_many(w, "ann", (int)w->config.login_failures_name);
	for (int i = 0; i < 5; i++) assert_int_equal(login_admit(&known, &retry_ms), OK);
	assert_int_equal(login_admit(&stranger, &retry_ms), OK);
	assert_int_equal(login_admit(&stranger, &retry_ms), ERR_RATE_LIMITED);
	assert_true(retry_ms > 0 && retry_ms <= LOGIN_WAIT_MS);
	assert_int_equal(login_admit(&bob, &retry_ms), OK);
	w->ms += LOGIN_WAIT_MS;
	assert_int_equal(login_admit(&stranger, &retry_ms), OK);
	w->ms += LOGIN_NAME_MS;
	for (int i = 0; i < 5; i++) assert_int_equal(login_admit(&stranger, &retry_ms), OK);
}

/* Names are what somebody outside makes up. */
static void no_name_counts_for_who_is_signed_in_nor_for_codes(void **state)
{
	struct world *w = *state;
	int64_t retry_ms;
	struct login_try name = try_of(w, "192.0.2.2", "7", false), self = name, code = name;
	self.of = LOGIN_SELF, code.of = LOGIN_CODE;
	fail_from_many(w, "7", (int)w->config.login_failures_name);
	assert_int_equal(login_admit(&name, &retry_ms), OK);
	assert_int_equal(login_admit(&name, &retry_ms), ERR_RATE_LIMITED);
	for (int i = 0; i < 3; i++) assert_int_equal(login_admit(&self, &retry_ms), OK);
	for (int i = 0; i < 3; i++) assert_int_equal(login_admit(&code, &retry_ms), OK);
	for (int i = 0; i < w->config.login_failures_name; i++) {
		self.address = arena_printf(&w->config.arena, "10.1.0.%d", i);
		login_failed(&self);
	}
	self.address = name.address;
	assert_int_equal(login_admit(&self, &retry_ms), OK);
	assert_int_equal(login_admit(&self, &retry_ms), ERR_RATE_LIMITED);
	assert_int_equal(login_admit(&code, &retry_ms), OK);
}

static void names_of_any_length_are_counted(void **state)
{
	struct world *w = *state;
	char name[5000];
	int64_t retry_ms;
	for (size_t i = 0; i < sizeof name; i++) name[i] = 'x';
	struct login_try t = {
		.eph = w->eph, .config = &w->config, .address = STR("192.0.2.1"), .name = { name, sizeof name }
	};
	assert_int_equal(login_admit(&t, &retry_ms), OK);
	login_failed(&t);
	t.name = STR("");
	login_failed(&t);
	assert_int_equal(login_admit(&t, &retry_ms), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_address_has_its_share, setup, teardown),
		cmocka_unit_test_setup_teardown(guesses_at_once_count_together, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_under_attack_makes_strangers_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(no_name_counts_for_who_is_signed_in_nor_for_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(names_of_any_length_are_counted, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
