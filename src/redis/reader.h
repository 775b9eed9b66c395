/* Reads answers of Redis by hiredis's reader, within bounds: hiredis alone would make room for as many elements as an
 * answer announces, and read on for as long as it goes. Any thread, one at a time. */
#ifndef LINNET_REDIS_READER_H
#define LINNET_REDIS_READER_H
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#define REDIS_ELEMENTS_MOST 65536 /* elements of one; there are no arrays in arrays. A pushed message has three */
#define REDIS_LINE_MOST 65536     /* bytes of a line: a status, an error, a number */

struct redis_reader {
	redisReader *hi;
	redisReplyObjectFunctions fn;                                           /* hiredis's own, but for arrays */
	__typeof__(((redisReplyObjectFunctions *)0)->createArray) create_array; /* that of hiredis */
	size_t most;                                                            /* bytes of one answer */
	size_t taken;    /* bytes of the answer that is not whole yet */
	const char *why; /* it is refused; NULL: it is not. Then no answer comes any more */
};
void redis_reader_init(struct redis_reader *r, size_t most);
void redis_reader_release(struct redis_reader *r);
void redis_reader_feed(struct redis_reader *r, const char *p, size_t n); /* then all answers are to be taken */
/* The next answer, for freeReplyObject(); NULL: none is whole yet, or r->why. */
redisReply *redis_reader_next(struct redis_reader *r);
#endif
