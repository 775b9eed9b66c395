/* Answers within bounds, however they are cut into pieces; what is beyond is refused, with the reason. */
#include "redis/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

#define ANSWER_MOST (1u << 20)

/* Fed in pieces of `step` bytes: how many whole answers there were, and why no more; the last is the caller's. */
static size_t feed(struct redis_reader *r, const char *p, size_t n, size_t step, redisReply **last)
{
	size_t whole = 0;
	for (size_t at = 0; at < n && !r->why; at += step) {
		redisReply *reply;
		redis_reader_feed(r, p + at, n - at < step ? n - at : step);
		while ((reply = redis_reader_next(r))) {
			whole++;
			if (*last) freeReplyObject(*last);
			*last = reply;
		}
	}
	return whole;
}

static void take(const char *text, size_t step, size_t whole, int type)
{
	struct redis_reader r;
	redisReply *last = NULL;
	redis_reader_init(&r, ANSWER_MOST);
	assert_int_equal(feed(&r, text, strlen(text), step, &last), whole);
	assert_null(r.why);
	assert_int_equal(last->type, type);
	freeReplyObject(last);
	redis_reader_release(&r);
}

static void what_redis_says_is_read(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 1000 };
	for (size_t i = 0; i < 4; i++) {
		take("+OK\r\n", steps[i], 1, REDIS_REPLY_STATUS);
		take("-NOPERM no\r\n:12\r\n", steps[i], 2, REDIS_REPLY_INTEGER);
		take("$-1\r\n$0\r\n\r\n*-1\r\n", steps[i], 3, REDIS_REPLY_NIL);
		take("*3\r\n$7\r\nmessage\r\n$9\r\nchannel:1\r\n$2\r\n\r\n\r\n*0\r\n", steps[i], 2, REDIS_REPLY_ARRAY);
	}
}

static void as_much_as_is_allowed_is_read(void **state)
{
	struct redis_reader r;
	struct buf b;
	redisReply *last = NULL;
	buf_init(&b);
	buf_printf(&b, "*%d\r\n", REDIS_ELEMENTS_MOST);
	for (int i = 0; i < REDIS_ELEMENTS_MOST; i++) buf_add_str(&b, STR(":1\r\n"));
	redis_reader_init(&r, ANSWER_MOST);
	assert_int_equal(feed(&r, b.p, b.n, 65536, &last), 1);
	if (!last) abort(); /* the compiler does not know that it failed */
	assert_int_equal(last->elements, REDIS_ELEMENTS_MOST);
	b.n = 0;
	size_t n = ANSWER_MOST - 16; /* with what stands around it */
	buf_printf(&b, "$%zu\r\n", n);
	memset(buf_reserve(&b, n), 'x', n);
	b.n += n;
	buf_add_str(&b, STR("\r\n"));
	assert_int_equal(feed(&r, b.p, b.n, 65536, &last), 1);
	if (!last) abort();
	assert_int_equal(last->len, n);
	assert_null(r.why);
	freeReplyObject(last);
	redis_reader_release(&r);
	buf_release(&b);
}

/* `text`, then `again` until it is refused: after how many bytes at most. */
static void refuse(const char *text, const char *again, size_t most, const char *why)
{
	struct redis_reader r;
	struct buf b;
	redisReply *last = NULL;
	size_t fed = strlen(text);
	buf_init(&b);
	while (again && b.n < 65536) buf_add_str(&b, str_of(again));
	redis_reader_init(&r, ANSWER_MOST);
	assert_int_equal(feed(&r, text, fed, 3, &last), 0);
	for (; !r.why && again && fed <= most; fed += b.n) assert_int_equal(feed(&r, b.p, b.n, b.n, &last), 0);
	assert_non_null(r.why);
	assert_string_equal(r.why, why);
	assert_true(fed <= most);
	assert_null(redis_reader_next(&r)); /* nor any more */
	redis_reader_feed(&r, "+OK\r\n", 5);
	assert_null(redis_reader_next(&r));
	redis_reader_release(&r);
	buf_release(&b);
}

static void what_is_no_redis_is_refused(void **state)
{
	static const char no_redis[] = "this is not the protocol of Redis", elements[] = "an array of too many elements";
	refuse("HTTP/1.1 400 Bad Request\r\n\r\n", NULL, 100, no_redis);
	refuse("*-2\r\n", NULL, 100, no_redis);
	refuse("$-2\r\n", NULL, 100, no_redis);
	refuse("$99999999999999999999\r\n", NULL, 100, no_redis);
	refuse("*99999999999999999999\r\n", NULL, 100, no_redis);
	refuse("*x\r\n", NULL, 100, no_redis);
	refuse("*65537\r\n", NULL, 100, elements);
	refuse("*2147483647\r\n", NULL, 100, elements);
	refuse("*1\r\n*1\r\n:1\r\n", NULL, 100, "an array in an array");
	refuse("*2\r\n:1\r\n*0\r\n", NULL, 100, "an array in an array");
	refuse("", "*1\r\n", 100000, "an array in an array");
	refuse("$100000000\r\n", "x", ANSWER_MOST + 65536, "an answer is too long");
	static char large[1100]; /* as many are allowed, but not as large as these */
	snprintf(large, sizeof large, "$1000\r\n%1000d\r\n", 7);
	refuse("*65536\r\n", large, ANSWER_MOST + 2 * 65536, "an answer is too long");
	refuse("+", "x", REDIS_LINE_MOST + 2 * 65536, "a line is too long");
	refuse("$", "1", REDIS_LINE_MOST + 2 * 65536, "a line is too long");
	refuse("*2\r\n-", "x", REDIS_LINE_MOST + 2 * 65536, "a line is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_redis_says_is_read),
		cmocka_unit_test(as_much_as_is_allowed_is_read),
		cmocka_unit_test(what_is_no_redis_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
