/* The other end of a socket, held by the test itself: a plain file descriptor, read and written without blocking. */
#ifndef LINNET_TESTS_LOOP_PEER_H
#define LINNET_TESTS_LOOP_PEER_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

/* A connected pair of TCP sockets on loopback, both non-blocking; small buffers if told. */
static inline void peer_sockets(int out[2], int buffer)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof addr;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (buffer) setsockopt(l, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	assert_int_equal(bind(l, (struct sockaddr *)&addr, n), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&addr, &n), 0);
	out[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (buffer) setsockopt(out[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	assert_int_equal(connect(out[0], (struct sockaddr *)&addr, n), 0);
	out[1] = accept(l, NULL, NULL);
	close(l);
	for (int i = 0; i < 2; i++) fcntl(out[i], F_SETFL, O_NONBLOCK);
}

/* A blocking client of a listener on loopback. */
static inline int peer_connect(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
								.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								.sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	return fd;
}

/* Reads until `n` bytes, the end or an error; returns how many came, *end tells how it ended: 0 the end, else errno. */
static inline size_t peer_read(int fd, char *p, size_t n, int *end)
{
	size_t got = 0;
	*end = -1;
	while (got < n) {
		ssize_t r = read(fd, p + got, n - got);
		if (r > 0) {
			got += (size_t)r;
			continue;
		}
		*end = r == 0 ? 0 : errno;
		break;
	}
	return got;
}

/* The connection under test, with what was told about it. */
struct seen {
	struct conn *c;
	char text[4096];
	size_t n; /* bytes of data, the first of which are in text */
	int opened, drained, ended, closed, told;
	enum conn_end why;
	bool echo;
	bool stop_on_close, stop_on_drain;
	size_t stop_at; /* bytes */
};

static void seen_opened(struct conn *c)
{
	struct seen *s = conn_data(c);
	s->opened++;
}
static void seen_data(struct conn *c, const char *p, size_t n)
{
	struct seen *s = conn_data(c);
	for (size_t i = 0; i < n && s->n + i < sizeof s->text - 1; i++) s->text[s->n + i] = p[i];
	s->n += n;
	if (s->echo) conn_write_copy(c, p, n);
	if (s->stop_at && s->n >= s->stop_at) reactor_stop(conn_reactor(c));
}
static void seen_drained(struct conn *c)
{
	struct seen *s = conn_data(c);
	s->drained++;
	if (s->stop_on_drain) reactor_stop(conn_reactor(c));
}
static void seen_ended(struct conn *c)
{
	struct seen *s = conn_data(c);
	s->ended++;
}
static void seen_closed(struct conn *c, enum conn_end why)
{
	struct seen *s = conn_data(c);
	s->closed++;
	s->why = why;
	s->c = NULL;
	if (s->stop_on_close) reactor_stop(conn_reactor(c));
}
/* Without `ended`: the peer's end closes. */
static const struct conn_handler seen_handler = {
	.opened = seen_opened, .data = seen_data, .drained = seen_drained, .closed = seen_closed
};
static const struct conn_handler seen_half_handler = {
	.opened = seen_opened, .data = seen_data, .drained = seen_drained, .ended = seen_ended, .closed = seen_closed
};
#endif
