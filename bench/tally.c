/* The copy of a message's first frame makes the check of the others one memcmp: cheaper than reading their numbers. */
#include "tally.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "options.h"

#define FRAME_MOST 16384

void tally_init(struct tally *t, const int64_t *ids, size_t n_channels, size_t subscribers, size_t in_flight)
{
	*t = (struct tally){ .n_channels = n_channels, .subscribers = subscribers, .ring = 2 * in_flight };
	t->channels = mem_zalloc(n_channels * sizeof *t->channels);
	t->seen = mem_zalloc(n_channels * subscribers * sizeof *t->seen);
	for (size_t i = 0; i < n_channels; i++) {
		t->channels[i] = (struct tally_channel){ .id = ids[i], .base = -1 };
		t->channels[i].ring = mem_zalloc(t->ring * sizeof *t->channels[i].ring);
	}
}

void tally_release(struct tally *t)
{
	for (size_t i = 0; i < t->n_channels; i++) {
		for (size_t j = 0; j < t->ring; j++) mem_free(t->channels[i].ring[j].copy);
		mem_free(t->channels[i].ring);
	}
	mem_free(t->channels);
	mem_free(t->seen);
}

int64_t tally_number(struct str payload, const char *key)
{
	size_t n = strlen(key);
	const char *p = memmem(payload.p, payload.n, key, n), *end = payload.p + payload.n;
	int64_t v = 0;
	if (!p) return -1;
	for (p += n; p < end && *p >= '0' && *p <= '9'; p++) v = v * 10 + (*p - '0');
	return v;
}

/* -1: no event of our channels. */
static int channel_of(const struct tally *t, struct str payload)
{
	static const char head[] = "{\"op\":\"event\",\"channel_id\":";
	const size_t n = sizeof head - 1;
	int64_t id = 0;
	if (payload.n > n + 20 && !memcmp(payload.p, head, n)) {
		for (const char *p = payload.p + n; *p >= '0' && *p <= '9'; p++) id = id * 10 + (*p - '0');
	} else if (payload.n > 20 && !memcmp(payload.p, head, 13)) {
		id = tally_number(payload, "\"channel_id\":");
	} else {
		return -1;
	}
	for (size_t i = 0; i < t->n_channels; i++)
		if (t->channels[i].id == id) return (int)i;
	return -1;
}

static void message_first(struct tally *t, int c, struct tally_message *m, uint64_t number, struct str payload)
{
	struct tally_channel *ch = &t->channels[c];
	int64_t rev = tally_number(payload, "\"rev\":");
	if (payload.n > FRAME_MOST) fail("a frame of %zu bytes", payload.n);
	if (ch->base < 0) ch->base = rev - 1;
	if (rev != ch->base + (int64_t)number)
		fail("channel %lld: a subscriber got rev %lld instead of %lld", (long long)ch->id, (long long)rev,
			 (long long)(ch->base + (int64_t)number));
	if (m->number && m->readers != t->subscribers) fail("more messages are on their way than were asked for");
	if (m->n < payload.n) m->copy = mem_resize(m->copy, payload.n);
	memcpy(m->copy, payload.p, payload.n);
	*m = (struct tally_message){ number, 0, payload.n, t->asked_ns(t->arg, (size_t)c, number, payload), m->copy };
	t->frame_bytes = payload.n;
}

int tally_frame(struct tally *t, size_t subscriber, struct str payload, int64_t now)
{
	int c = channel_of(t, payload);
	if (c < 0) return t->others++, -1;
	uint64_t number = ++t->seen[subscriber * t->n_channels + (size_t)c];
	struct tally_message *m = &t->channels[c].ring[number % t->ring];
	if (m->number != number) message_first(t, c, m, number, payload);
	if (m->n != payload.n || memcmp(m->copy, payload.p, payload.n) != 0)
		fail("channel %lld: subscriber %zu got another frame than the first: " STR_FMT, (long long)t->channels[c].id,
			 subscriber, STR_ARG(payload));
	t->deliveries++;
	hist_add(&t->latency, now - m->asked_ns);
	if (++m->readers < t->subscribers) return -1;
	t->whole++;
	hist_add(&t->last, now - m->asked_ns);
	return c;
}

void tally_end(const struct tally *t, size_t channel, uint64_t messages)
{
	for (size_t i = 0; i < t->subscribers; i++)
		if (t->seen[i * t->n_channels + channel] != messages)
			fail("channel %lld: subscriber %zu saw %llu of %llu messages", (long long)t->channels[channel].id, i,
				 (unsigned long long)t->seen[i * t->n_channels + channel], (unsigned long long)messages);
}
