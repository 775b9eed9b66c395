#include "rig.h"

#include "base/random.h"
#include "loop/wheel.h"

struct entry {
	struct timer timer;
	int64_t asked_ms;
	int number;
};

static void never(struct reactor *r, struct timer *t) {}

static void put(struct wheel *w, struct entry *e, int64_t due_ms)
{
	list_del(&e->timer.link);
	e->asked_ms = e->timer.due_ms = due_ms;
	wheel_put(w, &e->timer);
}

static struct entry *take(struct list *due)
{
	struct list *l = list_pop(due);
	return l ? container_of(l, struct entry, timer.link) : NULL;
}

static void nothing_is_due_in_an_empty_wheel(void **state)
{
	struct wheel w;
	struct list due;
	list_init(&due);
	wheel_init(&w, 1000);
	assert_int_equal(wheel_next(&w), INT64_MAX);
	wheel_advance(&w, INT64_C(1) << 40, &due);
	assert_true(list_empty(&due));
	assert_int_equal(w.now_ms, INT64_C(1) << 40);
}

static void the_past_is_the_next_millisecond(void **state)
{
	struct wheel w;
	struct list due;
	struct entry e = { 0 };
	list_init(&due);
	timer_init(&e.timer, never);
	wheel_init(&w, 1000);
	put(&w, &e, 5);
	assert_int_equal(wheel_next(&w), 1001);
	wheel_advance(&w, 1000, &due);
	assert_null(take(&due));
	wheel_advance(&w, 1001, &due);
	assert_ptr_equal(take(&due), &e);
}

/* Far and near, across every digit, in one jump and step by step. */
static void every_distance_comes_out_at_its_time(void **state)
{
	static const int64_t starts[] = { 0, 1, 63, 64, 4095, 4096, 123456789, INT64_C(1) << 41 };
	struct wheel w;
	struct list due;
	struct entry e = { 0 };
	list_init(&due);
	timer_init(&e.timer, never);
	for (size_t s = 0; s < countof(starts); s++) {
		for (int bit = 0; bit < 42; bit++) {
			for (int off = -1; off <= 1; off++) {
				int64_t at = starts[s] + (INT64_C(1) << bit) + off;
				if (at <= starts[s]) continue;
				wheel_init(&w, starts[s]);
				put(&w, &e, at);
				wheel_advance(&w, at - 1, &due);
				assert_true(list_empty(&due));
				while (wheel_next(&w) < at) wheel_advance(&w, wheel_next(&w), &due);
				assert_true(list_empty(&due));
				assert_int_equal(wheel_next(&w), at);
				wheel_advance(&w, at, &due);
				assert_ptr_equal(take(&due), &e);
				assert_int_equal(wheel_next(&w), INT64_MAX);
			}
		}
	}
}

static void equals_come_out_in_the_order_of_their_setting(void **state)
{
	struct wheel w;
	struct list due;
	struct entry e[3] = { 0 };
	list_init(&due);
	wheel_init(&w, 0);
	for (int i = 0; i < 3; i++) timer_init(&e[i].timer, never);
	put(&w, &e[0], 70000); /* from far away, */
	wheel_advance(&w, 69990, &due);
	put(&w, &e[1], 70000); /* from near */
	put(&w, &e[2], 69999);
	wheel_advance(&w, 80000, &due);
	assert_ptr_equal(take(&due), &e[2]);
	assert_ptr_equal(take(&due), &e[0]);
	assert_ptr_equal(take(&due), &e[1]);
}

#define ENTRIES 400
static void a_long_run_agrees_with_a_plain_list(void **state)
{
	struct random_seeded random;
	static struct entry e[ENTRIES];
	struct wheel w;
	struct list due;
	random_seeded_init(&random, 7);
	list_init(&due);
	wheel_init(&w, 12345);
	for (int i = 0; i < ENTRIES; i++) timer_init(&e[i].timer, never);
	for (int step = 0; step < 20000; step++) {
		struct entry *one = &e[random_below(&random.base, ENTRIES)];
		uint64_t what = random_below(&random.base, 4);
		if (what < 2) {
			put(&w, one, w.now_ms + 1 + (int64_t)random_below(&random.base, UINT64_C(1) << (1 + step % 24)));
		} else if (what == 2) {
			list_del(&one->timer.link);
		} else {
			int64_t before = w.now_ms, now = before + (int64_t)random_below(&random.base, UINT64_C(1) << (step % 20));
			int want = 0, got = 0;
			for (int i = 0; i < ENTRIES; i++) want += timer_pending(&e[i].timer) && e[i].asked_ms <= now;
			int64_t last = before;
			wheel_advance(&w, now, &due);
			for (struct entry *x; (x = take(&due)); got++) {
				assert_true(x->asked_ms > before && x->asked_ms <= now && x->asked_ms >= last);
				last = x->asked_ms;
			}
			assert_int_equal(got, want);
		}
		int64_t least = INT64_MAX;
		for (int i = 0; step % 50 == 0 && i < ENTRIES; i++)
			if (timer_pending(&e[i].timer) && e[i].asked_ms < least) least = e[i].asked_ms;
		if (step % 50 == 0) assert_true(wheel_next(&w) <= least && wheel_next(&w) > w.now_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_in_an_empty_wheel),
		cmocka_unit_test(the_past_is_the_next_millisecond),
		cmocka_unit_test(every_distance_comes_out_at_its_time),
		cmocka_unit_test(equals_come_out_in_the_order_of_their_setting),
		cmocka_unit_test(a_long_run_agrees_with_a_plain_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
