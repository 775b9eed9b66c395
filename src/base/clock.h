/* Time as the pod sees it. The real clock, or a virtual one that the simulation moves. */
#ifndef LINNET_BASE_CLOCK_H
#define LINNET_BASE_CLOCK_H
#include <stdint.h>

#include "base/str.h"

struct clock {
	int64_t (*wall_ms)(const struct clock *);      /* Unix time */
	int64_t (*monotonic_ns)(const struct clock *); /* never goes back */
};
extern const struct clock clock_real;
static inline int64_t clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c);
}
static inline int64_t clock_monotonic_ns(const struct clock *c)
{
	return c->monotonic_ns(c);
}

#define TIME_TEXT 24                                    /* "2026-11-24T19:25:55.123Z", not terminated */
void time_format(int64_t wall_ms, char out[TIME_TEXT]); /* RFC 3339, UTC, milliseconds */
bool time_parse(struct str text, int64_t *wall_ms);     /* RFC 3339 with Z or an offset, 0 to 9 decimals */
#endif
