/* What the bus brings to a reactor, as mails. The bus may be faster than the reactor, so what waits is bounded, by
 * number and bytes (LINNET_HUB_QUEUE, LINNET_HUB_QUEUE_BYTES). What does not fit is dropped and only whom it concerned
 * is remembered: once the reactor comes to it, their heads are read, and what was missed is healed. Hints are lost. */
#ifndef LINNET_HUB_INBOX_H
#define LINNET_HUB_INBOX_H
#include "hub/hub_reactor.h"

struct inbox *inbox_create(struct hub_reactor *hr);
void inbox_destroy(struct inbox *b); /* after its reactor */
struct bus_sink inbox_sink(struct hub *h);
#endif
