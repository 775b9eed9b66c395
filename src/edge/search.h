/* Handlers of search (routes.def). */
#ifndef LINNET_EDGE_SEARCH_H
#define LINNET_EDGE_SEARCH_H
#include "edge/request.h"

enum err search_take(struct request *q);
enum err search_run(struct request *q, struct db_conn *c);
#endif
