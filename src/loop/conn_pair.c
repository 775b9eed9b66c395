/* Two ends joined in memory. Writing copies to the other end's inbox, up to a window; a hook at the start of the next
 * turn's end shows it to the reader, who frees the window. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "loop/conn_private.h"

#define WINDOW (256 * 1024) /* unless told */

struct pair_end {
	struct conn *conn;
	struct pair_end *other; /* NULL: closed */
	struct outq in;
	size_t window;    /* of `in` */
	bool ended;       /* the other end sends no more */
	bool reset;       /* it went without reading all, as TCP says by a RST */
	struct list link; /* layer->pairs: something to deliver, or to try */
};

static void pair_wake(struct pair_end *e)
{
	if (list_empty(&e->link)) list_add_tail(&e->conn->layer->pairs, &e->link);
}

static ssize_t pair_write(struct conn *c, const struct iovec *iov, int n)
{
	struct pair_end *to = c->pair->other;
	if (!to || to->ended) return IO_FAILED;
	size_t sum = 0;
	for (int i = 0; i < n && to->in.bytes < to->window; i++) {
		size_t room = to->window - to->in.bytes, fits = iov[i].iov_len < room ? iov[i].iov_len : room;
		outq_add_copy(&to->in, iov[i].iov_base, fits);
		sum += fits;
	}
	if (sum == 0) return IO_AGAIN;
	stat_add(&c->layer->stats.writes, 1);
	stat_add(&c->layer->stats.written_bytes, (int64_t)sum);
	pair_wake(to);
	return (ssize_t)sum;
}

/* There is room again, or nobody left to write to. */
static void pair_unblock(struct pair_end *e)
{
	if (!e || !e->conn->blocked) return;
	e->conn->blocked = false;
	conn_mark_dirty(e->conn);
}

static ssize_t pair_read(struct conn *c, char *p, size_t n)
{
	struct pair_end *e = c->pair;
	if (e->reset) return IO_FAILED;
	if (e->in.bytes == 0) return e->ended ? 0 : IO_AGAIN;
	size_t got = 0;
	struct iovec iov;
	while (got < n && outq_iov(&e->in, &iov, 1) == 1) {
		size_t fits = iov.iov_len < n - got ? iov.iov_len : n - got;
		memcpy(p + got, iov.iov_base, fits);
		outq_drop(&e->in, fits);
		got += fits;
	}
	pair_unblock(e->other);
	return (ssize_t)got;
}

static void pair_shut(struct conn *c)
{
	struct pair_end *to = c->pair->other;
	if (!to) return;
	to->ended = true;
	pair_wake(to);
}

static void pair_release(struct conn *c)
{
	struct pair_end *e = c->pair, *other = e->other;
	pair_shut(c);
	if (other) other->other = NULL, other->reset = e->in.bytes > 0;
	pair_unblock(other);
	list_del(&e->link);
	outq_release(&e->in);
	mem_free(e);
	c->pair = NULL;
}

const struct transport transport_pair = { pair_read, pair_write, pair_shut, pair_release };

void pair_wants_read(struct conn *c)
{
	if (c->pair && (c->pair->in.bytes > 0 || c->pair->ended)) pair_wake(c->pair);
}

/* What came in earlier turns: those that come meanwhile wait for the next. */
bool pair_deliver(struct reactor *r, struct turn_hook *h)
{
	struct conn_layer *l = conn_layer(r);
	struct list now, *i;
	list_init(&now);
	while ((i = list_pop(&l->pairs))) list_add_tail(&now, i);
	while ((i = list_pop(&now))) {
		struct conn *c = container_of(i, struct pair_end, link)->conn;
		conn_read_ready(c);
		if (conn_wants_read(c)) pair_wants_read(c);
	}
	return false; /* the flush, which comes last, looks */
}

static struct conn *pair_make(struct conn_layer *l)
{
	const struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct conn *c = conn_make(l, -1, &transport_pair);
	struct pair_end *e = c->pair = mem_new(struct pair_end);
	e->conn = c;
	outq_init(&e->in);
	e->window = WINDOW;
	list_init(&e->link);
	conn_set_peer(c, (const void *)&here);
	conn_enter(c, CONN_LIVE);
	return c;
}

void conn_pair(struct reactor *r, struct conn *out[2])
{
	out[0] = pair_make(conn_layer(r));
	out[1] = pair_make(conn_layer(r));
	out[0]->pair->other = out[1]->pair;
	out[1]->pair->other = out[0]->pair;
}

void conn_pair_window(struct conn *c, size_t bytes)
{
	assert(c->pair && bytes > 0);
	c->pair->window = bytes;
}
