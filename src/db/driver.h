/* Between db.c and the two drivers: db.c knows transactions, reconnection and limits, a driver knows its library. */
#ifndef LINNET_DB_DRIVER_H
#define LINNET_DB_DRIVER_H
#include <pthread.h>
#include <stdatomic.h>

#include "db/db.h"

struct db {
	const struct db_driver *driver;
	struct db_options o;        /* url is our copy */
	void *impl;                 /* the driver's */
	pthread_mutex_t connecting; /* SQLite: one connection at a time sets itself up */
	_Atomic int open;
	_Atomic int64_t connects;
	_Atomic int64_t away_since_ns[DB_WAYS]; /* 0: it is there */
	_Atomic bool full;                      /* SQLite: has had no room, until a rehearsal finds some */
	_Atomic(const char *) damage;           /* a constant */
};

enum db_tx {
	DB_TX_NONE,
	DB_TX_OPEN,
	DB_TX_LOST /* begun, but its connection or its database gave it up: only commit and rollback end this, both in vain
				*/
};

struct db_conn { /* lane */
	struct db *db;
	enum db_use use;
	void *impl; /* the driver's connection; NULL: not connected */
	int64_t generation;
	enum db_tx tx;
	bool read_only;  /* the open transaction is a snapshot */
	int savepoints;  /* open ones */
	enum err failed; /* what aborted the open transaction */
	bool rows_open;
	bool counted;     /* in db->open */
	bool patient;     /* no statement timeouts: migrations */
	bool lock_late;   /* the last statement that failed had waited too long for a lock */
	bool outage;      /* the last attempt to connect failed (logged once an outage) */
	int64_t retry_ns; /* no attempt before this */
	int64_t pause_ms;
};

struct db_driver {
	enum db_kind kind;
	enum err (*open)(struct db *db); /* sets db->impl */
	void (*close)(struct db *db);
	enum err (*connect)(struct db_conn *c); /* sets c->impl; logs, except during an outage */
	void (*disconnect)(struct db_conn *c);
	bool (*alive)(struct db_conn *c); /* notices an idle connection that the other side has closed */
	bool (*in_transaction)(struct db_conn *c);
	void (*rest)(struct db_conn *c);      /* or NULL: keeps nothing worth giving back */
	enum err (*flush)(struct db_conn *c); /* or NULL: what the open transaction wrote is with the system already */
	enum err (*query)(struct db_conn *c, const struct sql *q, struct db_args args, struct db_rows *rows);
	bool (*next)(struct db_rows *rows);
	void (*end)(struct db_rows *rows);
	enum err (*exec)(struct db_conn *c, const struct sql *q, struct db_args args, int64_t *changed);
	enum err (*script)(struct db_conn *c, const char *text);
	enum err (*commit)(struct db_conn *c); /* whatever it returns, no transaction is open afterwards */
	int64_t (*i64)(const struct db_rows *rows, int col);
	struct str (*str)(const struct db_rows *rows, int col);
	bool (*is_null)(const struct db_rows *rows, int col);
	enum err (*show)(struct db_conn *c, const char *setting, struct arena *a, struct str *value);
};
extern const struct db_driver db_driver_sqlite, db_driver_postgres;

/* For drivers: the database is out of reach or has no room, whatever was asked of it. */
void db_trouble(const struct db_conn *c);
bool db_trouble_known(const struct db_conn *c); /* and that was said: why is logged once an outage */
/* For drivers: the connection is gone. Closes it; an open transaction is lost with it. */
void db_conn_drop(struct db_conn *c);
/* A lost connection leaves open whether an autocommitted statement took hold, where it may have written. */
bool db_conn_unsure(const struct db_conn *c);
int64_t db_deadline_ns(const struct db_conn *c, int64_t margin_ms); /* for a statement that starts now; 0: none */
#endif
