/* What is left of an account that was deleted: where that was asked its messages become tombstones, each by a rev of
 * its channel, and its memberships end. Any pod takes one that nobody works at, and works in slices through the append
 * queue; where it broke off another goes on: all of it can be done twice. reactor */
#ifndef LINNET_APP_LEAVER_H
#define LINNET_APP_LEAVER_H
#include "app/append.h"

struct leaver;
struct leaver_options {
	struct append *append;
	struct lane *write;   /* its state a struct db_conn */
	struct reactor *home; /* where the timer runs */
	const struct clock *clock;
	int64_t every_ms;
};
struct leaver *leaver_create(const struct leaver_options *o);
void leaver_halt(struct leaver *l);    /* hands nothing to the append any more; any thread */
void leaver_stop(struct leaver *l);    /* the lane has ended and its reactor has stopped, and is still there */
void leaver_destroy(struct leaver *l); /* after its reactor */
#endif
