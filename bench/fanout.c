/* One thread, edge-triggered epoll, one read of a large buffer for each readable socket. */
#include "fanout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "asker.h"
#include "base/mem.h"
#include "measure.h"
#include "result.h"
#include "subscriber.h"
#include "tally.h"

#define READ_BUFFER (256 << 10)
#define SENDER_BIT (1u << 31)
#define EVENTS 512
#define STALL_MS 10000

struct fanout {
	const struct options *o;
	struct members members;
	struct subscribers subs;
	struct tally tally;
	struct asker asker;
	int64_t ids[TALLY_CHANNELS];
	size_t channels, next_channel, outstanding;
	bool asking;
	int epoll;
	char *in;
};

static void watch(struct fanout *f, int fd, uint32_t what)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data.u32 = what };
	if (epoll_ctl(f->epoll, EPOLL_CTL_ADD, fd, &e)) fail("epoll_ctl: %s", strerror(errno));
}

static void ask(struct fanout *f, int64_t now)
{
	asker_ask(&f->asker, f->next_channel, now);
	f->next_channel = (f->next_channel + 1) % f->channels;
	f->outstanding++;
}

static void frame_take(struct fanout *f, size_t i, const struct frame *frame, int64_t now)
{
	if (frame->opcode == WS_PING) return subscriber_pong(&f->subs.all[i], frame->payload);
	if (frame->opcode != WS_TEXT || frame->compressed)
		fail("subscriber %zu: a frame with opcode %d", i, (int)frame->opcode);
	if (tally_frame(&f->tally, i, frame->payload, now) < 0) return;
	f->outstanding--;
	if (f->asking) ask(f, now);
}

/* Takes the whole frames of f->in, and keeps the rest for the next time. */
static void bytes_take(struct fanout *f, size_t i, size_t n, int64_t now)
{
	struct subscriber *s = &f->subs.all[i];
	struct frame frame;
	size_t at = 0;
	for (; frame_parse(f->in + at, n - at, &frame); at += frame.n) frame_take(f, i, &frame, now);
	mem_free(s->kept);
	s->kept_n = (uint32_t)(n - at);
	s->kept = s->kept_n ? mem_dup(f->in + at, s->kept_n) : NULL;
}

static void subscriber_read(struct fanout *f, size_t i)
{
	struct subscriber *s = &f->subs.all[i];
	for (;;) {
		size_t kept = s->kept_n, room = READ_BUFFER - kept;
		if (kept) memcpy(f->in, s->kept, kept);
		ssize_t k = recv(s->fd, f->in + kept, room, 0);
		if (k == 0) fail("the server closed the socket of subscriber %zu", i);
		if (k < 0 && errno == EAGAIN) return;
		if (k < 0) fail("subscriber %zu: %s", i, strerror(errno));
		bytes_take(f, i, kept + (size_t)k, now_ns());
		if ((size_t)k < room) return; /* edge-triggered: what comes from now on is another edge */
	}
}

static void turn(struct fanout *f, int wait_ms)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(f->epoll, e, EVENTS, wait_ms);
	if (n == 0 && wait_ms == STALL_MS) fail("nothing came for 10 s; %zu messages are on their way", f->outstanding);
	for (int i = 0; i < n; i++) {
		if (e[i].data.u32 & SENDER_BIT)
			asker_read(&f->asker, e[i].data.u32 & ~SENDER_BIT);
		else
			subscriber_read(f, e[i].data.u32);
	}
	asker_flush(&f->asker);
}

static void turn_until(struct fanout *f, int64_t end_ns)
{
	uint64_t most = f->asker.asked + (uint64_t)f->o->most;
	while (now_ns() < end_ns && f->asker.asked < most) turn(f, STALL_MS);
}

struct sample {
	int64_t at_ns, server_ns, database_ns, self_ns;
	uint64_t deliveries, whole;
};
static struct sample sample_take(const struct fanout *f)
{
	struct sample s = {
		.at_ns = now_ns(), .self_ns = cpu_self(), .deliveries = f->tally.deliveries, .whole = f->tally.whole
	};
	if (f->o->server_pid && !cpu_of((pid_t)f->o->server_pid, &s.server_ns)) fail("the server has gone");
	if (f->o->database_pid && !cpu_of_tree((pid_t)f->o->database_pid, &s.database_ns)) fail("the database has gone");
	return s;
}

