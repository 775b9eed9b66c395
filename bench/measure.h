/* What the benchmark measures: time, CPU of any process, resident memory, latencies. */
#ifndef LINNET_BENCH_MEASURE_H
#define LINNET_BENCH_MEASURE_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int64_t now_ns(void); /* monotonic */

/* User and system time since the start of a process, all its threads: 0 and false when it is gone. */
bool cpu_of(pid_t pid, int64_t *ns);
int64_t cpu_self(void);
/* The same with its descendants, also with those that ended and were waited for (Postgres starts a process for each
 * connection). In steps of 10 ms. */
bool cpu_of_tree(pid_t pid, int64_t *ns);
bool resident_bytes(pid_t pid, int64_t *bytes); /* Rss of /proc/PID/smaps_rollup */
bool peak_bytes(pid_t pid, int64_t *bytes); /* VmHWM of /proc/PID/status: the most since the start, or peak_reset() */
bool peak_reset(pid_t pid);

/* Latencies in buckets of 3 % width. */
#define HIST_SUB 32
#define HIST_BUCKETS (60 * HIST_SUB)
struct hist {
	uint64_t n, buckets[HIST_BUCKETS];
	int64_t most;
};
void hist_reset(struct hist *h);
void hist_add(struct hist *h, int64_t ns);
int64_t hist_at(const struct hist *h, double share); /* 0.99: ns that 99 % stayed below; 0 when empty */
#endif
