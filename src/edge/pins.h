/* Handlers of pins (routes.def). */
#ifndef LINNET_EDGE_PINS_H
#define LINNET_EDGE_PINS_H
#include "edge/request.h"

enum err pin_list_take(struct request *q);
enum err pin_list_run(struct request *q, struct db_conn *c);
enum err pin_put_take(struct request *q);
enum err pin_delete_take(struct request *q);
#endif
