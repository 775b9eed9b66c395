#include "model/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct parsed {
	struct arena a;
	struct query q;
	const char *why;
	enum err err;
};

static struct parsed parse(const char *text)
{
	struct parsed p = { .why = "" };
	arena_init(&p.a);
	query_init(&p.q);
	p.err = query_parse(&p.q, &p.a, str_of(text), &p.why);
	return p;
}

static void done(struct parsed *p)
{
	query_release(&p->q);
	arena_release(&p->a);
}

static bool finds(const char *query, const char *body)
{
	struct parsed p = parse(query);
	struct fold f = { 0 };
	assert_int_equal(p.err, OK);
	fold_text(&f, str_of(body));
	bool found = query_matches(&p.q, &f, str_of(body));
	fold_release(&f);
	done(&p);
	return found;
}

static void all_words_must_be_there(void **state)
{
	assert_true(finds("hello world", "World, Hello!"));
	assert_false(finds("hello world", "hello"));
	assert_true(finds("ell", "hello"));
	assert_true(finds("\"hello world\"", "oh hello\n world"));
	assert_false(finds("\"hello world\"", "world hello"));
	assert_true(finds("\" hello \"", "hello"));
	assert_true(finds("\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97"));
	assert_true(finds("C++ a:b", "c++ has a:b")); /* no filter of ours */
	assert_true(finds("\"from:ann\"", "it says from:Ann"));
	assert_true(finds("\"open 5", "5 \"open"));
	assert_false(finds("\xe2\x80\x8d", "a\xe2\x80\x8d"
									   "b"));
	assert_true(finds("a \xe2\x80\x8d", "a\xe2\x80\x8d"
										"b"));
	assert_true(finds("5\" say\"x\"", "a 5\" disk, say\"x\""));
}

static void links_are_seen(void **state)
{
	assert_true(finds("has:link", "see HTTPS://example.org"));
	assert_true(finds("has:link", "(http://x)"));
	assert_false(finds("has:link", "http:// nothing, https://"));
	assert_false(finds("has:link", "xttp://x"));
	assert_false(finds("has:file", "file.txt"));
}

static void filters_are_read(void **state)
{
	struct parsed p = parse("From:@Ann in:#General before:2026-01-02 AFTER:2026-01-01T12:00:00Z has:LINK word");
	assert_int_equal(p.err, OK);
	assert_int_equal(p.q.n_terms, 1);
	assert_true(p.q.n_from == 1 && str_eq(p.q.from[0], STR("ann")));
	assert_true(p.q.n_in == 1 && str_eq(p.q.in[0], STR("general")));
	assert_true(p.q.before_ms == 1767312000000 && p.q.after_ms == 1767268800000);
	assert_true(p.q.has_link && !p.q.has_file);
	assert_int_equal(query_filter(&p.q, &p.a, STR("before"), STR("2026-01-01"), &p.why), OK);
	assert_true(p.q.before_ms == 1767225600000); /* both must hold */
	assert_int_equal(query_filter(&p.q, &p.a, STR("after"), STR("2020-01-01"), &p.why), OK);
	assert_true(p.q.after_ms == 1767268800000);
	done(&p);
	p = parse("in:\"two words\"x");
	assert_true(p.err == OK && str_eq(p.q.in[0], STR("two words")) && p.q.n_terms == 1);
	done(&p);
}

static void what_cannot_be_read_is_refused(void **state)
{
	static const char *const wrong[] = {
		"from:",
		"in:#",
		"before:yesterday",
		"before:2026-13-01",
		"after:",
		"after:2026-02-30",
		"has:",
		"has:milk",

		"before:1969-01-01",
		"a b c d e f g h i j k l m n o p q",
		"from:a from:b from:c from:d from:e from:f from:g from:h from:i",
	};
	for (size_t i = 0; i < countof(wrong); i++) {
		struct parsed p = parse(wrong[i]);
		if (p.err != ERR_INVALID || !p.why[0]) fail_msg("%s", wrong[i]);
		done(&p);
	}
	struct parsed p = parse("x");
	assert_int_equal(query_filter(&p.q, &p.a, STR("near"), STR("x"), &p.why), ERR_INVALID);
	done(&p);
}

static void something_must_be_asked(void **state)
{
	static const char *const nothing[] = { "", "  ", "\"\"", "in:#general", "before:2026-01-01" };
	static const char *const something[] = { "x",  "from:ann", "has:link", "has:file",
											 "\"", "\"open",   "\xcc\x81", "\xe2\x80\x8d" };
	for (size_t i = 0; i < countof(nothing); i++) {
		struct parsed p = parse(nothing[i]);
		if (p.err != OK || query_asks(&p.q)) fail_msg("%s", nothing[i]);
		done(&p);
	}
	for (size_t i = 0; i < countof(something); i++) {
		struct parsed p = parse(something[i]);
		assert_true(p.err == OK && query_asks(&p.q));
		done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_words_must_be_there), cmocka_unit_test(links_are_seen),
		cmocka_unit_test(filters_are_read),        cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(something_must_be_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
