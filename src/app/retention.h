/* Keeps what is older than LINNET_RETENTION_DAYS from growing: now and then it looks for channels whose beginning is
 * too old, raises what they keep through the append, and deletes the rows below in slices (store/retention.h). Every
 * process has one; the database lets one delete at a time. reactor */
#ifndef LINNET_APP_RETENTION_H
#define LINNET_APP_RETENTION_H
#include "app/append.h"
#include "loop/lane.h"

struct retention;
struct retention_options {
	const struct config *config;
	struct lane *write; /* its state a struct db_conn */
	struct append *append;
	struct reactor *home; /* where the timer runs */
	const struct clock *clock;
	int64_t rows; /* of one slice; 0: 1,000 */
};
struct retention *retention_create(const struct retention_options *o);
void retention_close(struct retention *t); /* any thread: it submits no more; before append_destroy() */
void retention_stop(struct retention *t);  /* append and lane have ended, its reactor has stopped and is still there */
void retention_destroy(struct retention *t);
#endif
