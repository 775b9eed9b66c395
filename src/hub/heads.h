/* Reading heads: of owners that open, in one statement for all of a turn, and of all that is
 * served, people too, where a head check cannot tell what has moved. */
#ifndef LINNET_HUB_HEADS_H
#define LINNET_HUB_HEADS_H
#include "hub/owner.h"
#include "hub/person.h"

void heads_want(struct owner *o);               /* its head is read at the end of this turn */
void heads_open(struct hub_reactor *hr);        /* turn hook: those in hr->opening */
void heads_want_person(struct person *p);       /* so is theirs */
void heads_people(struct hub_reactor *hr);      /* turn hook: those in hr->doubted */
void heads_all(struct hub_reactor *hr);         /* of everything served here: channels and people */
void heads_unconfirmed(struct hub_reactor *hr); /* those that wait for the bus wait no longer: it is away */
#endif
