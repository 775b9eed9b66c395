/* A WebSocket of a signed-in person: the connection's handler after the upgrade, and the two dialects in which the hub
 * writes to it (JSON, and JSON compressed). reactor */
#ifndef LINNET_EDGE_WS_GATE_H
#define LINNET_EDGE_WS_GATE_H
#include "app/pod.h"
#include "hub/frame.h"
#include "loop/conn.h"
#include "model/user.h"

#define CURSORS_MOST 1000 /* of one hello frame */

/* Takes the connection over; `leftover` came with the request's bytes. err not OK: closed at once with its close code
 * (a browser cannot read an answer to the upgrade). */
void ws_open(struct pod *pod, struct conn *conn, const struct actor *actor, bool deflate, struct str leftover,
			 enum err err);

enum ws_dialect { WS_JSON, WS_DEFLATED, WS_DIALECTS };
extern const struct dialect ws_dialects[WS_DIALECTS]; /* the first rows of the hub's table */
#endif
