/* The rule on which the index stands: whatever part of a text is searched for, the text has all the grams of the query.
 */
#include "model/gram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool has(const struct grams *g, struct gram_range r)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->p[i] >= r.from && g->p[i] <= r.to) return true;
	return false;
}

/* Takes its random numbers from the seed that it is given. */
static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

static const char *const pieces[] = {
	"a",
	"b",
	"c",
	"E",
	"e\xcc\x81",
	"\xc3\xa9",
	"\xc3\x9f",
	"1",
	".",
	"-",
	" ",
	" ",
	"  ",
	"\n",
	"\xe6\xbc\xa2",
	"\xe5\xad\x97",
	"\xe3\x81\x8b",
	"\xe3\x81\x8c",
	"\xef\xbd\xb6\xef\xbe\x9e",
	"\xe0\xb8\x81",
	"\xe0\xb8\x81\xe0\xb8\xb1",
	"\xe1\x9e\x80",
	"\xe1\x80\x80",
	"\xe0\xba\x81",
	"\xed\x95\x9c",
	"\xd0\x96",
	"\xf0\x9f\x91\x8d",
	"\xf0\xa0\x80\x80",
	"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9",
	"\xef\xac\x81",
	"\xc2\xad",
};

#define LENGTH 24

static void every_part_is_found(void **state)
{
	struct fold text = { 0 }, part = { 0 };
	struct grams g = { 0 };
	struct gram_range r[GRAM_RANGES];
	uint64_t seed = 7;
	int64_t looked = 0;
	for (int round = 0; round < 20000; round++) {
		char body[LENGTH * 16] = "";
		size_t at[LENGTH + 1] = { 0 }, n = 1 + draw(&seed, LENGTH);
		for (size_t i = 0; i < n; i++) {
			strcat(body, pieces[draw(&seed, countof(pieces))]);
			at[i + 1] = strlen(body);
		}
		fold_text(&text, str_of(body));
		g.n = 0;
		grams_add(&g, &text);
		size_t from = draw(&seed, (uint32_t)n), to = from + 1 + draw(&seed, (uint32_t)(n - from));
		fold_text(&part, (struct str){ body + at[from], at[to] - at[from] });
		if (fold_find(&text, 0, &part) == text.n) continue; /* nothing but what is not seen, or a syllable cut apart */
		size_t found = gram_ranges(&part, r);
		looked += (int64_t)found;
		for (size_t i = 0; i < found; i++)
			if (!has(&g, r[i])) fail_msg("\"%s\", bytes %zu to %zu: gram %zu", body, at[from], at[to], i);
	}
	assert_true(looked > 10000);
	fold_release(&text);
	fold_release(&part);
	grams_release(&g);
}

static size_t ranges_of(const char *text, struct gram_range out[GRAM_RANGES])
{
	struct fold f = { 0 };
	fold_text(&f, str_of(text));
	size_t n = gram_ranges(&f, out);
	fold_release(&f);
	return n;
}

static void words_are_covered_by_few(void **state)
{
	struct gram_range r[GRAM_RANGES];
	assert_int_equal(ranges_of("hello", r), 2);
	assert_true(r[0].from == r[0].to && r[1].from == r[1].to);
	assert_int_equal(ranges_of("hel", r), 1);
	assert_int_equal(ranges_of("he", r), 1);
	assert_true(r[0].from < r[0].to);
	assert_int_equal(ranges_of("h", r), 1);
	assert_int_equal(ranges_of("\xe6\xbc\xa2", r), 1);
	assert_true(r[0].from < r[0].to);
	assert_int_equal(ranges_of("\xe6\xbc\xa2\xe5\xad\x97", r), 1);
	assert_int_equal(r[0].from, r[0].to);
	assert_int_equal(ranges_of("ab cd", r), 1); /* the end of the first word is known */
	assert_int_equal(r[0].from, r[0].to);
	assert_int_equal(ranges_of("a very long phrase of many words", r), GRAM_RANGES);
	assert_int_equal(ranges_of(" ", r), 0);
	assert_int_equal(ranges_of("", r), 0);
}

static void people_are_no_text(void **state)
{
	assert_true(gram_author(1) < 0 && gram_author(1) != gram_author(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_is_found),
		cmocka_unit_test(words_are_covered_by_few),
		cmocka_unit_test(people_are_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
