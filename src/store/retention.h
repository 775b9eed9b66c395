/* Retention (sync: The log of a channel). First a channel's min_rev and min_id are raised by a change of kind
 * CHANGE_RETAIN, which says so to everybody; from then on what is at or below is not shown. Later its rows go, in
 * slices: what they said at once, the rows of messages with their nonces 30 days after they were that old, so that a
 * client which sends one again is answered. Each of these in a transaction of its own. lane */
#ifndef LINNET_STORE_RETENTION_H
#define LINNET_STORE_RETENTION_H
#include "base/arena.h"
#include "db/db.h"

#define RETENTION_DAY_MS (INT64_C(86400) * 1000)
#define RETENTION_NONCE_DAYS 30

struct retention_due { /* up to which rev everything is old enough */
	int64_t channel_id, rev;
};
/* The next channels behind `after` whose oldest row is a day older than `upto_ms`: each is raised once a day at most.
 */
enum err retention_find(struct db_conn *c, int64_t upto_ms, int64_t after, struct retention_due *out, size_t most,
						size_t *n);
/* *more: there may be another slice. One process at a time: nothing is done while another is at it. */
enum err retention_slice(struct db_conn *c, int64_t now_ms, int64_t days, int64_t rows, bool *more);
#endif
