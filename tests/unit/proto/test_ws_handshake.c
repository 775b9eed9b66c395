#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "proto/ws.h"

/* RFC 6455, 1.3 and 4.2.2: the example. */
static void accept_key(void **state)
{
	char out[29];
	ws_accept_key(STR("dGhlIHNhbXBsZSBub25jZQ=="), out);
	assert_string_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* RFC 6455, 4.1: base64 of 16 bytes. */
static void keys(void **state)
{
	assert_true(ws_key_valid(STR("dGhlIHNhbXBsZSBub25jZQ==")));
	assert_true(ws_key_valid(STR("AAAAAAAAAAAAAAAAAAA+/w==")));
	static const char *bad[] = { "",
								 "dGhlIHNhbXBsZSBub25jZQ=",
								 "dGhlIHNhbXBsZSBub25jZQ",
								 "dGhlIHNhbXBsZSBub25jZQ===",
								 "dGhlIHNhbXBsZSBub25jZQQQ",
								 "dGhlIHNhbXBsZSBub25jZ===",
								 "dGhlIHNhbXBsZSBub25j*Q==",
								 "dGhlIHNhbXBsZSBub25j Q==",
								 "AAAA" };
	for (size_t i = 0; i < countof(bad); i++) assert_false(ws_key_valid(str_of(bad[i])));
	assert_false(ws_key_valid(STR_NONE));
}

/* RFC 7692, 7.1, and RFC 6455, 9.1. */
static void offers(void **state)
{
	static const struct {
		const char *offers;
		bool accepted;
	} rows[] = {
		{ "permessage-deflate", true },
		{ "permessage-deflate; client_max_window_bits", true },
		{ "permessage-deflate;client_max_window_bits=10", true },
		{ "permessage-deflate; client_max_window_bits=\"15\"", true },
		{ "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true },
		{ "permessage-deflate; server_max_window_bits=10, permessage-deflate", true },
		{ "x-other; a=b; c=\"d\", permessage-deflate", true },
		{ "permessage-deflate , x-other", true },
		{ "permessage-deflate; server_max_window_bits=10", false },
		{ "permessage-deflate; server_max_window_bits=15", false },
		{ "permessage-deflate; server_max_window_bits", false },
		{ "permessage-deflate; client_max_window_bits=7", false },
		{ "permessage-deflate; client_max_window_bits=16", false },
		{ "permessage-deflate; client_max_window_bits=08", false },
		{ "permessage-deflate; client_max_window_bits=", false },
		{ "permessage-deflate; client_max_window_bits; client_max_window_bits", false },
		{ "permessage-deflate; server_no_context_takeover=1", false },
		{ "permessage-deflate; client_no_context_takeover=x", false },
		{ "permessage-deflate; unknown", false },
		{ "permessage-deflate; unknown, permessage-deflate; unknown", false },
		{ "permessage-deflate;", false },
		{ "permessage-deflate,", false },
		{ ",permessage-deflate", false },
		{ "permessage-deflate; a=\"b", false },
		{ "permessage-deflate; =b", false },
		{ "permessage-deflate x", false },
		{ "permessage-deflate=x", false },
		{ "x-webkit-deflate-frame", false },
		{ "", false },
		{ NULL, false },
	};
	for (size_t i = 0; i < countof(rows); i++)
		if (ws_offer_deflate(str_of(rows[i].offers)) != rows[i].accepted) fail_msg("%s", rows[i].offers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_key),
		cmocka_unit_test(keys),
		cmocka_unit_test(offers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
