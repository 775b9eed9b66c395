/* A time is read as digits of six bits. A timer stands at the level of the highest digit in which its time differs from
 * now, in that digit's slot. So every timer of a lower level is due before every timer of a higher one, and the first
 * busy slot of the lowest busy level holds the next one. When now reaches the start of a higher slot, its timers are
 * spread over the levels below. */
#include "loop/wheel.h"

#include <assert.h>
#include <stddef.h>

#define DIGIT 6
#define FARTHEST ((INT64_C(1) << (DIGIT * WHEEL_LEVELS)) - 1)

void wheel_init(struct wheel *w, int64_t now_ms)
{
	assert(now_ms >= 0 && now_ms < FARTHEST);
	*w = (struct wheel){ .now_ms = now_ms };
	for (int l = 0; l < WHEEL_LEVELS; l++)
		for (int s = 0; s < WHEEL_SLOTS; s++) list_init(&w->slots[l][s]);
}

void wheel_put(struct wheel *w, struct timer *t)
{
	if (t->due_ms <= w->now_ms) t->due_ms = w->now_ms + 1;
	if (t->due_ms > FARTHEST) t->due_ms = FARTHEST;
	uint64_t differs = (uint64_t)(t->due_ms ^ w->now_ms);
	int level = (63 - __builtin_clzll(differs)) / DIGIT;
	int slot = (int)(t->due_ms >> (DIGIT * level)) & (WHEEL_SLOTS - 1);
	list_add_tail(&w->slots[level][slot], &t->link);
	w->busy[level] |= UINT64_C(1) << slot;
}

/* The first busy slot of the lowest busy level; false when there is none. */
static bool wheel_first(struct wheel *w, int *level, int *slot)
{
	for (int l = 0; l < WHEEL_LEVELS; l++) {
		while (w->busy[l]) {
			int s = __builtin_ctzll(w->busy[l]);
			if (!list_empty(&w->slots[l][s])) {
				*level = l, *slot = s;
				return true;
			}
			w->busy[l] &= w->busy[l] - 1;
		}
	}
	return false;
}

static int64_t slot_start(const struct wheel *w, int level, int slot)
{
	int64_t above = w->now_ms >> (DIGIT * (level + 1)) << (DIGIT * (level + 1));
	return above | ((int64_t)slot << (DIGIT * level));
}

int64_t wheel_next(struct wheel *w)
{
	int level, slot;
	return wheel_first(w, &level, &slot) ? slot_start(w, level, slot) : INT64_MAX;
}

/* Now is the start of this slot. */
static void wheel_open_slot(struct wheel *w, int level, int slot, struct list *due)
{
	struct list *head = &w->slots[level][slot], *l;
	w->busy[level] &= ~(UINT64_C(1) << slot);
	while ((l = list_pop(head))) {
		struct timer *t = container_of(l, struct timer, link);
		if (t->due_ms <= w->now_ms)
			list_add_tail(due, &t->link);
		else
			wheel_put(w, t);
	}
}

void wheel_advance(struct wheel *w, int64_t now_ms, struct list *due)
{
	int level, slot;
	while (wheel_first(w, &level, &slot)) {
		int64_t start = slot_start(w, level, slot);
		if (start > now_ms) break;
		w->now_ms = start;
		wheel_open_slot(w, level, slot, due);
	}
	if (now_ms > w->now_ms) w->now_ms = now_ms;
}
