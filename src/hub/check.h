/* The head check: what this pod was not told of, asked of the database every few seconds, and more often while the bus
 * is away (sync: Head check). One for the pod: reactor 0 asks, each reactor takes what it serves. Where the bus is
 * certain, and nobody else writes to the database, there is none. */
#ifndef LINNET_HUB_CHECK_H
#define LINNET_HUB_CHECK_H
#include "hub/hub_reactor.h"

struct check *check_create(struct hub *h);
void check_begin(struct check *c);           /* reactor 0: the first one comes head_check_ms from now */
void check_soon(struct check *c);            /* reactor 0: at once, or right after the one that is under way */
int64_t check_age_ms(const struct check *c); /* since the last good one was asked; -1: none yet. Any thread */
void check_stop(struct check *c);
void check_destroy(struct check *c);

/* The link to the other pods was lost, or is back. Meanwhile who subscribes is served by head checks alone. Any thread.
 */
void heads_away(struct hub *h, bool away);
#endif
