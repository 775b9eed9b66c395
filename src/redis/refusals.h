/* Errors that commands are answered with, for the log: each kind is told once, and again when a minute has passed
 * without it. A Redis that is full answers every write with one. */
#ifndef LINNET_REDIS_REFUSALS_H
#define LINNET_REDIS_REFUSALS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define REFUSAL_KINDS 8 /* OOM, READONLY, NOPERM ...; what comes on top is not told */
#define REFUSAL_KIND 24
#define REFUSAL_QUIET_NS (INT64_C(60) * 1000000000)

struct redis_refusals {
	struct {
		char kind[REFUSAL_KIND]; /* the error's first word; "": unused */
		int64_t last_ns;
	} seen[REFUSAL_KINDS];
};
bool redis_refusals_new(struct redis_refusals *r, struct str error, int64_t now_ns); /* to be told */
#endif
