/* What a crowd that comes at once costs, whoever is in the channel already. */
#include "storm.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/mem.h"
#include "measure.h"
#include "result.h"
#include "tally.h"
#include "wire.h"

#define STALL_MS 20000

struct joiner {
	struct http http;
	int64_t asked_ns;
};
struct storm {
	const struct options *o;
	struct members members;
	size_t next, done;
	int64_t channel_id, member_count; /* the highest that an answer had */
	struct hist latency;
	int epoll;
};

static void ask(struct storm *s, struct joiner *j)
{
	char path[64];
	if (s->next == s->members.n) return;
	snprintf(path, sizeof path, "/channels/%lld/join", (long long)s->channel_id);
	j->asked_ns = now_ns();
	http_ask(&j->http, "POST", path, s->members.tokens[s->next++], STR_NONE);
}

static void joiner_read(struct storm *s, struct joiner *j)
{
	struct answer a;
	if (!http_read(&j->http, &a)) return;
	if (a.status != 200) fail("a join was answered %d: " STR_FMT, a.status, STR_ARG(a.body));
	int64_t n = tally_number(a.body, "\"member_count\":");
	if (n > s->member_count) s->member_count = n;
	hist_add(&s->latency, now_ns() - j->asked_ns);
	s->done++;
	ask(s, j);
}

static void joiners_open(struct storm *s, struct joiner *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &all[i] };
		http_open(&all[i].http, (int)s->o->port);
		wire_nonblocking(all[i].http.fd);
		if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, all[i].http.fd, &e)) fail("epoll_ctl");
	}
}

static void run(struct storm *s, struct joiner *all, size_t n)
{
	for (size_t i = 0; i < n; i++) ask(s, &all[i]);
	while (s->done < s->members.n) {
		struct epoll_event e[64];
		int k = epoll_wait(s->epoll, e, 64, STALL_MS);
		if (!k) fail("no answer for 20 s");
		for (int i = 0; i < k; i++) joiner_read(s, e[i].data.ptr);
	}
}

void storm_run(const struct options *o)
{
	struct storm s = { .o = o, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct result r;
	size_t n = (size_t)o->connections;
	struct joiner *all = mem_zalloc(n * sizeof *all);
	if (!o->channel_ids || !options_list(o->channel_ids, 1, INT64_MAX, &s.channel_id, 1)) fail("--channel-ids: one");
	members_read(&s.members, o->tokens, (size_t)o->skip, (size_t)o->joins);
	joiners_open(&s, all, n);
	int64_t begun = now_ns();
	run(&s, all, n);
	double seconds = (double)(now_ns() - begun) / 1e9;
	result_open(&r, "storm", o->label);
	result_int(&r, "joins", (int64_t)s.done);
	result_int(&r, "member_count", s.member_count);
	result_real(&r, "joins_per_s", (double)s.done / seconds);
	result_real(&r, "p50_ms", (double)hist_at(&s.latency, 0.5) / 1e6);
	result_real(&r, "p99_ms", (double)hist_at(&s.latency, 0.99) / 1e6);
	result_close(&r);
	for (size_t i = 0; i < n; i++) http_close(&all[i].http);
	members_release(&s.members);
	mem_free(all);
}
