#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "proto/ws.h"

/* RFC 6455, 5.2: the shortest form of each length. */
static void headers(void **state)
{
	static const struct {
		size_t payload;
		const char *bytes;
		size_t n;
	} rows[] = {
		{ 0, "\x81\x00", 2 },
		{ 125, "\x81\x7D", 2 },
		{ 126, "\x81\x7E\x00\x7E", 4 },
		{ 65535, "\x81\x7E\xFF\xFF", 4 },
		{ 65536, "\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10 },
	};
	char out[WS_HEADER_MOST];
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(ws_header(out, WS_TEXT, false, rows[i].payload, NULL), rows[i].n);
		assert_memory_equal(out, rows[i].bytes, rows[i].n);
	}
	assert_int_equal(ws_header(out, WS_TEXT, true, 1, (const uint8_t *)"abcd"), 6);
	assert_memory_equal(out,
						"\xC1\x81"
						"abcd",
						6);
	assert_int_equal(ws_header(out, WS_PONG, false, 1 << 20, (const uint8_t *)"abcd"), 14);
	assert_memory_equal(out,
						"\x8A\xFF\x00\x00\x00\x00\x00\x10\x00\x00"
						"abcd",
						14);
}

/* RFC 6455, 5.7: the examples. */
static void examples(void **state)
{
	struct buf b;
	buf_init(&b);
	ws_frame_add(&b, WS_TEXT, STR("Hello"));
	assert_true(str_eq(buf_str(&b), STR("\x81\x05"
										"Hello")));
	b.n = 0;
	ws_frame_add_masked(&b, WS_TEXT, STR("Hello"), (const uint8_t *)"\x37\xfa\x21\x3d");
	assert_true(str_eq(buf_str(&b), STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")));
	b.n = 0;
	ws_frame_add(&b, WS_PING, STR("Hello"));
	assert_true(str_eq(buf_str(&b), STR("\x89\x05Hello")));
	buf_release(&b);
}

/* Section 5.5.1, and the limit of 125 bytes: a reason is cut between characters. */
static void closes(void **state)
{
	struct buf b;
	int code;
	struct str reason;
	char text[130];
	buf_init(&b);
	ws_close_add(&b, 1001, STR("bye"));
	assert_true(str_eq(buf_str(&b), STR("\x88\x05\x03\xE9"
										"bye")));
	b.n = 0;
	ws_close_add(&b, 1005, STR("not sent"));
	assert_true(str_eq(buf_str(&b), STR("\x88\x00")));
	b.n = 0;
	ws_close_add(&b, 1000, STR_NONE);
	assert_true(str_eq(buf_str(&b), STR("\x88\x02\x03\xE8")));
	for (size_t before = 118; before <= 123; before++) {
		memset(text, 'x', sizeof text);
		memcpy(text + before, "\xF0\x9F\x98\x80", 4);
		b.n = 0;
		ws_close_add(&b, 4001, (struct str){ text, sizeof text });
		assert_true(ws_close_parse(str_from(buf_str(&b), 2), &code, &reason));
		assert_int_equal(code, 4001);
		assert_int_equal(reason.n, before <= 119 ? 123 : before);
	}
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(examples),
		cmocka_unit_test(closes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
