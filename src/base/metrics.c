/* A cell is written by its thread alone, so a count is a relaxed load and store without a lock prefix; readers add up
 * the cells by relaxed loads. The mutex guards the lists only. The text is built from the table: what sources say is
 * taken as samples first and put where its row stands, since the format wants the lines of one name together. */
#include "base/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#define CACHE_LINE 64

enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_SECONDS };

struct metric_row {
	enum metric_kind kind;
	const char *name, *labels, *help;
};
static const struct metric_row rows[METRIC_COUNT] = {
#define M_COUNTER(id, name, labels, help) [METRIC_##id] = { KIND_COUNTER, name, labels, help },
#define M_GAUGE(id, name, labels, help) [METRIC_##id] = { KIND_GAUGE, name, labels, help },
#define M_SECONDS(id, name, labels, help) [METRIC_##id] = { KIND_SECONDS, name, labels, help },
#include "base/metrics.def"
#undef M_COUNTER
#undef M_GAUGE
#undef M_SECONDS
};

/* Histograms are numbered apart, so that counters do not pay for buckets. */
enum histogram {
#define M_COUNTER(id, name, labels, help)
#define M_GAUGE(id, name, labels, help)
#define M_SECONDS(id, name, labels, help) HISTOGRAM_##id,
#include "base/metrics.def"
#undef M_SECONDS
	HISTOGRAM_COUNT
};
static const unsigned char histogram_of[METRIC_COUNT] = {
#define M_SECONDS(id, name, labels, help) [METRIC_##id] = HISTOGRAM_##id,
#include "base/metrics.def"
#undef M_COUNTER
#undef M_GAUGE
#undef M_SECONDS
};

static const struct {
	int64_t ns;
	const char *le;
} buckets[] = {
	{ 500000, "0.0005" },  { 1000000, "0.001" },  { 2500000, "0.0025" }, { 5000000, "0.005" },  { 10000000, "0.01" },
	{ 25000000, "0.025" }, { 50000000, "0.05" },  { 100000000, "0.1" },  { 250000000, "0.25" }, { 500000000, "0.5" },
	{ 1000000000, "1" },   { 2500000000, "2.5" }, { 5000000000, "5" },   { 10000000000, "10" },
};
#define BUCKETS (countof(buckets) + 1) /* and +Inf */

struct histogram_cell {
	_Atomic int64_t counts[BUCKETS]; /* each its own, not yet added up */
	_Atomic int64_t sum_ns;
};

struct metrics_cell {
	_Alignas(CACHE_LINE) _Atomic int64_t values[METRIC_COUNT];
	struct histogram_cell histograms[HISTOGRAM_COUNT];
};

struct metrics_source {
	void (*write)(void *arg, struct buf *out);
	void *arg;
};

struct metrics {
	pthread_mutex_t lock; /* of the two lists */
	VEC(struct metrics_cell *) cells;
	VEC(struct metrics_source) sources;
};

struct metrics *metrics_create(void)
{
	struct metrics *m = mem_new(struct metrics);
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

void metrics_destroy(struct metrics *m)
{
	if (!m) return;
	for (size_t i = 0; i < m->cells.n; i++) mem_free(m->cells.p[i]);
	vec_release(&m->cells);
	vec_release(&m->sources);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

struct metrics_cell *metrics_cell(struct metrics *m)
{
	struct metrics_cell *c = mem_aligned(CACHE_LINE, sizeof *c);
	memset((void *)c, 0, sizeof *c);
	pthread_mutex_lock(&m->lock);
	vec_push(&m->cells, c);
	pthread_mutex_unlock(&m->lock);
	return c;
}

static void raise_by(_Atomic int64_t *at, int64_t n)
{
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + n, memory_order_relaxed);
}

static int64_t read_of(const _Atomic int64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

void metric_add(struct metrics_cell *c, enum metric id, int64_t n)
{
	assert(rows[id].kind != KIND_SECONDS);
	raise_by(&c->values[id], n);
}

void metric_observe(struct metrics_cell *c, enum metric id, int64_t ns)
{
	assert(rows[id].kind == KIND_SECONDS);
	struct histogram_cell *h = &c->histograms[histogram_of[id]];
	size_t i = 0;
	if (ns < 0) ns = 0;
	while (i < countof(buckets) && ns > buckets[i].ns) i++;
	raise_by(&h->counts[i], 1);
	raise_by(&h->sum_ns, ns);
}

struct histogram_sum {
	int64_t counts[BUCKETS], sum_ns, count;
};

static struct histogram_sum histogram_total(struct metrics *m, enum metric id)
{
	struct histogram_sum sum = { 0 };
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->cells.n; i++) {
		const struct histogram_cell *h = &m->cells.p[i]->histograms[histogram_of[id]];
		for (size_t b = 0; b < BUCKETS; b++) sum.counts[b] += read_of(&h->counts[b]);
		sum.sum_ns += read_of(&h->sum_ns);
	}
	pthread_mutex_unlock(&m->lock);
	for (size_t b = 0; b < BUCKETS; b++) sum.count += sum.counts[b];
	return sum;
}

int64_t metric_total(struct metrics *m, enum metric id)
{
	if (rows[id].kind == KIND_SECONDS) return histogram_total(m, id).count;
	int64_t total = 0;
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->cells.n; i++) total += read_of(&m->cells.p[i]->values[id]);
	pthread_mutex_unlock(&m->lock);
	return total;
}

void metrics_source(struct metrics *m, void (*write)(void *arg, struct buf *out), void *arg)
{
	struct metrics_source source = { write, arg };
	pthread_mutex_lock(&m->lock);
	vec_push(&m->sources, source);
	pthread_mutex_unlock(&m->lock);
}

