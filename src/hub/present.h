/* Who wrote in a channel lately, for channels whose members are too many to be looked at one by one: the set
 * channel_members:ID, which those who type are put into, too. Taken from the rings of owners now and then, so that
 * nothing on a message's way knows of it. reactor */
#ifndef LINNET_HUB_PRESENT_H
#define LINNET_HUB_PRESENT_H
#include "hub/hub_reactor.h"

void present_sweep(struct hub_reactor *hr);
#endif
