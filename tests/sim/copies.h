/* Whole copies of the database, row by row: SQLite's own backup would have each statement of each connection prepared
 * anew, which takes longer than a run. */
#ifndef LINNET_SIM_COPIES_H
#define LINNET_SIM_COPIES_H
#include "base/vec.h"

enum copy_way {
	COPY_BEGIN,   /* as it was when the copies were opened */
	COPY_TAKE,    /* a second one is taken */
	COPY_RESTORE, /* and put in its place */
	COPY_WAYS
};
struct sqlite3;
struct sqlite3_stmt;
struct copies {
	struct sqlite3 *db;
	VEC(struct sqlite3_stmt *) steps[COPY_WAYS];
};
void copies_open(struct copies *c, struct sqlite3 *db); /* a connection that nothing else is done with */
void copies_run(struct copies *c, enum copy_way way);
void copies_release(struct copies *c); /* before its connection is closed */
#endif
