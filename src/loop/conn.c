/* A connection's life: made, set up, finished, closed. The bytes move in conn_io.c. */
#include "loop/conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn_private.h"

static void nobody_data(struct conn *c, const char *p, size_t n) {}
static void nobody_closed(struct conn *c, enum conn_end why) {}
static const struct conn_handler nobody = { .data = nobody_data, .closed = nobody_closed };

/* ---- making */

static void conn_gone(struct deferred *d);

struct conn *conn_make(struct conn_layer *l, int fd, const struct transport *t)
{
	assert(reactor_here(l->reactor));
	struct conn *c = slab_take(&l->conn_slab);
	c->layer = l, c->transport = t, c->handler = &nobody;
	c->deadline_at = c->dirty_at = NOWHERE;
	c->soft = 64 * 1024, c->hard = 1024 * 1024, c->stall_ms = 60000;
	c->gone.run = conn_gone;
	c->fd = fd;
	if (fd >= 0) {
		int e = uv_poll_init(reactor_uv(l->reactor), &c->poll, fd);
		c->poll.data = c;
		if (e) {
			log_event(LOG_ERROR, "conn.watch_failed", LOG_TEXT("why", uv_strerror(e)));
			close(fd);
			c->fd = -1;
		}
	}
	list_add_tail(&l->conns, &c->link);
	stat_add(&l->stats.open, 1);
	return c;
}

void conn_enter(struct conn *c, enum conn_state state)
{
	assert(reactor_here(c->layer->reactor));
	assert(state > c->state);
	c->state = state;
}

void conn_opened(struct conn *c)
{
	if (c->state != CONN_OPENING) return;
	opening_end(c);
	conn_enter(c, CONN_LIVE);
	if (c->finish_asked)
		conn_finish_as(c, c->why);
	else if (c->handler->opened)
		c->handler->opened(c);
	if (c->state == CONN_GOING) return;
	if (c->out) conn_mark_dirty(c);
	conn_watch(c);
}

struct conn *conn_adopt(struct reactor *r, int fd, const struct conn_handler *h, void *data)
{
	struct conn *c = conn_make(conn_layer(r), fd, &transport_tcp);
	struct sockaddr_storage addr = { 0 };
	socklen_t n = sizeof addr;
	if (getpeername(fd, (struct sockaddr *)&addr, &n) == 0) conn_set_peer(c, &addr);
	conn_setup(c, h, data, NULL);
	if (c->fd < 0)
		conn_end(c, CONN_RESET);
	else
		conn_opened(c);
	return c;
}

static int connect_socket(const struct sockaddr *addr, socklen_t n)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (connect(fd, addr, n) == 0 || errno == EINPROGRESS) return fd;
	int e = errno;
	close(fd);
	errno = e;
	return -1;
}

struct conn *conn_connect(struct reactor *r, const struct sockaddr *addr, socklen_t n, struct tls_context *tls,
						  const char *tls_name, const struct conn_handler *h, void *data)
{
	int fd = connect_socket(addr, n);
	if (fd < 0) log_event(LOG_DEBUG, "conn.connect_failed", LOG_TEXT("why", strerror(errno)));
	struct conn *c = conn_make(conn_layer(r), fd, &transport_tcp);
	struct sockaddr_storage peer = { 0 };
	memcpy(&peer, addr, n < sizeof peer ? n : sizeof peer);
	conn_set_peer(c, &peer);
	conn_setup(c, h, data, NULL);
	if (c->fd < 0) {
		conn_end(c, CONN_REFUSED);
		return c;
	}
	if (tls) tls_conn_attach(c, tls, tls_name, false);
	opening_begin(c, true);
	return c;
}

