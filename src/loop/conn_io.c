/* Bytes in and out. Reading: one recv for each readiness unless it filled the buffer. Writing: conn_write() queues and
 * marks the connection dirty; the hooks flush the dirty ones with one gathered write each. Only when the kernel takes
 * no more is the socket watched for being writable, and a timer looks for those that stay so. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "loop/conn_private.h"

#define PROGRESS_BYTES 16384 /* within stall_ms: less is a stall */
#define READS_A_TURN 4       /* of a full buffer; then the others get their turn */
#define GATHER 64            /* ranges in one write */

/* ---- watching */

bool conn_wants_read(const struct conn *c)
{
	if (c->eof) return false;
	if (c->state == CONN_LIVE) return !c->paused;
	return (c->state == CONN_FINISHING || c->state == CONN_SHUT) && c->discarded < DISCARD_BYTES;
}

void conn_watch(struct conn *c)
{
	if (c->fd < 0 || c->state == CONN_OPENING || c->state == CONN_GOING) return;
	int want = 0;
	if (conn_wants_read(c)) want |= UV_READABLE;
	if (c->blocked || (conn_is_tls(c) && tls_conn_wants_write(c))) want |= UV_WRITABLE;
	if (want == c->armed) return;
	c->armed = (uint8_t)want;
	if (want)
		uv_poll_start(&c->poll, want, conn_on_poll);
	else
		uv_poll_stop(&c->poll);
}

void conn_on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;
	if (c->state == CONN_GOING) return;
	if (status < 0) { /* an error waits on the socket and libuv stopped: the next call on it will say what */
		c->armed = 0;
		events = UV_READABLE | UV_WRITABLE;
	}
	if (c->state == CONN_OPENING) {
		opening_ready(c);
		return;
	}
	if ((events & UV_WRITABLE) && c->blocked) {
		c->blocked = false;
		conn_push(c);
		conn_settle(c);
	}
	if ((events & UV_READABLE) || (conn_is_tls(c) && tls_conn_wants_write(c))) conn_read_ready(c);
	conn_watch(c);
}

/* ---- reading */

static void conn_discard(struct conn *c, size_t n)
{
	c->discarded += (uint32_t)n;
	if (c->state == CONN_SHUT && c->discarded >= DISCARD_BYTES) conn_end(c, CONN_CLOSED_HERE);
}

static void conn_peer_ended(struct conn *c)
{
	c->eof = true;
	if (c->state == CONN_SHUT)
		conn_end(c, CONN_CLOSED_HERE);
	else if (c->state == CONN_LIVE && c->handler->ended)
		c->handler->ended(c);
	else if (c->state == CONN_LIVE)
		conn_finish_as(c, CONN_CLOSED_THERE);
}

void conn_read_ready(struct conn *c)
{
	struct conn_layer *l = c->layer;
	for (int i = 0; i < READS_A_TURN && conn_wants_read(c); i++) {
		ssize_t n = c->transport->read(c, l->buffer, l->buffer_n);
		if (n == IO_AGAIN) return;
		if (n == IO_FAILED) {
			conn_end(c, CONN_RESET);
			return;
		}
		if (n == 0) {
			conn_peer_ended(c);
			return;
		}
		stat_add(&l->stats.read_bytes, n);
		if (c->state == CONN_LIVE)
			c->handler->data(c, l->buffer, (size_t)n);
		else
			conn_discard(c, (size_t)n);
		if ((size_t)n < l->buffer_n) return;
	}
}

void conn_pause(struct conn *c)
{
	assert(reactor_here(c->layer->reactor));
	c->paused = true; /* the poll is told when something comes: most pauses are over by then */
}

void conn_resume(struct conn *c)
{
	assert(reactor_here(c->layer->reactor));
	c->paused = false;
	if (c->transport == &transport_pair) pair_wants_read(c);
	conn_watch(c);
}

/* ---- the queue */

struct outq *conn_queue(struct conn *c)
{
	if (c->out) return c->out;
	c->out = slab_take(&c->layer->outq_slab);
	outq_init(c->out);
	c->out->conn = c;
	return c->out;
}

void conn_drop_queue(struct conn *c)
{
	if (!c->out) return;
	outq_release(c->out);
	slab_give(&c->layer->outq_slab, c->out);
	c->out = NULL;
}

