#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "proto/json.h"

static void good_texts(void **state)
{
	static const char *texts[] = { "{}",
								   "[]",
								   " {\"a\": 1}\n",
								   "\"text\"",
								   "12",
								   "-0.5e3",
								   "true",
								   "null",
								   "{\"a\":{\"a\":1}}",
								   "\"\\u00e9\\ud83d\\ude00\"",
								   "\"]]]]]]]]]]]]]]]]]]]\"",
								   "\"[[[[[[[[[[[[[[[[[[[\\\"[[\"" };
	for (size_t i = 0; i < countof(texts); i++) {
		json_t *value;
		assert_int_equal(json_read(str_of(texts[i]), &value, NULL), OK);
		assert_non_null(value);
		json_decref(value);
	}
}

static void bad_texts(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "the text ends too early" },
		{ "{\"a\":", "the text ends too early" },
		{ "{\"a\":1} x", "something follows the value" },
		{ "{}{}", "something follows the value" },
		{ "{\"a\":1,\"a\":1}", "a key stands twice" },
		{ "{\"a\":1,\"\\u0061\":1}", "a key stands twice" },
		{ "{\"b\":{\"a\":1,\"a\":2}}", "a key stands twice" },
		{ "\"a\\u0000b\"", "a NUL in a string" },
		{ "{\"a\\u0000\":1}", "a NUL in a string" },
		{ "\"\xC0\x80\"", "not UTF-8" },
		{ "\"\xED\xA0\x80\"", "not UTF-8" },
		{ "\"\xF4\x90\x80\x80\"", "not UTF-8" },
		{ "\"\xFF\"", "not UTF-8" },
		{ "\"\\ud800\"", "half of a pair" },
		{ "\"\\udc00\"", "half of a pair" },
		{ "\"\\ud800\\ud800\"", "half of a pair" },
		{ "\"\\u12g4\"", "not JSON" },
		{ "\"a\nb\"", "not JSON" },
		{ "{a:1}", "not JSON" },
		{ "[1,]", "not JSON" },
		{ "01", "" },
		{ "NaN", "not JSON" },
		{ "'a'", "not JSON" },
		{ "99999999999999999999", "a number is too large" },
		{ "1e999", "a number is too large" },
		{ "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "nested too deeply" },
	};
	for (size_t i = 0; i < countof(rows); i++) {
		struct arena arena;
		struct problem problem;
		json_t *value = (json_t *)1;
		arena_init(&arena);
		problem_init(&problem, &arena);
		assert_int_equal(json_read(str_of(rows[i].text), &value, &problem), ERR_MALFORMED);
		assert_null(value);
		assert_non_null(problem.detail.p);
		if (!memmem(problem.detail.p, problem.detail.n, rows[i].why, strlen(rows[i].why)))
			fail_msg("%s: " STR_FMT, rows[i].text, STR_ARG(problem.detail));
		arena_release(&arena);
	}
}

static void raw_nul_and_depth(void **state)
{
	json_t *value;
	assert_int_equal(json_read(STR("\"a\0b\""), &value, NULL), ERR_MALFORMED);
	assert_int_equal(json_read(STR("{}\0"), &value, NULL), ERR_MALFORMED);
	assert_int_equal(json_read(STR_NONE, &value, NULL), ERR_MALFORMED);
	assert_int_equal(json_read(STR("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"), &value, NULL), OK); /* 16 */
	json_decref(value);
}

/* A text of 32 KiB that would be a hundred times as much in memory. */
static void so_many_values_and_no_more(void **state)
{
	char text[2 * JSON_VALUES + 4];
	json_t *value;
	text[0] = '[';
	for (size_t i = 0; i + 1 < JSON_VALUES; i++) text[2 * i + 1] = '1', text[2 * i + 2] = ',';
	struct str most = { text, 2 * JSON_VALUES - 1 };
	text[most.n++] = '1', text[most.n++] = ']';
	assert_int_equal(json_read(most, &value, NULL), OK);
	assert_int_equal(json_array_size(value), JSON_VALUES);
	json_decref(value);
	text[most.n - 1] = ',', text[most.n++] = '1', text[most.n++] = ']';
	assert_int_equal(json_read(most, &value, NULL), ERR_MALFORMED);
	memset(text + 1, ',', JSON_VALUES), text[0] = '"', text[JSON_VALUES + 1] = '"'; /* inside a string they are text */
	assert_int_equal(json_read((struct str){ text, JSON_VALUES + 2 }, &value, NULL), OK);
	json_decref(value);
}

struct fixture {
	struct arena arena;
	struct problem problem;
	json_t *root;
	struct json_in in;
};

