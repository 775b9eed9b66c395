/* Everybody writes to their own channels in turn, by their socket: each change is of another channel until all have
 * been changed. Nobody else is in them, so one event comes back for each. */
#include "heads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "database.h"
#include "pods.h"
#include "result.h"
#include "wire.h"

#define OPENING_MOST 16
#define CHECKS_LEAST 3
#define SHARED 2       /* of a person's channels the first ones are channel 0 and #general */
#define IN_FLIGHT 8    /* of a person, as fast as they are taken */
#define STILL_MS 11000 /* a connection tells what it did after 10 s at the latest */
#define LIMIT_MS 3600000

struct heads {
	const struct options *o;
	struct members members;
	struct crowd crowd;
	struct pods pods;
	struct database database;
	struct http control; /* metrics */
	int64_t begun_ns;    /* writing at a rate */
	uint64_t due, written;
};

/* ---- writing */
static void write_one(struct heads *h)
{
	struct person *p = &h->crowd.all[h->written % h->crowd.n];
	size_t own = p->n_places - SHARED;
	const struct place *to = &p->places[SHARED + h->written / h->crowd.n % own];
	h->written++;
	person_send(&h->crowd, p, to->channel_id, (int64_t)h->written, (size_t)h->o->payload);
}

static void write_due(struct heads *h, int64_t rate)
{
	uint64_t due = (uint64_t)((double)(now_ns() - h->begun_ns) * (double)rate / 1e9);
	for (; h->due < due; h->due++) write_one(h);
}

/* Until everything was acknowledged and has come back. */
static void settle(struct heads *h)
{
	struct crowd *c = &h->crowd;
	while (c->acked < c->asked || c->events < c->asked)
		if (!crowd_turn(c, 20000))
			fail("of %" PRIu64 " changes %" PRIu64 " were acknowledged, %" PRIu64 " came back", c->asked, c->acked,
				 c->events);
}

/* ---- samples */
struct sample {
	struct usage usage;
	struct statements checks;
	int64_t checks_cpu_ns; /* of the connections that make them */
	double seconds;        /* of checks, as the pod sees them */
	int64_t count, rows, whole;
	uint64_t acked;
};

static double metric(struct str text, const char *name)
{
	const char *at = memmem(text.p, text.n, name, strlen(name));
	if (!at) fail("/metrics says nothing of %s", name);
	return strtod(at + strlen(name), NULL);
}

static struct sample sample_take(struct heads *h)
{
	struct answer a;
	struct sample s = { .acked = h->crowd.acked };
	http_ask(&h->control, "GET", "/metrics", NULL, STR_NONE);
	http_wait(&h->control, &a);
	if (a.status != 200) fail("/metrics was answered %d", a.status);
	s.seconds = metric(a.body, "\nlinnet_hub_head_check_seconds_sum ");
	s.count = (int64_t)metric(a.body, "\nlinnet_hub_head_check_seconds_count ");
	s.rows = (int64_t)metric(a.body, "\nlinnet_hub_head_check_rows_total ");
	s.whole = (int64_t)metric(a.body, "\nlinnet_hub_head_check_whole_total ");
	s.checks = database_statements(&h->database, "linnet_moved", "pg_");
	s.checks_cpu_ns = database_cpu(&h->database, "linnet_moved");
	s.usage = usage_take(h->o, &h->pods, &h->pods);
	return s;
}

static void print(const struct heads *h, const char *label, int64_t rate, const struct sample *a,
				  const struct sample *z)
{
	struct result r;
	double wall = (double)(z->usage.at_ns - a->usage.at_ns) / 1e9, checks = (double)(z->count - a->count);
	struct statements s = statements_since(a->checks, z->checks);
	result_open(&r, "heads", label);
	result_int(&r, "channels", (int64_t)(h->crowd.n * (h->crowd.all[0].n_places - SHARED)));
	result_real(&r, "seconds", wall);
	result_int(&r, "rate", rate);
	result_real(&r, "changes_per_s", (double)(z->acked - a->acked) / wall);
	result_int(&r, "checks", z->count - a->count);
	result_int(&r, "whole", z->whole - a->whole);
	result_real(&r, "check_ms", (z->seconds - a->seconds) * 1e3 / checks);
	result_real(&r, "database_ms", s.calls ? (double)s.us / 1e3 / (double)s.calls : 0);
	result_real(&r, "database_cpu_ms", (double)(z->checks_cpu_ns - a->checks_cpu_ns) / 1e6 / checks);
	result_real(&r, "rows", (double)(z->rows - a->rows) / checks);
	result_real(&r, "blocks", s.calls ? (double)s.blocks / (double)s.calls : 0);
	result_real(&r, "server_cpu_s", (double)(z->usage.pods_ns - a->usage.pods_ns) / 1e9);
	result_real(&r, "database_cpu_s", (double)(z->usage.database_ns - a->usage.database_ns) / 1e9);
	result_real(&r, "reader_cores", (double)(z->usage.self_ns - a->usage.self_ns) / 1e9 / wall);
	result_close(&r);
}

