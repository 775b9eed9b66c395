/* GET /ws: from a request to a WebSocket. Not upgraded: 426 without the wish, 400 for a bad key or version, 403 for a
 * page of another origin, 429, 503 while draining or when the session cannot be read. Anything about the session itself
 * is told by a close code after the 101, since a browser cannot read a refusal. */
#ifndef LINNET_EDGE_UPGRADE_H
#define LINNET_EDGE_UPGRADE_H
#include "edge/request.h"

enum err upgrade_take(struct request *q);
#endif
