#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "proto/json.h"

static void expect(struct buf *b, const char *text)
{
	if (!str_eq(buf_str(b), str_of(text))) fail_msg("got " STR_FMT ", not %s", STR_ARG(buf_str(b)), text);
	buf_release(b);
}

static void structure(void **state)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_str(&o, "s", STR("x"));
	json_field_str(&o, "none", STR_NONE);
	json_field_str(&o, "empty", STR(""));
	json_field_text(&o, "z", "y");
	json_field_text(&o, "zn", NULL);
	json_field_i64(&o, "i", INT64_MIN);
	json_field_bool(&o, "t", true);
	json_field_bool(&o, "f", false);
	json_field_null(&o, "n");
	json_field_time(&o, "when", 1700000000123);
	json_field_time(&o, "never", 0);
	json_key(&o, "a");
	json_open(&o, '[');
	json_put_i64(&o, 1);
	json_put_raw(&o, STR("[2]"));
	json_open(&o, '[');
	json_close(&o, ']');
	json_open(&o, '{');
	json_key_str(&o, STR("k\"ey"));
	json_put_null(&o);
	json_key_str(&o, STR("k2"));
	json_put_bool(&o, true);
	json_close(&o, '}');
	json_close(&o, ']');
	json_field_i64(&o, "last", 9);
	json_close(&o, '}');
	expect(&b, "{\"s\":\"x\",\"none\":null,\"empty\":\"\",\"z\":\"y\",\"zn\":null,\"i\":-9223372036854775808,\"t\":"
			   "true,\"f\":false,"
			   "\"n\":null,\"when\":\"2023-11-14T22:13:20.123Z\",\"never\":null,\"a\":[1,[2],[],{\"k\\\"ey\":null,"
			   "\"k2\":true}],"
			   "\"last\":9}");
}

static void one_text(struct str in, const char *out)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_put_str(&o, in);
	expect(&b, out);
}

static void escapes(void **state)
{
	one_text(STR("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
	one_text(STR("a\0b\x01\x1F"), "\"a\\u0000b\\u0001\\u001f\"");
	one_text(STR("\x7F/"), "\"\x7F/\"");
	one_text(STR("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
	one_text(STR("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
	one_text(STR("a\xE2\x82"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
	one_text(STR("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

/* Every byte at every place in a word is read back as it was. */
static void every_byte_everywhere(void **state)
{
	for (int c = 1; c < 0x80; c++) {
		for (size_t at = 0; at < 20; at++) {
			char text[] = "abcdefgh ijklmno \x1F rest";
			text[at] = (char)c;
			struct buf b;
			struct json_out o;
			json_t *back;
			buf_init(&b);
			json_out_init(&o, &b);
			json_put_text(&o, text);
			assert_int_equal(json_read(buf_str(&b), &back, NULL), OK);
			assert_string_equal(json_string_value(back), text);
			json_decref(back);
			buf_release(&b);
		}
	}
}

/* Whatever the bytes are, what is written is UTF-8 and JSON. */
static void any_two_bytes(void **state)
{
	struct buf b;
	buf_init(&b);
	for (int i = 0; i < 0x10000; i++) {
		char text[] = { 'x', (char)(i >> 8), (char)i, 'y' };
		struct json_out o;
		b.n = 0;
		json_out_init(&o, &b);
		json_put_str(&o, (struct str){ text, sizeof text });
		assert_true(str_utf8(buf_str(&b)));
		assert_null(memchr(b.p, '\n', b.n));
	}
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure),
		cmocka_unit_test(escapes),
		cmocka_unit_test(every_byte_everywhere),
		cmocka_unit_test(any_two_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