void conn_mark_dirty(struct conn *c)
{
	if (c->dirty_at != NOWHERE || (c->state != CONN_LIVE && c->state != CONN_FINISHING)) return;
	c->dirty_at = (uint32_t)c->layer->dirty.n;
	vec_push(&c->layer->dirty, c);
}

/* Starts to count how long next to nothing is written. */
static void conn_watch_stall(struct conn *c)
{
	struct conn_layer *l = c->layer;
	if (!c->out || !list_empty(&c->out->link)) return;
	c->out->since_ms = reactor_now_ms(l->reactor);
	c->out->since_bytes = 0;
	list_add_tail(&l->stalled, &c->out->link);
	if (!timer_pending(&l->stall_timer) || l->stall_timer.due_ms > c->out->since_ms + c->stall_ms)
		timer_set(l->reactor, &l->stall_timer, c->stall_ms);
}

void conn_check_stalled(struct reactor *r, struct timer *t)
{
	struct conn_layer *l = container_of(t, struct conn_layer, stall_timer);
	int64_t now = reactor_now_ms(r), next = INT64_MAX;
	struct list *i = l->stalled.next, *after;
	for (; i != &l->stalled; i = after) {
		after = i->next;
		struct outq *q = container_of(i, struct outq, link);
		int64_t left = q->since_ms + q->conn->stall_ms - now;
		if (left <= 0)
			conn_too_slow(q->conn);
		else if (left < next)
			next = left;
	}
	if (next != INT64_MAX) timer_set(r, t, next < 50 ? 50 : next);
}

void conn_block(struct conn *c)
{
	c->blocked = true;
	conn_watch_stall(c);
	conn_watch(c);
}

/* One byte now and then is no progress: what a reader has queued would be kept for hours. */
static void conn_progressed(struct conn *c, size_t n)
{
	c->out->since_bytes += (uint32_t)n;
	if (c->out->since_bytes < PROGRESS_BYTES) return;
	c->out->since_ms = reactor_now_ms(c->layer->reactor);
	c->out->since_bytes = 0;
}

void conn_push(struct conn *c)
{
	while (c->out && !c->blocked && (c->state == CONN_LIVE || c->state == CONN_FINISHING)) {
		struct iovec iov[GATHER];
		ssize_t n = c->transport->write(c, iov, outq_iov(c->out, iov, GATHER));
		if (n == IO_AGAIN) {
			conn_block(c);
		} else if (n == IO_FAILED) {
			conn_end(c, CONN_RESET);
		} else {
			outq_drop(c->out, (size_t)n);
			conn_progressed(c, (size_t)n);
			if (c->out->bytes == 0) conn_drop_queue(c);
			if (c->blocked) conn_block(c);
		}
	}
}

/* More was queued. */
static void conn_queued_more(struct conn *c)
{
	if (c->out->bytes > c->soft) c->full = true;
	if (c->out->bytes > c->hard) {
		conn_push(c); /* much at once is no sign of a slow reader */
		if (c->out && c->out->bytes > c->hard) {
			conn_too_slow(c);
			return;
		}
	}
	if (c->state == CONN_GOING) return;
	if (c->blocked)
		conn_watch_stall(c);
	else
		conn_mark_dirty(c);
}

void conn_write(struct conn *c, struct chunk *chunk, size_t at, size_t n)
{
	assert(reactor_here(c->layer->reactor));
	if (n == 0 || conn_closing(c)) return;
	outq_add(conn_queue(c), chunk, at, n);
	conn_queued_more(c);
}

void conn_write_copy(struct conn *c, const void *p, size_t n)
{
	assert(reactor_here(c->layer->reactor));
	if (n == 0 || conn_closing(c)) return;
	outq_add_copy(conn_queue(c), p, n);
	conn_queued_more(c);
}

/* What a TLS record was made of must follow, even if the caller thinks better of it. */
static size_t keep_record(struct conn *c, const struct iovec *iov, int n)
{
	size_t kept = 0;
	for (int i = 0; i < n && kept < GATHER_BYTES; i++) {
		size_t take = iov[i].iov_len < GATHER_BYTES - kept ? iov[i].iov_len : GATHER_BYTES - kept;
		outq_add_copy(conn_queue(c), iov[i].iov_base, take);
		kept += take;
	}
	return kept;
}

