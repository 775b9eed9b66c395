/* Checks every event frame that reaches every subscriber: each must be the next of its channel for this subscriber
 * (dense in `rev`, none missing, none twice) and, byte by byte, what the first subscriber got. Counts deliveries, and
 * says when a message has reached all. */
#ifndef LINNET_BENCH_TALLY_H
#define LINNET_BENCH_TALLY_H
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "measure.h"

#define TALLY_CHANNELS 8
struct tally_message {
	uint64_t number; /* 1 for the first of its channel; 0: unused */
	size_t readers, n;
	int64_t asked_ns;
	char *copy;
};
struct tally_channel {
	int64_t id, base; /* base: the rev before the first message; -1: not known yet */
	struct tally_message *ring;
};
struct tally {
	size_t n_channels, subscribers, ring; /* messages of one channel that are remembered */
	struct tally_channel *channels;
	uint64_t *seen;                                  /* [subscriber * n_channels + channel]: how many of it */
	uint64_t deliveries, whole, others, frame_bytes; /* others: text frames that are no events of these channels */
	struct hist latency, last;                       /* of every delivery; of the last subscriber of each message */
	/* When the message was asked for; called once a message. */
	int64_t (*asked_ns)(void *arg, size_t channel, uint64_t number, struct str payload);
	void *arg;
};
/* At most `in_flight` messages of a channel are on their way. */
void tally_init(struct tally *t, const int64_t *ids, size_t n_channels, size_t subscribers, size_t in_flight);
void tally_release(struct tally *t);
/* A text frame's payload for a subscriber. The channel of a message that has now reached its last subscriber, else -1.
 */
int tally_frame(struct tally *t, size_t subscriber, struct str payload, int64_t now);
void tally_end(const struct tally *t, size_t channel,
			   uint64_t messages); /* ends the program unless all saw exactly these */
/* The decimal number behind `key` in the payload; -1: absent. */
int64_t tally_number(struct str payload, const char *key);
#endif
