/* One small interface over libpq and SQLite. A connection belongs to one lane thread. SQL is written once, in what both
 * speak: `$1` parameters (bound by name in SQLite), columns BIGINT, TEXT, BYTEA/BLOB; booleans are BIGINT 0 and 1.
 *
 *   struct db_rows rows;
 *   enum err e = db_query(c, &SQL_CHANNEL_BY_ID, DB_ARGS(DB_I64(id)), &rows);
 *   while (!e && db_next(&rows)) name = arena_str(arena, db_str(&rows, 1));
 *   if (!e) e = db_end(&rows);
 *
 * Statements are constants; each connection prepares one at its first use and keeps it. Errors: ERR_UNAVAILABLE (no
 * connection, or lost before anything was sent or in a read; disk full; statement timeout), ERR_UNKNOWN_OUTCOME (lost
 * while a commit was on its way, or committed with a warning of class 01), ERR_CONFLICT (a unique key), ERR_INTERNAL
 * (our fault). Each is logged once, here. Outside a transaction whatever a connection that is not DB_READ was doing
 * when it broke counts as a commit. Text must be UTF-8 without NUL (ERR_INTERNAL). */
#ifndef LINNET_DB_DB_H
#define LINNET_DB_DB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct db;
struct db_conn;

enum db_kind { DB_SQLITE, DB_POSTGRES };

/* A statement, a static constant: its address is its identity. Where the dialects differ, both texts stand side by
 * side; where they do not, `sqlite` is NULL. */
struct sql {
	const char *text;
	const char *sqlite;
};

enum db_type { DB_T_NULL, DB_T_I64, DB_T_TEXT, DB_T_BYTES, DB_T_ARRAY /* db/array.h */ };
struct db_value {
	enum db_type type;
	int64_t i;
	struct str s;
};
#define DB_NULL ((struct db_value){ DB_T_NULL, 0, STR_NONE })
#define DB_I64(v) ((struct db_value){ DB_T_I64, (v), STR_NONE })
#define DB_BOOL(v) ((struct db_value){ DB_T_I64, (v) ? 1 : 0, STR_NONE })
#define DB_TEXT(v) db_text(v) /* STR_NONE is NULL */
#define DB_BYTES(v) db_bytes(v)
/* A NULL made by these still says in `i` of what type it is, so that Postgres never has to guess; after a bare DB_NULL
 * it guesses, and where it cannot, write the type: `$1::bigint` (SQLite takes that as the name of $1). */
static inline struct db_value db_text(struct str s)
{
	return (struct db_value){ s.p ? DB_T_TEXT : DB_T_NULL, DB_T_TEXT, s };
}
static inline struct db_value db_bytes(struct str s)
{
	return (struct db_value){ s.p ? DB_T_BYTES : DB_T_NULL, DB_T_BYTES, s };
}
/* 0 as NULL: for optional ids and times */
static inline struct db_value db_opt(int64_t v)
{
	return (struct db_value){ v ? DB_T_I64 : DB_T_NULL, v ? v : DB_T_I64, STR_NONE };
}

struct db_args {
	const struct db_value *v;
	size_t n;
};
#define DB_ARGS(...)                                                                                                   \
	((struct db_args){ (const struct db_value[]){ __VA_ARGS__ },                                                       \
					   sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value) })
#define DB_NO_ARGS ((struct db_args){ NULL, 0 })

struct db_driver;
struct db_rows { /* one open result a connection; its strings live until the next db_next() or db_end() */
	struct db_conn *conn;
	void *impl;
	size_t row, n_rows;
	enum err err;
};

struct db_options {
	const char *url; /* postgresql://... or sqlite:PATH (sqlite::memory: shared in the process, for tests) */
	int statement_timeout_ms;
	int connect_timeout_ms;
	int most_connections; /* over all lanes; a statement that would make one more fails with ERR_INTERNAL */
	bool fsync;           /* false only for tests of speed, never by a setting */
	bool beside;          /* SQLite: the file is there, and a server may have its lock: an operator's command */
	int lock_timeout_ms;  /* Postgres: of a migration's waits for locks (migrate.h); 0: as long as it takes */
};
enum err db_create(const struct db_options *o, struct db **out); /* parses; connects to nothing yet */
void db_destroy(struct db *db);
enum db_kind db_kind(const struct db *db);
int64_t db_connects(const struct db *db);     /* connections made so far: a metric; any thread */
int db_open_connections(const struct db *db); /* now; any thread */
/* For how long the database has been out of reach, or has had no room to write (a full disk), as connections met it;
 * 0: it answered the last time. Logged when it begins (db.away) and ends (db.back). Any thread. */
