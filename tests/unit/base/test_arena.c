#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void pieces_are_aligned_and_apart(void **state)
{
	struct arena a;
	arena_init(&a);
	struct {
		unsigned char *p;
		size_t n;
	} pieces[400];
	for (size_t i = 0; i < countof(pieces); i++) { /* small, odd, larger than any block, in turn */
		pieces[i].n = i % 50 == 49 ? 100000 : i * 7 % 600;
		pieces[i].p = arena_alloc(&a, pieces[i].n);
		assert_int_equal((uintptr_t)pieces[i].p % 16, 0);
		memset(pieces[i].p, (int)i, pieces[i].n);
	}
	for (size_t i = 0; i < countof(pieces); i++)
		for (size_t k = 0; k < pieces[i].n; k++) assert_int_equal(pieces[i].p[k], (unsigned char)i);
	assert_true(a.used > 800000);
	arena_release(&a);
	assert_null(a.blocks);
	assert_int_equal(a.used, 0);
	arena_release(&a);
}

static void a_large_first_piece_leaves_room_for_small_ones(void **state)
{
	struct arena a;
	arena_init(&a);
	char *large = arena_alloc(&a, 1 << 20);
	memset(large, 1, 1 << 20);
	char *small = arena_zalloc(&a, 10);
	memset(small, 2, 10);
	assert_int_equal(large[(1 << 20) - 1], 1);
	arena_release(&a);
}

static void nothing_is_taken_before_it_is_asked_for(void **state)
{
	struct arena a;
	arena_init(&a);
	assert_null(a.blocks);
	assert_non_null(arena_alloc(&a, 0));
	arena_release(&a);
}

static void new_and_array_are_zero(void **state)
{
	static const char zero[800];
	struct arena a;
	arena_init(&a);
	memset(arena_alloc(&a, 500), 0xff, 500);
	int64_t *p = arena_array(&a, int64_t, 100);
	assert_memory_equal(p, zero, sizeof zero);
	struct str *s = arena_new(&a, struct str);
	assert_null(s->p);
	arena_release(&a);
}

static void copies_have_a_nul_behind(void **state)
{
	struct arena a;
	arena_init(&a);
	struct str s = arena_str(&a, str_upto(STR("abcdef"), 3));
	assert_int_equal(s.n, 3);
	assert_string_equal(s.p, "abc");
	assert_null(arena_str(&a, STR_NONE).p);
	assert_non_null(arena_str(&a, STR("")).p);
	assert_string_equal(arena_cstr(&a, STR("x")), "x");
	assert_string_equal(arena_cstr(&a, STR_NONE), "");
	arena_release(&a);
}

static void printf_of_any_length(void **state)
{
	struct arena a;
	arena_init(&a);
	struct str s = arena_printf(&a, "%s-%d", "a", 5);
	assert_string_equal(s.p, "a-5");
	assert_int_equal(s.n, 3);
	assert_int_equal(arena_printf(&a, "%s", "").n, 0);
	for (int n = 250; n < 262; n++) { /* around what fits on the stack */
		s = arena_printf(&a, "%*d", n, 7);
		assert_int_equal(s.n, n);
		assert_int_equal(strlen(s.p), n);
		assert_int_equal(s.p[n - 1], '7');
	}
	s = arena_printf(&a, "%*d", 200000, 7);
	assert_int_equal(strlen(s.p), 200000);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_and_apart),
		cmocka_unit_test(a_large_first_piece_leaves_room_for_small_ones),
		cmocka_unit_test(nothing_is_taken_before_it_is_asked_for),
		cmocka_unit_test(new_and_array_are_zero),
		cmocka_unit_test(copies_have_a_nul_behind),
		cmocka_unit_test(printf_of_any_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
