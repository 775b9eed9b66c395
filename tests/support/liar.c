#include "liar.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES 256
#define PIECE 65536

struct line {
	struct liar *liar;
	int fd;
	pthread_t thread;
};

struct liar {
	struct liar_lines lines;
	int listener, port;
	pthread_t thread;
	struct line line[LINES];
	size_t n;
};

static bool put(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k <= 0) return false;
		p += k, n -= (size_t)k;
	}
	return true;
}

/* Until the other end hangs up. */
static void repeat(int fd, const char *what)
{
	size_t n = strlen(what), many = PIECE / n;
	char *piece = malloc(many * n);
	if (!piece) abort();
	for (size_t i = 0; i < many; i++) memcpy(piece + i * n, what, n);
	while (put(fd, piece, many * n)) continue;
	free(piece);
}

static void *lie(void *arg)
{
	struct line *l = arg;
	const struct liar_lines *says = &l->liar->lines;
	char bytes[4096];
	if (recv(l->fd, bytes, sizeof bytes, 0) > 0 && put(l->fd, says->first, strlen(says->first))) {
		if (says->then) repeat(l->fd, says->then);
		while (recv(l->fd, bytes, sizeof bytes, 0) > 0) continue;
	}
	shutdown(l->fd, SHUT_RDWR);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct liar *l = arg;
	int fd;
	while (l->n < LINES && (fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct line *line = &l->line[l->n++];
		line->liar = l, line->fd = fd;
		if (pthread_create(&line->thread, NULL, lie, line)) abort();
	}
	return NULL;
}

struct liar *liar_start(const struct liar_lines *lines)
{
	struct liar *l = calloc(1, sizeof *l);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	if (!l) abort();
	l->lines = *lines;
	l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l->listener, (struct sockaddr *)&a, sizeof a) || listen(l->listener, LINES)) abort();
	getsockname(l->listener, (struct sockaddr *)&a, &size);
	l->port = ntohs(a.sin_port);
	if (pthread_create(&l->thread, NULL, accept_all, l)) abort();
	return l;
}

void liar_destroy(struct liar *l)
{
	shutdown(l->listener, SHUT_RDWR); /* upon which accept() returns */
	pthread_join(l->thread, NULL);
	for (size_t i = 0; i < l->n; i++) {
		shutdown(l->line[i].fd, SHUT_RDWR);
		pthread_join(l->line[i].thread, NULL);
		close(l->line[i].fd);
	}
	close(l->listener);
	free(l);
}

int liar_port(const struct liar *l)
{
	return l->port;
}
