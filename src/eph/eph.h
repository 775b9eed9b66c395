/* Ephemeral state: keys with a TTL, counters. Local (this process) or Redis. Calls never wait for a link known to be
 * down, and 100 ms at most otherwise. What is here may be lost at any time. */
#ifndef LINNET_EPH_EPH_H
#define LINNET_EPH_EPH_H
#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/str.h"

struct eph;
struct eph_ops {
	/* Takes one token from the bucket named `key`: true when there was one; else *retry_ms tells when there will be. */
	bool (*take)(struct eph *e, struct str key, const struct rate *rate, int64_t *retry_ms);
	/* Counts up within a window that begins with the first: the count after. For login failures. */
	int64_t (*count)(struct eph *e, struct str key, int64_t window_ms);
	int64_t (*peek)(struct eph *e, struct str key);
	void (*forget)(struct eph *e, struct str key);
	void (*destroy)(struct eph *e);
};
struct eph {
	const struct eph_ops *ops;
};
struct clock;
/* At most `most_keys` keys: past it the oldest go. Any thread. */
struct eph *eph_local_create(const struct clock *clock, size_t most_keys);
static inline bool eph_take(struct eph *e, struct str key, const struct rate *r, int64_t *retry_ms)
{
	return e->ops->take(e, key, r, retry_ms);
}
#endif
