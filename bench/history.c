/* Each kind in turn, of another channel each time: the newest page, one around a message, one before a message, one
 * before a time. A page must be full where there is more, so that none is cheap by being empty. */
#include "history.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "measure.h"
#include "result.h"
#include "tally.h"
#include "wire.h"
#include "words.h"

#define KINDS 4
#define CHANNELS 100
#define LIMIT 50

struct place {
	int64_t id, last_id, last_s; /* last_s: when the last was written */
};
#define FIRST_S INT64_C(1750000000) /* messages.c */
struct history {
	const struct options *o;
	struct http http;
	struct members members;
	struct place channels[CHANNELS];
	size_t n;
	struct hist took[KINDS];
	uint64_t bytes[KINDS];
};
static const char *const kinds[KINDS] = { "newest", "around", "before", "time" };

static struct str get(struct history *h, const char *path)
{
	struct answer a;
	http_ask(&h->http, "GET", path, h->members.tokens[0], STR_NONE);
	http_wait(&h->http, &a);
	if (a.status != 200) fail("%s was answered %d: " STR_FMT, path, a.status, STR_ARG(a.body));
	return a.body;
}

static struct place look_up(struct history *h, int64_t id)
{
	static const char at[] = "\"last_at\":\"";
	char path[64], when[20] = "";
	struct tm tm = { 0 };
	snprintf(path, sizeof path, "/channels/%lld", (long long)id);
	struct str body = get(h, path);
	const char *p = memmem(body.p, body.n, at, sizeof at - 1);
	if (p && body.p + body.n - p > 64) memcpy(when, p + sizeof at - 1, sizeof when - 1);
	strptime(when, "%Y-%m-%dT%H:%M:%S", &tm);
	return (struct place){ id, tally_number(body, "\"last_id\":"), timegm(&tm) };
}

/* Those that have more than a page on both sides of their middle. */
static void find_channels(struct history *h)
{
	int64_t ids[CHANNELS];
	size_t n = 0;
	struct str list = get(h, "/channels?limit=100");
	for (const char *p = list.p, *end = list.p + list.n; n < CHANNELS; n++) {
		static const char key[] = "{\"id\":";
		const char *at = memmem(p, (size_t)(end - p), key, sizeof key - 1);
		if (!at) break;
		ids[n] = tally_number((struct str){ at, (size_t)(end - at) }, key);
		p = at + sizeof key;
	}
	for (size_t i = 0; i < n; i++) {
		struct place c = look_up(h, ids[i]);
		if (c.last_id >= 4 * LIMIT) h->channels[h->n++] = c;
	}
	if (!h->n) fail("the member is in no channel with some pages of messages");
}

static void time_text(int64_t seconds, char out[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
}

static void ask(struct history *h, int kind, uint64_t seed)
{
	uint64_t r = words_mix(seed * KINDS + (uint64_t)kind);
	const struct place *c = &h->channels[r % h->n];
	long long id = LIMIT + (long long)(words_mix(r) % (uint64_t)(c->last_id - 2 * LIMIT));
	char path[128], when[32];
	int n = snprintf(path, sizeof path, "/channels/%lld/messages?limit=%d", (long long)c->id, LIMIT);
	time_text(FIRST_S + (int64_t)(words_mix(r) % (uint64_t)(c->last_s - FIRST_S)), when);
	if (kind == 1) snprintf(path + n, sizeof path - (size_t)n, "&around=%lld", id);
	if (kind == 2) snprintf(path + n, sizeof path - (size_t)n, "&before=%lld", id + LIMIT);
	if (kind == 3) snprintf(path + n, sizeof path - (size_t)n, "&before=%s", when);
	int64_t start = now_ns();
	struct str body = get(h, path);
	hist_add(&h->took[kind], now_ns() - start);
	h->bytes[kind] += body.n;
	size_t items = 0;
	static const char key[] = "\"message_id\":";
	for (const char *p = body.p, *end = body.p + body.n; (p = memmem(p, (size_t)(end - p), key, sizeof key - 1)); p++)
		items++;
	if (kind < 3 && items < LIMIT) fail("%s has %zu messages", path, items);
}

static void print(const struct history *h, int kind)
{
	struct result r;
	char label[100];
	snprintf(label, sizeof label, "%s/%s", h->o->label, kinds[kind]);
	result_open(&r, "history", label);
	result_int(&r, "queries", (int64_t)h->took[kind].n);
	result_real(&r, "p50_ms", (double)hist_at(&h->took[kind], 0.5) / 1e6);
	result_real(&r, "p99_ms", (double)hist_at(&h->took[kind], 0.99) / 1e6);
	result_real(&r, "most_ms", (double)h->took[kind].most / 1e6);
	result_real(&r, "page_bytes", (double)h->bytes[kind] / (double)h->took[kind].n);
	result_close(&r);
}

void history_run(const struct options *o)
{
	struct history *h = mem_new(struct history);
	h->o = o;
	http_open(&h->http, (int)o->port);
	members_read(&h->members, o->tokens, 0, 1);
	find_channels(h);
	for (int64_t i = 0; i < o->queries; i++)
		for (int kind = 0; kind < KINDS; kind++) ask(h, kind, (uint64_t)i);
	for (int kind = 0; kind < KINDS; kind++) print(h, kind);
	http_close(&h->http);
	members_release(&h->members);
	mem_free(h);
}