/* For --ms, and some checks at least. The last one may have been in the middle at both ends. */
static void checks_run(struct heads *h, const char *label, int64_t rate)
{
	h->begun_ns = now_ns(), h->due = 0;
	while (now_ns() < h->begun_ns + h->o->warm_ms * 1000000) crowd_turn(&h->crowd, 1), write_due(h, rate);
	struct sample a = sample_take(h), z = a;
	while (now_ns() < a.usage.at_ns + h->o->measure_ms * 1000000 || z.count < a.count + CHECKS_LEAST) {
		for (int64_t end = now_ns() + 200000000; now_ns() < end;) crowd_turn(&h->crowd, 1), write_due(h, rate);
		z = sample_take(h);
		if (z.usage.at_ns > a.usage.at_ns + LIMIT_MS * INT64_C(1000000)) fail("no head checks");
	}
	settle(h);
	print(h, label, rate, &a, &z);
}

/* ---- many changes */
static void changes_run(struct heads *h)
{
	struct crowd *c = &h->crowd;
	uint64_t end = c->asked + (uint64_t)h->o->changes;
	while (c->acked < end) {
		while (c->asked < end && c->asked - c->acked < c->n * IN_FLIGHT) write_one(h);
		if (!crowd_turn(c, 20000)) fail("no answer for 20 s");
	}
	settle(h);
}

static void print_table(const struct heads *h, const char *label, const struct table_size *a,
						const struct table_size *z, double seconds)
{
	struct result r;
	int64_t updates = z->updates - a->updates;
	result_open(&r, "table", label);
	result_int(&r, "changes", h->o->changes);
	result_real(&r, "seconds", seconds);
	result_int(&r, "before_bytes", a->bytes);
	result_int(&r, "before_index_bytes", a->index_bytes);
	result_int(&r, "bytes", z->bytes);
	result_int(&r, "index_bytes", z->index_bytes);
	result_int(&r, "rows", z->rows);
	result_int(&r, "dead", z->dead);
	result_int(&r, "inserts", z->inserts - a->inserts);
	result_int(&r, "updates", updates);
	result_real(&r, "hot_share", updates ? (double)(z->hot - a->hot) / (double)updates : 0);
	result_int(&r, "vacuums", z->vacuums - a->vacuums);
	result_close(&r);
}

static void bloat(struct heads *h)
{
	struct table_size heads = database_table(&h->database, "heads"), moves = database_table(&h->database, "moves");
	int64_t begun = now_ns();
	changes_run(h);
	double seconds = (double)(now_ns() - begun) / 1e9;
	for (int64_t end = now_ns() + STILL_MS * INT64_C(1000000); now_ns() < end;) crowd_turn(&h->crowd, 100);
	struct table_size heads_after = database_table(&h->database, "heads");
	struct table_size moves_after = database_table(&h->database, "moves");
	print_table(h, "heads/heads", &heads, &heads_after, seconds);
	print_table(h, "heads/moves", &moves, &moves_after, seconds);
}

static void open_all(struct heads *h)
{
	struct crowd *c = &h->crowd;
	for (size_t i = 0; i < c->n; i++) {
		while (c->opening >= OPENING_MOST) crowd_turn(c, 20000);
		crowd_open(c, &c->all[i], h->pods.all[0].port);
	}
	while (c->opening) crowd_turn(c, 20000);
	for (size_t i = 0; i < c->n; i++)
		if (c->all[i].n_places <= SHARED) fail("a person without channels of their own");
}

void heads_run(const struct options *o)
{
	struct heads h = { .o = o };
	pods_read(&h.pods, o->at, o);
	members_read(&h.members, o->tokens, 0, (size_t)o->connections);
	database_open(&h.database, o->database_url);
	http_open(&h.control, h.pods.all[0].port);
	crowd_init(&h.crowd, h.members.tokens, h.members.n);
	open_all(&h);
	checks_run(&h, "heads/idle", 0);
	checks_run(&h, "heads/busy", o->rate);
	bloat(&h);
	http_close(&h.control);
	crowd_release(&h.crowd);
	database_close(&h.database);
	members_release(&h.members);
}