static uint32_t size_u32(size_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void conn_setup(struct conn *c, const struct conn_handler *h, void *data, const struct conn_limits *limits)
{
	assert(reactor_here(c->layer->reactor));
	assert(h->data && h->closed);
	c->handler = h, c->data = data;
	if (!limits) return;
	c->soft = size_u32(limits->soft), c->hard = size_u32(limits->hard);
	c->stall_ms = limits->stall_ms;
}

/* ---- what it is */

/* One person, one address, whichever way she came: an IPv4 address is kept as IPv6 has it. */
static void set_peer_v4(struct conn *c, struct in_addr v4)
{
	c->peer = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(c->peer.s6_addr + 12, &v4, sizeof v4);
}

void conn_set_peer(struct conn *c, const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		set_peer_v4(c, ((const struct sockaddr_in *)addr)->sin_addr);
	else if (addr->ss_family == AF_INET6)
		c->peer = ((const struct sockaddr_in6 *)addr)->sin6_addr;
}

const char *conn_peer_text(const struct conn *c)
{
	char *text = c->layer->peer_text;
	bool v4 = IN6_IS_ADDR_V4MAPPED(&c->peer);
	inet_ntop(v4 ? AF_INET : AF_INET6, c->peer.s6_addr + (v4 ? 12 : 0), text, sizeof c->layer->peer_text);
	return text;
}

struct str conn_peer(const struct conn *c)
{
	return str_of(conn_peer_text(c));
}

void *conn_data(const struct conn *c)
{
	return c->data;
}

struct reactor *conn_reactor(const struct conn *c)
{
	return c->layer->reactor;
}

bool conn_is_tls(const struct conn *c)
{
	return c->transport == &transport_tls;
}

bool conn_closing(const struct conn *c)
{
	return c->state >= CONN_FINISHING || c->finish_asked || c->slow;
}

/* ---- ending */

static void conn_free(struct conn *c)
{
	assert(c->dirty_at == NOWHERE && c->deadline_at == NOWHERE && !c->out);
	slab_give(&c->layer->conn_slab, c);
}

static void conn_on_uv_closed(uv_handle_t *h)
{
	conn_free(h->data);
}

static void conn_free_deferred(struct deferred *d)
{
	conn_free(container_of(d, struct conn, gone));
}

/* At the end of the turn in which it was closed. */
static void conn_gone(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, gone);
	list_del(&c->link);
	stat_add(&c->layer->stats.open, -1);
	c->handler->closed(c, c->why);
	if (c->from) listener_conn_gone(c->from, c);
	c->transport->release(c);
	if (c->fd < 0) {
		c->gone.run = conn_free_deferred;
		reactor_defer(c->layer->reactor, &c->gone);
		return;
	}
	uv_close((uv_handle_t *)&c->poll, conn_on_uv_closed); /* before the number can belong to another socket */
	close(c->fd);
}

void conn_end(struct conn *c, enum conn_end why)
{
	if (c->state == CONN_GOING) return;
	if (c->state == CONN_SHUT) why = c->why; /* everything was written; how the peer ends does not matter */
	conn_enter(c, CONN_GOING);
	c->why = (uint8_t)why;
	opening_end(c);
	c->cut = c->out != NULL;
	conn_drop_queue(c);
	deadlines_remove(&c->layer->deadlines, c);
	if (c->dirty_at != NOWHERE) c->layer->dirty.p[c->dirty_at] = NULL;
	c->dirty_at = NOWHERE;
	reactor_defer(c->layer->reactor, &c->gone); /* which also ends the watching */
}

void conn_close(struct conn *c)
{
	conn_end(c, CONN_CLOSED_HERE);
}

void conn_finish_as(struct conn *c, enum conn_end why)
{
	if (c->state >= CONN_FINISHING) return;
	c->why = (uint8_t)why;
	if (c->state == CONN_OPENING) {
		c->finish_asked = true;
		return;
	}
	deadlines_remove(&c->layer->deadlines, c);
	conn_enter(c, CONN_FINISHING);
	conn_resume(c); /* to discard what comes */
	conn_mark_dirty(c);
}

void conn_finish(struct conn *c)
{
	conn_finish_as(c, CONN_CLOSED_HERE);
}

/* ---- slow readers */

