/* What Postgres itself says about a database: pg_stat_statements (which must be there) and its other counters. */
#ifndef LINNET_BENCH_DATABASE_H
#define LINNET_BENCH_DATABASE_H
#include <stdint.h>
#include <sys/types.h>

#include "db/db.h"

#define BACKENDS_MOST 64
struct database {
	struct db *db;
	struct db_conn *conn;
	struct backend {
		pid_t pid;
		int64_t begun_ns, ns;
	} backends[BACKENDS_MOST];
	size_t n_backends;
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
/* CPU of the connections whose present or last statement had `text` in it, of each from the call on that saw it. */
int64_t database_cpu(struct database *d, const char *text);

struct table_size { /* counters since the database was made */
	int64_t bytes, index_bytes, rows, dead, inserts, updates, hot, vacuums;
};
struct table_size database_table(struct database *d, const char *table);

#define READS "^(select|with)"
#define READS_BUT "linnet_send|linnet_sweep|pg_"
#endif
