/* Token buckets: how much somebody may do in a while, and how much at once. Pure: the caller brings the time. */
#ifndef LINNET_BASE_RATE_H
#define LINNET_BASE_RATE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* COUNT/UNIT:BURST, unit s, m or h, or `off`: a token bucket of BURST tokens into which COUNT fall in a unit. */
struct rate {
	int64_t count, per_ms, burst; /* count 0: off */
};
#define RATE_MOST 1000000 /* of count and of burst */
#define RATE_TEXT 32
bool rate_parse(struct str s, struct rate *out);
void rate_format(const struct rate *r, char out[RATE_TEXT]); /* NUL-terminated; what rate_parse reads */

/* One bucket of one person or address; all zero is full. Whoever owns it guards it. */
struct bucket {
	int64_t spent;   /* what was taken and has not come back, in 1/per_ms of a token: so a rate needs no fractions */
	int64_t last_ms; /* when `spent` was true */
};
/* Takes a token, or leaves the bucket and says after how many milliseconds (1 at least) there will be one; retry_ms
 * may be NULL. Any clock in milliseconds will do; one that goes back only stops the filling until it has caught up. */
bool bucket_take(const struct rate *r, struct bucket *b, int64_t now_ms, int64_t *retry_ms);
bool bucket_full(const struct rate *r, const struct bucket *b, int64_t now_ms); /* nothing to remember any more */
#endif
