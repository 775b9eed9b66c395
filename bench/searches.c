/* The mix is a fifth each of frequent words, rare words, parts of words, one and two characters, and what is nowhere,
 * in turn, so that none finds the caches as the one before of its kind has left them. An absent one must find nothing,
 * a frequent word a whole page. */
#include "searches.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "measure.h"
#include "result.h"
#include "tally.h"
#include "wire.h"
#include "words.h"

#define KINDS 5
#define INDEX_WAIT_S 3600

struct searches {
	const struct options *o;
	struct http http;
	struct members members;
	struct hist took[KINDS];
	int64_t found[KINDS];
};
static const char *const kinds[KINDS] = { "frequent", "rare", "substring", "short", "absent" };

static size_t frequent(uint64_t h, char out[WORD_MOST])
{
	return words_of_rank(h % 30, out);
}

static size_t rare(uint64_t h, char out[WORD_MOST])
{
	return words_of_rank(20000 + h % 30000, out);
}

static size_t substring(uint64_t h, char out[WORD_MOST])
{
	char word[WORD_MOST];
	size_t n = 0, want = 4 + h / 7 % 2;
	for (; n < want + 2; h = words_mix(h)) n = words_of_rank(200 + h % 20000, word);
	memcpy(out, word + 1, want);
	out[want] = 0;
	return want;
}

/* Of letters, as they come and as they do not, and of Han characters. */
static size_t some(uint64_t h, char out[WORD_MOST])
{
	size_t n = words_han(h / 8 % WORDS, out);
	if (h % 4 < 2) {
		n = 1 + h / 4 % 2;
		for (size_t i = 0; i < n; i++, h = words_mix(h)) out[i] = (char)('a' + h % 26);
	} else if (h % 4 == 2) {
		n = 3;
	}
	out[n] = 0;
	return n;
}

static size_t (*const makers[KINDS])(uint64_t, char *) = { frequent, rare, substring, some, words_absent };

static struct str get(struct searches *s, const char *path, struct answer *a)
{
	http_ask(&s->http, "GET", path, s->members.tokens[0], STR_NONE);
	http_wait(&s->http, a);
	if (a->status != 200) fail("%s was answered %d: " STR_FMT, path, a->status, STR_ARG(a->body));
	return a->body;
}

/* The index is made by the server itself. *waited_s: until it was there. */
static void index_wait(struct searches *s, double *waited_s)
{
	struct answer a;
	int64_t start = now_ns();
	int calm = 0;
	while (calm < 3) {
		struct str metrics = get(s, "/metrics", &a);
		bool told = memmem(metrics.p, metrics.n, "\nlinnet_search_waiting ", 23) != NULL;
		calm = told && tally_number(metrics, "\nlinnet_search_waiting ") == 0 ? calm + 1 : 0;
		if (!calm) *waited_s = (double)(now_ns() - start) / 1e9;
		if (*waited_s > INDEX_WAIT_S) fail("the index is not made in an hour");
		nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	}
}

static void pause_ns(int64_t ns)
{
	nanosleep(&(struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 }, NULL);
}

static void ask(struct searches *s, int kind, uint64_t seed)
{
	struct answer a;
	char word[WORD_MOST], path[64 + 3 * WORD_MOST];
	size_t n = makers[kind](words_mix(seed * KINDS + (uint64_t)kind), word);
	int at = snprintf(path, sizeof path, "/search?q=");
	for (size_t i = 0; i < n; i++)
		at += snprintf(path + at, sizeof path - (size_t)at, "%%%02X", (unsigned char)word[i]);
	int64_t start = now_ns();
	struct str body = get(s, path, &a);
	int64_t took = now_ns() - start;
	hist_add(&s->took[kind], took);
	bool any = memmem(body.p, body.n, "\"snippet\":", 10) != NULL;
	s->found[kind] += any;
	if (any && kind == 4) fail("%s is somewhere", word);
	if (!any && kind == 0) fail("%s is nowhere", word);
	pause_ns(took + took / 4); /* one person may have half of the thread that searches */
}

static void print(const struct searches *s, int kind, double waited_s)
{
	struct result r;
	char label[100];
	snprintf(label, sizeof label, "%s/%s", s->o->label, kinds[kind]);
	result_open(&r, "search", label);
	result_int(&r, "queries", (int64_t)s->took[kind].n);
	result_int(&r, "with_hits", s->found[kind]);
	result_real(&r, "p50_ms", (double)hist_at(&s->took[kind], 0.5) / 1e6);
	result_real(&r, "p95_ms", (double)hist_at(&s->took[kind], 0.95) / 1e6);
	result_real(&r, "p99_ms", (double)hist_at(&s->took[kind], 0.99) / 1e6);
	result_real(&r, "most_ms", (double)s->took[kind].most / 1e6);
	result_real(&r, "index_s", waited_s);
	result_close(&r);
}

void searches_run(const struct options *o)
{
	struct searches *s = mem_new(struct searches);
	double waited_s = 0;
	s->o = o;
	http_open(&s->http, (int)o->port);
	members_read(&s->members, o->tokens, 0, 1);
	index_wait(s, &waited_s);
	for (int64_t i = 0; i < o->queries; i++)
		for (int kind = 0; kind < KINDS; kind++) ask(s, kind, (uint64_t)i);
	for (int kind = 0; kind < KINDS; kind++) print(s, kind, waited_s);
	http_close(&s->http);
	members_release(&s->members);
	mem_free(s);
}
