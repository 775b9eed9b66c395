/* Ephemeral state: keys with a TTL. Local (this process) or Redis, where all pods share it; without Redis it is the
 * pod's own, at once. What is here may be lost at any time.
 *
 * Who may call what: `take` and everything that only writes never wait, and are for any thread. What reads, `count` and
 * `take_shared` among it, waits for Redis, LINNET_REDIS_WAIT_MS at most and not at all for a link known to be down: for
 * lanes only.
 *
 * A key has one kind of value; a bucket and a counter of the same name are apart from it. The names in Redis are the
 * prefix and the key (`presence:42`), with `bucket:` or `count:` between them for those two. */
#ifndef LINNET_EPH_EPH_H
#define LINNET_EPH_EPH_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/str.h"
#include "model/presence.h"

struct eph_item { /* of a hash: name and value; of a set: name; scored: name and score */
	struct str name, value;
	int64_t score;
};
struct eph_items {
	struct eph_item *p; /* in the arena */
	size_t n;
};
#define EPH_ITEMS_MOST 10000 /* of one key; what comes on top is left out */
#define EPH_KEYS_MOST 512    /* of one look */

enum eph_said { EPH_SAME, EPH_CHANGED, EPH_UNKNOWN /* Redis is away */ };
struct eph_device { /* of a person: a connection to one of the pods */
	int64_t user_id;
	struct str name;     /* among all pods; without a colon and what follows it, which are the implementation's */
	enum presence state; /* PRESENCE_OFFLINE: it is gone */
	int64_t ttl_ms;      /* then it is forgotten, if it is not put again */
	/* Once it is done, on any thread, also within the call: is the person's presence another now? */
	void (*told)(void *arg, enum eph_said said);
	void *arg;
};

struct eph;
struct eph_ops {
	/* Takes one token from the bucket named `key`: true when there was one; else *retry_ms tells when there will be.
	 * Shared approximately: by what one gets from several pods within a trip to Redis. */
	bool (*take)(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms);
	/* The same, judged by Redis itself. */
	bool (*take_shared)(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms);
	/* Counts up within a window that begins with the first: the count after. For login failures. */
	int64_t (*count)(struct eph *e, struct str key, int64_t window_ms);
	int64_t (*peek)(struct eph *e, struct str key);
	int64_t (*left_ms)(struct eph *e, struct str key); /* of a counter's window; 0: it is over */
	void (*forget)(struct eph *e, struct str key);     /* bucket, counter and value */

	/* Values. Each write sets the key's whole time to live. */
	void (*put)(struct eph *e, struct str key, struct str value, int64_t ttl_ms);
	void (*get)(struct eph *e, const struct str *keys, size_t n, struct arena *a, struct str *out); /* STR_NONE: none */
	void (*hash_put)(struct eph *e, struct str key, const struct eph_item *fields, size_t n, int64_t ttl_ms);
	struct eph_items (*hash_get)(struct eph *e, struct str key, struct arena *a);
	void (*set_add)(struct eph *e, struct str key, struct str member, int64_t ttl_ms);
	void (*set_remove)(struct eph *e, struct str key, struct str member);
	struct eph_items (*set_get)(struct eph *e, struct str key, struct arena *a);
	void (*scored_put)(struct eph *e, struct str key, struct str member, int64_t score, int64_t ttl_ms);
	void (*scored_remove)(struct eph *e, struct str key, struct str member);
	/* Those with this score at least, by score and name; the others are forgotten. */
	struct eph_items (*scored_get)(struct eph *e, struct str key, int64_t least, struct arena *a);
	bool (*away)(struct eph *e); /* the state is this pod's own for now, without Redis; NULL: never. Any thread */

	/* Presence: a person's devices, under presence_devices:ID by the time at which each is forgotten, and what they
	 * come to, under presence:ID as long as there is one. Putting never waits. */
	void (*device)(struct eph *e, const struct eph_device *d);
	/* An enum presence each, EPH_KEYS_MOST at most. False: not known, it took too long. While Redis is known to be down
	 * nobody is there. For lanes. */
	bool (*presences)(struct eph *e, const int64_t *ids, size_t n, uint8_t *out);
	uint64_t (*lives)(const struct eph *e); /* another one: what was put may have been lost. Any thread */
	void (*destroy)(struct eph *e);
};
struct eph {
	const struct eph_ops *ops;
	bool shared; /* other pods may see what is put here */
};
struct clock;
struct metrics;
struct random;
struct redis_address;
/* At most `most_keys` keys: past it the oldest go. Any thread. */
struct eph *eph_local_create(const struct clock *clock, size_t most_keys);
struct eph_redis_options {
	const struct config *config;
	const struct redis_address *address; /* outlives it, as does all here */
	const struct clock *clock;
	struct random *random;
	struct metrics *metrics;
	size_t most_keys; /* of what is kept here for when Redis is away */
};
/* Has a thread of its own until it is destroyed. NULL: logged why not. */
struct eph *eph_redis_create(const struct eph_redis_options *o);
static inline bool eph_take(struct eph *e, struct str key, const struct rate *r, int64_t *retry_ms)
{
	return e->ops->take(e, key, r, retry_ms);
}
static inline bool eph_away(struct eph *e)
{
	return e->ops->away && e->ops->away(e);
}
#endif
