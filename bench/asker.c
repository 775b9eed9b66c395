#include "asker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/mem.h"
#include "options.h"
#include "subscriber.h"
#include "tally.h"

static void rings_make(struct asker *a, size_t in_flight)
{
	a->ring = 2 * in_flight;
	for (size_t i = 0; i < ASKER_CHANNELS; i++) a->asks[i] = mem_zalloc(a->ring * sizeof *a->asks[i]);
}

void asker_control(struct asker *a, int port, size_t n_channels, size_t in_flight)
{
	*a = (struct asker){ .control = subscriber_upgrade(port, "/control") };
	if (n_channels > ASKER_CHANNELS) fail("too many channels");
	rings_make(a, in_flight);
}

void asker_post(struct asker *a, const struct pods *pods, const int64_t *channel_ids, const char *const *tokens,
				size_t payload, size_t in_flight)
{
	*a = (struct asker){
		.control = -1, .channel_ids = channel_ids, .tokens = tokens, .n_senders = ASKER_SENDERS, .payload = payload
	};
	rings_make(a, in_flight);
	a->senders = mem_zalloc(a->n_senders * sizeof *a->senders);
	random_seeded_init(&a->random, (uint64_t)now_ns()); /* nonces must differ from one run to the next */
	for (size_t i = 0; i < a->n_senders; i++) {
		http_open(&a->senders[i], pods->all[i % pods->n].port);
		wire_nonblocking(a->senders[i].fd);
	}
}

void asker_release(struct asker *a)
{
	if (a->control >= 0) close(a->control);
	for (size_t i = 0; i < a->n_senders; i++) http_close(&a->senders[i]);
	for (size_t i = 0; i < ASKER_CHANNELS; i++) mem_free(a->asks[i]);
	mem_free(a->senders);
}

/* The body begins with the ask's number, so that the frame tells when it was asked for. */
static void post(struct asker *a, size_t sender, uint64_t number)
{
	char path[64], body[4600], nonce[UUID_TEXT + 1], pad[4001];
	memset(pad, 'x', a->payload);
	pad[a->payload] = 0;
	uuid_make(&a->random.base, nonce);
	snprintf(path, sizeof path, "/channels/%lld/messages",
			 (long long)a->channel_ids[a->asks[0][number % a->ring].channel]);
	int digits = snprintf(body, sizeof body, "%llu ", (unsigned long long)number);
	snprintf(body, sizeof body, "{\"nonce\":\"%s\",\"body\":\"%llu %s\"}", nonce, (unsigned long long)number,
			 pad + digits);
	http_ask(&a->senders[sender], "POST", path, a->tokens[sender], str_of(body));
}

/* Round robin, over all pods, as far as senders are free. */
static void post_all(struct asker *a)
{
	for (size_t busy = 0; a->posted < a->asked && busy < a->n_senders;) {
		size_t sender = a->next_sender;
		a->next_sender = (a->next_sender + 1) % a->n_senders;
		busy = a->senders[sender].busy ? busy + 1 : 0;
		if (!busy) post(a, sender, ++a->posted);
	}
}

void asker_ask(struct asker *a, size_t channel, int64_t now)
{
	uint64_t number = ++a->asked_of[channel];
	a->asked++;
	if (a->control >= 0) {
		a->asks[channel][number % a->ring] = (struct ask){ now, channel };
		a->waiting[a->n_waiting++] = (char)channel;
		if (a->n_waiting == sizeof a->waiting) asker_flush(a);
	} else {
		a->asks[0][a->asked % a->ring] = (struct ask){ now, channel };
		post_all(a);
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
	post_all(a);
}

int64_t asker_time(void *arg, size_t channel, uint64_t number, struct str payload)
{
	struct asker *a = arg;
	if (a->control >= 0) return a->asks[channel][number % a->ring].at_ns;
	int64_t ask = tally_number(payload, "\"body\":\"");
	if (ask < 1 || (uint64_t)ask > a->asked) fail("an event that nobody asked for: " STR_FMT, STR_ARG(payload));
	return a->asks[0][ask % (int64_t)a->ring].at_ns;
}
