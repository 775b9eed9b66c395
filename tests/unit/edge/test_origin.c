#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "edge/origin.h"

static void settings_are_origins(void **state)
{
	struct origins o;
	struct str wrong;
	assert_true(origins_parse(STR("https://chat.example.org/app"),
							  STR("http://localhost:5173, https://web.example.org:8443"), &o, &wrong));
	static const char *const in[] = { "https://chat.example.org", "HTTPS://Chat.Example.org:443",
									  "http://localhost:5173", "https://web.example.org:8443" };
	static const char *const out[] = { "http://chat.example.org",
									   "https://chat.example.org:8443",
									   "https://chat.example.org.evil.com",
									   "null",
									   "",
									   "https://localhost:5173",
									   "https://web.example.org",
									   "https://",
									   "https://evil.com@chat.example.org",
									   "file://chat.example.org",
									   "chat.example.org" };
	for (size_t i = 0; i < countof(in); i++) assert_true(origins_have(&o, str_of(in[i])));
	for (size_t i = 0; i < countof(out); i++) assert_false(origins_have(&o, str_of(out[i])));
	origins_release(&o);
	assert_true(origins_parse(STR(""), STR(""), &o, &wrong));
	assert_int_equal(o.list.n, 0);
	assert_false(origins_have(&o, STR("https://chat.example.org")));
	static const char *const bad[] = { "*", "example.org", "ftp://example.org", "https://a:99999", "https://[::1" };
	for (size_t i = 0; i < countof(bad); i++) {
		assert_false(origins_parse(STR("https://x.org"), str_of(bad[i]), &o, &wrong));
		assert_true(str_eq(wrong, str_of(bad[i])));
		assert_false(origins_parse(str_of(bad[i]), STR(""), &o, &wrong));
	}
}

static void ones_own_host_and_port(void **state)
{
	static const struct {
		const char *origin, *host;
		bool https, own;
	} cases[] = {
		{ "http://127.0.0.1:8002", "127.0.0.1:8002", false, true },
		{ "http://127.0.0.1:8003", "127.0.0.1:8002", false, false },
		{ "http://localhost:8002", "127.0.0.1:8002", false, false },
		{ "http://[::1]:8002", "[::1]:8002", false, true },
		{ "http://chat.example.org", "chat.example.org", false, true },
		{ "http://chat.example.org", "CHAT.example.org", false, true },
		{ "http://chat.example.org", "chat.example.org:80", false, true },
		{ "https://chat.example.org", "chat.example.org", false, true }, /* TLS ends somewhere before us */
		{ "https://chat.example.org", "chat.example.org", true, true },
		{ "http://chat.example.org", "chat.example.org", true, false },
		{ "https://chat.example.org:8443", "chat.example.org", true, false },
		{ "https://chat.example.org", "chat.example.org:8443", true, false },
		{ "http://evil.org", "chat.example.org", false, false },
		{ "null", "chat.example.org", false, false },
		{ "", "", false, false },
		{ "http://chat.example.org:1:2", "chat.example.org:1:2", false, false },
	};
	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(origin_is_own(str_of(cases[i].origin), str_of(cases[i].host), cases[i].https), cases[i].own);
}

static void a_name_may_be_somebody_elses(void **state)
{
	static const char *const direct[] = { "localhost", "LOCALHOST:8002", "127.0.0.1",     "127.0.0.1:8002",
										  "[::1]",     "[::1]:8002",     "10.1.2.3:8002", "[fd00::7]:8002" };
	static const char *const named[] = { "evil.example",
										 "evil.example:8002",
										 "127.0.0.1.evil.example",
										 "localhost.evil.example",
										 "linnet",
										 "",
										 ":8002",
										 "[::1",
										 "[localhost]",
										 "127.0.0.1:",
										 "127.1",
										 "2130706433",
										 "0x7f.1",
										 "user@127.0.0.1",
										 "127.0.0.1@evil.example" };
	for (size_t i = 0; i < countof(direct); i++)
		if (!host_is_direct(str_of(direct[i]))) fail_msg("%s", direct[i]);
	for (size_t i = 0; i < countof(named); i++)
		if (host_is_direct(str_of(named[i]))) fail_msg("%s", named[i]);
	assert_true(host_is_direct(STR_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(settings_are_origins),
										cmocka_unit_test(ones_own_host_and_port),
										cmocka_unit_test(a_name_may_be_somebody_elses) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
