#include "rig.h"

static void open(struct rig *r)
{
	rig_open(r, routes, n_routes);
}

#define GET(path, more) "GET " path " HTTP/1.1\r\nHost: localhost\r\n" more "\r\n"

static void alive_and_which_version(void **state)
{
	struct rig r;
	rig_init(&r);
	open(&r);
	assert_exchange(&r, GET("/health", ""), 200, "{\"status\":\"ok\"}");
	assert_exchange(&r, GET("/api/health", ""), 200, "{\"status\":\"ok\"}");
	assert_exchange(&r, GET("/version", ""), 200, "{\"name\":\"linnet\",\"version\":\"" LINNET_VERSION "\"}");
	assert_exchange(&r, GET("/openapi.json", ""), 200, "\"openapi\":\"3.");
	rig_close(&r);
}

static void ready_while_it_serves(void **state)
{
	struct rig r;
	rig_init(&r);
	open(&r);
	assert_exchange(&r, GET("/ready", ""), 200, "{\"status\":\"ok\",\"dependencies\":{\"database\":\"ok\"}}");
	atomic_store(&r.pod.ready, false);
	assert_exchange(&r, GET("/ready", ""), 503, "\"status\":\"starting\"");
	atomic_store(&r.pod.draining, true);
	assert_exchange(&r, GET("/ready", ""), 503, "\"status\":\"draining\"");
	rig_close(&r);
}

static bool is_away(struct bus *b)
{
	return true;
}

static bool has_no_answer(struct eph *e)
{
	return true;
}

/* With a Redis it says how that is; without it goes on serving. */
static void ready_also_without_redis(void **state)
{
	struct rig r;
	struct bus *bus = bus_local_create();
	struct bus_ops bus_ops = *bus->ops;
	rig_init(&r);
	rig_set(&r, "REDIS_URL", "redis://127.0.0.1");
	open(&r);
	struct eph_ops eph_ops = *r.pod.eph->ops;
	r.pod.bus = bus;
	assert_exchange(&r, GET("/ready", ""), 200,
					"{\"status\":\"ok\",\"dependencies\":{\"database\":\"ok\",\"redis\":\"ok\"}}");
	static const char without[] =
		"{\"status\":\"degraded\",\"dependencies\":{\"database\":\"ok\",\"redis\":\"degraded\"}}";
	bus_ops.away = is_away, bus->ops = &bus_ops;
	assert_exchange(&r, GET("/ready", ""), 200, without);
	eph_ops.away = has_no_answer, r.pod.eph->ops = &eph_ops;
	assert_exchange(&r, GET("/ready", ""), 200, without);
	bus_ops.away = NULL;
	assert_exchange(&r, GET("/ready", ""), 200, without);
	atomic_store(&r.pod.draining, true);
	assert_exchange(&r, GET("/ready", ""), 503, "\"status\":\"draining\"");
	rig_close(&r);
	bus->ops->destroy(bus);
}

static void numbers_are_in_the_text_format(void **state)
{
	struct rig r;
	rig_init(&r);
	open(&r);
	assert_exchange(&r, GET("/nowhere", ""), 404, "");
	assert_exchange(&r, GET("/metrics", ""), 200, "\nlinnet_http_requests_total{status=\"4xx\"} 1\n");
	rig_close(&r);
}

