/* People, as others see them; and what the server is. */
#ifndef LINNET_EDGE_USERS_H
#define LINNET_EDGE_USERS_H
#include "edge/request.h"

#define USER_IDS_MOST 100 /* asked for at once */

enum err user_list_take(struct request *q);
enum err user_list_run(struct request *q, struct db_conn *c);
enum err user_get_run(struct request *q, struct db_conn *c);
enum err server_get_run(struct request *q, struct db_conn *c); /* server.c */
enum err server_patch_take(struct request *q);                 /* start */
#endif
