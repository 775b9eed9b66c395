/* What a client asks to send, read from JSON, and the answer to it: the same over HTTP and WebSocket. */
#ifndef LINNET_EDGE_SEND_H
#define LINNET_EDGE_SEND_H
#include "app/append.h"
#include "proto/json.h"

/* Takes nonce, body, kind, reply_to, thread_id, in_channel from `in`; the body is checked. Faults go to in->problem;
 * json_in_close() says whether all was well. Strings are copied to the arena. */
void send_read(struct json_in *in, struct arena *a, const struct config *config, struct send *out);
/* The message as it is now; to one who is no member any more only its ids, nonce and created_at. */
void send_answer(struct json_out *o, const struct change *c);
#endif
