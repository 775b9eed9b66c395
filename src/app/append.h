/* The append queue: everything that moves a rev goes through it (sync: Appending). Changes of any channels that are
 * waiting are written in one transaction and one fsync; each gets its own verdict. Per channel first in, first out.
 *
 * Batches are jobs of a lane of one thread (SQLite has one writer, whose lane serves other writing use cases between
 * batches); while one is being written the next gathers.
 *
 * A change is submitted from a reactor; `done` comes back there, after the commit. It is never cancelled. */
#ifndef LINNET_APP_APPEND_H
#define LINNET_APP_APPEND_H
#include "base/config.h"
#include "base/metrics.h"
#include "bus/bus.h"
#include "db/db.h"
#include "loop/lane.h"
#include "loop/reactor.h"
#include "store/change.h"
#include "store/epoch.h"

struct append;
struct append_options {
	const struct config *config;
	struct lane *lane; /* of one thread, whose state is the struct db_conn (DB_APPEND; SQLite: the write lane) */
	struct bus *bus;
	const struct clock *clock;
	struct metrics *metrics;
	/* another epoch was found by a batch; any thread */
	void (*epoch_changed)(void *arg, uint64_t epoch);
	void *arg;
};
struct append *append_create(const struct append_options *o, const struct epoch *epoch);
/* Takes no more, writes what waits (bounded by append_wait_ms); returns when nothing of it runs any more. */
void append_destroy(struct append *a);
/* ERR_BUSY: the queue is full, or stopping; c stays the caller's. Else `done` will come. home, done and the input are
 * set. */
enum err append_submit(struct append *a, struct change *c);
void append_epoch(struct append *a,
				  uint64_t epoch); /* what was queued before is failed with ERR_UNAVAILABLE, not written */
/* Blocks until nothing waits or is being written, or `ms` have passed (< 0: however long); false: they have. */
bool append_drain(struct append *a, int64_t ms);
struct append_state {
	size_t waiting, bytes;
	int64_t oldest_ms;
};
struct append_state append_state(struct append *a);
#endif
