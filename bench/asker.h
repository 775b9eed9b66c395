/* How the reader asks for the next message: a byte over a control connection to `limit` or `inject`, or a POST from one
 * of a set of kept-alive senders. What is asked for in one turn of the reader's loop is written together at its end. */
#ifndef LINNET_BENCH_ASKER_H
#define LINNET_BENCH_ASKER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"
#include "wire.h"

#define ASKER_RING 256
struct asker {
	const int64_t *channel_ids;
	size_t payload;
	/* by control */
	int control; /* -1: by POST */
	char waiting[ASKER_RING];
	size_t n_waiting; /* channels, an index a byte */
	/* by POST */
	struct http *senders;
	const char *const *tokens;
	size_t n_senders, next_sender;
	struct random_seeded random;
	/* when each was asked for; by control a ring per channel, by POST one over all, its number in the body */
	uint64_t asked; /* of all channels */
	uint64_t asked_of[8];
	int64_t times[8][ASKER_RING];
};
void asker_control(struct asker *a, int port, size_t n_channels);
void asker_post(struct asker *a, int port, const int64_t *channel_ids, const char *const *tokens, size_t senders,
				size_t payload);
void asker_release(struct asker *a);
void asker_ask(struct asker *a, size_t channel, int64_t now);
void asker_flush(struct asker *a);               /* at the end of a turn */
void asker_read(struct asker *a, size_t sender); /* its socket is readable */
/* For tally.asked_ns: arg is the asker. */
int64_t asker_time(void *arg, size_t channel, uint64_t number, struct str payload);
#endif
