/* A connection before it is open: connecting, agreeing on TLS, and how long that may take. */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn_private.h"

struct opening {
	struct timer timer;
	struct conn *conn;
	bool connecting;
};

static void opening_late(struct reactor *r, struct timer *t)
{
	struct opening *o = container_of(t, struct opening, timer);
	conn_end(o->conn, o->connecting ? CONN_REFUSED : CONN_TLS_FAILED);
}

static void opening_watch(struct conn *c, int events)
{
	if (c->armed == events) return;
	c->armed = (uint8_t)events;
	uv_poll_start(&c->poll, events, conn_on_poll);
}

void opening_begin(struct conn *c, bool connecting)
{
	assert(c->state == CONN_OPENING && !c->opening && c->fd >= 0);
	struct opening *o = c->opening = mem_new(struct opening);
	o->conn = c, o->connecting = connecting;
	timer_init(&o->timer, opening_late);
	timer_set(c->layer->reactor, &o->timer, c->layer->opening_ms);
	opening_watch(c, connecting ? UV_WRITABLE : UV_READABLE);
}

void opening_end(struct conn *c)
{
	if (!c->opening) return;
	timer_clear(&c->opening->timer);
	mem_free(c->opening);
	c->opening = NULL;
}

static bool opening_connected(struct conn *c)
{
	int e = 0;
	socklen_t n = sizeof e;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0 && e == 0) return true;
	log_event(LOG_DEBUG, "conn.connect_failed", LOG_TEXT("address", conn_peer_text(c)), LOG_TEXT("why", strerror(e)));
	conn_end(c, CONN_REFUSED);
	return false;
}

void opening_ready(struct conn *c)
{
	struct opening *o = c->opening;
	if (o->connecting) {
		if (!opening_connected(c)) return;
		o->connecting = false;
		if (conn_is_tls(c)) timer_set(c->layer->reactor, &o->timer, c->layer->opening_ms);
	}
	if (!conn_is_tls(c)) {
		conn_opened(c);
		return;
	}
	switch (tls_conn_handshake(c)) {
	case TLS_AGREED: conn_opened(c); return;
	case TLS_REFUSED: conn_end(c, CONN_TLS_FAILED); return;
	case TLS_WAITS: opening_watch(c, tls_conn_wants_write(c) ? UV_WRITABLE : UV_READABLE); return;
	}
}
