/* sim [--seed N | --seeds A-B] [--off NAMES] [--trace] [--minimise] [--jobs N] [--until-failure]: runs a whole cluster
 * on simulated time, once a seed. Each seed is a run of its own in this process; with --jobs in several. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "db.h"
#include "plan.h"
#include "world.h"

struct options {
	uint64_t first, last;
	const char *off;
	bool trace, minimise, until_failure;
	int jobs;
};
struct verdict {
	uint64_t seed, hash;
	bool failed;
	int64_t steps;
	struct counts counts;
	size_t plan;
	char first[200]; /* what was wrong */
};

static void hush(void *arg, struct str line) {}

/* ---- one seed */

static struct verdict run_one(struct sim_db *db, const struct options *o, uint64_t seed, const uint64_t *mask,
							  size_t n_mask, bool tracing)
{
	const struct world_options wo = { seed, o->off, mask, n_mask, tracing };
	struct world *w = world_create(&wo, db);
	world_run(w);
	struct verdict v = { .seed = seed, .hash = w->hash, .steps = w->steps, .counts = w->counts };
	v.plan = plan_size(w->plan);
	v.failed = w->faults.n > 0;
	if (tracing) fwrite(w->lines.p, 1, w->lines.n, stdout);
	if (w->faults.n) snprintf(v.first, sizeof v.first, "%s", w->faults.p[0]);
	for (size_t i = 0; tracing && i < w->faults.n; i++) printf("VIOLATION %s\n", w->faults.p[i]);
	world_destroy(w);
	return v;
}

/* In what way it fails: the beginning of the first fault, up to its colon; 0: it does not. In a process of its own,
 * since what is left of the run may abort. */
static int failure_without(const struct options *o, uint64_t seed, const uint64_t *mask, size_t n_mask)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr)) _exit(255);
		struct sim_db *db = sim_db_create();
		struct verdict v = run_one(db, o, seed, mask, n_mask, false);
		_exit(v.failed ? 1 + (int)(hash_bytes(v.first, strcspn(v.first, ":"), 1) % 250) : 0);
	}
	int status;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

/* Leaves out steps, many at once and then fewer, while it still fails in the same way. */
static size_t make_small(const struct options *o, uint64_t seed, size_t n_steps, int failure, uint64_t *mask)
{
	size_t n = 0, size = n_steps / 2;
	bool *out = mem_zalloc(n_steps + 1), cut = true;
	while (size) {
		cut = false;
		for (size_t at = 0; at < n_steps; at += size) {
			size_t k = n, end = at + size < n_steps ? at + size : n_steps;
			for (size_t i = at; i < end; i++)
				if (!out[i]) mask[k++] = i;
			if (k == n || failure_without(o, seed, mask, k) != failure) continue;
			for (size_t i = at; i < end; i++) out[i] = true;
			n = k;
			cut = true;
		}
		if (!cut || size > 1) size = size == 1 ? 0 : size / 2;
	}
	mem_free(out);
	return n;
}

static int minimise(const struct options *o)
{
	struct sim_db *db = sim_db_create();
	struct world *w = world_create(&(struct world_options){ .seed = o->first, .off = o->off }, db);
	size_t n_steps = plan_size(w->plan), n = 0;
	uint64_t *mask = mem_zalloc((n_steps + 1) * sizeof *mask);
	int failure = failure_without(o, o->first, NULL, 0);
	if (!failure) {
		printf("seed %llu does not fail\n", (unsigned long long)o->first);
		return 0;
	}
	n = make_small(o, o->first, n_steps, failure, mask);
	db = sim_db_create();
	printf("seed %llu needs %zu of %zu steps\n", (unsigned long long)o->first, n_steps - n, n_steps);
	fflush(stdout);
	run_one(db, o, o->first, mask, n, true);
	return 1;
}

/* ---- many */

static void say_verdict(const struct verdict *v)
{
	printf("seed %llu FAILED: %s\n", (unsigned long long)v->seed, v->first);
}

static void add_counts(struct counts *to, const struct counts *c)
{
	int64_t *t = (int64_t *)to;
	const int64_t *f = (const int64_t *)c;
	for (size_t i = 0; i < sizeof *c / sizeof(int64_t); i++) t[i] += f[i];
}

/* Seeds first + part, + jobs, ...; each verdict goes down the pipe. */
static void work(const struct options *o, uint64_t first, int out)
{
	struct sim_db *db = sim_db_create();
	for (uint64_t seed = first; seed <= o->last; seed += (uint64_t)o->jobs) {
		struct verdict v = run_one(db, o, seed, NULL, 0, false);
		if (write(out, &v, sizeof v) != (ssize_t)sizeof v) _exit(2);
	}
	sim_db_destroy(db);
	exit(0);
}

struct worker {
	pid_t pid;
	int in;
	uint64_t next; /* the seed that it is at */
};