enum db_way { DB_READING, DB_WRITING, DB_WAYS };
int64_t db_away_ms(const struct db *db, enum db_way way);
const char *db_way_name(enum db_way way);
/* SQLite: in which words it said that a page of the file makes no sense; NULL: it met none. Any thread. */
const char *db_damage(const struct db *db);

enum db_use {
	DB_READ,  /* statements of one lane; SQLite: a read-only connection */
	DB_WRITE, /* SQLite: the one writer's connection (PRAGMA synchronous=FULL) */
	DB_APPEND /* Postgres: idle_in_transaction_session_timeout, tcp_user_timeout of 5 s, no statement timeout;
				 synchronous_commit=on */
};
/* A connection object that connects at its first statement, and again after it was lost (with a pause that grows to 1
 * s: meanwhile statements fail at once with ERR_UNAVAILABLE). Never NULL. */
struct db_conn *db_conn_create(struct db *db, enum db_use use);
void db_conn_destroy(struct db_conn *c);
enum db_kind db_conn_kind(const struct db_conn *c);
/* Gives back memory that is kept to be quick (SQLite: the page cache, up to 8 MB a connection): for a lane with nothing
 * to do. */
void db_conn_rest(struct db_conn *c);
bool db_conn_alive(struct db_conn *c);               /* connected now, without asking the server */
int64_t db_conn_generation(const struct db_conn *c); /* counts connections made: another number, another session */

/* No statement timeouts from here on (SQLite's; a Postgres session has its own): for what takes as long as it takes. */
void db_conn_patient(struct db_conn *c);

/* Outside a transaction a statement is one of its own. */
enum err db_query(struct db_conn *c, const struct sql *q, struct db_args args, struct db_rows *rows);
bool db_next(struct db_rows *rows);
int64_t db_i64(const struct db_rows *rows, int col);    /* NULL is 0 */
struct str db_str(const struct db_rows *rows, int col); /* TEXT or bytes; NULL is STR_NONE */
bool db_is_null(const struct db_rows *rows, int col);
enum err
db_end(struct db_rows *rows); /* the error met by db_next, or OK; always call it after a db_query that was OK */
/* A statement without rows; *changed (may be NULL) is the count of rows touched. */
enum err db_exec(struct db_conn *c, const struct sql *q, struct db_args args, int64_t *changed);
/* Exactly one row wanted: ERR_NOT_FOUND when there is none. `take` copies what it needs. */
enum err db_one(struct db_conn *c, const struct sql *q, struct db_args args,
				void (*take)(const struct db_rows *, void *), void *arg);
/* Several statements in one text without parameters, all or nothing: migrations, tests. */
enum err db_script(struct db_conn *c, const char *text);

/* READ COMMITTED in Postgres; BEGIN IMMEDIATE on SQLite's writer, a snapshot on its readers. */
enum err db_begin(struct db_conn *c);
/* Postgres: a read-only REPEATABLE READ snapshot over several statements; SQLite: as db_begin on a reader. */
enum err db_begin_snapshot(struct db_conn *c);
enum err db_commit(struct db_conn *c); /* OK only after ReadyForQuery; a failure rolls back */
void db_rollback(struct db_conn *c);   /* also when nothing is open */
/* SQLite: instead of a commit. What the transaction wrote goes to the disk and is taken back: was there room for so
 * much? Where there was none for something, only this ends db_away, not a smaller commit that still finds room. */
enum err db_rehearse(struct db_conn *c);

/* A statement that fails inside a transaction aborts it, in SQLite too: until it is rolled back, statements and commit
 * return that first error. Between savepoint and rollback_to it aborts only what came since. They nest; each savepoint
 * is ended by one release or one rollback_to. A transaction whose connection broke stays lost until commit or rollback.
 */
enum err db_savepoint(struct db_conn *c);
enum err db_release(struct db_conn *c);
enum err db_rollback_to(struct db_conn *c);

/* SQLite only: all that is committed now, in a new file, 0600, whole and on disk when it returns OK; others write on
 * meanwhile. ERR_CONFLICT: there is such a file. */
enum err db_backup(struct db_conn *c, const char *path);
/* SQLite only: the lock that whoever serves a file holds, also where there is no file yet. ERR_CONFLICT: it is held
 * (logged). Closing *fd ends it. */
enum err db_file_lock(const char *path, int *fd);

/* SQLite only, with the writer: text search functions and such are registered by the driver itself. Asserted by tests:
 */
enum err db_show(struct db_conn *c, const char *setting, struct arena *a,
				 struct str *value); /* fsync, synchronous_commit, synchronous, journal_mode */
#endif
