#include "model/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static enum err check(struct str given, struct str *out)
{
	struct problem p;
	problem_init(&p, &arena);
	*out = given;
	enum err e = message_body_check(&arena, out, 32, &p);
	if (e) assert_string_equal(p.fields[0].field, "body");
	return e;
}

static void accepts(struct str given, struct str want)
{
	struct str out;
	assert_int_equal(check(given, &out), OK);
	assert_true(str_eq(out, want));
}

static void refuses(struct str given, enum err want)
{
	struct str out;
	assert_int_equal(check(given, &out), want);
}

static void bodies(void **state)
{
	accepts(STR("hello"), STR("hello"));
	accepts(STR(" \ta\nb "), STR(" \ta\nb "));
	accepts(STR("a\r\nb\r\n"), STR("a\nb\n"));
	accepts(STR("a\xcc\x8a"), STR("a\xcc\x8a")); /* left as it is written */
	accepts(STR("12345678901234567890123456789012"), STR("12345678901234567890123456789012"));
	accepts(STR("1234567890123456789012345678901\r\n"), STR("1234567890123456789012345678901\n"));
	refuses(STR("123456789012345678901234567890123"), ERR_TOO_LARGE);
	refuses(STR_NONE, ERR_INVALID);
	refuses(STR(""), ERR_INVALID);
	refuses(STR(" \t\n\xe2\x80\x8b\xc2\xa0\xe2\x80\xa8"), ERR_INVALID); /* spaces, and a zero width one */
	refuses(STR("a\rb"), ERR_INVALID);
	refuses(STR("a\r\r\nb"), ERR_INVALID);
	refuses(STR("a\0b"), ERR_INVALID);
	refuses(STR("a\x1b[0m"), ERR_INVALID);
	refuses(STR("a\x7f"), ERR_INVALID);
	refuses(STR("a\xc2\x85"), ERR_INVALID); /* C1 */
	refuses(STR("a\xff"), ERR_INVALID);
	refuses(STR("a\xed\xa0\x80"), ERR_INVALID); /* a surrogate */
	refuses(STR("a\xe2\x82"), ERR_INVALID);     /* cut off */
}

static void hashes(void **state)
{
	struct send a = { .channel_id = 7, .body = STR("x") }, b = a;
	send_hash(&a);
	b.nonce[0] = 1; /* not of the request: what it stands under */
	send_hash(&b);
	assert_memory_equal(a.request_hash, b.request_hash, 16);
	struct send others[] = { a, a, a, a, a, a };
	others[0].body = STR("y"), others[1].reply_to = 1, others[2].thread_id = 1, others[3].in_channel = true;
	others[4].kind = MESSAGE_ACTION, others[5].channel_id = 8;
	for (size_t i = 0; i < countof(others); i++) {
		send_hash(&others[i]);
		assert_memory_not_equal(a.request_hash, others[i].request_hash, 16);
		for (size_t j = 0; j < i; j++) assert_memory_not_equal(others[j].request_hash, others[i].request_hash, 16);
	}
}

static void names(void **state)
{
	enum message_kind k;
	for (int i = 0; i < MESSAGE_KINDS; i++) {
		assert_true(message_kind_parse(str_of(message_kind_name((enum message_kind)i)), &k));
		assert_int_equal(k, i);
	}
	assert_false(message_kind_parse(STR("Text"), &k));
	assert_false(message_kind_parse(STR_NONE, &k));
}

static int end(void **state)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bodies), cmocka_unit_test(hashes), cmocka_unit_test(names) };
	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, end);
}
