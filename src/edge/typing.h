/* Somebody is typing: a hint to those who are in the channel now. */
#ifndef LINNET_EDGE_TYPING_H
#define LINNET_EDGE_TYPING_H
#include "edge/request.h"

/* ERR_RATE_LIMITED: told a moment ago; *retry_ms says when it may be told again. The caller has judged membership. */
enum err typing_tell(struct pod *pod, int64_t user_id, int64_t channel_id, int64_t thread_id, int64_t *retry_ms);

enum err typing_take(struct request *q);
enum err typing_run(struct request *q, struct db_conn *c);
#endif
