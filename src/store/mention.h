/* Who a message names, as rows. */
#ifndef LINNET_STORE_MENTION_H
#define LINNET_STORE_MENTION_H
#include "db/db.h"
#include "model/message.h"

/* Fills m's mentions from its body: members of the channel, but for the author and who has blocked them. `all`: whether
 * @channel counts. */
enum err mentions_resolve(struct db_conn *c, struct arena *a, struct message *m, bool all);
enum err mentions_write(struct db_conn *c, const struct message *m, int64_t at);
enum err mentions_rewrite(struct db_conn *c, const struct message *m, int64_t at); /* of an edit */
#endif
