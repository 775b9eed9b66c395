/* Deletes the rows of `moves` that every head check has seen (sync: Head check): those that were visible in a snapshot
 * which is a minute old. Each process on Postgres has one, also where its bus is certain; a lock in the database lets
 * one of them work at a time. reactor */
#ifndef LINNET_APP_SWEEPER_H
#define LINNET_APP_SWEEPER_H
#include "base/metrics.h"
#include "loop/lane.h"

struct sweeper;
struct sweeper_options {
	struct lane *write;   /* its state a struct db_conn */
	struct reactor *home; /* where the timer runs */
	struct metrics *metrics;
	int64_t every_ms;
	int64_t kept_ms; /* MOVES_KEPT_MS */
	int64_t slice;   /* rows of one transaction; 0: 10,000 */
};
struct sweeper *sweeper_create(const struct sweeper_options *o);
void sweeper_stop(struct sweeper *s); /* the lane has ended and its reactor has stopped, and is still there */
void sweeper_destroy(struct sweeper *s);
#endif
