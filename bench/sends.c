/* Connections are shared out over the channels, each going through all of them from another beginning. Messages per
 * commit come from the server's own counters, read at both ends of the measured time. */
#include "sends.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/id.h"
#include "base/mem.h"
#include "measure.h"
#include "result.h"
#include "tally.h"
#include "wire.h"

#define CHANNELS_MOST 100
#define STALL_MS 10000

struct sender {
	struct http http;
	const char *token;
	size_t channel; /* of the message on its way */
	int64_t asked_ns;
	char nonce[UUID_TEXT + 1];
};
struct sends {
	const struct options *o;
	struct sender *senders;
	size_t n, channels, busy;
	int64_t ids[CHANNELS_MOST];
	int64_t last_ids[CHANNELS_MOST]; /* before the run */
	uint64_t acked[CHANNELS_MOST], all_acked, asked;
	struct http control; /* metrics and channels */
	struct members members;
	struct random_seeded random;
	struct hist latency;
	bool asking;
	int epoll;
	char pad[4096];
};

static void ask(struct sends *s, struct sender *from)
{
	char path[64], json[4600];
	from->channel = (from->channel + 1) % s->channels;
	uuid_make(&s->random.base, from->nonce);
	snprintf(path, sizeof path, "/channels/%lld/messages", (long long)s->ids[from->channel]);
	snprintf(json, sizeof json, "{\"nonce\":\"%s\",\"body\":\"%s\"}", from->nonce, s->pad);
	from->asked_ns = now_ns();
	http_ask(&from->http, "POST", path, from->token, str_of(json));
	s->busy++;
	s->asked++;
}

static void sender_read(struct sends *s, struct sender *from)
{
	struct answer a;
	if (!http_read(&from->http, &a)) return;
	if (a.status != 201) fail("a send was answered %d: " STR_FMT, a.status, STR_ARG(a.body));
	if (!memmem(a.body.p, a.body.n, from->nonce, UUID_TEXT))
		fail("an answer without its nonce: " STR_FMT, STR_ARG(a.body));
	hist_add(&s->latency, now_ns() - from->asked_ns);
	s->acked[from->channel]++;
	s->all_acked++;
	s->busy--;
	if (s->asking) ask(s, from);
}

static void turn(struct sends *s)
{
	struct epoll_event e[256];
	int n = epoll_wait(s->epoll, e, 256, STALL_MS);
	if (n == 0) fail("no answer for 10 s");
	for (int i = 0; i < n; i++) sender_read(s, e[i].data.ptr);
}

static void turn_until(struct sends *s, int64_t end_ns)
{
	uint64_t most = s->asked + (uint64_t)s->o->most;
	while (now_ns() < end_ns && s->asked < most) turn(s);
}

/* ---- what the server says */
static struct str get(struct sends *s, const char *path)
{
	struct answer a;
	http_ask(&s->control, "GET", path, s->members.tokens[0], STR_NONE);
	http_wait(&s->control, &a);
	if (a.status != 200) fail("%s was answered %d", path, a.status);
	return a.body;
}

static int64_t last_id(struct sends *s, size_t channel)
{
	char path[64];
	snprintf(path, sizeof path, "/channels/%lld", (long long)s->ids[channel]);
	return tally_number(get(s, path), "\"last_id\":");
}

static void channels_judge(struct sends *s)
{
	for (size_t i = 0; i < s->channels; i++) {
		int64_t grown = last_id(s, i) - s->last_ids[i];
		if (grown != (int64_t)s->acked[i])
			fail("channel %lld grew by %lld messages, %llu were acknowledged", (long long)s->ids[i], (long long)grown,
				 (unsigned long long)s->acked[i]);
	}
}

