#include "rig.h"

#include "loop/slab.h"

static void objects_are_zeroed_aligned_apart_and_used_again(void **state)
{
	struct slab s;
	char *p[2000];
	slab_init(&s, 37);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 2000; i++) {
			p[i] = slab_take(&s);
			assert_int_equal((uintptr_t)p[i] % 16, 0);
			for (int k = 0; k < 37; k++) assert_int_equal(p[i][k], 0);
			memset(p[i], i, 37);
		}
		for (int i = 0; i < 2000; i++)
			for (int k = 0; k < 37; k++) assert_int_equal(p[i][k], (char)i);
		assert_int_equal(s.used, 2000);
		for (int i = 0; i < 2000; i++) slab_give(&s, p[i]);
	}
	slab_release(&s);
}

static void one_given_back_is_the_next_one_taken(void **state)
{
	struct slab s;
	slab_init(&s, 1);
	void *a = slab_take(&s), *b = slab_take(&s);
	slab_give(&s, a);
	assert_ptr_equal(slab_take(&s), a);
	slab_give(&s, a);
	slab_give(&s, b);
	slab_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_aligned_apart_and_used_again),
		cmocka_unit_test(one_given_back_is_the_next_one_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
