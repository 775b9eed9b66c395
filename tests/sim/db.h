/* The shared database: SQLite in memory, behind the project's own driver, which is made to fail. A transaction is one
 * instant; what is drawn is when it runs, whether its answer comes, and whether a commit took hold. */
#ifndef LINNET_SIM_DB_H
#define LINNET_SIM_DB_H
#include "copies.h"
#include "db/driver.h"
#include "moves.h"
#include "store/epoch.h"
#include "world.h"

struct sim_db {
	struct db *db;
	struct world *world; /* of the present run */
	struct copies copies;
	bool has_copy; /* one that may be restored */
	struct history history, history_copy;
	int64_t xid;                   /* of the transaction that runs now; 0: it gets one when it commits */
	VEC(struct db_conn *) idle[3]; /* by enum db_use: statements stay prepared from run to run */
	struct db_conn *look;          /* the judge's */
	bool looking;                  /* the judge reads: nothing fails */
	/* faults */
	bool down;
	double flaky;       /* the connection breaks: in a read, before or in a commit */
	double unknown;     /* the answer to a commit is lost */
	bool dead;          /* what runs now is of a pod that was killed: nothing it writes counts */
	int64_t generation; /* counts restores */
	uint64_t epoch;     /* the server's, of each of its transactions */
};
uint64_t sim_db_stored_epoch(struct sim_db *d); /* 0: none */
struct sim_db *sim_db_create(void);             /* once a process: migrated */
void sim_db_destroy(struct sim_db *d);
void sim_db_begin(struct sim_db *d, struct world *w); /* an empty one for a new run; people and channels as drawn */
struct db_conn *sim_db_take(struct sim_db *d, enum db_use use);
void sim_db_give(struct sim_db *d, struct db_conn *c);
struct sim_db *sim_db_of(const struct db_conn *c);

void sim_db_copy(struct sim_db *d);
/* Goes back to the copy: under another epoch (a failover that lost commits), or under the same (a file copied back). */
void sim_db_restore(struct sim_db *d, bool other_epoch);
void sim_db_run(struct sim_db *d, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* the world's hand */
#endif
