/* One connection type under HTTP, WebSocket, IRC and our own links to Redis: plain TCP, TLS, or a loopback pair for
 * tests. Reactor only, but for the listeners' options.
 *
 * Reading: the reactor's one 64 KiB buffer is filled and shown to the handler, which takes all of it (what it cannot
 * use yet it keeps itself, and pauses reading). Writing: references to chunks are queued; a dirty connection is flushed
 * with one gathered write before the loop sleeps. Past the soft limit conn_full() says so and `drained` is called once
 * the queue is empty again; past the hard limit, or when next to nothing could be written for LINNET_WRITE_STALL_S, it
 * is closed. A handler may close its connection anywhere, also inside its own callbacks: `closed` follows at the end of
 * the turn, exactly once, and the memory goes after that. */
#ifndef LINNET_LOOP_CONN_H
#define LINNET_LOOP_CONN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/str.h"
#include "loop/chunk.h"
#include "loop/reactor.h"

struct conn;
struct tls_context;

enum conn_end {
	CONN_OPEN,
	CONN_CLOSED_HERE,  /* conn_close(), conn_finish() */
	CONN_CLOSED_THERE, /* the peer's FIN, nothing more to read; queued bytes were still tried */
	CONN_RESET,        /* an error on the socket */
	CONN_SLOW,         /* hard limit, or stalled: what was queued was dropped */
	CONN_SLOW_TOLD,    /* the same, but all was written in the end, and the handler's last word behind it */
	CONN_TLS_FAILED,
	CONN_REFUSED /* an outgoing connection could not be made */
};

struct conn_handler {
	void (*opened)(struct conn *c);                        /* connected, TLS agreed; may be NULL */
	void (*data)(struct conn *c, const char *p, size_t n); /* p is valid during the call only */
	void (*drained)(struct conn *c); /* the queue fell from past the soft limit to empty; may be NULL */
	void (*ended)(struct conn *c);   /* the peer sent FIN; NULL: the connection is closed */
	void (*closed)(struct conn *c, enum conn_end why); /* the last call; the owner forgets c */
	/* Past the hard limit, or stalled; never inside the owner's call. Nothing was taken from the owner since; what it
	 * writes here is queued whatever the limit, as its last word: then the connection is finished, or cut when not all
	 * of it could be written within 10 s. NULL: it is closed at once. */
	void (*slow)(struct conn *c);
};

struct conn_limits {
	size_t soft, hard; /* queued bytes */
	int stall_ms;      /* less than 16 KiB written in so long while some wait: closed */
};

/* ---- making */
struct listener;
struct listener_options {
	const char *host;        /* numeric address or name; "" is every address; read during listen_open only */
	int port;                /* 0: a free one */
	bool reuse_port;         /* one listener for each reactor; the first binds without, so that a taken port fails */
	struct tls_context *tls; /* NULL: plain */
	size_t most_conns;       /* for this listener; past it connections are accepted and closed at once */
	/* A new connection: sets handler, limits and data by conn_setup(). What it writes waits until TLS is agreed;
	 * `opened` follows. It may be finished or closed here already. */
	void (*accept)(struct listener *l, struct conn *c);
	/* One that was accepted is closed, whoever its handler was by then; may be NULL. */
	void (*gone)(struct listener *l, struct conn *c);
	void *data;
};
/* Binds once per address and listens on every reactor. *port tells the port taken. ERR_UNAVAILABLE: logged why. */
enum err listen_open(struct reactor *const *reactors, size_t n, const struct listener_options *o, struct listener **out,
					 int *port);
void *listener_data(const struct listener *l);
/* Accepts until EAGAIN, then closes, on every reactor; `done` (or NULL) runs on reactors[0]. Call it even when
 * conn_layer_close() has closed the sockets: it gives the listener back, once its connections are gone. */
void listener_close(struct listener *l, void (*done)(void *), void *arg);

/* Never NULL: a failure is told by `closed` with CONN_REFUSED or CONN_TLS_FAILED at the end of a turn. tls_name is what
 * the certificate must say. What is written before it is open waits. */
