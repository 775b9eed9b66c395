/* One thread, edge-triggered epoll, one read of a large buffer for each readable socket. */
#include "fanout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "asker.h"
#include "base/mem.h"
#include "pods.h"
#include "result.h"
#include "subscriber.h"
#include "tally.h"

#define READ_BUFFER (256 << 10)
#define SENDER_BIT (1u << 31)
#define TIMER UINT32_MAX
#define TIMER_NS 200000 /* at the most so often; what is due meanwhile goes out together */
#define IN_FLIGHT_MOST 4096
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
	struct pods at, from;
	int64_t begun_ns; /* paced */
	uint64_t due;     /* that were asked for */
	size_t in_flight;
	uint64_t held; /* turns in which more were due than may be on their way */
	int epoll, timer;
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
	if (f->asking && !f->o->rate) ask(f, now);
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

/* ---- paced */
static void timer_set(struct fanout *f, long every_ns) /* 0: off */
{
	struct itimerspec t = { .it_interval.tv_nsec = every_ns, .it_value.tv_nsec = every_ns };
	if (timerfd_settime(f->timer, 0, &t, NULL)) fail("timerfd_settime: %s", strerror(errno));
	f->begun_ns = now_ns(), f->due = 0;
}

static void ask_due(struct fanout *f)
{
	uint64_t ticks;
	double per_ns = (double)f->o->rate / 1e9;
	if (read(f->timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) fail("the timer: %s", strerror(errno));
	uint64_t due = (uint64_t)((double)(now_ns() - f->begun_ns) * per_ns);
	for (; f->due < due && f->outstanding < f->in_flight; f->due++)
		ask(f, f->begun_ns + (int64_t)((double)f->due / per_ns));
	f->held += f->due < due;
}

/* ---- turns */
static void turn(struct fanout *f, int wait_ms)
{
	struct epoll_event e[EVENTS];
	int n = epoll_wait(f->epoll, e, EVENTS, wait_ms);
	if (n == 0 && wait_ms == STALL_MS) fail("nothing came for 10 s; %zu messages are on their way", f->outstanding);
	for (int i = 0; i < n; i++) {
		if (e[i].data.u32 == TIMER)
			ask_due(f);
		else if (e[i].data.u32 & SENDER_BIT)
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
	struct usage usage;
	uint64_t deliveries, whole;
};
static struct sample sample_take(const struct fanout *f)
{
	return (struct sample){ usage_take(f->o, &f->at, &f->from), f->tally.deliveries, f->tally.whole };
}

static double seconds(int64_t from_ns, int64_t to_ns)
{
	return (double)(to_ns - from_ns) / 1e9;
}

static void print_paced(const struct fanout *f, struct result *r)
{
	result_int(r, "rate", f->o->rate);
	result_int(r, "held", (int64_t)f->held);
}

static void print(const struct fanout *f, const struct sample *a, const struct sample *b)
{
	const struct usage *x = &a->usage, *y = &b->usage;
	double wall = seconds(x->at_ns, y->at_ns), deliveries = (double)(b->deliveries - a->deliveries);
	double pods = seconds(x->pods_ns, y->pods_ns), self = seconds(x->self_ns, y->self_ns);
	struct result r;
	result_open(&r, "fanout", f->o->label);
	result_int(&r, "subscribers", (int64_t)f->subs.n);
	result_int(&r, "channels", (int64_t)f->channels);
	result_int(&r, "in_flight", (int64_t)f->in_flight);
	if (f->o->rate) print_paced(f, &r);
	result_int(&r, "pods", (int64_t)f->at.n);
	result_int(&r, "frame_payload", (int64_t)f->tally.frame_bytes);
	result_real(&r, "seconds", wall);
	result_int(&r, "messages", (int64_t)(b->whole - a->whole));
	result_real(&r, "messages_per_s", (double)(b->whole - a->whole) / wall);
	result_int(&r, "deliveries", (int64_t)(b->deliveries - a->deliveries));
	result_real(&r, "deliveries_per_s", deliveries / wall);
	result_real(&r, "server_cpu_s", pods);
	result_real(&r, "server_cpu_us_per_delivery", deliveries > 0 ? pods * 1e6 / deliveries : 0);
	result_real(&r, "database_cpu_s", seconds(x->database_ns, y->database_ns));
	result_real(&r, "redis_cpu_s", seconds(x->redis_ns, y->redis_ns));
	result_real(&r, "reader_cpu_s", self);
	result_real(&r, "reader_cores", self / wall);
	result_bool(&r, "reader_bound", self / wall > 0.9);
	result_real(&r, "p50_us", (double)hist_at(&f->tally.latency, 0.5) / 1e3);
	result_real(&r, "p99_us", (double)hist_at(&f->tally.latency, 0.99) / 1e3);
	result_real(&r, "most_us", (double)f->tally.latency.most / 1e3);
	result_real(&r, "last_p50_us", (double)hist_at(&f->tally.last, 0.5) / 1e3);
	result_real(&r, "last_p99_us", (double)hist_at(&f->tally.last, 0.99) / 1e3);
	result_close(&r);
}

static void level_run(struct fanout *f, size_t in_flight)
{
	f->asking = true, f->in_flight = in_flight, f->held = 0;
	if (f->o->rate) timer_set(f, TIMER_NS);
	for (int64_t i = 0, now = now_ns(); i < (int64_t)in_flight && !f->o->rate; i++) ask(f, now);
	asker_flush(&f->asker);
	turn_until(f, now_ns() + f->o->warm_ms * 1000000);
	hist_reset(&f->tally.latency), hist_reset(&f->tally.last);
	struct sample a = sample_take(f);
	turn_until(f, a.usage.at_ns + f->o->measure_ms * 1000000);
	struct sample b = sample_take(f);
	f->asking = false;
	timer_set(f, 0);
	while (f->outstanding) turn(f, STALL_MS);
	for (size_t c = 0; c < f->channels; c++) tally_end(&f->tally, c, f->asker.asked_of[c]);
	print(f, &a, &b);
}

static void subscribers_spread(struct fanout *f, size_t n)
{
	subscribers_init(&f->subs, 0, false, n);
	for (size_t i = 0; i < f->at.n; i++) {
		f->subs.port = f->at.all[i].port;
		subscribers_open(&f->subs, f->members.tokens ? f->members.tokens + f->subs.n : NULL, pods_share(&f->at, n, i));
	}
}

static void fanout_open(struct fanout *f, size_t in_flight)
{
	const struct options *o = f->o;
	size_t n = (size_t)o->connections, senders = o->control ? 0 : ASKER_SENDERS;
	f->channels = (size_t)o->channels;
	pods_read(&f->at, o->at, o), pods_read(&f->from, o->from, o);
	if (o->channel_ids && options_list(o->channel_ids, 1, INT64_MAX, f->ids, TALLY_CHANNELS) < f->channels)
		fail("--channel-ids names fewer than %zu", f->channels);
	for (size_t i = 0; !o->channel_ids && i < TALLY_CHANNELS; i++) f->ids[i] = (int64_t)i + 1;
	if (!o->control) members_read(&f->members, o->tokens, (size_t)o->skip, n < senders ? senders : n);
	subscribers_spread(f, n);
	if (o->control)
		asker_control(&f->asker, (int)o->port, f->channels, in_flight);
	else
		asker_post(&f->asker, &f->from, f->ids, f->members.tokens, (size_t)o->payload, in_flight);
	tally_init(&f->tally, f->ids, f->channels, n, in_flight);
	f->tally.asked_ns = asker_time, f->tally.arg = &f->asker;
	for (size_t i = 0; i < n; i++) watch(f, f->subs.all[i].fd, (uint32_t)i);
	for (size_t i = 0; i < senders; i++) watch(f, f->asker.senders[i].fd, SENDER_BIT | (uint32_t)i);
	if (o->rate) watch(f, f->timer, TIMER);
}

void fanout_run(const struct options *o)
{
	struct fanout f = { .o = o, .epoll = epoll_create1(EPOLL_CLOEXEC), .in = mem_alloc(READ_BUFFER) };
	int64_t levels[8], most = 0;
	size_t n = options_list(o->in_flight, 1, IN_FLIGHT_MOST, levels, 8);
	for (size_t i = 0; i < n; i++) most = levels[i] > most ? levels[i] : most;
	if (o->channels > TALLY_CHANNELS) fail("at most %d channels", TALLY_CHANNELS);
	f.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	fanout_open(&f, (size_t)most);
	for (size_t i = 0; i < n; i++) level_run(&f, (size_t)levels[i]);
	close(f.timer), close(f.epoll);
	asker_release(&f.asker);
	tally_release(&f.tally);
	subscribers_release(&f.subs);
	members_release(&f.members);
	mem_free(f.in);
}
