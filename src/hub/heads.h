/* Reading heads: of owners that open, in one statement for all of a turn, and of all owners while the bus may lose
 * things. */
#ifndef LINNET_HUB_HEADS_H
#define LINNET_HUB_HEADS_H
#include "hub/owner.h"

void heads_want(struct owner *o);        /* its head is read at the end of this turn */
void heads_open(struct hub_reactor *hr); /* turn hook: those in hr->opening */
void heads_check_due(struct reactor *r, struct timer *t);
void heads_away(struct hub *h, bool away); /* any thread: they are read now, and while it is away often */
#endif