static void open_text(struct fixture *f, const char *text)
{
	arena_init(&f->arena);
	problem_init(&f->problem, &f->arena);
	assert_int_equal(json_read(str_of(text), &f->root, &f->problem), OK);
	json_in_open(&f->in, f->root, &f->problem);
}

static void drop(struct fixture *f)
{
	json_decref(f->root);
	arena_release(&f->arena);
}

static bool has_fault(const struct fixture *f, const char *field, const char *detail)
{
	for (size_t i = 0; i < f->problem.n_fields; i++)
		if (!strcmp(f->problem.fields[i].field, field) && str_eq(f->problem.fields[i].detail, str_of(detail)))
			return true;
	return false;
}

static void fields_taken(void **state)
{
	struct fixture f;
	struct str s = STR_NONE;
	int64_t n = 0;
	bool yes = false;
	json_t *array, *object;
	open_text(&f, "{\"s\":\"x\",\"n\":-3,\"b\":true,\"a\":[1,2],\"o\":{},\"null\":null,\"empty\":\"\"}");
	assert_true(json_in_str(&f.in, "s", JSON_NEED, &s));
	assert_true(str_eq(s, STR("x")));
	assert_true(json_in_str(&f.in, "empty", JSON_NEED, &s));
	assert_non_null(s.p);
	assert_int_equal(s.n, 0);
	assert_true(json_in_i64(&f.in, "n", JSON_NEED, -3, 5, &n));
	assert_int_equal(n, -3);
	assert_true(json_in_bool(&f.in, "b", JSON_NEED, &yes));
	assert_true(yes);
	assert_true(json_in_array(&f.in, "a", JSON_NEED, 2, &array));
	assert_true(json_in_object(&f.in, "o", JSON_MAY, &object));
	assert_false(json_in_str(&f.in, "absent", JSON_MAY, &s));
	assert_true(json_in_has(&f.in, "null"));
	assert_false(json_in_has(&f.in, "absent"));
	assert_true(json_in_null(&f.in, "null"));
	assert_false(json_in_null(&f.in, "s"));
	assert_int_equal(json_in_close(&f.in), OK);
	assert_int_equal(f.problem.n_fields, 0);
	drop(&f);
}

static void faults_gathered(void **state)
{
	struct fixture f;
	struct str s = STR("before");
	int64_t n = 7;
	bool yes;
	json_t *any;
	open_text(&f, "{\"s\":1,\"n\":1.5,\"m\":11,\"b\":0,\"a\":[1,2,3],\"o\":[],\"null\":null,\"what\":1}");
	assert_false(json_in_str(&f.in, "s", JSON_MAY, &s));
	assert_false(json_in_i64(&f.in, "n", JSON_MAY, 0, 10, &n));
	assert_false(json_in_i64(&f.in, "m", JSON_MAY, 0, 10, &n));
	assert_false(json_in_bool(&f.in, "b", JSON_MAY, &yes));
	assert_false(json_in_array(&f.in, "a", JSON_MAY, 2, &any));
	assert_false(json_in_object(&f.in, "o", JSON_MAY, &any));
	assert_false(json_in_str(&f.in, "null", JSON_NEED, &s));
	assert_false(json_in_str(&f.in, "absent", JSON_NEED, &s));
	assert_int_equal(json_in_close(&f.in), ERR_INVALID);
	assert_true(str_eq(s, STR("before")));
	assert_int_equal(n, 7);
	assert_true(has_fault(&f, "s", "must be a string"));
	assert_true(has_fault(&f, "n", "must be a whole number"));
	assert_true(has_fault(&f, "m", "must be between 0 and 10"));
	assert_true(has_fault(&f, "b", "must be true or false"));
	assert_true(has_fault(&f, "a", "must not have more than 2 items"));
	assert_true(has_fault(&f, "o", "must be an object"));
	assert_true(has_fault(&f, "null", "is needed"));
	assert_true(has_fault(&f, "absent", "is needed"));
	assert_true(has_fault(&f, "what", "is not known"));
	assert_int_equal(f.problem.n_fields, 9);
	drop(&f);
}

/* Who wants a field away says so where that is known: else null would be a change that did nothing. */
static void null_is_no_value(void **state)
{
	struct fixture f;
	struct str s = STR_NONE;
	bool yes;
	open_text(&f, "{\"s\":null,\"b\":null}");
	assert_false(json_in_str(&f.in, "s", JSON_MAY, &s));
	assert_false(json_in_bool(&f.in, "b", JSON_MAY, &yes));
	assert_int_equal(json_in_close(&f.in), ERR_INVALID);
	assert_true(has_fault(&f, "s", "must not be null"));
	assert_true(has_fault(&f, "b", "must not be null"));
	drop(&f);
	open_text(&f, "{\"s\":null}");
	f.in.lenient = true;
	assert_false(json_in_str(&f.in, "s", JSON_MAY, &s));
	assert_int_equal(json_in_close(&f.in), OK);
	drop(&f);
}

