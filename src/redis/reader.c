/* What hiredis makes of the bytes it makes through a table of functions. One of them is ours: an array is refused
 * before there is room for it. What is read before its end is known by hiredis's own buffer: there the type of the
 * value under way has been taken already, so it begins with the rest of a line, also that of a bulk string of which
 * more is to come. */
#include "redis/reader.h"

#include <stdlib.h>
#include <string.h>

#if HIREDIS_MAJOR < 1
typedef int array_size;
#else
typedef size_t array_size;
#endif

static void *create_array(const redisReadTask *task, array_size n)
{
	struct redis_reader *r = task->privdata;
	if (task->parent) r->why = "an array in an array";
	if ((size_t)n > REDIS_ELEMENTS_MOST) r->why = "an array of too many elements";
	return r->why ? NULL : r->create_array(task, n);
}

void redis_reader_init(struct redis_reader *r, size_t most)
{
	*r = (struct redis_reader){ .hi = redisReaderCreate(), .most = most };
	if (!r->hi) abort(); /* out of memory */
	r->fn = *r->hi->fn;
	r->create_array = r->fn.createArray;
	r->fn.createArray = create_array;
	r->hi->fn = &r->fn;
	r->hi->privdata = r;
}

void redis_reader_release(struct redis_reader *r)
{
	if (r->hi) redisReaderFree(r->hi);
	r->hi = NULL;
}

void redis_reader_feed(struct redis_reader *r, const char *p, size_t n)
{
	if (r->why) return;
	r->taken += n;
	if (redisReaderFeed(r->hi, p, n) != REDIS_OK) r->why = "this is not the protocol of Redis";
}

/* Of what is not whole. */
static void look_at_rest(struct redis_reader *r)
{
	size_t n = r->hi->len - r->hi->pos;
	if (r->taken > r->most) r->why = "an answer is too long";
	if (n > REDIS_LINE_MOST && !memmem(r->hi->buf + r->hi->pos, REDIS_LINE_MOST, "\r\n", 2))
		r->why = "a line is too long";
}

redisReply *redis_reader_next(struct redis_reader *r)
{
	void *reply = NULL;
	if (r->why) return NULL;
	if (redisReaderGetReply(r->hi, &reply) != REDIS_OK) {
		if (!r->why) r->why = "this is not the protocol of Redis";
		return NULL;
	}
	if (reply)
		r->taken = r->hi->len - r->hi->pos;
	else
		look_at_rest(r);
	return reply;
}
