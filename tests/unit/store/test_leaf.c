#include "store/leaf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/vec.h"

struct kept {
	int64_t first;
	struct buf data;
};
struct shelf {
	struct kept *p;
	size_t n, cap;
};

static void keep(void *arg, int64_t first, struct str data)
{
	struct shelf *s = arg;
	struct kept k = { .first = first };
	buf_init(&k.data);
	buf_add_str(&k.data, data);
	vec_push(s, k);
}

static void clear(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++) buf_release(&s->p[i].data);
	vec_release(s);
}

static void look(const struct shelf *s, struct gram_range r, struct places *out)
{
	*out = (struct places){ 0 };
	for (size_t i = 0; i < s->n; i++) assert_true(leaf_places(buf_str(&s->p[i].data), s->p[i].first, r, out));
}

static bool has(const struct places *s, uint32_t place)
{
	return s->w[place / 64] >> place % 64 & 1;
}

/* Message i has the grams that divide it, of both signs. */
static void what_was_put_in_is_found(void **state)
{
	struct leaf_maker m = { 0 };
	struct shelf s = { 0 };
	struct grams g = { 0 };
	struct places got;
	for (uint32_t i = 0; i < LEAF_PLACES; i++) {
		g.n = 0;
		for (int64_t k = 1; k <= 300; k++) {
			if (i % k) continue;
			vec_push(&g, k << 40);
			vec_push(&g, -k);
			vec_push(&g, k << 40); /* twice is once */
		}
		size_t before = m.n;
		leaf_maker_add(&m, i, &g);
		assert_int_equal(m.n - before, g.n / 3 * 2); /* nor is twice kept */
	}
	leaf_maker_end(&m, keep, &s);
	assert_true(s.n > 3);
	for (size_t i = 1; i < s.n; i++) assert_true(s.p[i - 1].first < s.p[i].first);
	for (int64_t k = 1; k <= 300; k++) {
		look(&s, (struct gram_range){ k << 40, k << 40 }, &got);
		for (uint32_t i = 0; i < LEAF_PLACES; i++) assert_int_equal(has(&got, i), i % k == 0);
		look(&s, (struct gram_range){ -k, -k }, &got);
		for (uint32_t i = 0; i < LEAF_PLACES; i++) assert_int_equal(has(&got, i), i % k == 0);
	}
	look(&s, (struct gram_range){ INT64_C(2) << 40, INT64_C(3) << 40 }, &got);
	for (uint32_t i = 0; i < LEAF_PLACES; i++) assert_int_equal(has(&got, i), i % 2 == 0 || i % 3 == 0);
	look(&s, (struct gram_range){ 1, 5 }, &got);
	assert_false(places_any(&got));
	clear(&s);
	grams_release(&g);
	leaf_maker_release(&m);
}

static void places_come_from_the_end(void **state)
{
	struct places s = { 0 };
	assert_int_equal(places_take(&s), -1);
	s.w[0] = 5, s.w[15] = UINT64_C(1) << 63;
	assert_int_equal(places_take(&s), 1023);
	assert_int_equal(places_take(&s), 2);
	assert_int_equal(places_take(&s), 0);
	assert_int_equal(places_take(&s), -1);
}

static void what_is_cut_short_is_refused(void **state)
{
	struct leaf_maker m = { 0 };
	struct shelf s = { 0 };
	struct places got = { 0 };
	int64_t gram[] = { 7, 900 };
	struct grams g = { gram, 2, 2 };
	const struct gram_range all = { INT64_MIN, INT64_MAX };
	for (uint32_t i = 0; i < 200; i++) leaf_maker_add(&m, i, &g);
	leaf_maker_end(&m, keep, &s);
	assert_int_equal(s.n, 1);
	struct str whole = buf_str(&s.p[0].data);
	assert_true(leaf_places(whole, s.p[0].first, all, &got));
	int refused = 0;
	for (size_t n = 1; n < whole.n; n++) refused += !leaf_places(str_upto(whole, n), s.p[0].first, all, &got);
	assert_true(refused >= (int)whole.n - 2); /* but where the second gram begins */
	clear(&s);
	leaf_maker_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_is_found),
		cmocka_unit_test(places_come_from_the_end),
		cmocka_unit_test(what_is_cut_short_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
