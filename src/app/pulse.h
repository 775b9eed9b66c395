/* Asks the database every now and then whether it answers, and while it could not be written to, whether it can again:
 * so /ready, linnet_db_up and the log tell the truth also while nobody else asks (db_away_ms of db/db.h keeps it). */
#ifndef LINNET_APP_PULSE_H
#define LINNET_APP_PULSE_H
#include "db/db.h"
#include "loop/lane.h"

struct pulse;
struct pulse_options {
	struct db *db;
	struct lane *read, *write; /* their state is a struct db_conn */
	struct reactor *home;      /* where its timer is */
	int64_t every_ms;
};
struct pulse *pulse_create(const struct pulse_options *o);
void pulse_destroy(struct pulse *p); /* the lanes are gone and the reactors have stopped */
#endif
