/* Listening. The first socket of an address binds without SO_REUSEPORT: so a port that somebody else listens on is
 * refused even when he allows sharing. Then it allows sharing itself, and the other reactors' sockets join it; a second
 * instance of the server fails at its own first bind. Each socket is a part: watched by one reactor, which accepts what
 * comes. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn_private.h"

#define BACKLOG 4096
#define ACCEPTS_A_TURN 128
#define PAUSE_MS 100 /* when descriptors have run out */
#define COMPLAIN_MS 60000
#define ADDRESSES 8

struct part {
	uv_poll_t poll;
	struct mail begin, end; /* to its reactor */
	struct list link;       /* layer->parts */
	struct listener *listener;
	struct reactor *reactor;
	int fd;
	bool watched;
	struct timer pause;
	int64_t complained_ms, full_ms; /* when it last said that it cannot accept, or may not */
};

struct listener {
	struct listener_options options;
	struct part *parts;
	size_t n_parts;
	_Atomic size_t refs; /* its owner, its parts, mails under way and its connections */
	_Atomic size_t conns;
	_Atomic size_t left;    /* to be closed before it is all closed: its parts, and its owner's word */
	struct mail all_closed; /* to the first reactor */
	void (*done)(void *);
	void *done_arg;
};

void *listener_data(const struct listener *l)
{
	return l->options.data;
}

static void listener_unref(struct listener *l)
{
	if (atomic_fetch_sub(&l->refs, 1) > 1) return;
	mem_free(l->parts);
	mem_free(l);
}

void listener_conn_gone(struct listener *l, struct conn *c)
{
	if (l->options.gone) l->options.gone(l, c);
	atomic_fetch_sub(&l->conns, 1);
	listener_unref(l);
}

/* ---- accepting */

static bool complain(struct part *p, int64_t *last_ms)
{
	int64_t now = reactor_now_ms(p->reactor);
	if (*last_ms && now - *last_ms < COMPLAIN_MS) return false;
	*last_ms = now;
	return true;
}

static void part_full(struct part *p, int fd)
{
	stat_add(&conn_layer(p->reactor)->stats.refused, 1);
	if (complain(p, &p->full_ms))
		log_event(LOG_ERROR, "conn.limit_reached", LOG_INT("most", (int64_t)p->listener->options.most_conns));
	close(fd);
}

static void part_take(struct part *p, int fd, const struct sockaddr_storage *addr)
{
	struct listener *l = p->listener;
	struct conn_layer *layer = conn_layer(p->reactor);
	stat_add(&layer->stats.accepted, 1);
	if (atomic_fetch_add(&l->conns, 1) >= l->options.most_conns) {
		atomic_fetch_sub(&l->conns, 1);
		part_full(p, fd);
		return;
	}
	struct conn *c = conn_make(layer, fd, &transport_tcp);
	conn_set_peer(c, addr);
	if (c->fd < 0) {
		atomic_fetch_sub(&l->conns, 1);
		conn_end(c, CONN_RESET);
		return;
	}
	atomic_fetch_add(&l->refs, 1);
	c->from = l;
	if (l->options.tls) tls_conn_attach(c, l->options.tls, NULL, true);
	l->options.accept(l, c);
	if (c->state != CONN_OPENING) return;
	if (l->options.tls)
		opening_begin(c, false);
	else
		conn_opened(c);
}

static void part_watch(struct part *p);

static void part_pause_over(struct reactor *r, struct timer *t)
{
	part_watch(container_of(t, struct part, pause));
}

/* No descriptors or memory: those who wait keep waiting in the kernel, and we do not spin. */
static void part_pause(struct part *p, int e)
{
	struct conn_layer *layer = conn_layer(p->reactor);
	stat_add(&layer->stats.refused, 1);
	if (complain(p, &p->complained_ms))
		log_event(LOG_ERROR, "conn.accept_failed", LOG_TEXT("why", strerror(e)),
				  LOG_INT("open", atomic_load(&layer->stats.open)));
	uv_poll_stop(&p->poll);
	timer_set(p->reactor, &p->pause, PAUSE_MS);
}

static bool accept_passes(int e)
{
	switch (e) { /* the connection's own trouble (accept(2)), not the socket's */
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EOPNOTSUPP: return true;
	default: return false;
	}
}

