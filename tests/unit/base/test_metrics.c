#include "base/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

static const char *text(struct metrics *m, struct buf *out)
{
	buf_release(out);
	metrics_write(m, out);
	buf_add_byte(out, 0);
	out->n--;
	return out->p;
}

static size_t count(const char *where, const char *what)
{
	size_t n = 0;
	for (const char *at = where; (at = strstr(at, what)); at += strlen(what)) n++;
	return n;
}

static void assert_has(const char *where, const char *line)
{
	if (!strstr(where, line)) fail_msg("no %s in:\n%s", line, where);
}

static void cells_are_added_up(void **state)
{
	struct metrics *m = metrics_create();
	struct metrics_cell *a = metrics_cell(m), *b = metrics_cell(m);
	struct buf out = { 0 };
	assert_int_equal((uintptr_t)a % 64, 0);
	metric_add(a, METRIC_HTTP_REQUESTS_2XX, 3);
	metric_add(b, METRIC_HTTP_REQUESTS_2XX, 4);
	metric_add(a, METRIC_WS_OPEN, 5);
	metric_add(b, METRIC_WS_OPEN, -2);
	assert_int_equal(metric_total(m, METRIC_HTTP_REQUESTS_2XX), 7);
	assert_int_equal(metric_total(m, METRIC_HTTP_REQUESTS_5XX), 0);
	text(m, &out);
	assert_has(out.p, "\nlinnet_http_requests_total{status=\"2xx\"} 7\n");
	assert_has(out.p, "\nlinnet_http_requests_total{status=\"5xx\"} 0\n");
	assert_has(out.p, "\nlinnet_ws_open 3\n");
	buf_release(&out);
	metrics_destroy(m);
}

static void histogram_is_cumulative(void **state)
{
	struct metrics *m = metrics_create();
	struct metrics_cell *a = metrics_cell(m), *b = metrics_cell(m);
	struct buf out = { 0 };
	metric_observe(a, METRIC_HTTP_REQUEST_SECONDS, 500000); /* on a bound: within it */
	metric_observe(a, METRIC_HTTP_REQUEST_SECONDS, 500001);
	metric_observe(b, METRIC_HTTP_REQUEST_SECONDS, 10000000000);
	metric_observe(b, METRIC_HTTP_REQUEST_SECONDS, 20000000000);
	metric_observe(b, METRIC_HTTP_REQUEST_SECONDS, -1); /* counts as 0 */
	text(m, &out);
	assert_has(out.p, "\n# TYPE linnet_http_request_seconds histogram\n"
					  "linnet_http_request_seconds_bucket{le=\"0.0005\"} 2\n"
					  "linnet_http_request_seconds_bucket{le=\"0.001\"} 3\n"
					  "linnet_http_request_seconds_bucket{le=\"0.0025\"} 3\n");
	assert_has(out.p, "linnet_http_request_seconds_bucket{le=\"5\"} 3\n"
					  "linnet_http_request_seconds_bucket{le=\"10\"} 4\n"
					  "linnet_http_request_seconds_bucket{le=\"+Inf\"} 5\n"
					  "linnet_http_request_seconds_sum 30.001000001\n"
					  "linnet_http_request_seconds_count 5\n");
	assert_int_equal(metric_total(m, METRIC_HTTP_REQUEST_SECONDS), 5);
	assert_has(out.p, "linnet_append_seconds_count 0\n");
	buf_release(&out);
	metrics_destroy(m);
}

static void source_lanes(void *arg, struct buf *out)
{
	metrics_line(out, METRIC_LANE_WAITING, "lane=\"read } x\"", *(int *)arg);
	metrics_line(out, METRIC_LANE_WAITING, "lane=\"sync\"", 1);
	metrics_line(out, METRIC_CONN_READ_BYTES, NULL, 100);
	metrics_line(out, METRIC_HUB_SESSIONS, NULL, -1);
}

static void source_more(void *arg, struct buf *out)
{
	metrics_line(out, METRIC_CONN_READ_BYTES, NULL, 11);
}

