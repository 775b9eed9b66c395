/* Handlers of messages and catch-up (routes.def). */
#ifndef LINNET_EDGE_MESSAGES_H
#define LINNET_EDGE_MESSAGES_H
#include "edge/request.h"
#include "store/history.h"

#define CHANGES_MOST 500 /* of one answer */

void message_put_many(struct json_out *o, const char *name, const struct message *m, size_t n);
/* The members `epoch`, `rev` and `at` of an answer: of which moment it is. */
void message_put_position(struct json_out *o, uint64_t epoch, int64_t rev, int64_t at);
/* ERR_UNAVAILABLE for a page of a history that this pod does not serve, or of one that is not stored yet. */
enum err message_present(struct request *q, uint64_t epoch);
/* The query's place of a page: a message_id or a time. */
enum err message_place_take(struct request *q, const char *name, enum page_kind kind, struct page_query *p);
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
