#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/mem.h"

/* The lines of the running test. */
struct lines {
	struct buf text;
	size_t n;
};

static void take(void *arg, struct str line)
{
	struct lines *l = arg;
	buf_add_str(&l->text, line);
	l->n++;
}

static int setup(void **state)
{
	struct lines *l = mem_new(struct lines);
	log_setup(LOG_INFO, "serve", "pod-1");
	log_capture(take, l);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lines *l = *state;
	log_capture(NULL, NULL);
	buf_release(&l->text);
	mem_free(l);
	return 0;
}

/* The one line that was written, read by a parser that is not ours. */
static json_t *only_line(struct lines *l)
{
	assert_int_equal(l->n, 1);
	assert_true(l->text.n <= 16384);
	assert_int_equal(l->text.p[l->text.n - 1], '\n');
	assert_null(memchr(l->text.p, '\n', l->text.n - 1));
	json_error_t error;
	json_t *line = json_loadb(l->text.p, l->text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!line) fail_msg("%s: " STR_FMT, error.text, STR_ARG(buf_str(&l->text)));
	return line;
}

static const char *text_of(json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static void line_carries_every_kind(void **state)
{
	struct lines *l = *state;
	log_event(LOG_WARN, "db.connection_lost", LOG_TEXT("address", "h:1"), LOG_STR("part", str_upto(STR("abcd"), 2)),
			  LOG_INT("tries", INT64_MIN), LOG_REAL("load", 0.25), LOG_REAL("odd", 0.0 / 0.0), LOG_BOOL("last", false),
			  LOG_RAW("raw", STR("{\n\"a\":[1]}")), LOG_TEXT("none", NULL), LOG_TEXT("empty", ""),
			  LOG_RAW("no", STR_NONE));
	json_t *line = only_line(l);
	assert_string_equal(text_of(line, "level"), "warn");
	assert_string_equal(text_of(line, "event"), "db.connection_lost");
	assert_string_equal(text_of(line, "role"), "serve");
	assert_string_equal(text_of(line, "pod"), "pod-1");
	assert_int_equal(strlen(text_of(line, "ts")), 24);
	assert_string_equal(text_of(line, "address"), "h:1");
	assert_string_equal(text_of(line, "part"), "ab");
	assert_int_equal(json_integer_value(json_object_get(line, "tries")), INT64_MIN);
	assert_true(json_real_value(json_object_get(line, "load")) == 0.25);
	assert_true(json_is_null(json_object_get(line, "odd")));
	assert_true(json_is_false(json_object_get(line, "last")));
	assert_int_equal(json_array_size(json_object_get(json_object_get(line, "raw"), "a")), 1);
	assert_true(json_is_null(json_object_get(line, "none")));
	assert_string_equal(text_of(line, "empty"), "");
	assert_true(json_is_null(json_object_get(line, "no")));
	assert_null(json_object_get(line, "cut"));
	json_decref(line);
}

static void event_without_fields(void **state)
{
	log_setup(LOG_INFO, NULL, NULL);
	log_event(LOG_ERROR, "a.b");
	json_t *line = only_line(*state);
	assert_int_equal(json_object_size(line), 3);
	json_decref(line);
}

static void hostile_text_stays_one_string(void **state)
{
	log_event(LOG_INFO, "a.b", LOG_STR("s", STR("\"},{\n\r\t\\\0\x1b[31m\x7f\xc3\xa4\xe2\x80\xa8")));
	json_t *line = only_line(*state), *s = json_object_get(line, "s");
	struct str expected = STR("\"},{\n\r\t\\\0\x1b[31m\x7f\xc3\xa4\xe2\x80\xa8");
	assert_int_equal(json_string_length(s), expected.n);
	assert_memory_equal(json_string_value(s), expected.p, expected.n);
	struct lines *l = *state;
	assert_null(memchr(l->text.p, 0x1b, l->text.n));
	json_decref(line);
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	log_event(LOG_INFO, "a.b", LOG_STR("s", STR("a\xff\xc3z\xed\xa0\x80\xf0\x9f")));
	json_t *line = only_line(*state);
#define FFFD "\xef\xbf\xbd"
	assert_string_equal(text_of(line, "s"), "a" FFFD FFFD "z" FFFD FFFD FFFD FFFD FFFD);
	json_decref(line);
}

static void any_length_stays_json(void **state)
{
	struct lines *l = *state;
	char text[10000];
	size_t whole = 0, cut = 0;
	for (size_t i = 0; i < sizeof text; i++) text[i] = i % 7 ? 'a' : '\n';
	for (size_t n = 9330; n < 9560; n++) { /* the limit falls on every place of an escape and of the fields behind */
		l->text.n = l->n = 0;
		log_event(LOG_INFO, "a.b", LOG_STR("s", ((struct str){ text, n })), LOG_INT("i", INT64_MIN),
				  LOG_BOOL("b", true), LOG_STR("t", STR("xyz")), LOG_RAW("r", STR("[1,2,3]")));
		json_t *line = only_line(l);
		bool all = json_string_length(json_object_get(line, "s")) == n && json_is_array(json_object_get(line, "r")) &&
				   json_object_size(line) == 10;
		assert_true(all != json_is_true(json_object_get(line, "cut")));
		whole += all, cut += !all;
		json_decref(line);
	}
	assert_true(whole > 0 && cut > 0);
}

static void long_value_is_cut_between_characters(void **state)
{
	struct lines *l = *state;
	struct buf euros = { 0 };
	for (int i = 0; i < 10000; i++) buf_add_str(&euros, STR("\xe2\x82\xac"));
	log_event(LOG_INFO, "a.b", LOG_STR("s", buf_str(&euros)), LOG_INT("after", 1));
	json_t *line = only_line(l);
	assert_true(json_is_true(json_object_get(line, "cut")));
	assert_int_equal(json_string_length(json_object_get(line, "s")) % 3, 0);
	assert_true(l->text.n > 16000);
	json_decref(line);
	buf_release(&euros);
}

static void raw_that_does_not_fit_becomes_null(void **state)
{
	struct buf raw = { 0 };
	buf_add_byte(&raw, '[');
	for (int i = 0; i < 10000; i++) buf_add_str(&raw, STR("1,"));
	buf_add_str(&raw, STR("1]"));
	log_event(LOG_INFO, "a.b", LOG_RAW("r", buf_str(&raw)), LOG_INT("after", 1));
	json_t *line = only_line(*state);
	assert_true(json_is_null(json_object_get(line, "r")));
	assert_int_equal(json_integer_value(json_object_get(line, "after")), 1);
	assert_true(json_is_true(json_object_get(line, "cut")));
	json_decref(line);
	buf_release(&raw);
}

static void quieter_levels_are_left_out(void **state)
{
	struct lines *l = *state;
	log_event(LOG_DEBUG, "a.b");
	assert_int_equal(l->n, 0);
	assert_false(log_wants(LOG_DEBUG));
	log_setup(LOG_ERROR, "serve", "p");
	log_event(LOG_WARN, "a.b");
	assert_int_equal(l->n, 0);
	log_event(LOG_ERROR, "a.b");
	assert_int_equal(l->n, 1);
	log_setup(LOG_DEBUG, "serve", "p");
	log_event(LOG_DEBUG, "a.b");
	assert_int_equal(l->n, 2);
}

static void levels_by_name(void **state)
{
	enum log_level level = LOG_ERROR;
	assert_true(log_level_parse(STR("debug"), &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_true(log_level_parse(STR("error"), &level));
	assert_int_equal(level, LOG_ERROR);
	assert_false(log_level_parse(STR("Error"), &level));
	assert_false(log_level_parse(STR(""), &level));
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_event(LOG_INFO, "a.b", LOG_INT("thread", (int64_t)(intptr_t)arg), LOG_INT("i", i));
	return NULL;
}

/* Real writes to a real pipe, from several threads: every line whole. errno stays what it was. */
static void threads_write_whole_lines(void **state)
{
	enum { THREADS = 4 };
	int ends[2], kept = dup(STDERR_FILENO);
	pthread_t threads[THREADS];
	FILE *in;
	char text[1000];
	log_capture(NULL, NULL);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	for (intptr_t i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, chatter, (void *)i);
	in = fdopen(ends[0], "r");
	int lines = 0, faults = 0;
	for (; lines < THREADS * 100 && fgets(text, sizeof text, in); lines++) {
		json_t *line = json_loads(text, 0, NULL);
		faults += !line;
		json_decref(line);
	}
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	errno = 123;
	log_event(LOG_INFO, "a.b");
	int error = errno;
	dup2(kept, STDERR_FILENO);
	close(kept);
	fclose(in);
	assert_int_equal(lines, THREADS * 100);
	assert_int_equal(faults, 0);
	assert_int_equal(error, 123);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(line_carries_every_kind),
		TEST(event_without_fields),
		TEST(hostile_text_stays_one_string),
		TEST(bytes_that_are_no_utf8_are_replaced),
		TEST(any_length_stays_json),
		TEST(long_value_is_cut_between_characters),
		TEST(raw_that_does_not_fit_becomes_null),
		TEST(quieter_levels_are_left_out),
		TEST(levels_by_name),
		TEST(threads_write_whole_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
