/* Makes the index of messages (store/segment.h) behind those who append: each process has one, a lease in the database
 * lets one of them work at a time, and what a dead one leaves is taken up when its lease ends. A search is whole
 * without it, so it is never in a hurry: a slice of work at a time, read and computed on the lane of searches, written
 * on the lane of writes. reactor */
#ifndef LINNET_APP_INDEXER_H
#define LINNET_APP_INDEXER_H
#include "base/metrics.h"
#include "db/db.h"
#include "loop/lane.h"

struct indexer;
struct indexer_options {
	struct lane *slow, *write; /* their state a struct db_conn */
	struct reactor *home;      /* where the timer runs */
	struct metrics *metrics;
	const struct clock *clock;
	const char *pod;
	int64_t every_ms;
	int64_t lease_ms;
};
struct indexer *indexer_create(const struct indexer_options *o);
void indexer_stop(struct indexer *x); /* the lanes have ended and its reactor has stopped, and is still there */
void indexer_destroy(struct indexer *x);
#endif
