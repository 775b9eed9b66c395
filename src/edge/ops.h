/* What operators and their machines ask: alive, ready, numbers, version. */
#ifndef LINNET_EDGE_OPS_H
#define LINNET_EDGE_OPS_H
#include "edge/request.h"

enum err ops_health(struct request *q, struct db_conn *c);
enum err ops_ready(struct request *q, struct db_conn *c);
enum err ops_metrics(struct request *q, struct db_conn *c);
enum err ops_front(struct request *q, struct db_conn *c); /* what this is and where to go on */
enum err ops_version(struct request *q, struct db_conn *c);
enum err ops_openapi(struct request *q, struct db_conn *c);
#endif
