#include "asker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "options.h"
#include "subscriber.h"
#include "tally.h"

void asker_control(struct asker *a, int port, size_t n_channels)
{
	*a = (struct asker){ .control = subscriber_upgrade(port, "/control") };
	if (n_channels > 8) fail("too many channels");
}

void asker_post(struct asker *a, int port, const int64_t *channel_ids, const char *const *tokens, size_t senders,
				size_t payload)
{
	*a = (struct asker){
		.control = -1, .channel_ids = channel_ids, .tokens = tokens, .n_senders = senders, .payload = payload
	};
	a->senders = mem_zalloc(senders * sizeof *a->senders);
	random_seeded_init(&a->random, (uint64_t)now_ns()); /* nonces must differ from one run to the next */
	for (size_t i = 0; i < senders; i++) {
		http_open(&a->senders[i], port);
		wire_nonblocking(a->senders[i].fd);
	}
}

void asker_release(struct asker *a)
{
	if (a->control >= 0) close(a->control);
	for (size_t i = 0; i < a->n_senders; i++) http_close(&a->senders[i]);
	mem_free(a->senders);
}

/* The body begins with the ask's number, so that the frame tells when it was asked for. */
static void post(struct asker *a, size_t channel, uint64_t number)
{
	char path[64], body[4600], nonce[UUID_TEXT + 1], pad[4001];
	struct http *h = NULL;
	for (size_t i = 0; i < a->n_senders && (!h || h->busy); i++) {
		h = &a->senders[a->next_sender];
		if (h->busy || i + 1 < a->n_senders) a->next_sender = (a->next_sender + 1) % a->n_senders;
	}
	if (!h || h->busy) fail("no sender is free: answers come later than all deliveries");
	size_t sender = (size_t)(h - a->senders);
	memset(pad, 'x', a->payload);
	pad[a->payload] = 0;
	uuid_make(&a->random.base, nonce);
	snprintf(path, sizeof path, "/channels/%lld/messages", (long long)a->channel_ids[channel]);
	int digits = snprintf(body, sizeof body, "%llu ", (unsigned long long)number);
	snprintf(body, sizeof body, "{\"nonce\":\"%s\",\"body\":\"%llu %s\"}", nonce, (unsigned long long)number,
			 pad + digits);
	http_ask(h, "POST", path, a->tokens[sender], str_of(body));
}

void asker_ask(struct asker *a, size_t channel, int64_t now)
{
	uint64_t number = ++a->asked_of[channel];
	a->asked++;
	if (a->control >= 0) {
		a->times[channel][number % ASKER_RING] = now;
		a->waiting[a->n_waiting++] = (char)channel;
		if (a->n_waiting == sizeof a->waiting) asker_flush(a);
	} else {
		a->times[0][a->asked % ASKER_RING] = now;
		post(a, channel, a->asked);
	}
}

void asker_flush(struct asker *a)
{
	if (!a->n_waiting) return;
	wire_send(a->control, a->waiting, a->n_waiting);
	a->n_waiting = 0;
}

void asker_read(struct asker *a, size_t sender)
{
	struct answer answer;
	if (!http_read(&a->senders[sender], &answer)) return;
	if (answer.status != 201) fail("a send was answered %d: " STR_FMT, answer.status, STR_ARG(answer.body));
}

int64_t asker_time(void *arg, size_t channel, uint64_t number, struct str payload)
{
	struct asker *a = arg;
	if (a->control >= 0) return a->times[channel][number % ASKER_RING];
	int64_t ask = tally_number(payload, "\"body\":\"");
	if (ask < 1 || (uint64_t)ask > a->asked) fail("an event that nobody asked for: " STR_FMT, STR_ARG(payload));
	return a->times[0][ask % ASKER_RING];
}
