/* The log of a channel: its messages and changes merged by rev, as events. */
#ifndef LINNET_STORE_LOG_H
#define LINNET_STORE_LOG_H
#include "base/vec.h"
#include "db/db.h"
#include "model/event.h"

struct log_read {
	int64_t channel_id, since, upto; /* revs since + 1 .. upto */
	size_t most;                     /* events */
	bool clipped;                    /* history is `joined`: events about an existing message carry no message */
	uint64_t epoch;                  /* goes into the events */
	int64_t min_id;                  /* messages up to it are gone */
};
/* Within a snapshot of the caller's. Events are in the arena, each with a reference of the caller's, also after an
 * error. */
enum err log_read(struct db_conn *c, struct arena *a, const struct log_read *q, struct event ***events, size_t *n);
/* Only what is shown as lines of the channel (who came and went, topic, name, pins), the last `most` of them,
 * ascending. */
enum err log_system(struct db_conn *c, struct arena *a, const struct log_read *q, struct event ***events, size_t *n);
#endif