static void sources_stand_with_their_name(void **state)
{
	struct metrics *m = metrics_create();
	struct metrics_cell *c = metrics_cell(m);
	struct buf out = { 0 };
	int depth = 4;
	metrics_source(m, source_lanes, &depth);
	metrics_source(m, source_more, NULL);
	metric_add(c, METRIC_CONN_READ_BYTES, 1000);
	text(m, &out);
	assert_has(out.p, "# TYPE linnet_lane_waiting gauge\n"
					  "linnet_lane_waiting{lane=\"read } x\"} 4\n"
					  "linnet_lane_waiting{lane=\"sync\"} 1\n#");
	assert_has(out.p, "\nlinnet_conn_bytes_total{direction=\"in\"} 1111\n"
					  "linnet_conn_bytes_total{direction=\"out\"} 0\n");
	assert_has(out.p, "\nlinnet_hub_sessions -1\n");
	assert_int_equal(metric_total(m, METRIC_CONN_READ_BYTES), 1000);
	depth = 9; /* asked again at each reading */
	assert_has(text(m, &out), "linnet_lane_waiting{lane=\"read } x\"} 9\n");
	buf_release(&out);
	metrics_destroy(m);
}

/* What a scraper insists on: one HELP and TYPE a name, before its lines, the lines together, each series once. */
static void every_line_is_well_formed(void **state)
{
	struct metrics *m = metrics_create();
	struct buf out = { 0 };
	struct arena a;
	arena_init(&a);
	struct str_map seen = { 0 };
	struct str rest, line, name = STR("");
	text(m, &out);
	rest = buf_str(&out);
	assert_int_equal(rest.p[rest.n - 1], '\n');
	while (str_split(&rest, '\n', &line)) {
		if (!rest.p) break;
		struct str word = line, first, kind;
		str_split(&word, ' ', &first);
		if (str_eq(first, STR("#"))) {
			str_split(&word, ' ', &kind);
			if (str_eq(kind, STR("TYPE"))) {
				struct str typed;
				str_split(&word, ' ', &typed);
				assert_true(str_eq(typed, name));
				continue;
			}
			str_split(&word, ' ', &name);
			assert_true(word.n > 0);
		} else {
			assert_true(str_starts(first, name));
		}
		struct str key =
			arena_printf(&a, STR_FMT STR_FMT, STR_ARG(first), str_eq(first, STR("#")) ? (int)name.n : 0, name.p);
		assert_null(str_map_get(&seen, key));
		str_map_put(&seen, key, &seen);
	}
	assert_int_equal(count(out.p, "# HELP linnet_http_requests_total "), 1);
	str_map_release(&seen);
	arena_release(&a);
	buf_release(&out);
	metrics_destroy(m);
}

static void names_follow_the_house(void **state)
{
#define M_COUNTER(id, name, labels, help) assert_true(strlen(help) > 0 && str_ends(STR(name), STR("_total")));
#define M_GAUGE(id, name, labels, help) assert_false(str_ends(STR(name), STR("_total")));
#define M_SECONDS(id, name, labels, help) assert_true(str_ends(STR(name), STR("_seconds")));
#include "base/metrics.def"
#undef M_COUNTER
#undef M_GAUGE
#undef M_SECONDS
}

enum { THREADS = 4, EACH = 5000 };

static void *counting(void *arg)
{
	struct metrics_cell *c = metrics_cell(arg);
	for (int i = 0; i < EACH; i++) {
		metric_add(c, METRIC_HUB_EVENTS, 1);
		metric_observe(c, METRIC_APPEND_SECONDS, 1000);
	}
	return NULL;
}

static void threads_count_while_one_reads(void **state)
{
	struct metrics *m = metrics_create();
	pthread_t threads[THREADS];
	struct buf out = { 0 };
	for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, counting, m), 0);
	int64_t before = 0;
	for (int i = 0; i < 50; i++) {
		int64_t now = metric_total(m, METRIC_HUB_EVENTS);
		assert_true(now >= before);
		before = now;
		text(m, &out);
	}
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	assert_int_equal(metric_total(m, METRIC_HUB_EVENTS), THREADS * EACH);
	assert_int_equal(metric_total(m, METRIC_APPEND_SECONDS), THREADS * EACH);
	buf_release(&out);
	metrics_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_added_up),
		cmocka_unit_test(histogram_is_cumulative),
		cmocka_unit_test(sources_stand_with_their_name),
		cmocka_unit_test(every_line_is_well_formed),
		cmocka_unit_test(names_follow_the_house),
		cmocka_unit_test(threads_count_while_one_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
