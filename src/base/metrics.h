/* Counters, gauges and histograms, each a row of metrics.def, written in Prometheus's text form. Every reactor and lane
 * thread has a cell of its own (struct metrics_cell), so that counting never shares a cache line; reading adds them up.
 * Names are linnet_<layer>_<thing>_<unit>, labels come from tables, never from outside. */
#ifndef LINNET_BASE_METRICS_H
#define LINNET_BASE_METRICS_H
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

enum metric {
#define M_COUNTER(id, name, labels, help) METRIC_##id,
#define M_GAUGE(id, name, labels, help) METRIC_##id,
#define M_SECONDS(id, name, labels, help) METRIC_##id,
#include "base/metrics.def"
#undef M_COUNTER
#undef M_GAUGE
#undef M_SECONDS
	METRIC_COUNT
};

struct metrics;
struct metrics_cell;
struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *m);
struct metrics_cell *metrics_cell(struct metrics *m); /* any thread: a new cell, owned by m */
void metric_add(struct metrics_cell *c, enum metric id, int64_t n);         /* counters and gauges; its thread only */
void metric_observe(struct metrics_cell *c, enum metric id, int64_t ns);    /* histograms, buckets of seconds */
int64_t metric_total(struct metrics *m, enum metric id);
/* Values that others hold (queue depths, connection counts) are asked for at each reading. */
void metrics_source(struct metrics *m, void (*write)(void *arg, struct buf *out), void *arg);
void metrics_line(struct buf *out, enum metric id, const char *labels, int64_t v); /* for sources: a gauge's line */
void metrics_write(struct metrics *m, struct buf *out);
#endif
