/* CPU comes from the process's own clock (clock_getcpuclockid), in nanoseconds; a tree of processes is read from
 * /proc, where the kernel counts in ticks. */
#include "measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec t;
	if (clock_gettime(id, &t)) return -1;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}
int64_t cpu_self(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

bool cpu_of(pid_t pid, int64_t *ns)
{
	clockid_t id;
	int64_t t = clock_getcpuclockid(pid, &id) ? -1 : clock_ns(id);
	*ns = t < 0 ? 0 : t;
	return t >= 0;
}

struct process {
	pid_t pid, parent;
	int64_t ticks;  /* of its own */
	int64_t waited; /* of children that ended */
	bool in_tree;
};

static bool process_read(pid_t pid, struct process *p)
{
	char path[64], text[1024], *at;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "r");
	if (!f) return false;
	size_t n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = 0;
	at = strrchr(text, ')'); /* the name may hold anything */
	long long v[15] = { 0 };
	if (!at || strlen(at) < 4) return false;
	at += 3;
	for (int i = 1; i < 15; i++) { /* from the field after the state on: ppid is the first, utime the eleventh */
		while (*at && *at != ' ') at++;
		v[i] = strtoll(at, &at, 10);
	}
	*p = (struct process){ pid, (pid_t)v[1], v[11] + v[12], v[13] + v[14], false };
	return true;
}

/* Marks descendants until a pass finds no new one; processes are few. */
static void tree_mark(struct process *all, size_t n, pid_t root)
{
	for (size_t i = 0; i < n; i++) all[i].in_tree = all[i].pid == root;
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; !all[i].in_tree && j < n; j++)
				if (all[j].in_tree && all[j].pid == all[i].parent) all[i].in_tree = more = true;
	}
}

#define PROCESSES_MOST 4096
bool cpu_of_tree(pid_t pid, int64_t *ns)
{
	struct process *all = calloc(PROCESSES_MOST, sizeof *all);
	size_t n = 0;
	int64_t ticks = 0;
	bool found = false;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && all && n < PROCESSES_MOST && (e = readdir(d));) {
		pid_t p = (pid_t)atoi(e->d_name);
		if (p > 0 && process_read(p, &all[n])) n++;
	}
	if (d) closedir(d);
	tree_mark(all, n, pid);
	for (size_t i = 0; i < n; i++) {
		if (!all[i].in_tree) continue;
		ticks += all[i].ticks + all[i].waited;
		found = true;
	}
	free(all);
	*ns = ticks * (1000000000 / sysconf(_SC_CLK_TCK));
	return found;
}

/* The number of the line "KEY NUMBER kB" of /proc/PID/NAME. */
static bool proc_bytes(pid_t pid, const char *name, const char *key, int64_t *bytes)
{
	char path[64], line[256];
	bool found = false;
	size_t n = strlen(key);
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	FILE *f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof line, f)) found = !strncmp(line, key, n);
	if (f) fclose(f);
	*bytes = found ? strtoll(line + n, NULL, 10) * 1024 : 0;
	return found;
}

bool resident_bytes(pid_t pid, int64_t *bytes)
{
	return proc_bytes(pid, "smaps_rollup", "Rss:", bytes);
}
bool peak_bytes(pid_t pid, int64_t *bytes)
{
	return proc_bytes(pid, "status", "VmHWM:", bytes);
}

bool peak_reset(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
	FILE *f = fopen(path, "w");
	bool ok = f && fputs("5", f) >= 0;
	return f && fclose(f) == 0 && ok;
}

/* ---- latencies: the highest bit picks the power of two, the five below it the part of it */
static unsigned bucket_of(int64_t ns)
{
	if (ns < HIST_SUB) return ns < 0 ? 0 : (unsigned)ns;
	unsigned shift = 63 - 5 - (unsigned)__builtin_clzll((unsigned long long)ns);
	unsigned b = (shift + 1) * HIST_SUB + ((unsigned)(ns >> shift) & (HIST_SUB - 1));
	return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

static int64_t bucket_top(unsigned b)
{
	if (b < HIST_SUB) return b;
	unsigned shift = b / HIST_SUB - 1;
	return (((int64_t)(b % HIST_SUB + HIST_SUB) + 1) << shift) - 1;
}

void hist_reset(struct hist *h)
{
	memset(h, 0, sizeof *h);
}

void hist_add(struct hist *h, int64_t ns)
{
	h->buckets[bucket_of(ns)]++;
	h->n++;
	if (ns > h->most) h->most = ns;
}

int64_t hist_at(const struct hist *h, double share)
{
	uint64_t want = (uint64_t)(share * (double)h->n), seen = 0;
	for (unsigned b = 0; b < HIST_BUCKETS; b++) {
		seen += h->buckets[b];
		if (seen > want || (seen == h->n && seen)) return bucket_top(b) < h->most ? bucket_top(b) : h->most;
	}
	return 0;
}