static void worker_start(struct worker *k, const struct options *o)
{
	int ends[2];
	if (pipe(ends)) abort();
	fflush(stdout);
	k->pid = fork();
	if (k->pid < 0) abort();
	if (k->pid == 0) {
		close(ends[0]);
		work(o, k->next, ends[1]);
	}
	close(ends[1]);
	k->in = ends[0];
}

struct sum {
	struct counts counts;
	int64_t seeds, failed, steps;
	uint64_t hash;
};

static void take_verdict(struct sum *s, const struct verdict *v)
{
	s->seeds++;
	s->failed += v->failed;
	s->steps += v->steps;
	s->hash ^= v->hash * (v->seed * 2 + 1);
	add_counts(&s->counts, &v->counts);
	if (v->failed) say_verdict(v);
}

/* False: the worker is at its end. One that died takes its seed with it, and another goes on behind it. */
static bool worker_read(struct worker *k, const struct options *o, struct sum *s)
{
	struct verdict v;
	ssize_t got = read(k->in, &v, sizeof v);
	if (got == (ssize_t)sizeof v) {
		k->next = v.seed + (uint64_t)o->jobs;
		take_verdict(s, &v);
		return true;
	}
	int status;
	close(k->in);
	waitpid(k->pid, &status, 0);
	if (k->next > o->last && WIFEXITED(status) && !WEXITSTATUS(status)) return false;
	v = (struct verdict){ .seed = k->next, .failed = true };
	snprintf(v.first, sizeof v.first, "the program died (status %#x)", (unsigned)status);
	take_verdict(s, &v);
	k->next += (uint64_t)o->jobs;
	if (k->next > o->last) return false;
	worker_start(k, o);
	return true;
}

static void say_sum(const struct sum *s)
{
	const struct counts *c = &s->counts;
	printf("%lld seeds, %lld failed, %lld steps, hash %016llx\n", (long long)s->seeds, (long long)s->failed,
		   (long long)s->steps, (unsigned long long)s->hash);
	printf(
		"acknowledged %lld, delivered %lld, healed %lld, replayed %lld, reset %lld, parked %lld, unknown commits %lld, "
		"databases that went back %lld, lost on the bus %lld, pods that ended %lld, replies %lld, retained %lld times, "
		"rows %lld\n",
		(long long)c->acknowledged, (long long)c->delivered, (long long)c->healed, (long long)c->replayed,
		(long long)c->resets, (long long)c->parked, (long long)c->unknown, (long long)c->went_back, (long long)c->lost,
		(long long)c->crashes, (long long)c->replies, (long long)c->retained, (long long)c->taken);
}

static int run_many(const struct options *o)
{
	struct sum s = { 0 };
	struct worker workers[64];
	int n = o->jobs, live = n;
	for (int i = 0; i < n; i++) {
		workers[i] = (struct worker){ .next = o->first + (uint64_t)i };
		if (workers[i].next > o->last) {
			n = live = i;
			break;
		}
		worker_start(&workers[i], o);
	}
	for (int i = 0; live && !(o->until_failure && s.failed); i = (i + 1) % n) {
		if (!workers[i].in || worker_read(&workers[i], o, &s)) continue;
		workers[i].in = 0;
		live--;
	}
	for (int i = 0; i < n; i++)
		if (workers[i].in) kill(workers[i].pid, SIGTERM);
	say_sum(&s);
	return s.failed ? 1 : 0;
}

/* ---- options */

static void usage(void)
{
	fprintf(stderr,
			"sim [--seed N | --seeds A-B] [--off NAME,...] [--trace] [--minimise] [--jobs N] [--until-failure]\n");
	exit(2);
}

static bool read_option(struct options *o, const char *name, const char *value, int *used)
{
	char *end = NULL;
	*used = 2;
	if (!strcmp(name, "--trace")) return o->trace = true, *used = 1, true;
	if (!strcmp(name, "--minimise")) return o->minimise = true, *used = 1, true;
	if (!strcmp(name, "--until-failure")) return o->until_failure = true, *used = 1, true;
	if (!value) return false;
	if (!strcmp(name, "--off")) return o->off = value, true;
	if (!strcmp(name, "--jobs")) return o->jobs = atoi(value), o->jobs > 0 && o->jobs <= 64;
	if (strcmp(name, "--seed") && strcmp(name, "--seeds")) return false;
	o->first = o->last = strtoull(value, &end, 10);
	if (*end == '-') o->last = strtoull(end + 1, &end, 10);
	return !*end && o->last >= o->first;
}

int main(int argc, char **argv)
{
	struct options o = { .first = 1, .last = 200, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN) };
	for (int i = 1, used; i < argc; i += used)
		if (!read_option(&o, argv[i], argv[i + 1], &used)) usage();
	log_capture(hush, NULL);
	if (o.minimise) return minimise(&o);
	if (o.first != o.last) return run_many(&o);
	struct sim_db *db = sim_db_create();
	struct verdict v = run_one(db, &o, o.first, NULL, 0, o.trace);
	struct sum s = { 0 };
	take_verdict(&s, &v);
	say_sum(&s);
	sim_db_destroy(db);
	return v.failed;
}
