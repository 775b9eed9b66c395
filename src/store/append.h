/* Writing a batch of changes in one transaction (sync: Appending). Sends to the main flow go the vectorised way in
 * Postgres, as one function call; everything else, replies in threads too, and sends in SQLite, is the loop of
 * append_tx.h, the same code over both databases.
 */
#ifndef LINNET_STORE_APPEND_H
#define LINNET_STORE_APPEND_H
#include "base/clock.h"
#include "base/config.h"
#include "base/vec.h"
#include "db/array.h"
#include "db/db.h"
#include "store/change.h"

struct person_moved {
	int64_t user_id, user_rev;
};
struct append_batch { /* lane */
	struct change **changes;
	size_t n;
	bool sends;                     /* all are CHANGE_MESSAGE, and no replies in threads; else none is */
	bool alone;                     /* one channel: wait for whoever holds it */
	uint64_t epoch;                 /* in: what it is written for; out, with ERR_EPOCH_CHANGED: what was found */
	VEC(struct person_moved) moved; /* out: people whose head moved, each once */
};
void append_batch_release(struct append_batch *b);

#define APPEND_COLUMNS 14

/* One writer of a process: its row in `appenders` counts its batches, so that one of unknown outcome can be settled. */
struct appender { /* lane */
	char id[27];
	int64_t batch; /* the last one known to be committed */
	bool known;    /* the row says so: else it is made, or moved past whatever is still on its way, first */
	const struct clock *clock;
	const struct config *config;
	struct arena scratch;
	struct db_array columns[APPEND_COLUMNS]; /* Postgres: of the batch */
};
void appender_init(struct appender *w, const char *id, const struct clock *clock, const struct config *config);
void appender_release(struct appender *w);

/* OK: committed; each change has its verdict in `err` (ERR_SKIPPED: its channel was held elsewhere, try again), and
 * `fields` where an event came of it. ERR_UNAVAILABLE, ERR_INTERNAL, ERR_CONFLICT, ...: nothing was written.
 * ERR_EPOCH_CHANGED: nothing was written, b->epoch is what there is. ERR_UNKNOWN_OUTCOME: append_settle() must be asked
 * before anything else is written. */
enum err append_write(struct appender *w, struct db_conn *c, struct append_batch *b);

enum settled { SETTLED_NOT, SETTLED_WRITTEN, SETTLED_NOTHING };
/* Finds out on a new connection: WRITTEN: as after OK, but those with ERR_SKIPPED are to be written again; NOTHING: the
 * whole batch is; NOT: it could not be asked, try again later. With ERR_EPOCH_CHANGED as above. */
enum err append_settle(struct appender *w, struct db_conn *c, struct append_batch *b, enum settled *out);
/* Nobody waits for the answer any more: what may still be on its way is shut out by the next append_write(). */
void append_give_up(struct appender *w);
#endif