static void others_find_nothing(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_set(&r, "TRUSTED_PROXIES", "127.0.0.1");
	rig_set(&r, "LINNET_METRICS_TOKEN", "a token for the scraper");
	open(&r);
	static const char *const paths[] = { "/ready", "/metrics" };
	char ask[256];
	for (size_t i = 0; i < countof(paths); i++) {
		static const struct {
			const char *headers;
			int status;
		} cases[] = {
			{ "", 200 },
			{ "X-Forwarded-For: 9.9.9.9\r\n", 404 },
			{ "X-Forwarded-For: 10.0.0.1\r\n", 404 }, /* a private one too, when it comes through a proxy */
			{ "Forwarded: for=10.0.0.1\r\n", 404 },
			{ "X-Real-IP: 10.0.0.1\r\n", 404 },
			{ "X-Forwarded-For: 9.9.9.9\r\nAuthorization: Bearer a token for the scraper\r\n", 200 },
			{ "X-Forwarded-For: 9.9.9.9\r\nAuthorization: Bearer a token for the scrapeR\r\n", 404 },
			{ "X-Forwarded-For: 9.9.9.9\r\nAuthorization: Bearer \r\n", 404 },
		};
		for (size_t k = 0; k < countof(cases); k++) {
			snprintf(ask, sizeof ask, GET("%s", "%s"), paths[i], cases[k].headers);
			assert_exchange(&r, ask, cases[k].status, "");
		}
		/* A page whose name was led to this network, in the browser of somebody who sits in it. */
		snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: evil.example:8002\r\n\r\n", paths[i]);
		assert_exchange(&r, ask, 404, CODE("not_found"));
		snprintf(ask, sizeof ask,
				 "GET %s HTTP/1.1\r\nHost: linnet:8002\r\nAuthorization: Bearer a token for the scraper\r\n\r\n",
				 paths[i]);
		assert_exchange(&r, ask, 200, "");
		snprintf(ask, sizeof ask, "GET %s HTTP/1.0\r\n\r\n", paths[i]);
		assert_exchange(&r, ask, 200, "");
		snprintf(ask, sizeof ask, GET("/api%s", ""), paths[i]);
		assert_exchange(&r, ask, 404, CODE("not_found"));
	}
	rig_close(&r);
	rig_init(&r); /* without a token nothing is as good as one */
	open(&r);
	assert_exchange(&r, GET("/metrics", "X-Forwarded-For: 9.9.9.9\r\nAuthorization: Bearer \r\n"), 404, "");
	rig_close(&r);
}

/* Compressed once, when the server started. */
static void the_contract_is_one_body_for_all(void **state)
{
	struct rig r;
	struct client k;
	struct answer plain, packed;
	rig_init(&r);
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, GET("/openapi.json", "Accept-Encoding: gzip\r\n") GET("/openapi.json", ""));
	assert_true(client_answer(&k, &packed) && client_answer(&k, &plain));
	assert_str(answer_header(&packed, "content-encoding"), "gzip");
	assert_str(answer_header(&packed, "vary"), "Accept-Encoding");
	assert_str(answer_header(&packed, "content-type"), "application/json");
	assert_null(answer_header(&plain, "content-encoding").p);
	assert_str(answer_header(&plain, "vary"), "Accept-Encoding");
	assert_true(packed.body.n > 2 && packed.body.n * 3 < plain.body.n);
	assert_memory_equal(packed.body.p, "\x1f\x8b", 2);
	client_close(&r, &k);
	assert_exchange(&r, "HEAD /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "");
	rig_close(&r);
}

/* With the viewer or without: the page and its style are always there. */
static void the_docs_are_files_of_the_binary(void **state)
{
	struct rig r;
	struct client k;
	struct answer packed, plain, same;
	rig_init(&r);
	open(&r);
	client_open(&r, &k);
	client_send(&r, &k, GET("/docs/page.css", "Accept-Encoding: gzip\r\n") GET("/api/docs/page.css", ""));
	assert_true(client_answer(&k, &packed) && client_answer(&k, &plain));
	assert_str(answer_header(&packed, "content-encoding"), "gzip");
	assert_str(answer_header(&packed, "content-type"), "text/css; charset=utf-8");
	assert_memory_equal(packed.body.p, "\x1f\x8b", 2);
	assert_null(answer_header(&plain, "content-encoding").p);
	assert_str(answer_header(&plain, "vary"), "Accept-Encoding");
	assert_memory_equal(plain.body.p, "body {", 6);
	struct str tag = answer_header(&packed, "etag");
	char again[256];
	snprintf(again, sizeof again, "GET /docs/page.css HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"x\", " STR_FMT "\r\n\r\n",
			 STR_ARG(tag));
	client_send(&r, &k, again);
	assert_true(client_answer(&k, &same));
	assert_int_equal(same.status, 304);
	assert_int_equal(same.body.n, 0);
	client_close(&r, &k);
	assert_exchange(&r, GET("/docs", ""), 200, "openapi.json");
	assert_exchange(&r, GET("/docs/none", ""), 404, "\"not_found\"");
	assert_exchange(&r, GET("/docs/page.html", ""), 404, "\"not_found\"");
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alive_and_which_version),
		cmocka_unit_test(ready_while_it_serves),
		cmocka_unit_test(ready_also_without_redis),
		cmocka_unit_test(numbers_are_in_the_text_format),
		cmocka_unit_test(others_find_nothing),
		cmocka_unit_test(the_contract_is_one_body_for_all),
		cmocka_unit_test(the_docs_are_files_of_the_binary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
