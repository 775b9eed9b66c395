/* Inside the Postgres driver. */
#ifndef LINNET_DB_POSTGRES_H
#define LINNET_DB_POSTGRES_H
#include <libpq-fe.h>

#include "base/map.h"
#include "base/vec.h"
#include "db/driver.h"

struct pg_stmt {
	char name[16];
	const char *text;
	size_t n;
	Oid *types; /* as declared; 0: left to the server, since only a bare NULL was seen */
};
struct pg_conn {
	PGconn *pg;
	struct id_map stmts; /* by the address of the struct sql */
	unsigned names;      /* given out */
	bool warned;         /* a warning of class 01 (or 57) since the last statement began */
	bool farewell;       /* the server has said that it ends this session */
	/* one call's parameters */
	size_t cap;
	const char **values;
	int *lengths, *formats;
	uint64_t *numbers; /* big endian, as int8 travels */
	Oid *types;
};

/* Sends what is queued and collects the statement's last result, up to ReadyForQuery. `unsure`: what is lost now may
 * have been written. On success *out is the caller's. deadline_ns 0: waits as long as it takes. */
enum err pg_finish(struct db_conn *c, const char *text, bool unsure, int64_t deadline_ns, PGresult **out);
/* The simple protocol: one or several statements without parameters. */
enum err pg_simple(struct db_conn *c, const char *text, bool unsure, int64_t deadline_ns, PGresult **out);
int64_t pg_deadline_ns(const struct db_conn *c); /* the server's statement timeout and a margin */

enum err pg_connect(struct db_conn *c);
void pg_disconnect(struct db_conn *c);

/* By SQLSTATE, which the result has; *drop: the connection is of no more use. */
enum err pg_state_error(const struct db_conn *c, const PGresult *res, bool *drop);
void pg_notice(void *arg, const PGresult *res);
enum err pg_lost(struct db_conn *c, const char *why, const char *text, bool unsure);

int64_t pg_i64(const struct db_rows *rows, int col);
struct str pg_str(const struct db_rows *rows, int col);
bool pg_is_null(const struct db_rows *rows, int col);
/* Points the call's arrays at the arguments. Text and bytes travel as they are, numbers as eight bytes. */
void pg_bind(struct pg_conn *p, struct db_args args);
#endif
