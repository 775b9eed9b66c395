/* Healing: an owner that knows of a gap reads what is missing once for the pod. reactor (the owner's) */
#ifndef LINNET_HUB_HEAL_H
#define LINNET_HUB_HEAL_H
#include "hub/owner.h"

void heal_start(
	struct owner *o); /* waits LINNET_HEAL_WAIT_MS for the gap to close by itself, then reads; once at a time */
void heal_due(struct reactor *r, struct timer *t);
#endif
