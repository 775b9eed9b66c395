/* Functions that Postgres has and SQLite lacks, so that a statement is written once; and SQLite's errors as ours. */
#include "base/log.h"
#include "db/sqlite.h"

/* greatest and least, which pass over NULLs (SQLite's own max() and min() of several values do not). */
static void extreme(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	int64_t want = (intptr_t)sqlite3_user_data(ctx); /* 1: the greatest, -1: the least */
	sqlite3_value *best = NULL;
	for (int i = 0; i < n; i++) {
		if (sqlite3_value_type(v[i]) == SQLITE_NULL) continue;
		if (!best || (sqlite3_value_int64(v[i]) > sqlite3_value_int64(best) ? 1 : -1) == want) best = v[i];
	}
	if (best) sqlite3_result_value(ctx, best);
}

enum err sqlite_functions(sqlite3 *db)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
	if (sqlite3_create_function_v2(db, "greatest", -1, flags, (void *)1, extreme, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_create_function_v2(db, "least", -1, flags, (void *)-1, extreme, NULL, NULL, NULL) != SQLITE_OK)
		return ERR_INTERNAL;
	return OK;
}

static enum err error_of(int rc, bool committing)
{
	switch (rc) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID: return ERR_CONFLICT;
	}
	switch (rc & 0xff) {
	case SQLITE_IOERR: /* a failed fsync may have left a whole commit in the log, to be found after a crash */
		return committing ? ERR_UNKNOWN_OUTCOME : ERR_UNAVAILABLE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_CANTOPEN:
	case SQLITE_INTERRUPT:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM: return ERR_UNAVAILABLE;
	}
	return ERR_INTERNAL;
}

enum err sqlite_error(struct db_conn *c, int rc, const char *text, bool committing)
{
	struct sqlite_conn *s = c->impl;
	enum err e = error_of(rc, committing);
	if (e == ERR_CONFLICT) return e; /* the caller's business, and no news */
	if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB)
		atomic_store(&c->db->damage, sqlite3_errstr(rc & 0xff));
	bool no_room = (rc & 0xff) == SQLITE_FULL || (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
	if (no_room && c->use != DB_READ) atomic_store(&c->db->full, true);
	if (c->outage || (no_room && db_trouble_known(c))) return e;
	const char *event = (rc & 0xff) == SQLITE_INTERRUPT ? "db.statement_timeout" : "db.statement_failed";
	log_event(e == ERR_INTERNAL ? LOG_ERROR : LOG_WARN, event, LOG_INT("sqlite", rc),
			  LOG_TEXT("error", s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc)), LOG_TEXT("sql", text));
	if (no_room) db_trouble(c);
	return e;
}
