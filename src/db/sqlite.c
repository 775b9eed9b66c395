/* Statements in SQLite. Each is prepared once a connection; `$1` is bound by name, and whatever follows the number, as
 * in
 * `$1::bigint`, is part of that name for SQLite and a type for Postgres. A statement that outlives its deadline is
 * ended by the progress handler. */
#include "db/sqlite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static bool sqlite_alive(struct db_conn *c)
{
	return c->impl != NULL;
}

static bool sqlite_in_transaction(struct db_conn *c)
{
	struct sqlite_conn *s = c->impl;
	return !sqlite3_get_autocommit(s->db); /* some errors roll back by themselves */
}

/* The pages come back from the kernel's cache when they are wanted again. */
static void sqlite_rest(struct db_conn *c)
{
	struct sqlite_conn *s = c->impl;
	sqlite3_db_release_memory(s->db);
}

/* Into the log, behind what is committed: a rollback has the next one write over it. */
static enum err sqlite_flush(struct db_conn *c)
{
	struct sqlite_conn *s = c->impl;
	int rc = sqlite3_db_cacheflush(s->db);
	return rc == SQLITE_OK ? OK : sqlite_error(c, rc, "flush", false);
}

/* Which argument each parameter takes. False: a name that is not $ and a number. */
static bool map_parameters(struct sqlite_stmt *st)
{
	st->n = sqlite3_bind_parameter_count(st->stmt);
	st->arg_of = mem_zalloc(sizeof *st->arg_of * (size_t)(st->n + 1));
	for (int i = 0; i < st->n; i++) {
		const char *name = sqlite3_bind_parameter_name(st->stmt, i + 1);
		long number = name && name[0] == '$' ? strtol(name + 1, NULL, 10) : 0;
		if (number < 1 || number > 65535) return false;
		st->arg_of[i] = (size_t)number - 1;
	}
	return true;
}

static enum err prepare(struct db_conn *c, const struct sql *q, struct sqlite_stmt **out)
{
	struct sqlite_conn *s = c->impl;
	const char *text = q->sqlite ? q->sqlite : q->text, *tail = NULL;
	struct sqlite_stmt *st = id_map_get(&s->stmts, (int64_t)(intptr_t)q);
	if (st) {
		assert(st->text == text); /* a struct sql is a constant */
		*out = st;
		return OK;
	}
	st = mem_new(struct sqlite_stmt);
	int rc = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st->stmt, &tail);
	enum err e = rc == SQLITE_OK ? OK : sqlite_error(c, rc, text, false);
	if (!e && (!st->stmt || !map_parameters(st) || tail[strspn(tail, " \t\n;")])) {
		log_event(LOG_ERROR, "db.statement_malformed", LOG_TEXT("sql", text));
		e = ERR_INTERNAL;
	}
	if (e) {
		sqlite3_finalize(st->stmt);
		mem_free(st->arg_of);
		mem_free(st);
		return e;
	}
	st->text = text;
	id_map_put(&s->stmts, (int64_t)(intptr_t)q, st);
	*out = st;
	return OK;
}

/* Postgres refuses text that is no UTF-8 or has a NUL in it, so nothing here may let it pass. */
static bool text_ok(struct str s)
{
	return !memchr(s.p, 0, s.n) && str_utf8(s);
}

static int bind_one(sqlite3_stmt *stmt, int at, const struct db_value *v, sqlite3_destructor_type keep)
{
	switch (v->type) {
	case DB_T_NULL: return sqlite3_bind_null(stmt, at);
	case DB_T_I64: return sqlite3_bind_int64(stmt, at, v->i);
	case DB_T_TEXT:
		if (!text_ok(v->s)) return SQLITE_MISMATCH;
		return sqlite3_bind_text64(stmt, at, v->s.p, v->s.n, keep, SQLITE_UTF8);
	case DB_T_BYTES: return sqlite3_bind_blob64(stmt, at, v->s.p, v->s.n, keep);
	case DB_T_ARRAY: return SQLITE_MISMATCH; /* has none */
	}
	return SQLITE_MISUSE;
}

static enum err bind(struct db_conn *c, struct sqlite_stmt *st, struct db_args args, sqlite3_destructor_type keep)
{
	for (int i = 0; i < st->n; i++) {
		size_t arg = st->arg_of[i];
		int rc = arg < args.n ? bind_one(st->stmt, i + 1, &args.v[arg], keep) : SQLITE_RANGE;
		if (rc == SQLITE_OK) continue;
		log_event(LOG_ERROR, "db.argument_wrong", LOG_INT("argument", (int64_t)arg + 1),
				  LOG_TEXT("error", sqlite3_errstr(rc)), LOG_TEXT("sql", st->text));
		return ERR_INTERNAL;
	}
	return OK;
}

static void finish(struct db_conn *c, struct sqlite_stmt *st)
{
	struct sqlite_conn *s = c->impl;
	sqlite3_reset(st->stmt);
	sqlite3_clear_bindings(st->stmt);
	s->deadline_ns = 0;
}

/* A statement of its own commits with its last step. */
static bool commits(struct db_conn *c, struct sqlite_stmt *st)
{
	return db_conn_unsure(c) && !sqlite3_stmt_readonly(st->stmt);
}

static enum err start(struct db_conn *c, const struct sql *q, struct db_args args, sqlite3_destructor_type keep,
					  struct sqlite_stmt **out)
{
	struct sqlite_conn *s = c->impl;
	enum err e = prepare(c, q, out);
	if (e) return e;
	s->deadline_ns = db_deadline_ns(c, 0);
	s->done = false;
	e = bind(c, *out, args, keep);
	if (e) finish(c, *out);
	return e;
}

