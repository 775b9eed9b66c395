/* Joins go over 64 connections, one request on its way on each: first all are written, then all are read. */
#include "setup.h"

#include <stdio.h>

#include "base/mem.h"
#include "measure.h"
#include "result.h"
#include "tally.h"
#include "wire.h"

#define WINDOW 64
#define CHANNELS_MOST 100

static void expect(const struct answer *a, const char *what)
{
	if (a->status / 100 != 2) fail("%s was answered %d: " STR_FMT, what, a->status, STR_ARG(a->body));
}

static int64_t channel_make(struct http *h, const struct options *o, const char *token, size_t i)
{
	char json[256];
	struct answer a;
	snprintf(json, sizeof json, "{\"name\":\"%s-%zu\"}", o->prefix, i);
	http_ask(h, "POST", "/channels", token, str_of(json));
	http_wait(h, &a);
	expect(&a, "a new channel");
	int64_t id = tally_number(a.body, "\"id\":");
	if (id < 1) fail("a new channel without an id: " STR_FMT, STR_ARG(a.body));
	return id;
}

/* The n-th join of all, counting channel by channel for each member. */
static void join_ask(struct http *h, const struct members *m, const int64_t *ids, size_t channels, size_t n)
{
	char path[64];
	snprintf(path, sizeof path, "/channels/%lld/join", (long long)ids[n % channels]);
	http_ask(h, "POST", path, m->tokens[1 + n / channels], STR("{}"));
}

static void join_all(struct http *h, const struct members *m, const int64_t *ids, size_t channels)
{
	size_t all = (m->n - 1) * channels;
	struct answer a;
	for (size_t at = 0; at < all; at += WINDOW) {
		for (size_t i = 0; i < WINDOW && at + i < all; i++) join_ask(&h[i], m, ids, channels, at + i);
		for (size_t i = 0; i < WINDOW && at + i < all; i++) {
			http_wait(&h[i], &a);
			expect(&a, "a join");
		}
	}
}

static void print(const struct options *o, const int64_t *ids, size_t n, double seconds)
{
	struct result r;
	struct buf list;
	buf_init(&list);
	for (size_t i = 0; i < n; i++) buf_printf(&list, "%s%lld", i ? "," : "", (long long)ids[i]);
	buf_add_byte(&list, 0);
	result_open(&r, "setup", o->label);
	result_text(&r, "channel_ids", list.p);
	result_int(&r, "members", o->connections);
	result_real(&r, "seconds", seconds);
	result_close(&r);
	buf_release(&list);
}

void setup_run(const struct options *o)
{
	struct http h[WINDOW];
	struct members m;
	int64_t ids[CHANNELS_MOST], start = now_ns();
	members_read(&m, o->tokens, (size_t)o->skip, 1 + (size_t)o->connections);
	for (size_t i = 0; i < WINDOW; i++) http_open(&h[i], (int)o->port);
	for (size_t i = 0; i < (size_t)o->channels; i++) ids[i] = channel_make(&h[0], o, m.tokens[0], i);
	join_all(h, &m, ids, (size_t)o->channels);
	print(o, ids, (size_t)o->channels, (double)(now_ns() - start) / 1e9);
	for (size_t i = 0; i < WINDOW; i++) http_close(&h[i]);
	members_release(&m);
}
