/* Inside the SQLite driver. */
#ifndef LINNET_DB_SQLITE_H
#define LINNET_DB_SQLITE_H
#include <sqlite3.h>

#include "base/map.h"
#include "db/driver.h"

struct sqlite_file { /* what one struct db has; frozen after open */
	char *path;      /* or the URI of a database in memory */
	bool memory;
	int lock_fd;   /* -1 in memory */
	sqlite3 *keep; /* keeps a database in memory alive between connections */
};
enum err sqlite_file_open(struct db *db);
void sqlite_file_close(struct db *db);

struct sqlite_stmt {
	sqlite3_stmt *stmt;
	const char *text; /* what it was made from */
	int n;            /* parameters */
	size_t *arg_of;   /* parameter i + 1 takes this argument, counted from 0 */
};
struct sqlite_conn {
	sqlite3 *db;
	struct id_map stmts; /* by the address of the struct sql */
	int64_t deadline_ns; /* of the running statement; 0: none */
	bool done;           /* the open result has been stepped to its end */
};
enum err sqlite_connect(struct db_conn *c);
void sqlite_disconnect(struct db_conn *c);
/* The error by the library's code, logged with the statement; `committing`: it may have written the log's last frame.
 */
enum err sqlite_error(struct db_conn *c, int rc, const char *text, bool committing);
enum err sqlite_functions(sqlite3 *db);
#endif
