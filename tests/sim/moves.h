/* What Postgres would keep for the head check, beside SQLite: transactions with ids given when they begin, in the order
 * of which they do not commit; a row for each head that a transaction moved. */
#ifndef LINNET_SIM_MOVES_H
#define LINNET_SIM_MOVES_H
#include "world.h"

struct sim_db;
struct move {
	int64_t xid, user_id, channel_id, rev; /* user_id 0: a channel */
};
struct history { /* of one server's transactions; goes back with the database */
	int64_t next_xid;
	VEC(int64_t) active;
	VEC(struct move) rows;
	int64_t channel_rev[CHANNELS], user_rev[PEOPLE + 1]; /* as the rows know them */
};
int64_t moves_begin(struct sim_db *d); /* a transaction, which commits or not */
void moves_end(struct sim_db *d, int64_t xid);
void moves_commit(struct sim_db *d, int64_t xid); /* what stands in the database now and did not before is its */
void moves_copy(struct history *to, const struct history *from);
void moves_forget(struct history *h); /* as an epoch that is opened does */
#endif
