/* /auth/me/settings: what a person's clients keep for them. */
#ifndef LINNET_EDGE_SETTINGS_H
#define LINNET_EDGE_SETTINGS_H
#include "edge/request.h"

enum err setting_list_run(struct request *q, struct db_conn *c);
enum err setting_put_take(struct request *q);
enum err setting_put_run(struct request *q, struct db_conn *c);
enum err setting_delete_take(struct request *q);
enum err setting_delete_run(struct request *q, struct db_conn *c);
#endif
