/* Connections set their deadline again at every read, but few ever pass. So setting one writes a number into a dense
 * array; a sweep looks through the array at the time when the earliest known deadline may have passed, and no more
 * often than every SWEEP_MS. 18,000 deadlines are 72 KB: a few microseconds. */
#include <assert.h>

#include "base/mem.h"
#include "loop/conn_private.h"

#define SWEEP_MS 20
#define LONGEST_MS (7 * 24 * 3600 * 1000)

static void deadlines_sweep(struct reactor *r, struct timer *t);

void deadlines_init(struct deadlines *d)
{
	*d = (struct deadlines){ .sweep_ms = INT64_MAX };
	timer_init(&d->sweep, deadlines_sweep);
}

void deadlines_release(struct deadlines *d)
{
	assert(d->n == 0);
	timer_clear(&d->sweep);
	mem_free(d->due);
	mem_free(d->conns);
	deadlines_init(d);
}

void deadlines_remove(struct deadlines *d, struct conn *c)
{
	uint32_t at = c->deadline_at;
	if (at == NOWHERE) return;
	c->deadline_at = NOWHERE;
	d->n--;
	d->due[at] = d->due[d->n];
	d->conns[at] = d->conns[d->n];
	if (at < d->n) d->conns[at]->deadline_at = at;
}

static void deadlines_grow(struct deadlines *d)
{
	d->cap = d->cap ? 2 * d->cap : 64;
	d->due = mem_resize(d->due, d->cap * sizeof *d->due);
	d->conns = mem_resize(d->conns, d->cap * sizeof *d->conns);
}

static void deadlines_sweep_at(struct deadlines *d, struct reactor *r, int64_t now_ms, int64_t due_ms)
{
	if (due_ms >= d->sweep_ms) return;
	d->sweep_ms = due_ms;
	timer_set(r, &d->sweep, due_ms - now_ms);
}

void deadlines_set(struct deadlines *d, struct conn *c, int64_t ms, void (*fire)(struct conn *))
{
	int64_t now = reactor_now_ms(c->layer->reactor);
	if (ms < 0) ms = 0;
	if (ms > LONGEST_MS) ms = LONGEST_MS;
	if (c->deadline_at == NOWHERE) {
		if (d->n == d->cap) deadlines_grow(d);
		c->deadline_at = (uint32_t)d->n;
		d->conns[d->n++] = c;
	}
	c->deadline = fire;
	d->due[c->deadline_at] = (uint32_t)(now + ms + 1);
	deadlines_sweep_at(d, c->layer->reactor, now, now + ms + 1);
}

/* The earliest, from now; those that have passed count as 0. */
static int64_t deadlines_left(const struct deadlines *d, uint32_t now)
{
	int32_t least = INT32_MAX;
	for (size_t i = 0; i < d->n; i++) {
		int32_t left = (int32_t)(d->due[i] - now);
		least = left < least ? left : least;
	}
	return least > 0 ? least : 0;
}

/* A deadline's call may set and remove others, which moves entries: one that is passed over so is found by the next
 * sweep. */
static void deadlines_sweep(struct reactor *r, struct timer *t)
{
	struct deadlines *d = container_of(t, struct deadlines, sweep);
	int64_t now = reactor_now_ms(r);
	d->sweep_ms = INT64_MAX;
	for (size_t i = 0; i < d->n;) {
		struct conn *c = d->conns[i];
		if ((int32_t)(d->due[i] - (uint32_t)now) > 0) {
			i++;
			continue;
		}
		deadlines_remove(d, c);
		c->deadline(c);
	}
	if (d->n == 0) return;
	int64_t left = deadlines_left(d, (uint32_t)now);
	deadlines_sweep_at(d, r, now, now + (left < SWEEP_MS ? SWEEP_MS : left));
}

void conn_deadline(struct conn *c, int64_t ms, void (*fire)(struct conn *))
{
	struct deadlines *d = &c->layer->deadlines;
	assert(reactor_here(c->layer->reactor));
	if (c->state >= CONN_FINISHING) return;
	if (fire)
		deadlines_set(d, c, ms, fire);
	else
		deadlines_remove(d, c);
}
