#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void zero_bytes_are_an_allocation(void **state)
{
	void *a = mem_alloc(0), *b = mem_zalloc(0), *c = mem_dup(NULL, 0);
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	assert_ptr_not_equal(a, b);
	a = mem_resize(a, 0);
	assert_non_null(a);
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(NULL);
}

static void dup_and_resize_keep_the_bytes(void **state)
{
	char *p = mem_dup("abcd", 4);
	assert_memory_equal(p, "abcd", 4);
	p = mem_resize(p, 1000);
	assert_memory_equal(p, "abcd", 4);
	mem_free(p);
	p = mem_resize(NULL, 10);
	mem_free(p);
}

static void zalloc_is_zero(void **state)
{
	static const char zero[100];
	char *p = mem_zalloc(sizeof zero);
	assert_memory_equal(p, zero, sizeof zero);
	mem_free(p);
}

static void aligned_is_aligned(void **state)
{
	for (size_t align = 8; align <= 4096; align *= 2) {
		void *p = mem_aligned(align, 3);
		assert_int_equal((uintptr_t)p % align, 0);
		mem_free(p);
	}
}

static void times_multiplies(void **state)
{
	assert_int_equal(mem_times(6, 7), 42);
	assert_int_equal(mem_times(0, SIZE_MAX), 0);
	assert_int_equal(mem_times(SIZE_MAX, 1), SIZE_MAX);
}

struct outer {
	int before;
	int member;
};

static void container_of_finds_the_whole(void **state)
{
	struct outer o;
	assert_ptr_equal(container_of(&o.member, struct outer, member), &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zero_bytes_are_an_allocation),
		cmocka_unit_test(dup_and_resize_keep_the_bytes),
		cmocka_unit_test(zalloc_is_zero),
		cmocka_unit_test(aligned_is_aligned),
		cmocka_unit_test(times_multiplies),
		cmocka_unit_test(container_of_finds_the_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
