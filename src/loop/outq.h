/* A queue of bytes to be written: ranges of chunks, each with a reference. Pure: it knows no connection and no socket.
 */
#ifndef LINNET_LOOP_OUTQ_H
#define LINNET_LOOP_OUTQ_H
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "loop/chunk.h"

struct range {
	struct chunk *chunk;
	uint32_t at, n;
};
struct conn;
struct outq {
	struct range *v; /* v[head .. head + n) */
	uint32_t head, n, cap;
	uint32_t room; /* bytes left behind the last range in its chunk, which is this queue's own */
	size_t bytes;
	struct range few[4]; /* v, until it needs more */

	/* For the connection that waits with it: */
	struct list link;
	int64_t since_ms;     /* it has waited, */
	uint32_t since_bytes; /* and so many have gone since */
	struct conn *conn;
};
void outq_init(struct outq *q);
void outq_release(struct outq *q); /* drops what it holds; leaves it as after outq_init */
/* [at, at + n) of the chunk, joined with the last range when it goes on from there. */
void outq_add(struct outq *q, struct chunk *c, size_t at, size_t n);
void outq_add_copy(struct outq *q, const void *p, size_t n);     /* small ones share a chunk */
int outq_iov(const struct outq *q, struct iovec *iov, int most); /* the front; returns how many */
void outq_drop(struct outq *q, size_t n);                        /* takes n bytes off the front */
#endif
