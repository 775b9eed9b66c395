/* The inside of connections, for the files src/loop/conn*.c, deadlines.c and listener.c only. Reactor. */
#ifndef LINNET_LOOP_CONN_PRIVATE_H
#define LINNET_LOOP_CONN_PRIVATE_H
#include <netinet/in.h>
#include <sys/types.h>
#include <uv.h>

#include "base/list.h"
#include "base/vec.h"
#include "loop/conn.h"
#include "loop/outq.h"
#include "loop/slab.h"

/* One way only, by conn_enter(). */
enum conn_state {
	CONN_OPENING,   /* connecting, or TLS is being agreed */
	CONN_LIVE,      /* the handler has it */
	CONN_FINISHING, /* writes what is queued; what comes is discarded */
	CONN_SHUT,      /* our side is shut; waits for the peer's end */
	CONN_GOING      /* `closed` follows at the end of the turn */
};

/* What moves the bytes. read and write return how many, or IO_AGAIN, or IO_FAILED; read: 0 is the peer's end. One that
 * took less than it was given sets c->blocked if it knows that the next try would block. */
enum { IO_AGAIN = -1, IO_FAILED = -2 };
struct transport {
	ssize_t (*read)(struct conn *c, char *p, size_t n);
	ssize_t (*write)(struct conn *c, const struct iovec *iov, int n);
	void (*shut)(struct conn *c);    /* the sending side */
	void (*release)(struct conn *c); /* at the end of the turn in which it was closed */
};
extern const struct transport transport_tcp, transport_tls, transport_pair;

struct tls_conn;
struct pair_end;
struct opening;

/* An idle connection costs this and what the kernel takes: keep it small. What a write looks at comes first, in one
 * cache line or two. */
struct conn {
	struct conn_layer *layer;
	const struct transport *transport;
	struct outq *out; /* NULL while nothing is queued */
	uint32_t soft, hard;
	int fd; /* -1: a pair's end */
	uint8_t state, why;
	uint8_t armed; /* what the poll watches for */
	bool paused : 1;
	bool eof : 1;     /* the peer's end was read */
	bool blocked : 1; /* the last write would block: waits until it is writable */
	bool full : 1;
	bool slow : 1;         /* its last word comes with the next flush; takes nothing until then */
	bool cut : 1;          /* something queued was dropped */
	bool finish_asked : 1; /* before it was open */
	const struct conn_handler *handler;
	void *data;
	union {
		struct tls_conn *tls;
		struct pair_end *pair;
	};
	uv_poll_t poll;          /* of a socket */
	struct list link;        /* layer->conns */
	struct opening *opening; /* while CONN_OPENING */
	struct listener *from;
	struct deferred gone;
	void (*deadline)(struct conn *c);
	uint32_t deadline_at; /* its place in layer->deadlines; NOWHERE */
	uint32_t dirty_at;    /* its place in layer->dirty; NOWHERE */
	int stall_ms;
	uint32_t discarded;
	struct in6_addr peer; /* IPv4 as ::ffff:a.b.c.d */
};
#define CONN_HOT offsetof(struct conn, handler)
_Static_assert(sizeof(struct conn) <= 320, "an idle connection must stay small");
#define NOWHERE UINT32_MAX

/* Due times apart from their connections, dense, so that looking through all of them is quick. */
struct deadlines {
	uint32_t *due; /* milliseconds, modulo 2^32 */
	struct conn **conns;
	size_t n, cap;
	int64_t sweep_ms; /* when they are looked through next; INT64_MAX: not */
	struct timer sweep;
};

struct conn_layer {
	struct reactor *reactor;
	struct slab conn_slab, outq_slab;
	char *buffer; /* for all reads */
	size_t buffer_n;
	char *gather; /* for TLS: small ranges become one record */
	struct list conns;
	VEC(struct conn *) dirty; /* to be flushed; NULL where one was closed meanwhile */
	struct list stalled;      /* struct outq of those that are blocked */
	struct timer stall_timer;
	struct list pairs; /* struct pair_end with something to deliver */
	struct deadlines deadlines;
	struct list parts; /* listeners' */
	int opening_ms;
	bool closing;
	struct turn_hook deliver_hook, answers_hook, flush_hook;
	struct deferred destroy;
	char peer_text[INET6_ADDRSTRLEN]; /* conn_peer's */
	struct conn_stats stats;
};
struct conn_layer *conn_layer(struct reactor *r);

#define GATHER_BYTES 16384
#define DISCARD_BYTES (256 * 1024)
#define DISCARD_MS 2000
#define LAST_WORD_MS 10000
static inline void stat_add(_Atomic int64_t *s, int64_t n)
{
	atomic_store_explicit(s, atomic_load_explicit(s, memory_order_relaxed) + n, memory_order_relaxed);
}

/* conn.c */
/* Owns the descriptor; -1: has none, also when libuv would not watch it (then it is closed). */
struct conn *conn_make(struct conn_layer *l, int fd, const struct transport *t);
void conn_set_peer(struct conn *c, const struct sockaddr_storage *addr);
const char *conn_peer_text(const struct conn *c);
void conn_enter(struct conn *c, enum conn_state state);
void conn_end(struct conn *c, enum conn_end why); /* CONN_GOING, once */
void conn_finish_as(struct conn *c, enum conn_end why);
void conn_too_slow(struct conn *c);  /* past the hard limit, or stalled; may end it */
void conn_last_word(struct conn *c); /* by the flush: of one that is too slow */
void conn_shut(struct conn *c);      /* everything was written */
void conn_opened(struct conn *c);    /* from CONN_OPENING, or right after it was made */

/* conn_io.c */
struct outq *conn_queue(struct conn *c);
void conn_push(struct conn *c); /* writes what goes; calls nobody, but may end it */
void conn_on_poll(uv_poll_t *poll, int status, int events);
void conn_watch(struct conn *c); /* makes the poll watch for what the connection wants */
void conn_read_ready(struct conn *c);
void conn_settle(struct conn *c); /* after a flush, not inside the owner's call: drained, and the steps of finishing */
void conn_mark_dirty(struct conn *c);
void conn_block(struct conn *c);
void conn_drop_queue(struct conn *c);
bool conn_wants_read(const struct conn *c);
bool conn_flush_dirty(struct reactor *r, struct turn_hook *h);
void conn_check_stalled(struct reactor *r, struct timer *t);

/* conn_opening.c */
void opening_begin(struct conn *c, bool connecting);
void opening_ready(struct conn *c); /* the socket can be read or written */
void opening_end(struct conn *c);   /* no longer waited for; harmless twice */

/* conn_tls.c */
void tls_conn_attach(struct conn *c, struct tls_context *t, const char *name, bool server);
enum tls_step { TLS_AGREED, TLS_WAITS, TLS_REFUSED };
enum tls_step tls_conn_handshake(struct conn *c);
bool tls_conn_wants_write(const struct conn *c);

/* conn_pair.c */
bool pair_deliver(struct reactor *r, struct turn_hook *h);
void pair_wants_read(struct conn *c); /* resumed */

/* deadlines.c */
void deadlines_init(struct deadlines *d); /* within its layer */
void deadlines_release(struct deadlines *d);
void deadlines_set(struct deadlines *d, struct conn *c, int64_t ms, void (*fire)(struct conn *));
void deadlines_remove(struct deadlines *d, struct conn *c);

/* listener.c */
void listener_conn_gone(struct listener *l, struct conn *c);
void listener_close_parts(struct conn_layer *l);
#endif
