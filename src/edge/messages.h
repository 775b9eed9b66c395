/* Handlers of messages and catch-up (routes.def). */
#ifndef LINNET_EDGE_MESSAGES_H
#define LINNET_EDGE_MESSAGES_H
#include "edge/request.h"
#include "store/history.h"

/* The members `refs`, `users` and `mine`: what the messages of a page name. */
void message_page_named(struct json_out *o, const struct page *p);

enum err message_list_take(struct request *q);
enum err message_list_run(struct request *q, struct db_conn *c);
enum err message_create_take(struct request *q);
enum err changes_list_take(struct request *q);
enum err changes_list_run(struct request *q, struct db_conn *c);
enum err message_id_take(struct request *q);
enum err message_get_run(struct request *q, struct db_conn *c);
/* message_read() found none: only to a member is it the message that is missing. */
enum err message_missing(struct request *q, struct db_conn *c, int64_t channel_id);
enum err message_patch_take(struct request *q);
enum err message_delete_take(struct request *q);
#endif
