/* However the bytes are cut, the verdict is the same; and whatever the scanner lets pass, llhttp reads alike. */
#include "../unit/proto/http_transcript.h"

#include "fuzz.h"

static void look_inside(const uint8_t *data, size_t n)
{
	struct http_parser *p = http_parser_create(&(struct http_limits){ 4096, 1024, 20 });
	struct arena a;
	size_t used;
	struct str body;
	bool ok;
	arena_init(&a);
	http_parser_reset(p, &a);
	if (http_parser_feed(p, (const char *)data, n, &used, &body) == HTTP_HEAD_DONE) {
		const struct http_head *h = http_parser_head(p);
		must(str_utf8(h->path) && !str_has(h->path, '\0') &&
			 (str_starts(h->path, STR("/")) || str_eq(h->path, STR("*"))));
		must(!h->chunked || h->length < 0);
		struct str value = http_query_get(&a, h->query, "q", &ok);
		must(ok || !value.p);
		must(str_utf8(value) && !str_has(value, '\0'));
		http_cookie_get(h, "linnet_session");
		http_header_has_token(h, "accept", "text/html");
	}
	http_parser_destroy(p);
	arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct http_limits limits = { .head = 512, .target = 100, .headers = 10 };
	static const size_t steps[] = { 1, 2, 3, 7, 64 };
	struct buf whole, cut;
	size_t taken, taken_cut;
	buf_init(&whole);
	buf_init(&cut);
	transcript(&whole, &limits, (const char *)data, n, 0, &taken);
	must(!memmem(whole.p, whole.n, "read in two ways\n", 17));
	for (size_t i = 0; i < countof(steps); i++) {
		cut.n = 0;
		transcript(&cut, &limits, (const char *)data, n, steps[i], &taken_cut);
		must(str_eq(buf_str(&whole), buf_str(&cut)));
		must(taken == taken_cut);
	}
	look_inside(data, n);
	buf_release(&whole);
	buf_release(&cut);
	return 0;
}
