/* Each migration is one transaction with its row, under a lock that all migrators take: whoever comes second finds the
 * row and goes on. Contracting ones (their name begins with "contract_") drop what older binaries still read; they wait
 * for an operator's word. */
#include "db/migrate.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/driver.h"

#define CONTRACT "contract_"
#define MOST 1000

static bool contracting(const char *name)
{
	return str_starts(str_of(name), STR(CONTRACT));
}

static const struct sql
	sql_table = { "CREATE TABLE IF NOT EXISTS migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
				  "applied_at BIGINT NOT NULL)",
				  "CREATE TABLE IF NOT EXISTS migrations (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, "
				  "applied_at INTEGER NOT NULL) STRICT" },
	sql_lock = { "SELECT pg_advisory_xact_lock(7813586407931)", NULL },
	sql_no_timeout = { "SET LOCAL statement_timeout = 0", NULL },
	sql_lock_timeout = { "SELECT set_config('lock_timeout', $1, true)", NULL },
	sql_pause = { "SELECT pg_sleep($1::bigint / 1000.0)", NULL },
	sql_rows = { "SELECT number, name FROM migrations ORDER BY number", NULL },
	sql_row = { "INSERT INTO migrations (number, name, applied_at) VALUES ($1, $2, $3)", NULL };

static const struct migration *find(const struct migration *list, size_t n, int64_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].number == number) return &list[i];
	}
	return NULL;
}

/* Begins, and holds the lock until the end of the transaction. */
static enum err begin_locked(struct db_conn *c)
{
	enum err e = db_begin(c); /* SQLite: IMMEDIATE, which is the lock */
	if (e || db_conn_kind(c) == DB_SQLITE) return e;
	e = db_exec(c, &sql_no_timeout, DB_NO_ARGS, NULL);
	return e ? e : db_exec(c, &sql_lock, DB_NO_ARGS, NULL);
}

/* May this binary serve a database on which `number` was applied, and is it the same migration as ours? */
static enum err check_row(const struct migration *ours, int64_t number, struct str name)
{
	if (!ours && !str_starts(name, STR(CONTRACT))) return OK; /* a newer binary's, which only added */
	if (ours && str_eq(name, str_of(ours->name))) return OK;
	log_event(LOG_ERROR, ours ? "db.migration_differs" : "db.migration_newer", LOG_INT("number", number),
			  LOG_STR("name", name));
	return ERR_CONFLICT;
}

/* Which of the list are there: applied[i]. */
static enum err read_applied(struct db_conn *c, const struct migration *list, size_t n, bool *applied)
{
	struct db_rows rows;
	enum err refused = OK, e = db_query(c, &sql_rows, DB_NO_ARGS, &rows);
	if (e) return e;
	memset(applied, 0, n * sizeof *applied);
	while (db_next(&rows) && !refused) {
		const struct migration *m = find(list, n, db_i64(&rows, 0));
		if (m) applied[m - list] = true;
		refused = check_row(m, db_i64(&rows, 0), db_str(&rows, 1));
	}
	e = db_end(&rows);
	return e ? e : refused;
}

/* Waiting for another migrator, before this, has no end. */
static enum err bound_locks(struct db_conn *c)
{
	char ms[16];
	snprintf(ms, sizeof ms, "%d", c->db->o.lock_timeout_ms);
	return db_one(c, &sql_lock_timeout, DB_ARGS(DB_TEXT(str_of(ms))), NULL, NULL);
}

/* Out of the way of others, and still before other migrators: else one of them would be in it all the time. */
static enum err step_aside(struct db_conn *c)
{
	enum err e = db_rollback_to(c);
	return e ? e : db_one(c, &sql_pause, DB_ARGS(DB_I64(INT64_C(3) * c->db->o.lock_timeout_ms)), NULL, NULL);
}

static enum err apply(struct db_conn *c, const struct migration *m)
{
	bool postgres = db_conn_kind(c) == DB_POSTGRES, told = false;
	enum err e = postgres ? bound_locks(c) : OK;
	while (!e) {
		c->lock_late = false;
		e = db_savepoint(c);
		if (!e) e = db_script(c, postgres ? m->postgres : m->sqlite);
		if (!e) return db_release(c);
		if (!c->lock_late) return e;
		if (!told) log_event(LOG_WARN, "db.migration_waits", LOG_INT("number", m->number), LOG_TEXT("name", m->name));
		told = true;
		e = step_aside(c);
	}
	return e;
}

/* Applies the first that is missing; *done: none is. */
static enum err step(struct db_conn *c, const struct migration *list, size_t n, bool contract, bool *done)
{
	bool applied[MOST];
	const struct migration *next = NULL;
	enum err e = begin_locked(c);
	if (!e) e = db_exec(c, &sql_table, DB_NO_ARGS, NULL);
	if (!e) e = read_applied(c, list, n, applied);
	for (size_t i = 0; !e && !next && i < n; i++) {
		if (!applied[i] && (contract || !contracting(list[i].name))) next = &list[i];
	}
	if (!e && next) e = apply(c, next);
	if (!e && next)
		e = db_exec(c, &sql_row,
					DB_ARGS(DB_I64(next->number), DB_TEXT(str_of(next->name)), DB_I64(clock_wall_ms(&clock_real))),
					NULL);
	if (!e) e = db_commit(c);
	db_rollback(c);
	*done = !next;
	if (next && !e)
		log_event(LOG_INFO, "db.migration_applied", LOG_INT("number", next->number), LOG_TEXT("name", next->name));
	if (next && e)
		log_event(LOG_ERROR, "db.migration_failed", LOG_INT("number", next->number), LOG_TEXT("name", next->name));
	return e;
}

static enum err run(struct db_conn *c, const struct migration *list, size_t n, bool contract, int *applied)
{
	assert(n <= MOST);
	bool done = false;
	int count = 0;
	enum err e = OK;
	c->patient = true; /* a migration takes as long as it takes, and so does waiting for another migrator */
	while (!e && !done) {
		e = step(c, list, n, contract, &done);
		if (!e && !done) count++;
	}
	c->patient = false;
	if (applied) *applied = count;
	return e;
}

enum err migrate_up(struct db_conn *c, const struct migration *list, size_t n, int *applied)
{
	return run(c, list, n, false, applied);
}

enum err migrate_contract(struct db_conn *c, const struct migration *list, size_t n, int *applied)
{
	return run(c, list, n, true, applied);
}

static const struct sql sql_any = {
	"SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('migrations')",
	"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migrations'",
};

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

int migrate_all(const struct migration *list, size_t n)
{
	int all = 0;
	for (size_t i = 0; i < n; i++) all += !contracting(list[i].name);
	return all;
}

enum err migrate_state(struct db_conn *c, const struct migration *list, size_t n, int *missing, int *unknown)
{
	struct db_rows rows;
	int64_t any = 0;
	*unknown = 0;
	*missing = migrate_all(list, n);
	enum err e = db_one(c, &sql_any, DB_NO_ARGS, count_take, &any);
	if (!e && any) e = db_query(c, &sql_rows, DB_NO_ARGS, &rows);
	if (e || !any) return e;
	while (db_next(&rows)) {
		const struct migration *m = find(list, n, db_i64(&rows, 0));
		if (!m || !str_eq(db_str(&rows, 1), str_of(m->name)))
			++*unknown;
		else if (!contracting(m->name))
			--*missing;
	}
	return db_end(&rows);
}
