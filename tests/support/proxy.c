#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINES 64
#define KEEP 262144

struct line {
	int client, server; /* -1: closed */
	bool swallow, keep, silent;
	char *kept;
	size_t n_kept;
};

struct proxy {
	int listener, port, server_port, wake[2];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop, ruled, struck, refuse, hold;
	enum proxy_rule rule;
	char word[64];
	struct line lines[LINES];
	size_t n;
};

static int dial(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
							 .sin_port = htons((uint16_t)port),
							 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
	close(fd);
	return -1;
}

static void hang_up(int *fd)
{
	if (*fd >= 0) close(*fd);
	*fd = -1;
}

static void put_all(int fd, const char *p, size_t n)
{
	while (n > 0 && fd >= 0) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k <= 0) return;
		p += k, n -= (size_t)k;
	}
}

/* Under the lock, as all below. */
static struct line *free_line(struct proxy *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->lines[i].client < 0 && p->lines[i].server < 0 && !p->lines[i].kept) return &p->lines[i];
	return p->n < LINES ? &p->lines[p->n++] : NULL;
}

static void accept_line(struct proxy *p)
{
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC), server = fd < 0 || p->refuse ? -1 : dial(p->server_port);
	struct line *l = server < 0 ? NULL : free_line(p);
	if (l)
		*l = (struct line){ .client = fd, .server = server };
	else
		hang_up(&fd), hang_up(&server);
}

static void strike(struct proxy *p, struct line *l)
{
	p->ruled = false;
	p->struck = true;
	if (p->rule == PROXY_CUT) hang_up(&l->client), hang_up(&l->server);
	l->swallow = p->rule == PROXY_SWALLOW_ANSWER;
	l->keep = p->rule == PROXY_KEEP_BACK;
	if (l->keep) l->kept = malloc(KEEP);
	pthread_cond_broadcast(&p->changed);
}

static void from_client(struct proxy *p, struct line *l)
{
	char bytes[65536];
	ssize_t n = recv(l->client, bytes, sizeof bytes, 0);
	if (n <= 0) {
		hang_up(&l->client);
		if (!l->keep) hang_up(&l->server);
		return;
	}
	if (l->silent) return;
	if (p->ruled && (!p->word[0] || memmem(bytes, (size_t)n, p->word, strlen(p->word) + 1))) strike(p, l);
	if (l->keep && l->n_kept + (size_t)n <= KEEP) {
		memcpy(l->kept + l->n_kept, bytes, (size_t)n);
		l->n_kept += (size_t)n;
	} else {
		put_all(l->server, bytes, (size_t)n);
	}
}

static void from_server(struct line *l)
{
	char bytes[65536];
	ssize_t n = recv(l->server, bytes, sizeof bytes, 0);
	if (n <= 0) {
		hang_up(&l->server);
		if (!l->swallow) hang_up(&l->client);
		return;
	}
	if (!l->swallow && !l->silent) put_all(l->client, bytes, (size_t)n);
}

static void turn(struct proxy *p, const struct pollfd *fds, size_t n)
{
	char byte;
	if (fds[0].revents && read(p->wake[0], &byte, 1) < 0) return;
	for (size_t i = 0; i < n; i++) {
		struct line *l = &p->lines[i];
		if (fds[2 + 2 * i].revents && l->client == fds[2 + 2 * i].fd) from_client(p, l);
		if (!p->hold && fds[3 + 2 * i].revents && l->server >= 0 && l->server == fds[3 + 2 * i].fd) from_server(l);
	}
	if (fds[1].revents) accept_line(p);
}

static void *run(void *arg)
{
	struct proxy *p = arg;
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct pollfd fds[2 + 2 * LINES] = { { p->wake[0], POLLIN, 0 }, { p->listener, POLLIN, 0 } };
		size_t n = p->n;
		for (size_t i = 0; i < n; i++) {
			fds[2 + 2 * i] = (struct pollfd){ p->lines[i].client, POLLIN, 0 };
			fds[3 + 2 * i] = (struct pollfd){ p->hold ? -1 : p->lines[i].server, POLLIN, 0 };
		}
		pthread_mutex_unlock(&p->lock);
		poll(fds, 2 + 2 * n, -1);
		pthread_mutex_lock(&p->lock);
		turn(p, fds, n);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void wake(struct proxy *p)
{
	if (write(p->wake[1], "", 1) < 0) abort();
}

struct proxy *proxy_start(int server_port)
{
	struct proxy *p = calloc(1, sizeof *p);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof a;
	if (!p) abort();
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	p->server_port = server_port;
	if (bind(p->listener, (struct sockaddr *)&a, sizeof a) || listen(p->listener, LINES) || pipe(p->wake)) abort();
	getsockname(p->listener, (struct sockaddr *)&a, &size);
	p->port = ntohs(a.sin_port);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	pthread_create(&p->thread, NULL, run, p);
	return p;
}

void proxy_destroy(struct proxy *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_mutex_unlock(&p->lock);
	wake(p);
	pthread_join(p->thread, NULL);
	for (size_t i = 0; i < p->n; i++) {
		hang_up(&p->lines[i].client), hang_up(&p->lines[i].server);
		free(p->lines[i].kept);
	}
	close(p->listener), close(p->wake[0]), close(p->wake[1]);
	free(p);
}

int proxy_port(const struct proxy *p)
{
	return p->port;
}

void proxy_rule(struct proxy *p, enum proxy_rule rule, const char *word)
{
	pthread_mutex_lock(&p->lock);
	p->rule = rule;
	snprintf(p->word, sizeof p->word, "%s", word ? word : "");
	p->ruled = true, p->struck = false;
	pthread_mutex_unlock(&p->lock);
}

bool proxy_struck(struct proxy *p)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 60;
	pthread_mutex_lock(&p->lock);
	while (!p->struck && pthread_cond_timedwait(&p->changed, &p->lock, &t) != ETIMEDOUT) continue;
	bool struck = p->struck;
	pthread_mutex_unlock(&p->lock);
	return struck;
}

void proxy_cut_clients(struct proxy *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n; i++) hang_up(&p->lines[i].client);
	pthread_mutex_unlock(&p->lock);
	wake(p);
}

void proxy_release(struct proxy *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n; i++) {
		struct line *l = &p->lines[i];
		if (!l->keep) continue;
		put_all(l->server, l->kept, l->n_kept);
		shutdown(l->server, SHUT_WR); /* whoever asked has gone */
		l->keep = false;
		l->swallow = true;
	}
	pthread_mutex_unlock(&p->lock);
	wake(p);
}

void proxy_silence(struct proxy *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n; i++) p->lines[i].silent = true;
	pthread_mutex_unlock(&p->lock);
}

void proxy_deafen(struct proxy *p)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->n; i++) p->lines[i].swallow = true;
	pthread_mutex_unlock(&p->lock);
}

void proxy_hold_answers(struct proxy *p, bool hold)
{
	pthread_mutex_lock(&p->lock);
	p->hold = hold;
	pthread_mutex_unlock(&p->lock);
	wake(p);
}

void proxy_refuse(struct proxy *p, bool refuse)
{
	pthread_mutex_lock(&p->lock);
	p->refuse = refuse;
	pthread_mutex_unlock(&p->lock);
}