static void print(const struct fanout *f, size_t in_flight, const struct sample *a, const struct sample *b)
{
	double wall = (double)(b->at_ns - a->at_ns) / 1e9, deliveries = (double)(b->deliveries - a->deliveries);
	double server = (double)(b->server_ns - a->server_ns) / 1e9, self = (double)(b->self_ns - a->self_ns) / 1e9;
	struct result r;
	result_open(&r, "fanout", f->o->label);
	result_int(&r, "subscribers", (int64_t)f->subs.n);
	result_int(&r, "channels", (int64_t)f->channels);
	result_int(&r, "in_flight", (int64_t)in_flight);
	result_int(&r, "frame_payload", (int64_t)f->tally.frame_bytes);
	result_real(&r, "seconds", wall);
	result_int(&r, "messages", (int64_t)(b->whole - a->whole));
	result_int(&r, "deliveries", (int64_t)(b->deliveries - a->deliveries));
	result_real(&r, "deliveries_per_s", deliveries / wall);
	result_real(&r, "server_cpu_s", server);
	result_real(&r, "server_cpu_us_per_delivery", deliveries > 0 ? server * 1e6 / deliveries : 0);
	result_real(&r, "database_cpu_s", (double)(b->database_ns - a->database_ns) / 1e9);
	result_real(&r, "reader_cpu_s", self);
	result_real(&r, "reader_cores", self / wall);
	result_bool(&r, "reader_bound", self / wall > 0.9);
	result_real(&r, "p50_us", (double)hist_at(&f->tally.latency, 0.5) / 1e3);
	result_real(&r, "p99_us", (double)hist_at(&f->tally.latency, 0.99) / 1e3);
	result_real(&r, "most_us", (double)f->tally.latency.most / 1e3);
	result_close(&r);
}

static void level_run(struct fanout *f, size_t in_flight)
{
	f->asking = true;
	for (int64_t i = 0, now = now_ns(); i < (int64_t)in_flight; i++) ask(f, now);
	asker_flush(&f->asker);
	turn_until(f, now_ns() + f->o->warm_ms * 1000000);
	hist_reset(&f->tally.latency);
	struct sample a = sample_take(f);
	turn_until(f, a.at_ns + f->o->measure_ms * 1000000);
	struct sample b = sample_take(f);
	f->asking = false;
	while (f->outstanding) turn(f, STALL_MS);
	for (size_t c = 0; c < f->channels; c++) tally_end(&f->tally, c, f->asker.asked_of[c]);
	print(f, in_flight, &a, &b);
}

static void fanout_open(struct fanout *f)
{
	const struct options *o = f->o;
	size_t n = (size_t)o->connections, senders = o->control ? 0 : TALLY_RING;
	f->channels = (size_t)o->channels;
	if (o->channel_ids && options_list(o->channel_ids, 1, INT64_MAX, f->ids, TALLY_CHANNELS) < f->channels)
		fail("--channel-ids names fewer than %zu", f->channels);
	for (size_t i = 0; !o->channel_ids && i < TALLY_CHANNELS; i++) f->ids[i] = (int64_t)i + 1;
	if (!o->control) members_read(&f->members, o->tokens, (size_t)o->skip, n < senders ? senders : n);
	subscribers_init(&f->subs, (int)o->port, false, n);
	subscribers_open(&f->subs, f->members.tokens, n);
	if (o->control)
		asker_control(&f->asker, (int)o->port, f->channels);
	else
		asker_post(&f->asker, (int)o->port, f->ids, f->members.tokens, senders, (size_t)o->payload);
	tally_init(&f->tally, f->ids, f->channels, n);
	f->tally.asked_ns = asker_time, f->tally.arg = &f->asker;
	for (size_t i = 0; i < n; i++) watch(f, f->subs.all[i].fd, (uint32_t)i);
	for (size_t i = 0; i < senders; i++) watch(f, f->asker.senders[i].fd, SENDER_BIT | (uint32_t)i);
}

void fanout_run(const struct options *o)
{
	struct fanout f = { .o = o, .epoll = epoll_create1(EPOLL_CLOEXEC), .in = mem_alloc(READ_BUFFER) };
	int64_t levels[8];
	size_t n = options_list(o->in_flight, 1, TALLY_RING / 2, levels, 8);
	if (o->channels > TALLY_CHANNELS) fail("at most %d channels", TALLY_CHANNELS);
	fanout_open(&f);
	for (size_t i = 0; i < n; i++) level_run(&f, (size_t)levels[i]);
	asker_release(&f.asker);
	tally_release(&f.tally);
	subscribers_release(&f.subs);
	members_release(&f.members);
	mem_free(f.in);
}
