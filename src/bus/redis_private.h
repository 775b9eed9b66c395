/* The inside of the bus over Redis, for the files src/bus/redis*.c only. */
#ifndef LINNET_BUS_REDIS_PRIVATE_H
#define LINNET_BUS_REDIS_PRIVATE_H
#include <pthread.h>

#include "base/config.h"
#include "base/list.h"
#include "base/map.h"
#include "base/metrics.h"
#include "bus/bus.h"
#include "bus/wire.h"
#include "redis/link.h"
#include "redis/refusals.h"

/* What somebody on this pod wants to hear, or did a moment ago. lock */
struct topic {
	struct list dirty; /* bus_redis.dirty: what Redis knows of it is not what is wanted */
	enum topic_kind kind;
	int64_t id;
	size_t refs;
	bool sent;         /* SUBSCRIBE was sent on this link, and no UNSUBSCRIBE since */
	bool on;           /* and was answered */
	bool told;         /* the sink knows that it is served, by Redis or, while that is away, by this pod alone */
	uint32_t awaiting; /* SUBSCRIBEs without an answer */
};

/* A command that waits to be written, then for its answer. */
struct publication {
	struct publication *next;
	char *command; /* NULL: written */
	size_t n;
	int64_t queued_ns;
	struct bus_redis *bus;
};

struct bus_redis {
	struct bus base;
	struct bus_sink sink;
	struct bus_redis_options o;
	struct wire wire;
	struct tls_context *tls; /* NULL: plain */
	struct reactor *reactor; /* its own; NULL before attach and after detach */
	struct mail wake;
	struct metrics_cell *cell; /* reactor */

	pthread_mutex_t lock;
	/* ---- lock */
	bool woken, stopped, taking; /* taking: the publishing link is ready */
	bool away;                   /* written by the reactor */
	struct publication *first, **end;
	size_t n, bytes;
	struct id_map topics[2];
	struct list dirty;
	size_t wanted, off; /* topics with refs; of these not yet confirmed by Redis */
	/* ---- reactor */
	struct redis_link *pub, *sub;
	struct timer tick, late;
	int64_t echo_ns;  /* when the newest echo that came back was sent; 0: none on these links */
	int64_t ready_ns; /* since when both links are ready; 0: they are not */
	int64_t away_since_ns;
	size_t awaiting;                /* topics of SUBSCRIBEs without an answer */
	size_t leaving;                 /* topics of UNSUBSCRIBEs without an answer */
	struct redis_refusals refusals; /* of publications */
	int links;
	/* ---- relaxed, any thread */
	_Atomic int64_t dropped, in_flight, newest_echo_ns;
};

/* redis.c */
void redis_bus_wake(struct bus_redis *b);     /* under the lock: the reactor looks at queue and topics */
void redis_bus_consider(struct bus_redis *b); /* reactor: is Redis here? */
struct str redis_bus_name(const struct bus_redis *b, const char *topic, size_t n, char *out, size_t cap);
#define REDIS_NAME_MOST 512 /* of a topic with its prefix */

/* redis_topics.c */
void redis_bus_subscribe(struct bus *bus, enum topic_kind kind, int64_t id);
void redis_bus_unsubscribe(struct bus *bus, enum topic_kind kind, int64_t id);
void topics_send(struct bus_redis *b); /* reactor: what is dirty, in batches */
void topics_lost(struct bus_redis *b); /* reactor: the link knows nothing any more */
void topics_confirmed(struct bus_redis *b, enum topic_kind kind, int64_t id); /* reactor: a SUBSCRIBE was answered */
void topics_left(struct bus_redis *b);                                        /* reactor: an UNSUBSCRIBE was answered */
/* Under the lock: those that wait for Redis wait no more. The caller tells them outside, and frees the list. */
struct topic_name {
	enum topic_kind kind;
	int64_t id;
};
size_t topics_take_untold(struct bus_redis *b, struct topic_name **out);
void topics_release(struct bus_redis *b);

/* redis_publish.c */
void redis_bus_publish(struct bus *bus, struct event *const *events, size_t n);
void redis_bus_publish_user(struct bus *bus, struct user_news *n);
void redis_bus_publish_hint(struct bus *bus, struct hint *h);
void publish_queued(struct bus_redis *b);             /* reactor: as much as the link takes */
void publish_taking(struct bus_redis *b, bool takes); /* reactor; false: what waits is dropped */
#endif
