#include "redis/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_what_is_allowed(void **state)
{
	static const struct {
		const char *url, *host;
		int port, db;
		const char *user, *password;
		bool tls;
	} rows[] = {
		{ "redis://redis:6379/0", "redis", 6379, 0, NULL, NULL, false },
		{ "redis://redis", "redis", 6379, 0, NULL, NULL, false },
		{ "redis://redis/", "redis", 6379, 0, NULL, NULL, false },
		{ "rediss://redis.example.org:6380/15", "redis.example.org", 6380, 15, NULL, NULL, true },
		{ "redis://:secret@10.0.0.1", "10.0.0.1", 6379, 0, NULL, "secret", false },
		{ "redis://linnet:p%40ss%3a%2F@host/3", "host", 6379, 3, "linnet", "p@ss:/", false },
		{ "redis://linnet:a@b@host:1", "host", 1, 0, "linnet", "a@b", false },
		{ "redis://[::1]:7000/2", "::1", 7000, 2, NULL, NULL, false },
		{ "redis://[fe80::1]", "fe80::1", 6379, 0, NULL, NULL, false },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct arena a;
		struct redis_address x;
		arena_init(&a);
		if (!redis_address_parse(str_of(rows[i].url), &a, &x)) fail_msg("%s was refused", rows[i].url);
		assert_string_equal(x.host, rows[i].host);
		assert_int_equal(x.port, rows[i].port);
		assert_int_equal(x.db, rows[i].db);
		assert_int_equal(x.tls, rows[i].tls);
		assert_true(str_eq(x.user, str_of(rows[i].user)) && !x.user.p == !rows[i].user);
		assert_true(str_eq(x.password, str_of(rows[i].password)) && !x.password.p == !rows[i].password);
		arena_release(&a);
	}
}

static void refuses_the_rest(void **state)
{
	static const char *const urls[] = {
		"",
		"redis",
		"http://redis",
		"redis:/redis",
		"redis://",
		"redis:///0",
		"redis://:6379",
		"redis://redis:0",
		"redis://redis:65536",
		"redis://redis:port",
		"redis://redis:6379/x",
		"redis://redis/-1",
		"redis://redis/65536",
		"redis://redis/0/1",
		"redis://redis?db=1",
		"redis://user@redis",
		"redis://user:@redis",
		"redis://:%zz@redis",
		"redis://:%0@redis",
		"redis://:%00@redis",
		"redis://[::1",
		"redis://[::1]7000",
		"redis://[redis]",
		"redis://re dis",
		"redis://redis:1:2",
	};
	for (size_t i = 0; i < countof(urls); i++) {
		struct arena a;
		struct redis_address x;
		arena_init(&a);
		if (redis_address_parse(str_of(urls[i]), &a, &x)) fail_msg("%s was accepted", urls[i]);
		arena_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads_what_is_allowed), cmocka_unit_test(refuses_the_rest) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
