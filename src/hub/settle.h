/* An epoch that this pod has found is stored, and `moves` emptied, before anybody is served (sync: Epochs). reactor 0
 */
#ifndef LINNET_HUB_SETTLE_H
#define LINNET_HUB_SETTLE_H
#include "hub/hub_reactor.h"

struct settle *settle_create(struct hub *h);
void settle_destroy(struct settle *s);
void settle_soon(struct settle *s); /* hub.unsettled was set. Any thread */
#endif
