/* A reactor run in the test's own thread until the test says it is done. */
#ifndef LINNET_TESTS_LOOP_RIG_H
#define LINNET_TESTS_LOOP_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "loop/conn.h"
#include "loop/reactor.h"

static inline struct reactor *rig_open(void)
{
	struct reactor *r = reactor_create(&(struct reactor_options){ 0 });
	conn_layer_open(r, 65536);
	return r;
}

static inline void rig_close(struct reactor *r)
{
	conn_layer_close(r);
	reactor_destroy(r);
}

static inline void rig_late(struct reactor *r, struct timer *t)
{
	fprintf(stderr, "what the test waits for did not happen within 20 s\n");
	abort();
}

/* Until reactor_stop(). */
static inline void rig_run(struct reactor *r)
{
	struct timer guard;
	timer_init(&guard, rig_late);
	timer_set(r, &guard, 20000);
	reactor_run(r);
	timer_clear(&guard);
}
#endif
