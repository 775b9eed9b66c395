#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "edge/proxy.h"

static void addresses_are_read(void **state)
{
	static const char *const cases[][2] = {
		{ "127.0.0.1", "127.0.0.1" },           { " 10.1.2.3 ", "10.1.2.3" },
		{ "10.1.2.3:4567", "10.1.2.3" },        { "::1", "::1" },
		{ "[2001:db8::1]:443", "2001:db8::1" }, { "[2001:db8::1]", "2001:db8::1" },
		{ "::ffff:10.1.2.3", "10.1.2.3" },      { "2001:DB8:0:0::5", "2001:db8::5" },
	};
	char text[ADDRESS_TEXT];
	struct address a;
	for (size_t i = 0; i < countof(cases); i++) {
		assert_true(address_parse(str_of(cases[i][0]), &a));
		address_format(&a, text);
		assert_string_equal(text, cases[i][1]);
	}
	static const char *const wrong[] = { "",          "unknown",
										 "10.1.2",    "10.1.2.256",
										 "1.2.3.4.5", "[::1",
										 "::1]",      "fe80::1%eth0",
										 "localhost", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
										 "_hidden" };
	for (size_t i = 0; i < countof(wrong); i++) assert_false(address_parse(str_of(wrong[i]), &a));
}

static bool is_private(const char *text)
{
	struct address a;
	assert_true(address_parse(str_of(text), &a));
	return address_is_private(&a);
}

static void private_addresses_are_known(void **state)
{
	static const char *const in[] = { "127.0.0.1",   "127.8.8.8",   "10.0.0.1", "172.16.0.1", "172.31.255.255",
									  "192.168.1.1", "169.254.1.1", "::1",      "fd00::1",    "fe80::1" };
	static const char *const out[] = { "8.8.8.8",  "172.32.0.1",  "172.15.0.1", "192.169.0.1",
									   "11.0.0.1", "2001:db8::1", "::2",        "fec0::1" };
	for (size_t i = 0; i < countof(in); i++) assert_true(is_private(in[i]));
	for (size_t i = 0; i < countof(out); i++) assert_false(is_private(out[i]));
}

static void limits_count_networks_of_ipv6(void **state)
{
	struct address a;
	char text[ADDRESS_TEXT];
	assert_true(address_parse(STR("2001:db8:1:2:3:4:5:6"), &a));
	assert_true(str_eq(address_limit_key(&a, text), STR("2001:db8:1:2::")));
	assert_true(address_parse(STR("10.1.2.3"), &a));
	assert_true(str_eq(address_limit_key(&a, text), STR("10.1.2.3")));
}

static void lists_of_networks_are_read(void **state)
{
	struct proxies p;
	struct str wrong;
	struct address a;
	assert_true(proxies_parse(STR("10.0.0.0/8, ::1/128,192.0.2.7,2001:db8::/33,"), &p, &wrong));
	static const struct {
		const char *address;
		bool trusted;
	} cases[] = { { "10.255.0.1", true },
				  { "11.0.0.1", false },
				  { "::1", true },
				  { "::2", false },
				  { "192.0.2.7", true },
				  { "192.0.2.8", false },
				  { "2001:db8:7fff::1", true },
				  { "2001:db8:8000::1", false } };
	for (size_t i = 0; i < countof(cases); i++) {
		assert_true(address_parse(str_of(cases[i].address), &a));
		assert_int_equal(proxies_trust(&p, &a), cases[i].trusted);
	}
	proxies_release(&p);
	static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "nginx", "::1/129", "10.0.0.0/8/8" };
	for (size_t i = 0; i < countof(bad); i++) {
		assert_false(proxies_parse(str_of(bad[i]), &p, &wrong));
		assert_true(str_eq(wrong, str_of(bad[i])));
	}
	assert_true(proxies_parse(STR("0.0.0.0/0"), &p, &wrong)); /* all of IPv4, none of IPv6 */
	assert_true(address_parse(STR("8.8.8.8"), &a) && proxies_trust(&p, &a));
	assert_true(address_parse(STR("2001:db8::1"), &a) && !proxies_trust(&p, &a));
	proxies_release(&p);
}

static struct asker client_of(const char *peer, const char *for_, const char *for2, const char *proto)
{
	struct proxies p;
	struct str wrong;
	struct http_header headers[3];
	struct http_head head = { .headers = headers };
	assert_true(proxies_parse(STR("10.0.0.0/8"), &p, &wrong));
	if (for_) headers[head.n_headers++] = (struct http_header){ STR("X-Forwarded-For"), str_of(for_) };
	if (for2) headers[head.n_headers++] = (struct http_header){ STR("x-forwarded-for"), str_of(for2) };
	if (proto) headers[head.n_headers++] = (struct http_header){ STR("X-Forwarded-Proto"), str_of(proto) };
	struct asker c = proxy_client(&p, &head, str_of(peer), false);
	proxies_release(&p);
	return c;
}

static void assert_client(struct asker c, const char *address, bool https, bool forwarded)
{
	char text[ADDRESS_TEXT];
	address_format(&c.address, text);
	assert_string_equal(text, address);
	assert_int_equal(c.https, https);
	assert_int_equal(c.forwarded, forwarded);
}

static void only_proxies_are_believed(void **state)
{
	assert_client(client_of("8.8.8.8", NULL, NULL, NULL), "8.8.8.8", false, false);
	assert_client(client_of("8.8.8.8", "1.1.1.1", NULL, "https"), "8.8.8.8", false, true);
	assert_client(client_of("10.0.0.1", "1.1.1.1", NULL, "https"), "1.1.1.1", true, true);
	assert_client(client_of("10.0.0.1", NULL, NULL, "https"), "10.0.0.1", true, true);
	assert_client(client_of("10.0.0.1", NULL, NULL, "http"), "10.0.0.1", false, true);
	assert_client(client_of("10.0.0.1", NULL, NULL, NULL), "10.0.0.1", false, false);
}

static void the_chain_is_walked_from_the_right(void **state)
{
	/* what the client wrote itself stands on the left */
	assert_client(client_of("10.0.0.1", "6.6.6.6, 1.1.1.1", NULL, "https"), "1.1.1.1", true, true);
	assert_client(client_of("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", NULL, NULL), "1.1.1.1", false, true);
	assert_client(client_of("10.0.0.1", "6.6.6.6", "1.1.1.1, 10.0.0.2", NULL), "1.1.1.1", false, true); /* two lines */
	assert_client(client_of("10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, NULL), "10.0.0.3", false, true);
	assert_client(client_of("10.0.0.1", "1.1.1.1, rubbish", NULL, NULL), "10.0.0.1", false, true);
	assert_client(client_of("10.0.0.1", "1.1.1.1, , 10.0.0.2", NULL, NULL), "10.0.0.2", false, true);
	/* one scheme a hop: that of the outermost hop that is believed */
	assert_client(client_of("10.0.0.1", "1.1.1.1, 10.0.0.2", NULL, "https, http"), "1.1.1.1", true, true);
	assert_client(client_of("10.0.0.1", "6.6.6.6, 1.1.1.1", NULL, "https, http"), "1.1.1.1", false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(private_addresses_are_known),
		cmocka_unit_test(limits_count_networks_of_ipv6),
		cmocka_unit_test(lists_of_networks_are_read),
		cmocka_unit_test(only_proxies_are_believed),
		cmocka_unit_test(the_chain_is_walked_from_the_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
