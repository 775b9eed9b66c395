/* What clients ask over HTTP: a page of a channel, or one message again. Any pod answers; an answer of another epoch,
 * or of a pod that has died meanwhile, is none. */
#ifndef LINNET_SIM_PAGE_H
#define LINNET_SIM_PAGE_H
#include "client.h"

#define PAGE_MESSAGES 8

void page_load(struct client *k, int slot);
void page_again(struct client *k, int slot, int64_t message_id); /* where it is in the cache */
void shelf_merge(struct shelf *s, const struct held *m, bool is_new);
#endif