static enum err sqlite_query(struct db_conn *c, const struct sql *q, struct db_args args, struct db_rows *rows)
{
	struct sqlite_conn *s = c->impl;
	struct sqlite_stmt *st;
	enum err e = start(c, q, args, SQLITE_TRANSIENT, &st);
	if (e) return e;
	/* the first step does all the writing there is, and meets most errors */
	int rc = sqlite3_step(st->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		e = sqlite_error(c, rc, st->text, commits(c, st));
		finish(c, st);
		return e;
	}
	s->done = rc == SQLITE_DONE;
	rows->impl = st;
	rows->n_rows = rc == SQLITE_ROW;
	return OK;
}

static bool sqlite_next(struct db_rows *rows)
{
	struct sqlite_conn *s = rows->conn->impl;
	struct sqlite_stmt *st = rows->impl;
	if (rows->row < rows->n_rows) return rows->row++, true;
	if (s->done) return false;
	int rc = sqlite3_step(st->stmt);
	if (rc == SQLITE_ROW) return rows->n_rows++, rows->row++, true;
	s->done = true;
	if (rc != SQLITE_DONE) rows->err = sqlite_error(rows->conn, rc, st->text, commits(rows->conn, st));
	return false;
}

static void sqlite_end(struct db_rows *rows)
{
	struct sqlite_conn *s = rows->conn->impl;
	struct sqlite_stmt *st = rows->impl;
	/* an INSERT ... RETURNING read halfway commits at its last step only */
	if (!sqlite3_stmt_readonly(st->stmt)) {
		while (!s->done) sqlite_next(rows);
	}
	finish(rows->conn, st);
}

static enum err sqlite_exec(struct db_conn *c, const struct sql *q, struct db_args args, int64_t *changed)
{
	struct sqlite_conn *s = c->impl;
	struct sqlite_stmt *st;
	int64_t n = 0;
	int rc;
	enum err e = start(c, q, args, SQLITE_STATIC, &st);
	if (e) return e;
	while ((rc = sqlite3_step(st->stmt)) == SQLITE_ROW) n++;
	if (rc != SQLITE_DONE) e = sqlite_error(c, rc, st->text, commits(c, st));
	*changed = e ? 0 : sqlite3_stmt_readonly(st->stmt) ? n : sqlite3_changes64(s->db);
	finish(c, st);
	return e;
}

static enum err sqlite_script(struct db_conn *c, const char *text)
{
	struct sqlite_conn *s = c->impl;
	s->deadline_ns = db_deadline_ns(c, 0);
	int rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
	s->deadline_ns = 0;
	return rc == SQLITE_OK ? OK : sqlite_error(c, rc, text, false);
}

static enum err sqlite_commit(struct db_conn *c)
{
	struct sqlite_conn *s = c->impl;
	s->deadline_ns = db_deadline_ns(c, 0); /* for the wait for readers, in memory only */
	int rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	s->deadline_ns = 0;
	if (rc == SQLITE_OK) return OK;
	enum err e = sqlite_error(c, rc, "COMMIT", !c->read_only);
	if (!sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return e;
}

static sqlite3_stmt *stmt_of(const struct db_rows *rows)
{
	return ((struct sqlite_stmt *)rows->impl)->stmt;
}

static int64_t sqlite_i64(const struct db_rows *rows, int col)
{
	return sqlite3_column_int64(stmt_of(rows), col);
}

static struct str sqlite_str(const struct db_rows *rows, int col)
{
	sqlite3_stmt *st = stmt_of(rows);
	if (sqlite3_column_type(st, col) == SQLITE_NULL) return STR_NONE;
	const void *p = sqlite3_column_type(st, col) == SQLITE_BLOB ? sqlite3_column_blob(st, col)
																: (const void *)sqlite3_column_text(st, col);
	return (struct str){ p ? p : "", (size_t)sqlite3_column_bytes(st, col) };
}

static bool sqlite_is_null(const struct db_rows *rows, int col)
{
	return sqlite3_column_type(stmt_of(rows), col) == SQLITE_NULL;
}

static enum err sqlite_show(struct db_conn *c, const char *setting, struct arena *a, struct str *value)
{
	static const struct sql sql_journal = { "SELECT journal_mode FROM pragma_journal_mode", NULL }, sql_sync = {
		"SELECT CASE synchronous WHEN 0 THEN 'off' WHEN 1 THEN 'normal' WHEN 2 THEN 'full' "
		"ELSE 'extra' END FROM pragma_synchronous",
		NULL
	};
	const struct sql *q = !strcmp(setting, "journal_mode")  ? &sql_journal
						  : !strcmp(setting, "synchronous") ? &sql_sync
															: NULL;
	struct db_rows rows;
	if (!q) return ERR_NOT_FOUND;
	enum err e = db_query(c, q, DB_NO_ARGS, &rows);
	if (e) return e;
	if (db_next(&rows)) *value = arena_str(a, db_str(&rows, 0));
	return db_end(&rows);
}

const struct db_driver db_driver_sqlite = {
	.kind = DB_SQLITE,
	.open = sqlite_file_open,
	.close = sqlite_file_close,
	.connect = sqlite_connect,
	.disconnect = sqlite_disconnect,
	.alive = sqlite_alive,
	.in_transaction = sqlite_in_transaction,
	.rest = sqlite_rest,
	.flush = sqlite_flush,
	.query = sqlite_query,
	.next = sqlite_next,
	.end = sqlite_end,
	.exec = sqlite_exec,
	.script = sqlite_script,
	.commit = sqlite_commit,
	.i64 = sqlite_i64,
	.str = sqlite_str,
	.is_null = sqlite_is_null,
	.show = sqlite_show,
};
