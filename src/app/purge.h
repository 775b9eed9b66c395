/* Takes the rows of channels that were deleted long ago (store/purge.h), a slice a transaction, so that nobody waits
 * for it. Every process has one; a row lock lets one of them work at a channel at a time. reactor */
#ifndef LINNET_APP_PURGE_H
#define LINNET_APP_PURGE_H
#include "base/clock.h"
#include "loop/lane.h"

struct purger;
struct purger_options {
	struct lane *write;   /* its state a struct db_conn */
	struct reactor *home; /* where the timer runs */
	const struct clock *clock;
	int64_t every_ms;
	int64_t kept_ms; /* since the deletion */
	int64_t slice;   /* rows of one transaction; 0: 1,000 */
};
struct purger *purger_create(const struct purger_options *o);
void purger_stop(struct purger *p); /* the lane has ended and its reactor has stopped, and is still there */
void purger_destroy(struct purger *p);
#endif
