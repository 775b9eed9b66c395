#include "rig.h"

#include "base/random.h"
#include "loop/outq.h"

static void neighbours_in_one_chunk_are_joined(void **state)
{
	struct outq q;
	struct iovec iov[8];
	struct chunk *c = chunk_copy("0123456789", 10), *d = chunk_copy("ab", 2);
	outq_init(&q);
	outq_add(&q, c, 0, 2);
	outq_add(&q, c, 2, 3);
	outq_add(&q, c, 6, 1);
	outq_add(&q, d, 0, 2);
	outq_add(&q, c, 7, 3);
	outq_add(&q, c, 3, 0);
	assert_int_equal(outq_iov(&q, iov, 8), 4);
	assert_int_equal(iov[0].iov_len, 5);
	assert_memory_equal(iov[3].iov_base, "789", 3);
	assert_int_equal(outq_iov(&q, iov, 2), 2);
	assert_int_equal(q.bytes, 11);
	assert_int_equal(atomic_load(&c->refs), 4); /* one for each range and ours */
	outq_drop(&q, 4);
	assert_int_equal(outq_iov(&q, iov, 8), 4);
	assert_memory_equal(iov[0].iov_base, "4", 1);
	outq_drop(&q, 2);
	assert_int_equal(atomic_load(&c->refs), 2);
	outq_release(&q);
	assert_int_equal(atomic_load(&c->refs), 1);
	assert_int_equal(q.bytes, 0);
	chunk_unref(c);
	chunk_unref(d);
}

static void small_copies_share_a_chunk(void **state)
{
	struct outq q;
	struct iovec iov[64];
	char got[4000], big[3000];
	memset(big, 'B', sizeof big);
	outq_init(&q);
	for (int i = 0; i < 500; i++) outq_add_copy(&q, "xy", 2);
	assert_int_equal(outq_iov(&q, iov, 64), 1);
	outq_add_copy(&q, big, sizeof big); /* fills up the rest, then has its own */
	assert_int_equal(outq_iov(&q, iov, 64), 2);
	struct chunk *c = chunk_copy("z", 1);
	outq_add(&q, c, 0, 1);
	outq_add_copy(&q, "after", 5); /* not into the other's chunk */
	assert_int_equal(outq_iov(&q, iov, 64), 4);
	size_t n = 0;
	for (int i = 0; i < 4; i++) {
		if (n + iov[i].iov_len > sizeof got) break;
		memcpy(got + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	assert_memory_equal(c->p, "z", 1);
	chunk_unref(c);
	assert_int_equal(q.bytes, 4006);
	outq_release(&q);
}

/* Random adding and dropping, against a plain buffer. */
static void what_goes_in_comes_out_in_order(void **state)
{
	static char in[1 << 20];
	struct random_seeded random;
	struct outq q;
	struct iovec iov[16];
	size_t added = 0, dropped = 0;
	random_seeded_init(&random, 11);
	struct chunk *c = chunk_create(256);
	for (int i = 0; i < 256; i++) c->p[i] = (char)i;
	outq_init(&q);
	for (int step = 0; step < 20000; step++) {
		size_t n = random_below(&random.base, 40), at = random_below(&random.base, 256 - n);
		uint64_t what = random_below(&random.base, 7);
		if (what < 3 && added + n <= sizeof in) {
			memcpy(in + added, c->p + at, n);
			if (what == 0)
				outq_add_copy(&q, c->p + at, n);
			else
				outq_add(&q, c, at, n);
			added += n;
		} else if (what > 2) {
			if (n > q.bytes) n = q.bytes;
			size_t left = n;
			for (int i = 0, m = outq_iov(&q, iov, 16); i < m && left > 0; i++) {
				size_t k = iov[i].iov_len < left ? iov[i].iov_len : left;
				assert_memory_equal(iov[i].iov_base, in + dropped + (n - left), k);
				left -= k;
			}
			outq_drop(&q, n - left);
			dropped += n - left;
		}
		assert_int_equal(q.bytes, added - dropped);
	}
	assert_true(dropped > 100000);
	outq_release(&q);
	assert_int_equal(atomic_load(&c->refs), 1);
	chunk_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_in_one_chunk_are_joined),
		cmocka_unit_test(small_copies_share_a_chunk),
		cmocka_unit_test(what_goes_in_comes_out_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
