/* Who has had how much of a lane's time. Nobody gets more than half of a thread for long: what was used is paid back at
 * that pace, and who owes too much waits. So one who asks for much leaves room for the others, who queue in the same
 * lane. Any thread. */
#ifndef LINNET_APP_SHARE_H
#define LINNET_APP_SHARE_H
#include <stdbool.h>
#include <stdint.h>

#define SHARES_MOST 1024 /* people that are remembered; who owes least is forgotten */
#define SHARES_BURST 3   /* pieces of work at once, and from then on one after the other is paid back */

struct shares;
struct shares *shares_create(void);
void shares_destroy(struct shares *s);
/* May that person have for_ms? Then they are used, until some are given back. Else *retry_ms (1 at least) says when. */
bool shares_take(struct shares *s, int64_t user_id, int64_t now_ms, int64_t for_ms, int64_t *retry_ms);
void shares_give(struct shares *s, int64_t user_id, int64_t unused_ms);
#endif
