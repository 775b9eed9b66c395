/* Handlers of reactions (routes.def). */
#ifndef LINNET_EDGE_REACTIONS_H
#define LINNET_EDGE_REACTIONS_H
#include "edge/request.h"

enum err reaction_list_take(struct request *q);
enum err reaction_list_run(struct request *q, struct db_conn *c);
enum err reaction_put_take(struct request *q);
enum err reaction_delete_take(struct request *q);
#endif
