/* What append.c (submitting, any thread) and append_run.c (writing, lane) share. */
#ifndef LINNET_APP_APPEND_PRIVATE_H
#define LINNET_APP_APPEND_PRIVATE_H
#include <pthread.h>

#include "app/append.h"
#include "app/append_queue.h"
#include "app/append_timer.h"
#include "store/append.h"

#define APPEND_RETRY_MS 100 /* while the database is away */

struct append {
	struct append_options o;
	int64_t wait_ns;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t calm;
	struct append_queue queue;
	uint64_t epoch;
	bool scheduled; /* the job is queued, running, or waits for its next try */
	bool stopping, closed /* the lane takes no more */;
	size_t flying;        /* changes being written or settled */
	int64_t flying_since; /* the oldest one's arrival */
	struct metrics_cell *refused;
	struct append_timer *retry; /* while the database is away */
	struct append_timer *watch; /* for what has waited too long */

	/* lane */
	struct job job;
	struct appender writer;
	struct metrics_cell *cell;
	struct change **picked;
	uint64_t picked_epoch;         /* that they were queued under */
	struct append_batch unsettled; /* n 0: none */
	struct change **unsettled_room;
	int64_t unsettled_ns;
	struct change_list back; /* to be returned to the queue when the run ends */
	bool pause;              /* the database is away: go on a little later */
	struct buf scratch;
	VEC(struct event *) events;
	VEC(struct change *) homes; /* the newest change of each reactor's chain */
};

void append_run(struct job *j, void *conn); /* one turn on the lane */
/* ---- append_quiet.c, lane: before the batch's events, some of which are not for who has left any more; and after */
void append_publish_left(struct append *a, const struct append_batch *b);
void append_publish_quiet(struct append *a, const struct append_batch *b);
void append_drop_late(struct append *a);                                       /* any thread */
void append_fail_list(struct append *a, struct change_list *list, enum err e); /* any thread */
#endif
