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

struct metrics;      /* any thread */
struct metrics_cell; /* the thread that asked for it */
struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *m);              /* cells and all; nobody counts any more */
struct metrics_cell *metrics_cell(struct metrics *m); /* any thread: a new cell, owned by m, living as long as m */
void metric_add(struct metrics_cell *c, enum metric id, int64_t n);      /* counters and gauges; its thread only */
void metric_observe(struct metrics_cell *c, enum metric id, int64_t ns); /* histograms, buckets of seconds */
int64_t metric_total(struct metrics *m, enum metric id); /* of all cells, without the sources; a histogram's count */

/* Values that others hold (queue depths, connection counts) are asked for at each reading: `write` puts lines into
 * `out` by metrics_line. Lines of one series, of several sources or of the cells, are added up. `write` runs on the
 * reading thread, may itself count, and must not register sources. Sources are registered at start and stay until
 * destroy. */
void metrics_source(struct metrics *m, void (*write)(void *arg, struct buf *out), void *arg);
/* For sources. Labels as in metrics.def (lane=\"read\"), NULL for the row's own. Not for histograms. */
void metrics_line(struct buf *out, enum metric id, const char *labels, int64_t v);
void metrics_write(struct metrics *m, struct buf *out); /* text format 0.0.4; names in the table's order */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#endif
