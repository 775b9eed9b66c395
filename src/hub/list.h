/* Telling a session its list of channels: whole with `ready`, then what differs, as often as it was read. reactor */
#ifndef LINNET_HUB_LIST_H
#define LINNET_HUB_LIST_H
#include "hub/reading.h"
#include "hub/session.h"

void list_take(struct session *s, struct reading *r); /* it was read */
void list_drained(struct session *s);                 /* goes on with a `ready` that the socket did not take whole */
void list_forget(struct session *s);                  /* the session is closed */
/* They have left a channel without a change in its stream. */
void list_left(struct session *s, const struct user_news *n);
/* News of the person's own things. A frame that cannot be told now makes the list be read again: it has what the frame
 * had. */
void list_news(struct session *s, const struct user_news *n);
#endif
