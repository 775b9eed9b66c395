#include "rig.h"

#include <assert.h>
#include <pthread.h>

#include "loop/chunk.h"

static void a_chunk_lives_as_long_as_its_last_reference(void **state)
{
	struct chunk *c = chunk_copy("abc", 3);
	assert_int_equal(c->n, 3);
	assert_ptr_equal(chunk_ref(c), c);
	chunk_unref(c);
	assert_memory_equal(c->p, "abc", 3);
	chunk_unref(c);
	chunk_unref(NULL);
	c = chunk_copy(NULL, 0);
	assert_int_equal(c->n, 0);
	chunk_unref(c);
}

static void *ref_and_unref(void *arg)
{
	struct chunk *c = arg;
	for (int i = 0; i < 10000; i++) {
		chunk_ref(c);
		assert(c->p[0] == 'x');
		chunk_unref(c);
	}
	chunk_unref(c);
	return NULL;
}

static void threads_share_it(void **state)
{
	struct chunk *c = chunk_copy("x", 1);
	pthread_t t[3];
	for (int i = 0; i < 3; i++) {
		chunk_ref(c);
		pthread_create(&t[i], NULL, ref_and_unref, c);
	}
	chunk_unref(c);
	for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chunk_lives_as_long_as_its_last_reference),
		cmocka_unit_test(threads_share_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