static void add_line(struct buf *out, const char *name, struct str labels, int64_t v)
{
	buf_add_str(out, str_of(name));
	if (labels.n) buf_printf(out, "{" STR_FMT "}", STR_ARG(labels));
	buf_add_byte(out, ' ');
	buf_add_i64(out, v);
	buf_add_byte(out, '\n');
}

void metrics_line(struct buf *out, enum metric id, const char *labels, int64_t v)
{
	assert(rows[id].kind != KIND_SECONDS);
	add_line(out, rows[id].name, str_of(labels ? labels : rows[id].labels), v);
}

/* What sources said: one series each, added up. The text points into the sources' buffer. */
struct sample {
	struct str name, labels;
	int64_t value;
};
struct samples {
	VEC(struct sample) all;
	struct buf text;
};

static bool sample_read(struct str line, struct sample *out)
{
	struct str rest = line, name;
	if (!str_split(&rest, ' ', &name)) return false;
	*out = (struct sample){ .name = name, .labels = STR("") };
	if (str_has(name, '{')) { /* labels may hold blanks: up to the last closing brace */
		const char *close = memrchr(line.p, '}', line.n);
		if (!close) return false;
		rest = line;
		str_split(&rest, '{', &out->name);
		out->labels = str_upto(rest, (size_t)(close - rest.p));
		rest = str_from(str_from(line, (size_t)(close - line.p)), 2);
	}
	return str_i64(rest, INT64_MIN, INT64_MAX, &out->value);
}

static void samples_add(struct samples *s, struct sample one)
{
	for (size_t i = 0; i < s->all.n; i++) {
		struct sample *known = &s->all.p[i];
		if (!str_eq(known->name, one.name) || !str_eq(known->labels, one.labels)) continue;
		known->value += one.value;
		return;
	}
	vec_push(&s->all, one);
}

static void samples_ask(struct samples *s, struct metrics *m)
{
	struct metrics_source *sources;
	size_t n;
	pthread_mutex_lock(&m->lock); /* not held while they write: they may count, and lock what is theirs */
	n = m->sources.n;
	sources = mem_dup(m->sources.p, mem_times(n, sizeof *sources));
	pthread_mutex_unlock(&m->lock);
	for (size_t i = 0; i < n; i++) sources[i].write(sources[i].arg, &s->text);
	mem_free(sources);

	struct str rest = buf_str(&s->text), line;
	struct sample one;
	while (str_split(&rest, '\n', &line))
		if (line.n && sample_read(line, &one)) samples_add(s, one);
}

static struct sample *samples_find(struct samples *s, const char *name, const char *labels)
{
	for (size_t i = 0; i < s->all.n; i++)
		if (str_eq(s->all.p[i].name, str_of(name)) && (!labels || str_eq(s->all.p[i].labels, str_of(labels))))
			return &s->all.p[i];
	return NULL;
}

static void write_head(struct buf *out, const struct metric_row *row)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, types[row->kind]);
}

static void write_value(struct metrics *m, enum metric id, struct samples *s, struct buf *out)
{
	const struct metric_row *row = &rows[id];
	int64_t v = metric_total(m, id);
	struct sample *same = samples_find(s, row->name, row->labels);
	/* Where only sources know it, and by labels, a series without them would be a false zero. */
	if (!same && v == 0 && !row->labels[0] && samples_find(s, row->name, NULL)) return;
	if (same) v += same->value;
	add_line(out, row->name, str_of(row->labels), v);
	if (same) same->name = STR_NONE; /* written */
}

static void write_histogram(struct metrics *m, enum metric id, struct buf *out)
{
	const struct metric_row *row = &rows[id];
	struct histogram_sum sum = histogram_total(m, id);
	const char *comma = row->labels[0] ? "," : "", *open = row->labels[0] ? "{" : "",
			   *close = row->labels[0] ? "}" : "";
	int64_t below = 0;
	for (size_t i = 0; i < BUCKETS; i++) {
		below += sum.counts[i];
		buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", row->name, row->labels, comma,
				   i < countof(buckets) ? buckets[i].le : "+Inf", (long long)below);
	}
	buf_printf(out, "%s_sum%s%s%s %lld.%09lld\n", row->name, open, row->labels, close,
			   (long long)(sum.sum_ns / 1000000000), (long long)(sum.sum_ns % 1000000000));
	buf_printf(out, "%s_count%s%s%s %lld\n", row->name, open, row->labels, close, (long long)sum.count);
}

/* The series of this name that stand in no row. */
static void write_others(struct samples *s, const char *name, struct buf *out)
{
	for (size_t i = 0; i < s->all.n; i++) {
		struct sample *one = &s->all.p[i];
		if (!one->name.p || !str_eq(one->name, str_of(name))) continue;
		add_line(out, name, one->labels, one->value);
		one->name = STR_NONE;
	}
}

void metrics_write(struct metrics *m, struct buf *out)
{
	struct samples s = { 0 };
	samples_ask(&s, m);
	for (size_t id = 0; id < METRIC_COUNT; id++) {
		const struct metric_row *row = &rows[id];
		if (id == 0 || strcmp(rows[id - 1].name, row->name) != 0) write_head(out, row);
		if (row->kind == KIND_SECONDS)
			write_histogram(m, (enum metric)id, out);
		else
			write_value(m, (enum metric)id, &s, out);
		if (id + 1 == METRIC_COUNT || strcmp(rows[id + 1].name, row->name) != 0) write_others(&s, row->name, out);
	}
	vec_release(&s.all);
	buf_release(&s.text);
}