size_t conn_writev_now(struct conn *c, const struct iovec *iov, int n)
{
	assert(reactor_here(c->layer->reactor));
	if (n == 0 || c->out || c->blocked || c->slow || c->state != CONN_LIVE) return 0;
	ssize_t w = c->transport->write(c, iov, n);
	if (w == IO_AGAIN) {
		c->blocked = true;
		if (conn_is_tls(c)) w = (ssize_t)keep_record(c, iov, n);
	}
	if (c->blocked) conn_block(c);
	return w > 0 ? (size_t)w : 0; /* a failure is met again by the flush of what the caller now queues */
}

size_t conn_write_now(struct conn *c, const char *p, size_t n)
{
	struct iovec iov = { (char *)p, n };
	return n ? conn_writev_now(c, &iov, 1) : 0;
}

bool conn_full(const struct conn *c)
{
	return c->full;
}

bool conn_idle_out(const struct conn *c)
{
	return !c->out;
}

size_t conn_queued(const struct conn *c)
{
	return c->out ? c->out->bytes : 0;
}

size_t conn_room(const struct conn *c)
{
	size_t queued = conn_queued(c);
	return queued < c->hard ? c->hard - queued : 0;
}

void conn_prefetch(const struct conn *c)
{
	__builtin_prefetch(c);
	__builtin_prefetch((const char *)c + CONN_HOT - 1);
}

void conn_flush(struct conn *c)
{
	conn_push(c);
	if (c->full && !c->out) conn_mark_dirty(c); /* `drained` is not called inside the owner's call */
}

void conn_settle(struct conn *c)
{
	if (c->out) return;
	if (c->state == CONN_LIVE && c->full) {
		c->full = false;
		if (c->handler->drained) c->handler->drained(c);
	} else if (c->state == CONN_FINISHING) {
		conn_shut(c);
	}
}

bool conn_flush_dirty(struct reactor *r, struct turn_hook *h)
{
	struct conn_layer *l = conn_layer(r);
	size_t n = l->dirty.n, left;
	for (size_t i = 0; i < n; i++) {
		struct conn *c = l->dirty.p[i];
		if (!c) continue;
		c->dirty_at = NOWHERE;
		if (c->slow) conn_last_word(c);
		conn_push(c);
		conn_settle(c);
	}
	left = l->dirty.n - n;
	if (left > 0) memmove(l->dirty.p, l->dirty.p + n, left * sizeof *l->dirty.p);
	l->dirty.n = left;
	for (size_t i = 0; i < left; i++)
		if (l->dirty.p[i]) l->dirty.p[i]->dirty_at = (uint32_t)i;
	return left > 0 || !list_empty(&l->pairs);
}

/* ---- TCP */

static ssize_t tcp_read(struct conn *c, char *p, size_t n)
{
	for (;;) {
		ssize_t got = recv(c->fd, p, n, 0);
		if (got >= 0) return got;
		if (errno == EAGAIN || errno == EWOULDBLOCK) return IO_AGAIN;
		if (errno != EINTR) return IO_FAILED;
	}
}

static size_t iov_bytes(const struct iovec *iov, int n)
{
	size_t sum = 0;
	for (int i = 0; i < n; i++) sum += iov[i].iov_len;
	return sum;
}

static ssize_t tcp_write(struct conn *c, const struct iovec *iov, int n)
{
	struct conn_stats *s = &c->layer->stats;
	struct msghdr m = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };
	ssize_t w;
	do {
		w = n == 1 ? send(c->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL) : sendmsg(c->fd, &m, MSG_NOSIGNAL);
	} while (w < 0 && errno == EINTR);
	stat_add(&s->writes, 1);
	if (w < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? IO_AGAIN : IO_FAILED;
	stat_add(&s->written_bytes, w);
	c->blocked = (size_t)w < iov_bytes(iov, n);
	return w;
}

static void tcp_shut(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
}

static void tcp_release(struct conn *c) {}

const struct transport transport_tcp = { tcp_read, tcp_write, tcp_shut, tcp_release };