/* Returns 0 when there was nothing more, 1 when `most` were accepted, else the errno. */
static int part_accept(struct part *p, int most)
{
	for (int i = 0; i < most; i++) {
		struct sockaddr_storage addr = { 0 };
		socklen_t n = sizeof addr;
		int fd = accept4(p->fd, (struct sockaddr *)&addr, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			part_take(p, fd, &addr);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (!accept_passes(errno))
			return errno;
	}
	return 1;
}

static void part_on_poll(uv_poll_t *poll, int status, int events)
{
	struct part *p = poll->data;
	int e = part_accept(p, ACCEPTS_A_TURN);
	if (e > 1) part_pause(p, e);
}

static void part_watch(struct part *p)
{
	uv_poll_start(&p->poll, UV_READABLE, part_on_poll);
}

static void listener_left(struct listener *l);

static void part_begin(struct reactor *r, struct mail *m)
{
	struct part *p = container_of(m, struct part, begin);
	struct conn_layer *layer = conn_layer(r);
	int e = layer->closing ? UV_ECANCELED : uv_poll_init(reactor_uv(r), &p->poll, p->fd);
	if (e) {
		if (e != UV_ECANCELED) log_event(LOG_ERROR, "conn.watch_failed", LOG_TEXT("why", uv_strerror(e)));
		close(p->fd);
		listener_left(p->listener);
		return;
	}
	p->poll.data = p;
	p->watched = true;
	list_add_tail(&layer->parts, &p->link);
	part_watch(p);
}

/* ---- closing */

static void listener_all_closed(struct reactor *r, struct mail *m)
{
	struct listener *l = container_of(m, struct listener, all_closed);
	if (l->done) l->done(l->done_arg);
	listener_unref(l);
}

/* One of those that `left` counts is closed. */
static void listener_left(struct listener *l)
{
	if (atomic_fetch_sub(&l->left, 1) == 1) {
		atomic_fetch_add(&l->refs, 1);
		reactor_post(l->parts[0].reactor, &l->all_closed);
	}
	listener_unref(l);
}

static void part_closed(uv_handle_t *h)
{
	listener_left(((struct part *)h->data)->listener);
}

static void part_close(struct part *p)
{
	if (!p->watched) return;
	p->watched = false;
	timer_clear(&p->pause);
	list_del(&p->link);
	uv_close((uv_handle_t *)&p->poll, part_closed);
	close(p->fd);
}

/* What waits in its queue would be reset: it is taken first. */
static void part_end(struct reactor *r, struct mail *m)
{
	struct part *p = container_of(m, struct part, end);
	struct listener *l = p->listener;
	if (p->watched) part_accept(p, BACKLOG);
	part_close(p);
	listener_unref(l);
}

void listener_close(struct listener *l, void (*done)(void *), void *arg)
{
	l->done = done, l->done_arg = arg;
	for (size_t i = 0; i < l->n_parts; i++) {
		atomic_fetch_add(&l->refs, 1);
		reactor_post(l->parts[i].reactor, &l->parts[i].end);
	}
	listener_left(l);
}

void listener_close_parts(struct conn_layer *l)
{
	while (!list_empty(&l->parts)) part_close(container_of(l->parts.next, struct part, link));
}

/* ---- opening */

static int listen_fail(const char *step, const char *address, int fd)
{
	int e = errno;
	log_event(LOG_ERROR, "conn.listen_failed", LOG_TEXT("step", step), LOG_TEXT("address", address),
			  LOG_TEXT("why", strerror(e)));
	if (fd >= 0) close(fd);
	errno = e;
	return -1;
}

static void address_text(const struct sockaddr *addr, socklen_t n, char out[96])
{
	char host[64] = "?", service[16] = "?";
	getnameinfo(addr, n, host, sizeof host, service, sizeof service, NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(out, 96, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, service);
}

/* join: share the port with the first socket. */
static int listen_socket(const struct addrinfo *a, bool share, bool join)
{
	char text[96];
	address_text(a->ai_addr, a->ai_addrlen, text);
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return listen_fail("socket", text, -1);
	const int on = 1, off = 0;
	const struct sockaddr_in6 *in6 = (const void *)a->ai_addr;
	bool every = a->ai_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* a restart need not wait for old connections */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted ones inherit it */
	if (a->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, every ? &off : &on, sizeof on);
	if (join && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) return listen_fail("share", text, fd);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0) return listen_fail("bind", text, fd);
	if (share && !join && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		return listen_fail("share", text, fd);
	if (listen(fd, BACKLOG) < 0) return listen_fail("listen", text, fd);
	return fd;
}

static void set_port(struct sockaddr *addr, int port)
{
	if (addr->sa_family == AF_INET)
		((struct sockaddr_in *)(void *)addr)->sin_port = htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)(void *)addr)->sin6_port = htons((uint16_t)port);
}

