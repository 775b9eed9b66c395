/* What the tests of connections share: one that is adopted, readers that are slow, and a clock that the test moves. */
#ifndef LINNET_TESTS_LOOP_CONN_RIG_H
#define LINNET_TESTS_LOOP_CONN_RIG_H
#include <pthread.h>

#include "base/log.h"
#include "peer.h"

static inline struct conn *adopt(struct reactor *r, struct seen *s, int fd)
{
	return s->c = conn_adopt(r, fd, &seen_handler, s);
}

static const struct conn_limits small = { .soft = 64 * 1024, .hard = 512 * 1024, .stall_ms = 60000 };
static char block[65536];

/* Writes until the kernel takes no more, as many bytes again stay queued. */
static inline size_t fill(struct conn *c, size_t queued)
{
	size_t sum = 0;
	while (conn_queued(c) < queued) {
		conn_write_copy(c, block, sizeof block);
		conn_flush(c);
		sum += sizeof block;
	}
	return sum;
}

struct reader {
	int fd;
	size_t n;
	pthread_t thread;
};
static inline void *reader_main(void *arg)
{
	struct reader *r = arg;
	char p[4096];
	int end;
	fcntl(r->fd, F_SETFL, 0);
	for (size_t left = r->n; left > 0;) {
		size_t got = peer_read(r->fd, p, left < sizeof p ? left : sizeof p, &end);
		if (got == 0) break;
		left -= got;
	}
	return NULL;
}

/* ---- under a clock that the test moves */

static int64_t moved_ns_now;
static inline int64_t moved_ns(const struct clock *c)
{
	return moved_ns_now;
}
static inline int64_t moved_ms(const struct clock *c)
{
	return moved_ns_now / 1000000;
}
static const struct clock moved = { moved_ms, moved_ns };

static inline struct reactor *moved_open(void)
{
	moved_ns_now = 1000000000;
	struct reactor *r = reactor_create(&(struct reactor_options){ .clock = &moved });
	conn_layer_open(r, 65536);
	return r;
}

static inline void pass(struct reactor *r, int64_t ms)
{
	moved_ns_now += ms * 1000000;
	for (int i = 0; i < 3; i++) {
		reactor_stop(r);
		reactor_run(r);
	}
}
#endif
