/* Work that comes round: each turn is a job on a lane, and when it is over its owner says when the next one follows, at
 * once (behind whatever waits in the lane) or after a pause. reactor */
#ifndef LINNET_APP_TURNS_H
#define LINNET_APP_TURNS_H
#include "db/db.h"
#include "loop/lane.h"
#include "loop/reactor.h"

struct turns {
	struct reactor *home;
	struct lane *lane; /* whose state is a struct db_conn */
	int64_t every_ms;  /* between turns of which there is no more to do, and when the lane is full */
	enum err (*run)(struct turns *t, struct db_conn *c); /* lane: what it touches is the lane's until `done` */
	void (*done)(struct turns *t, enum err e); /* reactor, never once stopped: turns_again(), now or when all is over */
	/* its own */
	struct job job;
	struct timer timer;
	struct mail begin;
	int64_t first_ms;
	bool stopping;
};
void turns_begin(struct turns *t, int64_t first_ms); /* any thread: the first turn, when the reactor has run so long */
void turns_again(struct turns *t, int64_t in_ms);    /* nothing once stopped */
void turns_stop(struct turns *t);
#endif
