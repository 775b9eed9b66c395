/* Blocking people. */
#ifndef LINNET_EDGE_BLOCKS_H
#define LINNET_EDGE_BLOCKS_H
#include "edge/request.h"

enum err block_put_run(struct request *q, struct db_conn *c);
enum err block_delete_run(struct request *q, struct db_conn *c);
#endif
