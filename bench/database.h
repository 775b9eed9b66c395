/* What Postgres itself says about a database: pg_stat_statements (which must be there) and its other counters. */
#ifndef LINNET_BENCH_DATABASE_H
#define LINNET_BENCH_DATABASE_H
#include <stdint.h>

#include "db/db.h"

struct database {
	struct db *db;
	struct db_conn *conn;
};
void database_open(struct database *d, const char *url); /* or ends the program, as all of these */
void database_close(struct database *d);

/* Statements as the pods sent them, not those inside functions. */
struct statements {
	int64_t calls, rows, us, blocks; /* us: on the server, without the way; blocks: hit and read */
};
/* Those that match `pattern` and not `but`. */
struct statements database_statements(struct database *d, const char *pattern, const char *but);
struct statements statements_since(struct statements a, struct statements b);
#define READS "^(select|with)"
#define READS_BUT "linnet_send|linnet_sweep|pg_"
#endif