void conn_too_slow(struct conn *c)
{
	if (c->slow || c->state == CONN_GOING) return;
	if (c->why != CONN_SLOW_TOLD) stat_add(&c->layer->stats.closed_slow, 1);
	if (!c->handler->slow || c->state != CONN_LIVE) {
		conn_end(c, CONN_SLOW);
		return;
	}
	c->slow = true;
	conn_mark_dirty(c);
}

static void last_word_late(struct conn *c)
{
	conn_end(c, CONN_SLOW);
}

void conn_last_word(struct conn *c)
{
	c->slow = false;
	c->hard = UINT32_MAX;
	c->handler->slow(c);
	conn_finish_as(c, CONN_SLOW_TOLD);
	if (c->state != CONN_FINISHING) return; /* the handler has closed it */
	deadlines_set(&c->layer->deadlines, c, LAST_WORD_MS, last_word_late);
	if (c->out) list_del(&c->out->link); /* a stall is counted anew */
	if (c->blocked) conn_block(c);
}

static void shut_long_enough(struct conn *c)
{
	conn_end(c, c->why);
}

void conn_shut(struct conn *c)
{
	if (c->eof || c->discarded >= DISCARD_BYTES) {
		conn_end(c, c->why);
		return;
	}
	c->transport->shut(c);
	conn_enter(c, CONN_SHUT);
	deadlines_set(&c->layer->deadlines, c, DISCARD_MS, shut_long_enough);
	conn_watch(c);
}

/* ---- the layer */

struct conn_layer *conn_layer(struct reactor *r)
{
	struct conn_layer *l = reactor_get(r, SLOT_CONN);
	assert(l && reactor_here(r));
	return l;
}

static void conn_layer_destroy(struct deferred *d)
{
	struct conn_layer *l = container_of(d, struct conn_layer, destroy);
	assert(list_empty(&l->conns) && list_empty(&l->parts));
	timer_clear(&l->stall_timer);
	deadlines_release(&l->deadlines);
	vec_release(&l->dirty);
	slab_release(&l->conn_slab);
	slab_release(&l->outq_slab);
	mem_free(l->buffer);
	mem_free(l->gather);
	mem_free(l);
}

void conn_layer_open(struct reactor *r, size_t read_buffer)
{
	struct conn_layer *l = mem_new(struct conn_layer);
	l->reactor = r;
	slab_init(&l->conn_slab, sizeof(struct conn));
	slab_init(&l->outq_slab, sizeof(struct outq));
	l->buffer = mem_alloc(read_buffer), l->buffer_n = read_buffer;
	l->opening_ms = 10000;
	list_init(&l->conns), list_init(&l->stalled), list_init(&l->pairs), list_init(&l->parts);
	timer_init(&l->stall_timer, conn_check_stalled);
	deadlines_init(&l->deadlines);
	l->deliver_hook = (struct turn_hook){ .rank = 0, .run = pair_deliver };
	l->answers_hook = (struct turn_hook){ .rank = TURN_ANSWERS, .run = conn_flush_dirty };
	l->flush_hook = (struct turn_hook){ .rank = TURN_FLUSH, .run = conn_flush_dirty };
	l->destroy.run = conn_layer_destroy;
	reactor_set(r, SLOT_CONN, l);
	reactor_hook(r, &l->deliver_hook);
	reactor_hook(r, &l->answers_hook);
	reactor_hook(r, &l->flush_hook);
	reactor_on_destroy(r, &l->destroy);
}

void conn_layer_close(struct reactor *r)
{
	struct conn_layer *l = conn_layer(r);
	l->closing = true;
	listener_close_parts(l);
	for (struct list *i = l->conns.next; i != &l->conns; i = i->next) conn_close(container_of(i, struct conn, link));
}

void conn_layer_opening_ms(struct reactor *r, int ms)
{
	conn_layer(r)->opening_ms = ms;
}

const struct conn_stats *conn_layer_stats(struct reactor *r)
{
	struct conn_layer *l = reactor_get(r, SLOT_CONN);
	return &l->stats;
}