static void times(void **state)
{
	struct fixture f;
	int64_t at = 7;
	open_text(&f, "{\"first\":\"1970-01-01T00:00:00Z\",\"t\":\"1970-01-01T00:00:01Z\",\"none\":null,\"null\":null,"
				  "\"n\":5,\"day\":\"2030-01-01\"}");
	assert_true(json_in_time(&f.in, "t", false, &at));
	assert_int_equal(at, 1000);
	assert_true(json_in_time(&f.in, "first", true, &at));
	assert_int_equal(at, 1);
	assert_true(json_in_time(&f.in, "none", true, &at));
	assert_int_equal(at, 0);
	assert_false(json_in_time(&f.in, "absent", true, &at));
	assert_false(json_in_time(&f.in, "null", false, &at));
	assert_false(json_in_time(&f.in, "n", true, &at));
	assert_false(json_in_time(&f.in, "day", false, &at));
	assert_int_equal(json_in_close(&f.in), ERR_INVALID);
	assert_true(has_fault(&f, "null", "must not be null"));
	assert_true(has_fault(&f, "n", "must be a time as 2030-01-31T12:00:00Z, or null"));
	assert_true(has_fault(&f, "day", "must be a time as 2030-01-31T12:00:00Z"));
	assert_int_equal(f.problem.n_fields, 3);
	drop(&f);
}

static void unknown_fields(void **state)
{
	struct fixture f;
	open_text(&f, "{\"x\":1}");
	f.in.prefix = "items.2.";
	assert_int_equal(json_in_close(&f.in), ERR_INVALID);
	assert_true(has_fault(&f, "items.2.x", "is not known"));
	drop(&f);
	open_text(&f, "{\"x\":1}");
	f.in.lenient = true;
	assert_int_equal(json_in_close(&f.in), OK);
	drop(&f);
	/* A long name of the client's is cut between characters. */
	open_text(&f, "{\"0123456789012345678901234567890123456789012345678901234567890123456789\":1}");
	json_in_close(&f.in);
	assert_int_equal(strlen(f.problem.fields[0].field), 64);
	drop(&f);
	open_text(&f, "{\"012345678901234567890123456789012345678901234567890123456789012\xC3\xA9\":1}");
	json_in_close(&f.in);
	assert_int_equal(strlen(f.problem.fields[0].field), 63);
	drop(&f);
}

static void no_object(void **state)
{
	struct fixture f;
	struct str s;
	json_t *any;
	open_text(&f, "[1]");
	assert_false(json_in_str(&f.in, "a", JSON_NEED, &s));
	assert_false(json_in_array(&f.in, "a", JSON_NEED, 1, &any));
	assert_false(json_in_has(&f.in, "a"));
	assert_false(json_in_null(&f.in, "a"));
	assert_int_equal(json_in_close(&f.in), ERR_INVALID);
	drop(&f);
	struct json_in in;
	json_in_open(&in, NULL, NULL);
	assert_int_equal(json_in_close(&in), ERR_INVALID);
}

static void without_a_problem(void **state)
{
	json_t *root;
	struct json_in in;
	struct str s;
	assert_int_equal(json_read(STR("{\"a\":1,\"b\":2}"), &root, NULL), OK);
	json_in_open(&in, root, NULL);
	assert_false(json_in_str(&in, "a", JSON_NEED, &s));
	assert_int_equal(json_in_close(&in), ERR_INVALID);
	json_decref(root);
}

static void many_unknown_fields(void **state)
{
	struct fixture f;
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	for (int i = 0; i < 1000; i++) {
		char name[16];
		snprintf(name, sizeof name, "field%d", i);
		json_field_i64(&o, name, i);
	}
	json_close(&o, '}');
	buf_add_byte(&b, 0);
	open_text(&f, b.p);
	assert_int_equal(json_in_close(&f.in), ERR_INVALID);
	assert_int_equal(f.problem.n_fields, countof(f.problem.fields));
	drop(&f);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts),        cmocka_unit_test(bad_texts),
		cmocka_unit_test(raw_nul_and_depth), cmocka_unit_test(good_texts),
		cmocka_unit_test(bad_texts),         cmocka_unit_test(so_many_values_and_no_more),
		cmocka_unit_test(fields_taken),      cmocka_unit_test(faults_gathered),
		cmocka_unit_test(null_is_no_value),  cmocka_unit_test(times),
		cmocka_unit_test(unknown_fields),    cmocka_unit_test(no_object),
		cmocka_unit_test(without_a_problem), cmocka_unit_test(many_unknown_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
