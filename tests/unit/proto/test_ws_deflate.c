#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "proto/ws.h"

static struct str one_message(struct ws_parser *p, struct ws_deflate *d, struct buf *frame)
{
	size_t used;
	enum ws_opcode op;
	struct str payload;
	assert_int_equal(ws_parser_feed(p, d, frame->p, frame->n, &used, &op, &payload), WS_MESSAGE);
	assert_int_equal(used, frame->n);
	return payload;
}

/* One pair of states for many messages of all sizes: none leaves a trace in the next. */
static void there_and_back(void **state)
{
	struct ws_deflate *d = ws_deflate_create();
	struct ws_parser p;
	struct buf frame, text;
	ws_parser_init(&p, true, true, 1 << 20);
	buf_init(&frame);
	buf_init(&text);
	for (size_t n = 100; n < 200000; n = n * 3 + 1) {
		text.n = 0;
		while (text.n < n) buf_printf(&text, "{\"op\":\"event\",\"rev\":%zu,\"body\":\"h\xC3\xA9llo\"}", text.n);
		frame.n = 0;
		assert_true(ws_frame_add_deflated(&frame, d, buf_str(&text)));
		assert_int_equal((uint8_t)frame.p[0], 0xC1);
		assert_true(frame.n < text.n);
		assert_true(str_eq(one_message(&p, d, &frame), buf_str(&text)));
	}
	ws_parser_release(&p);
	buf_release(&frame);
	buf_release(&text);
	ws_deflate_destroy(d);
}

/* What does not shrink is not sent compressed, and leaves the buffer as it was. */
static void not_smaller(void **state)
{
	struct ws_deflate *d = ws_deflate_create();
	struct random_seeded r;
	char noise[5000];
	struct buf b;
	random_seeded_init(&r, 1);
	r.base.bytes(&r.base, noise, sizeof noise);
	buf_init(&b);
	buf_add_str(&b, STR("before"));
	for (size_t n = 0; n < sizeof noise; n += n < 20 ? 1 : 331)
		assert_false(ws_frame_add_deflated(&b, d, (struct str){ noise, n }));
	assert_true(str_eq(buf_str(&b), STR("before")));
	assert_true(ws_frame_add_deflated(&b, d, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
	assert_true(str_starts(buf_str(&b), STR("before\xC1")));
	buf_release(&b);
	ws_deflate_destroy(d);
}

/* The same text gives the same bytes, whatever was compressed before: frames are shared by all readers. */
static void stateless(void **state)
{
	struct ws_deflate *d = ws_deflate_create();
	struct buf a, b;
	struct str text = STR("the same text, the same text, the same text");
	buf_init(&a);
	buf_init(&b);
	ws_frame_add_deflated(&a, d, text);
	ws_frame_add_deflated(&b, d, STR("another one, another one, another one, another one"));
	b.n = 0;
	ws_frame_add_deflated(&b, d, text);
	assert_true(str_eq(buf_str(&a), buf_str(&b)));
	buf_release(&a);
	buf_release(&b);
	ws_deflate_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(not_smaller),
		cmocka_unit_test(stateless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