static int taken_port(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t n = sizeof addr;
	if (getsockname(fd, (struct sockaddr *)&addr, &n) < 0) return 0;
	return addr.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&addr)->sin_port)
									 : ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
}

static void listener_add(struct listener *l, struct reactor *r, int fd)
{
	struct part *p = &l->parts[l->n_parts++];
	*p = (struct part){ .listener = l, .reactor = r, .fd = fd, .begin.deliver = part_begin, .end.deliver = part_end };
	list_init(&p->link);
	timer_init(&p->pause, part_pause_over);
}

/* One address on all reactors. */
static bool listen_address(struct listener *l, struct addrinfo *a, struct reactor *const *reactors, size_t n, int *port)
{
	set_port(a->ai_addr, *port);
	int first = listen_socket(a, l->options.reuse_port, false);
	if (first < 0) return false;
	*port = taken_port(first);
	set_port(a->ai_addr, *port);
	listener_add(l, reactors[0], first);
	for (size_t i = 1; i < n; i++) {
		int fd = l->options.reuse_port ? listen_socket(a, true, true) : fcntl(first, F_DUPFD_CLOEXEC, 0);
		if (fd < 0) return false;
		listener_add(l, reactors[i], fd);
	}
	return true;
}

/* Every address is one socket for both families, or IPv4's alone where there is no IPv6. */
static struct addrinfo *listen_resolve(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found = NULL;
	int e;
	if (*host) {
		e = getaddrinfo(host, NULL, &hints, &found);
	} else {
		int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		e = getaddrinfo(fd >= 0 ? "::" : "0.0.0.0", NULL, &hints, &found);
		if (fd >= 0) close(fd);
	}
	if (e == 0) return found;
	log_event(LOG_ERROR, "conn.listen_failed", LOG_TEXT("step", "resolve"), LOG_TEXT("address", host),
			  LOG_TEXT("why", gai_strerror(e)));
	return NULL;
}

static bool seen_before(const struct addrinfo *first, const struct addrinfo *a)
{
	for (const struct addrinfo *b = first; b != a; b = b->ai_next)
		if (b->ai_addrlen == a->ai_addrlen && memcmp(b->ai_addr, a->ai_addr, a->ai_addrlen) == 0) return true;
	return false;
}

/* All addresses. One that this machine does not have is passed over if the name has another. */
static bool listen_all(struct listener *l, struct addrinfo *found, struct reactor *const *reactors, size_t n, int *port)
{
	size_t addresses = 0;
	for (struct addrinfo *a = found; a && addresses < ADDRESSES; a = a->ai_next) {
		if (seen_before(found, a)) continue;
		if (listen_address(l, a, reactors, n, port))
			addresses++;
		else if (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT)
			return false;
		set_port(a->ai_addr, 0); /* as it was found */
	}
	return addresses > 0;
}

enum err listen_open(struct reactor *const *reactors, size_t n, const struct listener_options *o, struct listener **out,
					 int *port)
{
	struct addrinfo *found = listen_resolve(o->host ? o->host : "");
	if (!found) return ERR_UNAVAILABLE;
	struct listener *l = mem_new(struct listener);
	l->options = *o;
	l->options.host = NULL;
	l->parts = mem_zalloc(ADDRESSES * n * sizeof *l->parts);
	*port = o->port;
	bool ok = listen_all(l, found, reactors, n, port);
	freeaddrinfo(found);
	if (!ok) {
		for (size_t i = 0; i < l->n_parts; i++) close(l->parts[i].fd);
		mem_free(l->parts);
		mem_free(l);
		return ERR_UNAVAILABLE;
	}
	l->refs = l->left = l->n_parts + 1;
	l->all_closed.deliver = listener_all_closed;
	for (size_t i = 0; i < l->n_parts; i++) reactor_post(l->parts[i].reactor, &l->parts[i].begin);
	*out = l;
	return OK;
}
