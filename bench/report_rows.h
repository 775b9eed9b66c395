/* The results that `report` has read, and medians of them. */
#ifndef LINNET_BENCH_REPORT_ROWS_H
#define LINNET_BENCH_REPORT_ROWS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_MOST 4096
struct results {
	json_t *rows[ROWS_MOST];
	size_t n;
};
extern struct results results; /* frozen once the files are read */
void results_read(const char *path);

/* Which results are asked for; numbers of 0 match all. */
struct key {
	const char *bench, *part, *who;
	int64_t subscribers, channels, in_flight;
};
const char *row_text(const json_t *row, const char *name);
bool row_matches(const json_t *row, const struct key *k);
/* Over all rounds; NAN when there is none. *rounds may be NULL. */
double median(const struct key *k, const char *name, int *rounds);

/* The parts that run several pods (report_cluster.c). */
void cluster_report(void);
#endif
