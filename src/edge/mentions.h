/* GET /mentions, and what a message said before (routes.def). */
#ifndef LINNET_EDGE_MENTIONS_H
#define LINNET_EDGE_MENTIONS_H
#include "edge/request.h"

enum err mention_list_take(struct request *q);
enum err mention_list_run(struct request *q, struct db_conn *c);
/* versions.c */
enum err message_history_take(struct request *q);
enum err message_history_run(struct request *q, struct db_conn *c);
#endif
