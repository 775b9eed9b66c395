/* How the reader asks for the next message: a byte over a control connection to `limit` or `inject`, or a POST from one
 * of a set of kept-alive senders; with all of them waiting for an answer it waits its turn. What is asked for over the
 * control connection in one turn of the reader's loop is written together at its end. */
#ifndef LINNET_BENCH_ASKER_H
#define LINNET_BENCH_ASKER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"
#include "pods.h"
#include "wire.h"

#define ASKER_CHANNELS 8
#define ASKER_SENDERS 128
struct asker {
	const int64_t *channel_ids;
	size_t payload;
	/* by control */
	int control; /* -1: by POST */
	char waiting[256];
	size_t n_waiting; /* channels, an index a byte */
	/* by POST */
	struct http *senders;
	const char *const *tokens;
	size_t n_senders, next_sender;
	uint64_t posted; /* of asked */
	struct random_seeded random;
	/* when each was asked for; by control a ring per channel, by POST one over all, its number in the body */
	uint64_t asked; /* of all channels */
	uint64_t asked_of[ASKER_CHANNELS];
	size_t ring;
	struct ask {
		int64_t at_ns;
		size_t channel;
	} * asks[ASKER_CHANNELS];
};
/* At most `in_flight` messages are on their way. */
void asker_control(struct asker *a, int port, size_t n_channels, size_t in_flight);
/* ASKER_SENDERS senders, spread over the pods. */
void asker_post(struct asker *a, const struct pods *pods, const int64_t *channel_ids, const char *const *tokens,
				size_t payload, size_t in_flight);
void asker_release(struct asker *a);
void asker_ask(struct asker *a, size_t channel, int64_t now);
void asker_flush(struct asker *a);               /* at the end of a turn */
void asker_read(struct asker *a, size_t sender); /* its socket is readable */
/* For tally.asked_ns: arg is the asker. */
int64_t asker_time(void *arg, size_t channel, uint64_t number, struct str payload);
#endif