struct sample {
	int64_t at_ns, server_ns, database_ns, self_ns, batches, changes;
	uint64_t acked;
};
static struct sample sample_take(struct sends *s)
{
	struct sample x = { 0 };
	struct str metrics = get(s, "/metrics");
	x.batches = tally_number(metrics, "\nlinnet_append_batches_total ");
	x.changes = tally_number(metrics, "\nlinnet_append_changes_total ");
	x.at_ns = now_ns(), x.self_ns = cpu_self(), x.acked = s->all_acked;
	if (s->o->server_pid && !cpu_of((pid_t)s->o->server_pid, &x.server_ns)) fail("the server has gone");
	if (s->o->database_pid && !cpu_of_tree((pid_t)s->o->database_pid, &x.database_ns)) fail("the database has gone");
	return x;
}

static void print(const struct sends *s, const struct sample *a, const struct sample *b)
{
	double wall = (double)(b->at_ns - a->at_ns) / 1e9, batches = (double)(b->batches - a->batches);
	struct result r;
	result_open(&r, "sends", s->o->label);
	result_int(&r, "connections", (int64_t)s->n);
	result_int(&r, "channels", (int64_t)s->channels);
	result_int(&r, "body", s->o->payload);
	result_real(&r, "seconds", wall);
	result_int(&r, "messages", (int64_t)(b->acked - a->acked));
	result_real(&r, "messages_per_s", (double)(b->acked - a->acked) / wall);
	result_real(&r, "messages_per_commit", batches > 0 ? (double)(b->changes - a->changes) / batches : 0);
	result_real(&r, "server_cpu_s", (double)(b->server_ns - a->server_ns) / 1e9);
	result_real(&r, "database_cpu_s", (double)(b->database_ns - a->database_ns) / 1e9);
	result_real(&r, "sender_cpu_s", (double)(b->self_ns - a->self_ns) / 1e9);
	result_real(&r, "sender_cores", (double)(b->self_ns - a->self_ns) / 1e9 / wall);
	result_real(&r, "p50_us", (double)hist_at(&s->latency, 0.5) / 1e3);
	result_real(&r, "p99_us", (double)hist_at(&s->latency, 0.99) / 1e3);
	result_real(&r, "most_us", (double)s->latency.most / 1e3);
	result_close(&r);
}

static void measure(struct sends *s)
{
	s->asking = true;
	for (size_t i = 0; i < s->n; i++) ask(s, &s->senders[i]);
	turn_until(s, now_ns() + s->o->warm_ms * 1000000);
	hist_reset(&s->latency);
	struct sample a = sample_take(s);
	turn_until(s, a.at_ns + s->o->measure_ms * 1000000);
	struct sample b = sample_take(s);
	struct hist measured = s->latency; /* without the tail */
	s->asking = false;
	while (s->busy) turn(s);
	channels_judge(s);
	s->latency = measured;
	print(s, &a, &b);
}

static void sends_open(struct sends *s)
{
	const struct options *o = s->o;
	s->n = (size_t)o->connections, s->channels = (size_t)o->channels;
	if (!o->channel_ids || options_list(o->channel_ids, 1, INT64_MAX, s->ids, CHANNELS_MOST) < s->channels)
		fail("--channel-ids names fewer than %zu", s->channels);
	memset(s->pad, 'x', (size_t)o->payload);
	random_seeded_init(&s->random, (uint64_t)now_ns());
	members_read(&s->members, o->tokens, (size_t)o->skip, s->n + 1);
	s->senders = mem_zalloc(s->n * sizeof *s->senders);
	http_open(&s->control, (int)o->port);
	for (size_t i = 0; i < s->n; i++) {
		struct sender *from = &s->senders[i];
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = from };
		http_open(&from->http, (int)o->port);
		wire_nonblocking(from->http.fd);
		from->token = s->members.tokens[i + 1], from->channel = i % s->channels;
		if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, from->http.fd, &e)) fail("epoll_ctl: %s", strerror(errno));
	}
	for (size_t i = 0; i < s->channels; i++) s->last_ids[i] = last_id(s, i);
}

void sends_run(const struct options *o)
{
	struct sends *s = mem_zalloc(sizeof *s);
	s->o = o;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	sends_open(s);
	measure(s);
	for (size_t i = 0; i < s->n; i++) http_close(&s->senders[i].http);
	http_close(&s->control);
	members_release(&s->members);
	mem_free(s->senders);
	mem_free(s);
}
