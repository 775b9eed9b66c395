#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/random.h"

static void *number(uint64_t n)
{
	return (void *)(uintptr_t)(n + 1);
}

static void id_put_get_take(void **state)
{
	struct id_map m = { 0 };
	assert_null(id_map_get(&m, 1));
	assert_null(id_map_take(&m, 1));
	id_map_put(&m, 0, number(1));
	id_map_put(&m, -5, number(2));
	id_map_put(&m, INT64_MIN, number(3));
	id_map_put(&m, -5, number(4));
	assert_int_equal(m.n, 3);
	assert_ptr_equal(id_map_get(&m, 0), number(1));
	assert_ptr_equal(id_map_get(&m, -5), number(4));
	assert_ptr_equal(id_map_take(&m, -5), number(4));
	assert_null(id_map_get(&m, -5));
	assert_null(id_map_take(&m, -5));
	id_map_put(&m, 0, NULL);
	assert_null(id_map_get(&m, 0));
	assert_int_equal(m.n, 1);
	id_map_release(&m);
	assert_int_equal(m.cap, 0);
	assert_null(id_map_get(&m, INT64_MIN));
}

/* Random puts and takes over few keys, so that chains meet and wrap, compared with a plain array. */
static void id_agrees_with_an_array(void **state)
{
	enum { KEYS = 300 };
	void *expected[KEYS] = { 0 };
	struct id_map m = { 0 };
	struct random_seeded r;
	random_seeded_init(&r, 42);
	size_t n = 0;
	for (int step = 0; step < 60000; step++) {
		int64_t key = (int64_t)random_below(&r.base, KEYS);
		if (random_below(&r.base, 100) < (step / 5000 % 2 ? 30u : 70u)) {
			n += !expected[key];
			expected[key] = number(random_below(&r.base, 1000));
			id_map_put(&m, key, expected[key]);
		} else {
			n -= expected[key] != NULL;
			assert_ptr_equal(id_map_take(&m, key), expected[key]);
			expected[key] = NULL;
		}
		assert_int_equal(m.n, n);
		if (step % 500) continue;
		for (int k = 0; k < KEYS; k++) assert_ptr_equal(id_map_get(&m, k), expected[k]);
	}
	assert_true(m.cap <= 512);
	id_map_release(&m);
}

static void id_next_gives_each_once(void **state)
{
	struct id_map m = { 0 };
	bool seen[100] = { 0 };
	for (int64_t k = 0; k < 100; k++) id_map_put(&m, k, number((uint64_t)k));
	struct id_slot slot;
	size_t n = 0;
	for (size_t i = 0; id_map_next(&m, &i, &slot); n++) {
		assert_false(seen[slot.key]);
		seen[slot.key] = true;
		assert_ptr_equal(slot.value, number((uint64_t)slot.key));
	}
	assert_int_equal(n, 100);
	id_map_release(&m);
}

static void str_put_get_take(void **state)
{
	struct str_map m = { 0 };
	assert_null(str_map_get(&m, STR("a")));
	str_map_put(&m, STR("a"), number(1));
	str_map_put(&m, STR(""), number(2));
	str_map_put(&m, STR("a\0b"), number(3));
	static char other[] = "a";
	str_map_put(&m, str_of(other), number(4));
	assert_int_equal(m.n, 3);
	assert_ptr_equal(str_map_get(&m, STR("a")), number(4));
	assert_ptr_equal(str_map_get(&m, STR("")), number(2));
	assert_ptr_equal(str_map_get(&m, STR("a\0b")), number(3));
	assert_null(str_map_get(&m, STR("A")));
	size_t i = 0, found = 0;
	for (struct str_slot slot; str_map_next(&m, &i, &slot);) found += slot.key.p == other;
	assert_int_equal(found, 1); /* the key was replaced with the value */
	assert_ptr_equal(str_map_take(&m, STR("a")), number(4));
	assert_null(str_map_take(&m, STR("a")));
	str_map_release(&m);
}

static void str_agrees_with_an_array(void **state)
{
	enum { KEYS = 200 };
	struct arena arena;
	arena_init(&arena);
	struct str keys[KEYS];
	void *expected[KEYS] = { 0 };
	for (int k = 0; k < KEYS; k++) keys[k] = arena_printf(&arena, "key-%d", k);
	struct str_map m = { 0 };
	struct random_seeded r;
	random_seeded_init(&r, 7);
	for (int step = 0; step < 30000; step++) {
		size_t k = random_below(&r.base, KEYS);
		if (random_below(&r.base, 2)) {
			expected[k] = number(random_below(&r.base, 1000));
			str_map_put(&m, keys[k], expected[k]);
		} else {
			assert_ptr_equal(str_map_take(&m, keys[k]), expected[k]);
			expected[k] = NULL;
		}
		if (step % 500) continue;
		for (int i = 0; i < KEYS; i++) assert_ptr_equal(str_map_get(&m, keys[i]), expected[i]);
	}
	str_map_release(&m);
	arena_release(&arena);
}

/* Keys that all start at one slot under one seed must spread under another. */
static void seed_changes_the_places(void **state)
{
	map_seed(1);
	struct id_map a = { 0 }, b = { 0 };
	for (int64_t k = 0; k < 64; k++) id_map_put(&a, k, number(1));
	map_seed(2);
	for (int64_t k = 0; k < 64; k++) id_map_put(&b, k, number(1));
	size_t same = 0;
	for (size_t i = 0; i < a.cap; i++) same += a.slots[i].value && b.slots[i].value && a.slots[i].key == b.slots[i].key;
	assert_true(same < 16);
	id_map_release(&a);
	id_map_release(&b);
	assert_true(hash_bytes("abc", 3, 1) != hash_bytes("abc", 3, 2));
}

/* The owner of a channel is picked by it on every pod alike: it must never change. */
static void hash_id_is_fixed(void **state)
{
	assert_int_equal(hash_id(0), 0xe220a8397b1dcdafu);
	assert_int_equal(hash_bytes("abc", 3, 1), hash_bytes("abc", 3, 1));
	assert_int_equal(hash_bytes(NULL, 0, 1), hash_bytes("", 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_put_get_take),          cmocka_unit_test(id_agrees_with_an_array),
		cmocka_unit_test(id_next_gives_each_once),  cmocka_unit_test(str_put_get_take),
		cmocka_unit_test(str_agrees_with_an_array), cmocka_unit_test(seed_changes_the_places),
		cmocka_unit_test(hash_id_is_fixed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
