#include "model/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "model/text.h"

static bool same(const char *x, const char *y)
{
	struct fold a = { 0 }, b = { 0 };
	fold_text(&a, str_of(x));
	fold_text(&b, str_of(y));
	bool same = a.n == b.n && a.n && fold_find(&a, 0, &b) == 0;
	fold_release(&a);
	fold_release(&b);
	return same;
}

static void case_and_accents_are_put_aside(void **state)
{
	assert_true(same("Caf\xc3\xa9", "CAFE"));
	assert_true(same("cafe\xcc\x81", "caf\xc3\xa9")); /* apart and together */
	assert_true(same("STRASSE", "stra\xc3\x9f"
								"e")); /* one letter for two */
	assert_true(
		same("\xce\xa3\xce\xbf\xcf\x86\xcf\x8c\xcf\x82", "\xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x83")); /* final sigma */
	assert_true(same("\xd1\x91\xd0\xb6", "\xd0\xb5\xd0\xb6"));                                         /* yo, ye */
	assert_true(same("\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3", "abc"));                                  /* full width */
	assert_true(same("\xef\xac\x81n", "fin"));                                                         /* a ligature */
	assert_true(same("\xd9\x85\xd9\x8e\xd8\xb1\xd8\xad", "\xd9\x85\xd8\xb1\xd8\xad")); /* Arabic with a vowel */
	assert_true(same("soft\xc2\xadhyphen", "softhyphen"));
}

static void what_tells_words_apart_stays(void **state)
{
	assert_false(same("\xe3\x81\x8b", "\xe3\x81\x8c"));                        /* ka, ga */
	assert_true(same("\xe3\x81\x8b\xe3\x82\x99", "\xe3\x81\x8c"));             /* ga apart, together */
	assert_false(same("\xe0\xb8\x81\xe0\xb8\xb1", "\xe0\xb8\x81"));            /* Thai with a vowel sign */
	assert_true(same("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c")); /* Hangul apart, together */
	assert_false(same("o", "0"));
}

static void any_run_of_spaces_is_one(void **state)
{
	assert_true(same("a \t\n b", "a b"));
	assert_true(same("a\xe3\x80\x80"
					 "b",
					 "a b")); /* an ideographic one */
	assert_false(same("ab", "a b"));
}

static void characters_know_their_source(void **state)
{
	struct fold f = { 0 }, needle = { 0 };
	const char *text = "le Cafe\xcc\x81 \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9 x\xc3\x9f!";
	fold_text(&f, str_of(text));
	fold_text(&needle, STR("cafe"));
	size_t at = fold_find(&f, 0, &needle);
	assert_int_equal(f.p[at].from, 3);
	assert_int_equal(f.p[at + 3].from, 6);
	assert_int_equal(f.p[at + 3].to, 9); /* the letter with its accent */
	fold_text(&needle, STR("s!"));
	at = fold_find(&f, 0, &needle);
	assert_int_equal(f.p[at].to - f.p[at].from, 2);
	for (size_t i = 0; i < f.n; i++) assert_true(f.p[i].from < f.p[i].to && f.p[i].to <= strlen(text));
	fold_text(&needle, STR(""));
	assert_int_equal(fold_find(&f, 0, &needle), f.n);
	fold_release(&f);
	fold_release(&needle);
}

static size_t compared(const struct fold *f, size_t at, const struct fold *needle)
{
	for (; at + needle->n <= f->n; at++) {
		size_t k = 0;
		while (k < needle->n && f->p[at + k].c == needle->p[k].c) k++;
		if (k == needle->n) return at;
	}
	return f->n;
}

static void fill(struct fold *f, size_t n, size_t letters, struct random *r)
{
	vec_clear(f);
	for (size_t i = 0; i < n; i++) {
		const struct fold_char c = { 'a' + (int32_t)random_below(r, letters), 0, 1 };
		vec_push(f, c);
	}
}

/* Of few letters, so that beginnings come again and again. */
static void a_needle_is_found_wherever_it_stands(void **state)
{
	struct random_seeded r;
	struct fold f = { 0 }, needle = { 0 };
	random_seeded_init(&r, 7);
	for (size_t i = 0; i < 20000; i++) {
		fill(&f, random_below(&r.base, 40), 1 + random_below(&r.base, 3), &r.base);
		fill(&needle, 1 + random_below(&r.base, 9), 1 + random_below(&r.base, 3), &r.base);
		for (size_t at = 0; at <= f.n + 1; at++) {
			size_t wanted = compared(&f, at, &needle);
			assert_int_equal(fold_find(&f, at, &needle), wanted);
			if (wanted < f.n) at = wanted;
		}
	}
	fold_release(&f);
	fold_release(&needle);
}

/* To compare at each place would take four thousand million steps. */
static void what_repeats_itself_is_gone_through_once(void **state)
{
	struct random_seeded r;
	struct fold f = { 0 }, needle = { 0 };
	const struct fold_char b = { 'b', 0, 1 };
	random_seeded_init(&r, 7);
	fill(&f, 2 << 20, 1, &r.base);
	fill(&needle, 2000, 1, &r.base);
	vec_push(&needle, b);
	assert_int_equal(fold_find(&f, 0, &needle), f.n);
	vec_push(&f, b);
	assert_int_equal(fold_find(&f, 0, &needle), f.n - 2001);
	fill(&needle, 4000, 1, &r.base); /* more than has links */
	assert_int_equal(fold_find(&f, 5, &needle), 5);
	vec_push(&needle, b);
	assert_int_equal(fold_find(&f, f.n - 4002, &needle), f.n - 4001);
	fold_release(&f);
	fold_release(&needle);
}

static void a_long_cluster_is_cut(void **state)
{
	struct fold f = { 0 };
	char text[4001] = "z";
	for (size_t i = 1; i + 1 < sizeof text; i += 2) memcpy(text + i, "\xcc\x81", 2);
	text[sizeof text - 1] = 0;
	fold_text(&f, str_of(text));
	assert_int_equal(f.p[0].c, 'z');
	assert_true(f.n >= 1 && f.n < 200);
	fold_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_and_accents_are_put_aside),
		cmocka_unit_test(what_tells_words_apart_stays),
		cmocka_unit_test(any_run_of_spaces_is_one),
		cmocka_unit_test(characters_know_their_source),
		cmocka_unit_test(a_long_cluster_is_cut),
		cmocka_unit_test(a_needle_is_found_wherever_it_stands),
		cmocka_unit_test(what_repeats_itself_is_gone_through_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
