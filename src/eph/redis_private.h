/* The inside of ephemeral state in Redis, for the files src/eph/redis*.c only. */
#ifndef LINNET_EPH_REDIS_PRIVATE_H
#define LINNET_EPH_REDIS_PRIVATE_H
#include <pthread.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "eph/local_values.h"
#include "redis/link.h"
#include "redis/refusals.h"

struct span {
	size_t at, n;
	bool none; /* nil */
};

/* A command on its way to Redis, and perhaps somebody who waits for its answer. Freed by whoever is last at it. */
struct call {
	struct call *next;
	struct eph_redis *eph;
	char *command; /* NULL: written */
	size_t command_n;
	unsigned kinds;                                                   /* of answers that may come */
	bool script;                                                      /* which writes */
	void (*answered)(struct call *c, const struct redisReply *reply); /* reactor; NULL: nobody cares */
	int refs;                                                         /* lock: who asked, and the way to Redis */
	bool done;                                                        /* lock; what follows is not written any more */
	pthread_cond_t *wake;                                             /* lock; NULL: nobody waits */
	bool ok;                                                          /* an answer came that is no error */
	int64_t integer;
	VEC(int64_t) integers; /* of an array */
	struct buf text;       /* the answer's strings, one behind the other */
	VEC(struct span) spans;
	struct str key;                              /* of a bucket; owned */
	void (*told)(void *arg, enum eph_said said); /* of a device */
	void *told_arg;
};

enum eph_script { SCRIPT_TAKE, SCRIPT_COUNT, SCRIPT_KEEP, SCRIPT_DEVICE, SCRIPTS };

struct eph_redis {
	struct eph base;
	struct eph_redis_options o;
	struct eph *own; /* this pod's, without Redis */
	struct tls_context *tls;
	struct reactor *reactor; /* its own */
	struct mail wake, begin, end;
	char sha[SCRIPTS][41];

	pthread_mutex_t lock;
	/* ---- lock */
	bool up, woken, stopped;
	struct call *first, **last;
	size_t n, bytes;
	struct str_map buckets; /* key -> struct shared_bucket */
	struct list used;       /* least recently used first */
	/* ---- reactor */
	struct redis_link *link;
	int loading; /* scripts not yet answered */
	struct redis_refusals refusals;
	bool refusal_told; /* and not yet that it is over */
	/* ---- any thread */
	_Atomic bool slow; /* somebody waited in vain, and no answer has come since */
	_Atomic int64_t
		refused_ns; /* when a write was last answered with an error, and none was taken since; 0: none was */
	_Atomic int64_t late, dropped;
	_Atomic uint64_t lives; /* of the link */
};

/* redis.c */
void redis_eph_load(struct eph_redis *r); /* reactor: the scripts, once they are missed */

/* redis_call.c */
/* What Redis may answer, besides an error; another kind is no Redis's. */
enum call_kind {
	CALL_INTEGER = 1u << REDIS_REPLY_INTEGER,
	CALL_ARRAY = 1u << REDIS_REPLY_ARRAY,
	CALL_STATUS = 1u << REDIS_REPLY_STATUS,
	CALL_STRING = 1u << REDIS_REPLY_STRING | 1u << REDIS_REPLY_NIL
};
struct call *call_create(struct eph_redis *r, enum call_kind kind, const struct str *argv, size_t n);
/* A name in Redis: prefix, kind ("count:", ""), key. */
struct str call_name(const struct eph_redis *r, const char *kind, struct str key, struct arena *a);
void call_post(struct call *c); /* and forget it */
/* Waits for the answer: 100 ms at most, and not at all when Redis is away or slow. False: there is none. The caller
 * calls call_unref() in either case. */
bool call_wait(struct call *c);
void call_unref(struct call *c);
struct str call_text(const struct call *c, size_t i); /* of an answer; STR_NONE: nil, or not so many */
void calls_send(struct eph_redis *r);                 /* reactor */
void calls_drop(struct eph_redis *r);

/* redis_take.c */
bool redis_eph_take(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms);
bool redis_eph_take_shared(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms);
void bucket_forget(struct eph_redis *r, struct str key);
void buckets_release(struct eph_redis *r);

/* redis_presence.c */
void redis_eph_device(struct eph *e, const struct eph_device *d);
bool redis_eph_presences(struct eph *e, const int64_t *ids, size_t n, uint8_t *out);
uint64_t redis_eph_lives(const struct eph *e);

/* redis_values.c: the rest */
int64_t redis_eph_count(struct eph *e, struct str key, int64_t window_ms);
int64_t redis_eph_peek(struct eph *e, struct str key);
int64_t redis_eph_left_ms(struct eph *e, struct str key);
void redis_eph_forget(struct eph *e, struct str key);
void redis_eph_put(struct eph *e, struct str key, struct str value, int64_t ttl_ms);
void redis_eph_get(struct eph *e, const struct str *keys, size_t n, struct arena *a, struct str *out);
void redis_eph_hash_put(struct eph *e, struct str key, const struct eph_item *fields, size_t n, int64_t ttl_ms);
struct eph_items redis_eph_hash_get(struct eph *e, struct str key, struct arena *a);
void redis_eph_set_add(struct eph *e, struct str key, struct str member, int64_t ttl_ms);
void redis_eph_set_remove(struct eph *e, struct str key, struct str member);
struct eph_items redis_eph_set_get(struct eph *e, struct str key, struct arena *a);
void redis_eph_scored_put(struct eph *e, struct str key, struct str member, int64_t score, int64_t ttl_ms);
void redis_eph_scored_remove(struct eph *e, struct str key, struct str member);
struct eph_items redis_eph_scored_get(struct eph *e, struct str key, int64_t least, struct arena *a);
#endif
