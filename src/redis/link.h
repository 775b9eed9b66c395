/* One link to Redis: connects, signs in, chooses the database, sends commands without waiting, and comes back by itself
 * after a loss, later each time (with jitter) until somebody says that it works. hiredis writes and reads the protocol,
 * our own connection moves the bytes. reactor, but for redis_format.
 *
 * Each reason of a failure is logged once, and again when the link has worked in between. */
#ifndef LINNET_REDIS_LINK_H
#define LINNET_REDIS_LINK_H
#include <hiredis/hiredis.h>

#include "base/random.h"
#include "loop/conn.h"
#include "redis/address.h"
#include "redis/resolve.h"

struct redis_link;
struct redis_link_handler {
	void (*ready)(struct redis_link *l);                                /* commands may be sent */
	void (*lost)(struct redis_link *l);                                 /* it was ready; every answer has been told */
	void (*push)(struct redis_link *l, const struct redisReply *reply); /* of a subscriber: whatever comes */
	void (*drained)(struct redis_link *l);                              /* redis_link_full() no more; may be NULL */
	void (*stopped)(struct redis_link *l); /* after redis_link_stop(), once: may be destroyed */
};
struct redis_link_options {
	struct reactor *reactor;
	const struct redis_address *address; /* outlives the link, as does tls */
	struct tls_context *tls;             /* NULL: plain */
	struct random *random;
	const char *name;      /* for the log */
	int timeout_ms;        /* a connection on which an answer takes longer is given up */
	int retry_ms;          /* at most, between two tries */
	size_t queue_most;     /* unsent bytes past which it is full; a command may come on top */
	size_t answer_most;    /* bytes of one answer; a connection on which more come is given up */
	bool subscriber;       /* what comes is pushed, nothing is waited for */
	resolve_lookup lookup; /* NULL: the system's */
	const struct redis_link_handler *handler;
	void *data;
};
struct redis_link *redis_link_create(const struct redis_link_options *o); /* begins to connect */
void *redis_link_data(const struct redis_link *l);
bool redis_link_ready(const struct redis_link *l);
bool redis_link_full(const struct redis_link *l);
size_t redis_link_waiting(const struct redis_link *l); /* commands without an answer yet */
void redis_link_works(struct redis_link *l);           /* it was seen to: the next loss is retried at once */
/* Gives this connection up; a later one is tried. The reason is for the log and copied; NULL: it is told elsewhere. */
void redis_link_break(struct redis_link *l, const char *why);
/* What is queued is still written, answers are told as lost; a name that is being looked up is given up. */
void redis_link_stop(struct redis_link *l);
void redis_link_destroy(struct redis_link *l);

/* ---- commands, only while ready */
/* NULL: the link was lost, whether it was done is not known. An error is an answer. */
typedef void (*redis_answer)(void *arg, const struct redisReply *reply, int64_t took_ns);
void redis_link_send(struct redis_link *l, const struct str *argv, size_t n, redis_answer answer, void *arg);
/* A command of redis_format(). */
void redis_link_send_bytes(struct redis_link *l, const char *p, size_t n, redis_answer answer, void *arg);
/* As the protocol wants it; the caller gives it back by redisFreeCommand(). Any thread. */
char *redis_format(const struct str *argv, size_t n, size_t *bytes);
#define REDIS_ARGS 1100 /* most arguments of a command */

static inline struct str redis_text(const struct redisReply *r)
{
	return (struct str){ r->str, r->str ? (size_t)r->len : 0 };
}
#endif
