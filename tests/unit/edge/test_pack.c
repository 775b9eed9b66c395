#include "rig.h"

#include <zlib.h>

static enum err pages(struct request *q, struct db_conn *c)
{
	int64_t n = 0;
	enum err e = request_query_i64(q, "n", 0, 1000000, &n);
	if (e) return e;
	struct str type;
	e = request_query_str(q, "type", &type);
	if (type.p) q->reply.content_type = arena_cstr(&q->arena, type);
	for (int64_t i = 0; i < n; i++) buf_add_byte(&q->reply.body, (char)('a' + i * i % 26));
	return e;
}

static const struct route rows[] = {
	{ HTTP_GET, "/inline", "inline_get", AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, pages },
	{ HTTP_GET, "/lane", "lane_get", AUTH_none, SCOPE_read, LANE_read, BODY_none, RATE_none, NULL, pages },
};

/* What the answer's body is, unpacked if it says so; false: it is not packed. */
static bool unpacked(struct rig *r, const char *path, const char *accept, struct str *vary, size_t *n)
{
	struct client k;
	struct answer a;
	char ask[512], *out = mem_alloc(1000001);
	snprintf(ask, sizeof ask, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, accept);
	client_open(r, &k);
	client_send(r, &k, ask);
	assert_true(client_answer(&k, &a));
	assert_int_equal(a.status, 200);
	struct str coding = answer_header(&a, "content-encoding");
	*vary = answer_header(&a, "vary").p ? STR("vary") : STR_NONE;
	*n = a.body.n;
	if (coding.p) {
		z_stream z = {
			.next_in = (Bytef *)a.body.p, .avail_in = (uInt)a.body.n, .next_out = (Bytef *)out, .avail_out = 1000001
		};
		assert_str(coding, "gzip");
		assert_int_equal(inflateInit2(&z, 31), Z_OK);
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_true(z.total_out > *n);
		*n = z.total_out;
		inflateEnd(&z);
		for (size_t i = 0; i < *n; i++) assert_int_equal(out[i], 'a' + i * i % 26);
	}
	mem_free(out);
	client_close(r, &k);
	return coding.p != NULL;
}

#define GZIP "Accept-Encoding: gzip\r\n"

static void large_answers_are_packed_for_who_takes_it(void **state)
{
	struct rig r;
	struct str vary;
	size_t n;
	rig_init(&r);
	rig_open(&r, rows, countof(rows));
	static const char *const sizes[] = { "/lane?n=1024",
										 "/inline?n=1024",
										 "/lane?n=100000",
										 "/inline?n=1000000",
										 "/lane?n=32768",
										 "/lane?n=5000&type=text/plain",
										 "/lane?n=5000&type=application/json;charset=utf-8" };
	for (size_t i = 0; i < countof(sizes); i++) {
		assert_true(unpacked(&r, sizes[i], GZIP, &vary, &n));
		assert_int_equal(n, atoi(strstr(sizes[i], "n=") + 2));
		assert_non_null(vary.p);
		assert_false(unpacked(&r, sizes[i], "", &vary, &n));
		assert_int_equal(n, atoi(strstr(sizes[i], "n=") + 2));
		assert_non_null(vary.p);
	}
	assert_false(unpacked(&r, "/lane?n=1023", GZIP, &vary, &n));
	assert_null(vary.p);
	assert_false(unpacked(&r, "/lane?n=5000&type=image/png", GZIP, &vary, &n));
	rig_close(&r);
}

static void what_is_accepted_is_read_with_its_weights(void **state)
{
	struct rig r;
	struct str vary;
	size_t n;
	rig_init(&r);
	rig_open(&r, rows, countof(rows));
	static const struct {
		const char *accept;
		bool packed;
	} cases[] = {
		{ "Accept-Encoding: br, gzip, deflate\r\n", true },
		{ "Accept-Encoding: GZip;q=0.5\r\n", true },
		{ "Accept-Encoding: *\r\n", true },
		{ "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", true },
		{ "Accept-Encoding: gzip ; q=0.001\r\n", true },
		{ "Accept-Encoding: gzip;q=0\r\n", false },
		{ "Accept-Encoding: gzip; q=0.000, *\r\n", false },
		{ "Accept-Encoding: *;q=0\r\n", false },
		{ "Accept-Encoding: identity\r\n", false },
		{ "Accept-Encoding: xgzip\r\n", false },
		{ "Accept-Encoding:\r\n", false },
	};
	for (size_t i = 0; i < countof(cases); i++)
		assert_int_equal(unpacked(&r, "/lane?n=5000", cases[i].accept, &vary, &n), cases[i].packed);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(large_answers_are_packed_for_who_takes_it),
										cmocka_unit_test(what_is_accepted_is_read_with_its_weights) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