struct conn *conn_connect(struct reactor *r, const struct sockaddr *addr, socklen_t n, struct tls_context *tls,
						  const char *tls_name, const struct conn_handler *h, void *data);
/* Takes over a connected, non-blocking socket; `opened` is called before this returns. */
struct conn *conn_adopt(struct reactor *r, int fd, const struct conn_handler *h, void *data);
/* Two ends joined in memory (tests, simulation); each delivers to the other in the next turn. Open at once: `opened` is
 * not called. Each buffers 256 KiB for its reader, as a socket would. */
void conn_pair(struct reactor *r, struct conn *out[2]);
void conn_pair_window(struct conn *c, size_t bytes); /* what this end buffers for its reader instead */

/* Also later, even inside `data`: from then on the new handler is called. Bytes of that very call which the old one did
 * not take are its to pass on to the new one's `data`. limits NULL: as they were. */
void conn_setup(struct conn *c, const struct conn_handler *h, void *data, const struct conn_limits *limits);
void *conn_data(const struct conn *c);
struct reactor *conn_reactor(const struct conn *c);
bool conn_is_tls(const struct conn *c);
struct str conn_peer(const struct conn *c); /* "127.0.0.1" or "::1", until the next call on this reactor */

/* ---- reading */
void conn_pause(struct conn *c); /* no more `data` from now on; the kernel's buffer fills and the peer waits */
void conn_resume(struct conn *c);
/* One deadline a connection, cheap to set again at every read: fire(c) is called once, ms from now or a little later
 * (up to 20 ms), never after `closed` or conn_finish(). fire NULL takes it back. */
void conn_deadline(struct conn *c, int64_t ms, void (*fire)(struct conn *c));

/* ---- writing: takes its own reference; [at, at + n) of the chunk */
void conn_write(struct conn *c, struct chunk *chunk, size_t at, size_t n);
void conn_write_copy(struct conn *c, const void *p, size_t n);
/* Tries to write now, when nothing is queued: returns the bytes taken (0 when it would block or something is queued).
 * The fan-out's way; the caller queues the rest by conn_write(). Never closes in the call. */
size_t conn_write_now(struct conn *c, const char *p, size_t n);
size_t conn_writev_now(struct conn *c, const struct iovec *iov, int n); /* the same, gathered; at most 64 */
bool conn_full(const struct conn *c);                                   /* past the soft limit, not drained since */
bool conn_idle_out(const struct conn *c);                               /* nothing queued */
size_t conn_queued(const struct conn *c);
size_t conn_room(const struct conn *c);   /* so much may be queued now without coming to the hard limit */
void conn_flush(struct conn *c);          /* now instead of before the loop sleeps */
void conn_prefetch(const struct conn *c); /* will be written to soon */

/* ---- ending */
void conn_close(struct conn *c); /* at once; what is queued is dropped */
/* Writes what is queued, shuts the sending side, reads and discards up to 256 KiB or 2 s, then closes: an answer before
 * the whole request was read is not eaten by an RST. The handler sees no more data. */
void conn_finish(struct conn *c);
bool conn_closing(const struct conn *c);

/* ---- for each reactor, before its first connection */
void conn_layer_open(struct reactor *r, size_t read_buffer); /* 64 KiB */
/* Closes what is still open, listeners too: `closed` follows as always, at the latest from reactor_destroy(), which
 * then gives the layer's memory back. For a reactor that has stopped, or in its thread. */
void conn_layer_close(struct reactor *r);
/* For connecting and for the TLS handshake, each; 10 s unless told. */
void conn_layer_opening_ms(struct reactor *r, int ms);
/* bytes and counts for metrics; relaxed atomics, read by any thread */
struct conn_stats {
	_Atomic int64_t open, accepted, refused, read_bytes, written_bytes, writes, closed_slow;
};
const struct conn_stats *conn_layer_stats(struct reactor *r);
#endif
