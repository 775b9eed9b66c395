/* The limit that the server's fan-out is held against: a bare epoll loop with no HTTP, no queues, no ordering and no
 * slow readers. What has been asked for over the control connection by the time it is read is joined into one run of
 * WebSocket frames, and each subscriber gets it by one send(). With --each every message is a send of its own.
 *
 *   limit [--each] [--payload BYTES]      prints its address as the server does, ends with its control connection
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "proto/ws.h"

#define CHANNELS 8
#define PEERS 19000
#define LIFE_S 1800

enum state { GONE, UPGRADE, HELLO, SUBSCRIBER, CONTROL };
static struct {
	bool each;
	size_t payload;
	int epoll, listener, peers_n;
	enum state peers[PEERS + 64]; /* by descriptor */
	int subscribers[PEERS], subscribers_n;
	long long revs[CHANNELS];
	struct buf frames;
} limit = { .payload = 200 };

static void die(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void watch(int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
	if (epoll_ctl(limit.epoll, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
}

static void listen_open(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	limit.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(limit.listener, (struct sockaddr *)&at, n) || listen(limit.listener, 1024)) die("listen");
	getsockname(limit.listener, (struct sockaddr *)&at, &n);
	dprintf(STDERR_FILENO, "{\"event\":\"listening\",\"address\":\"127.0.0.1:%d\"}\n", ntohs(at.sin_port));
	watch(limit.listener);
}

static void peers_accept(void)
{
	for (int fd; (fd = accept4(limit.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
		int on = 1;
		if (fd >= PEERS) die("too many peers");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		limit.peers[fd] = UPGRADE;
		watch(fd);
	}
}

/* Sockets never fill up in a closed loop; if one does, we wait for it, as a bare loop would. */
static void send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		if (k > 0)
			p += k, n -= (size_t)k;
		else if (errno == EAGAIN)
			poll(&wait, 1, 1000);
		else
			return; /* it has gone: epoll will say so */
	}
}

/* The request comes in one piece from our own load generator. */
static void upgrade(int fd, const char *p, size_t n)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	char accept[29], out[256];
	const char *key = memmem(p, n, name, sizeof name - 1);
	if (!key || n < 30 || memcmp(p + n - 4, "\r\n\r\n", 4) != 0) die("no upgrade");
	ws_accept_key((struct str){ key + sizeof name - 1, 24 }, accept);
	int k = snprintf(out, sizeof out,
					 "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
					 "Sec-WebSocket-Accept: %s\r\n\r\n",
					 accept);
	send_all(fd, out, (size_t)k);
	limit.peers[fd] = memcmp(p, "GET /control ", 13) ? HELLO : CONTROL;
}

static void hello(int fd)
{
	limit.frames.n = 0;
	ws_frame_add(&limit.frames, WS_TEXT, STR("{\"op\":\"ready\"}"));
	send_all(fd, limit.frames.p, limit.frames.n);
	limit.subscribers[limit.subscribers_n++] = fd;
	limit.peers[fd] = SUBSCRIBER;
}

static void frame_add(int channel)
{
	char text[8192];
	int n = snprintf(text, sizeof text, "{\"op\":\"event\",\"channel_id\":%d,\"rev\":%lld,\"body\":\"", channel + 1,
					 ++limit.revs[channel]);
	memset(text + n, 'x', limit.payload - (size_t)n - 2);
	memcpy(text + limit.payload - 2, "\"}", 2);
	ws_frame_add(&limit.frames, WS_TEXT, (struct str){ text, limit.payload });
}

static void walk(void)
{
	for (int i = 0; i < limit.subscribers_n; i++) send_all(limit.subscribers[i], limit.frames.p, limit.frames.n);
	limit.frames.n = 0;
}

/* Each byte asks for one message in the channel of this index. */
static void control(const char *p, size_t n)
{
	limit.frames.n = 0;
	for (size_t i = 0; i < n; i++) {
		frame_add(p[i] & (CHANNELS - 1));
		if (limit.each) walk();
	}
	if (!limit.each) walk();
}

static void peer_read(int fd)
{
	char in[8192];
	ssize_t n = recv(fd, in, sizeof in, 0);
	if (n <= 0 && limit.peers[fd] == CONTROL) exit(0);
	if (n <= 0) {
		close(fd);
		limit.peers[fd] = GONE;
	} else if (limit.peers[fd] == UPGRADE) {
		upgrade(fd, in, (size_t)n);
	} else if (limit.peers[fd] == HELLO) {
		hello(fd);
	} else if (limit.peers[fd] == CONTROL) {
		control(in, (size_t)n);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--each"))
			limit.each = true;
		else if (!strcmp(argv[i], "--payload") && i + 1 < argc)
			limit.payload = (size_t)atoi(argv[++i]);
		else
			return fprintf(stderr, "limit [--each] [--payload BYTES]\n"), 2;
	}
	if (limit.payload < 100 || limit.payload > 8000)
		return fprintf(stderr, "limit: a payload of 100 to 8000 bytes\n"), 2;
	alarm(LIFE_S);
	limit.epoll = epoll_create1(EPOLL_CLOEXEC);
	listen_open();
	for (struct epoll_event e[256];;) {
		int n = epoll_wait(limit.epoll, e, 256, -1);
		for (int i = 0; i < n; i++) {
			if (e[i].data.fd == limit.listener)
				peers_accept();
			else
				peer_read(e[i].data.fd);
		}
	}
}
