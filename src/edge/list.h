/* The answer of a list, `{"items": [...], "users": [...], "next": ...}`: the items are put behind list_open(), what
 * they name behind list_more(), if anything. */
#ifndef LINNET_EDGE_LIST_H
#define LINNET_EDGE_LIST_H
#include "edge/request.h"

struct json_out list_open(struct request *q);
void list_more(struct json_out *o, const char *name);
void list_close(struct json_out *o, struct str next); /* STR_NONE: the last page */
#endif
