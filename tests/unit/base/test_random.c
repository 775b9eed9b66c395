#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void kernel_fills_all_bytes(void **state)
{
	unsigned char bytes[2000] = { 0 }, seen[2000] = { 0 };
	for (int round = 0; round < 8; round++) {
		random_kernel.bytes(&random_kernel, bytes, sizeof bytes);
		for (size_t i = 0; i < sizeof bytes; i++) seen[i] |= bytes[i];
	}
	for (size_t i = 0; i < sizeof seen; i++) assert_int_not_equal(seen[i], 0); /* by chance: once in 2^53 */
	random_kernel.bytes(&random_kernel, bytes, 0);
}

static void one_seed_is_one_sequence(void **state)
{
	struct random_seeded a, b, c;
	random_seeded_init(&a, 1);
	random_seeded_init(&b, 1);
	random_seeded_init(&c, 2);
	int same = 0;
	for (int i = 0; i < 100; i++) {
		uint64_t v = random_u64(&a.base);
		assert_int_equal(v, random_u64(&b.base));
		same += v == random_u64(&c.base);
	}
	assert_int_equal(same, 0);
}

static void seed_nought_is_no_dead_state(void **state)
{
	struct random_seeded r;
	random_seeded_init(&r, 0);
	uint64_t all = 0;
	for (int i = 0; i < 64; i++) all |= random_u64(&r.base);
	assert_int_equal(all, UINT64_MAX);
}

/* A recorded run must stay what it was: the sequence is part of the contract. */
static void sequence_is_fixed(void **state)
{
	struct random_seeded r = { 0 };
	random_seeded_init(&r, 0);
	r.s[0] = 1, r.s[1] = 2, r.s[2] = 3, r.s[3] = 4;
	static const uint64_t expected[] = { 11520, 0, 1509978240, 1215971899390074240u };
	for (int i = 0; i < 4; i++) assert_int_equal(random_u64(&r.base), expected[i]);
}

static void below_is_even(void **state)
{
	enum { N = 7, DRAWS = 70000 };
	struct random_seeded r;
	int counts[N] = { 0 };
	random_seeded_init(&r, 5);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t v = random_below(&r.base, N);
		assert_true(v < N);
		counts[v]++;
	}
	for (int i = 0; i < N; i++) assert_in_range(counts[i], DRAWS / N * 95 / 100, DRAWS / N * 105 / 100);
	for (int i = 0; i < 100; i++) assert_int_equal(random_below(&r.base, 1), 0);
	for (int i = 0; i < 100; i++) assert_true(random_below(&r.base, UINT64_MAX) < UINT64_MAX);
}

/* With n just over half of the range a plain remainder would give low numbers twice as often. */
static void below_is_not_biased(void **state)
{
	struct random_seeded r;
	uint64_t n = UINT64_C(3) << 62;
	int low = 0;
	random_seeded_init(&r, 9);
	for (int i = 0; i < 3000; i++) low += random_below(&r.base, n) < n / 3;
	assert_in_range(low, 900, 1100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_fills_all_bytes),
		cmocka_unit_test(one_seed_is_one_sequence),
		cmocka_unit_test(seed_nought_is_no_dead_state),
		cmocka_unit_test(sequence_is_fixed),
		cmocka_unit_test(below_is_even),
		cmocka_unit_test(below_is_not_biased),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
