/* A timer of the append, which has no reactor of its own: any thread arms it on the reactor of somebody who waits. It
 * outlives the append where its reactor still holds it, and then does nothing. */
#ifndef LINNET_APP_APPEND_TIMER_H
#define LINNET_APP_APPEND_TIMER_H
#include <stdbool.h>
#include <stdint.h>

#include "loop/reactor.h"

struct append;
struct append_timer;
/* fire: on that reactor; true: once more after the same time. */
struct append_timer *append_timer_create(struct append *a, int64_t delay_ms, bool (*fire)(struct append *a));
void append_timer_arm(struct append_timer *t, struct reactor *r); /* does nothing while it is armed */
bool append_timer_claim(struct append_timer *t);                  /* true: it was armed, and will not fire any more */
/* Waits for `fire` where it is running; never call it under a lock that `fire` takes. */
void append_timer_destroy(struct append_timer *t);
#endif
