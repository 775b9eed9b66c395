/* A hierarchical timing wheel: setting and clearing a timer is O(1), and what is due comes out in order of its time,
 * timers of one millisecond in the order in which they were set. Pure: it knows no clock. */
#ifndef LINNET_LOOP_WHEEL_H
#define LINNET_LOOP_WHEEL_H
#include <stdint.h>

#include "base/list.h"
#include "loop/reactor.h"

#define WHEEL_LEVELS 8
#define WHEEL_SLOTS 64
struct wheel {
	int64_t now_ms;
	uint64_t busy[WHEEL_LEVELS]; /* a bit for each slot; a set one may stand for an empty slot, never the reverse */
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};
void wheel_init(struct wheel *w, int64_t now_ms);
/* By t->due_ms, which is moved to the next millisecond when it is not after now_ms. */
void wheel_put(struct wheel *w, struct timer *t);
/* Moves what is due until then to the end of *due. */
void wheel_advance(struct wheel *w, int64_t now_ms, struct list *due);
/* When it wants to be advanced next; INT64_MAX when it holds nothing. May be earlier than the first timer. */
int64_t wheel_next(struct wheel *w);
#endif
