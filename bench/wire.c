#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"
#include "options.h"

static int connect_to(int port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
							  .sin_port = htons((uint16_t)port),
							  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 20 };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type, 0);
	if (fd < 0) fail("socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
		fail("connect to 127.0.0.1:%d: %s", port, strerror(errno));
	return fd;
}

int wire_connect(int port)
{
	return connect_to(port, 0);
}
int wire_connecting(int port)
{
	return connect_to(port, SOCK_NONBLOCK);
}

void wire_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void wire_send(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		if (k > 0)
			p += k, n -= (size_t)k;
		else if (errno == EAGAIN ? poll(&wait, 1, 20000) != 1 : errno != EINTR)
			fail("send: %s", strerror(errno));
	}
}

/* ---- answers */
int answer_parse(const char *p, size_t n, struct answer *a)
{
	const char *end = n ? memmem(p, n, "\r\n\r\n", 4) : NULL;
	if (!end) {
		if (n > 65536) fail("an answer's head is too long");
		return 0;
	}
	size_t head = (size_t)(end - p) + 4;
	int64_t status, length = 0;
	if (head < 16 || memcmp(p, "HTTP/1.1 ", 9) != 0 || !str_i64((struct str){ p + 9, 3 }, 101, 599, &status))
		fail("no HTTP answer: %.*s", (int)(head < 80 ? head : 80), p);
	a->status = (int)status;
	a->head = (struct str){ p, head };
	struct str text = answer_header(a, "content-length");
	if (text.p && !str_i64(text, 0, 1 << 30, &length)) fail("a bad Content-Length");
	if (!text.p && status != 101 && status != 204) fail("an answer %d without Content-Length", a->status);
	if (n - head < (size_t)length) return 0;
	a->body = (struct str){ p + head, (size_t)length };
	a->n = head + (size_t)length;
	return 1;
}

struct str answer_header(const struct answer *a, const char *name)
{
	struct str rest = a->head, line;
	while (str_split(&rest, '\n', &line)) {
		const char *colon = memchr(line.p, ':', line.n);
		if (!colon || !str_eq_nocase((struct str){ line.p, (size_t)(colon - line.p) }, str_of(name))) continue;
		struct str value = str_from(line, (size_t)(colon - line.p) + 1);
		if (value.n && value.p[value.n - 1] == '\r') value.n--;
		return str_trim(value);
	}
	return STR_NONE;
}

/* ---- a connection */
void http_open(struct http *h, int port)
{
	*h = (struct http){ .fd = wire_connect(port), .cap = 16384, .in = mem_alloc(16384) };
}

void http_close(struct http *h)
{
	close(h->fd);
	mem_free(h->in);
}

void http_ask(struct http *h, const char *method, const char *path, const char *token, struct str json)
{
	char out[8192];
	int n = snprintf(out, sizeof out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, path);
	if (token) n += snprintf(out + n, sizeof out - (size_t)n, "Authorization: Bearer %s\r\n", token);
	if (json.p)
		n += snprintf(out + n, sizeof out - (size_t)n, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
					  json.n);
	n += snprintf(out + n, sizeof out - (size_t)n, "\r\n" STR_FMT, STR_ARG(json));
	if ((size_t)n >= sizeof out) fail("a request is too long");
	h->n = 0;
	h->busy = true;
	wire_send(h->fd, out, (size_t)n);
}

bool http_read(struct http *h, struct answer *a)
{
	if (h->n == h->cap) h->in = mem_resize(h->in, h->cap *= 2);
	ssize_t k = recv(h->fd, h->in + h->n, h->cap - h->n, 0);
	if (k == 0) fail("the server closed a connection of a sender");
	if (k < 0 && errno != EAGAIN && errno != EINTR) fail("recv: %s", strerror(errno));
	if (k < 0) return false;
	h->n += (size_t)k;
	if (!answer_parse(h->in, h->n, a)) return false;
	if (a->n != h->n) fail("bytes after an answer");
	h->busy = false;
	return true;
}

void http_wait(struct http *h, struct answer *a)
{
	struct pollfd wait = { .fd = h->fd, .events = POLLIN };
	do {
		if (poll(&wait, 1, 20000) != 1) fail("no answer within 20 s");
	} while (!http_read(h, a));
}

/* ---- members */
void members_read(struct members *m, const char *path, size_t skip, size_t need)
{
	FILE *f = path ? fopen(path, "r") : NULL;
	size_t n = 0, cap = 1 << 20;
	if (!f) fail("--tokens: %s", path ? strerror(errno) : "no file");
	*m = (struct members){ .text = mem_alloc(cap), .tokens = mem_alloc((need + 1) * sizeof *m->tokens) };
	for (size_t k; (k = fread(m->text + n, 1, cap - n - 1, f)) > 0;) {
		n += k;
		if (cap - n < 2) m->text = mem_resize(m->text, cap *= 2);
	}
	fclose(f);
	m->text[n] = 0;
	char *save = NULL;
	for (char *line = strtok_r(m->text, "\n", &save); line && m->n < need; line = strtok_r(NULL, "\n", &save)) {
		char *blank = strchr(line, ' ');
		if (!blank) fail("%s: a line without a token", path);
		if (skip)
			skip--;
		else
			m->tokens[m->n++] = blank + 1;
	}
	if (m->n < need) fail("%s has %zu members, %zu are needed", path, m->n, need);
}

void members_release(struct members *m)
{
	mem_free(m->text);
	mem_free(m->tokens);
}
