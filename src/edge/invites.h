/* Handlers of /invites (routes.def). */
#ifndef LINNET_EDGE_INVITES_H
#define LINNET_EDGE_INVITES_H
#include "edge/request.h"

enum err invite_create_take(struct request *q);
enum err invite_create_run(struct request *q, struct db_conn *c);
enum err invite_list_take(struct request *q);
enum err invite_list_run(struct request *q, struct db_conn *c);
enum err invite_get_run(struct request *q, struct db_conn *c);
enum err invite_accept_take(struct request *q);
enum err invite_delete_run(struct request *q, struct db_conn *c);
#endif
