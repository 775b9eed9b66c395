/* Statements in Postgres. Each is prepared once a connection under the types of its first arguments, and its results
 * come in binary. */
#include "db/postgres.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static enum err postgres_open(struct db *db)
{
	char *why = NULL;
	PQconninfoOption *parts = PQconninfoParse(db->o.url, &why);
	if (!parts) /* not libpq's words: they may quote the URL, and a password with it */
		log_event(LOG_ERROR, "db.url_malformed", LOG_TEXT("wanted", "postgresql://USER:PASSWORD@HOST:PORT/NAME"));
	PQfreemem(why);
	PQconninfoFree(parts);
	return parts ? OK : ERR_INVALID;
}

static void postgres_close(struct db *db) {}

/* An idle connection on which something can be read has most likely been closed: a restarted server costs nobody an
 * error. */
static bool postgres_alive(struct db_conn *c)
{
	struct pg_conn *p = c->impl;
	if (PQstatus(p->pg) != CONNECTION_OK) return false;
	struct pollfd fd = { PQsocket(p->pg), POLLIN, 0 };
	while (poll(&fd, 1, 0) > 0) { /* notices and changed settings may come too */
		if (!PQconsumeInput(p->pg)) return false;
		PQisBusy(p->pg); /* parses */
		if (p->farewell || PQstatus(p->pg) != CONNECTION_OK) return false;
	}
	return true;
}

static bool postgres_in_transaction(struct db_conn *c)
{
	struct pg_conn *p = c->impl;
	PGTransactionStatusType t = PQtransactionStatus(p->pg);
	return t == PQTRANS_INTRANS || t == PQTRANS_INERROR;
}

/* Does what was prepared fit these arguments? A type that was left open and is known now makes it anew. */
static bool fits(const struct pg_stmt *st, const struct pg_conn *p, size_t n, bool *open)
{
	*open = false;
	if (st->n != n) return false;
	for (size_t i = 0; i < n; i++) {
		if (!p->types[i] || p->types[i] == st->types[i]) continue;
		if (st->types[i]) return false;
		*open = true;
	}
	return true;
}

static void stmt_forget(struct pg_conn *p, const struct sql *q)
{
	struct pg_stmt *st = id_map_take(&p->stmts, (int64_t)(intptr_t)q);
	if (!st) return;
	mem_free(st->types);
	mem_free(st);
}

static enum err stmt_make(struct db_conn *c, const struct sql *q, size_t n, struct pg_stmt *st)
{
	struct pg_conn *p = c->impl;
	PGresult *res;
	snprintf(st->name, sizeof st->name, "s%u", p->names++);
	if (!PQsendPrepare(p->pg, st->name, q->text, (int)n, st->types))
		return pg_lost(c, PQerrorMessage(p->pg), q->text, false);
	enum err e = pg_finish(c, q->text, false, pg_deadline_ns(c), &res);
	PQclear(res);
	return e;
}

static enum err prepare(struct db_conn *c, const struct sql *q, size_t n, struct pg_stmt **out)
{
	struct pg_conn *p = c->impl;
	struct pg_stmt *old = id_map_get(&p->stmts, (int64_t)(intptr_t)q);
	bool open = false;
	if (old) {
		assert(old->text == q->text); /* a struct sql is a constant */
		*out = old;
		if (!fits(old, p, n, &open)) {
			log_event(LOG_ERROR, "db.argument_wrong", LOG_TEXT("error", "other types than at first"),
					  LOG_TEXT("sql", q->text));
			return ERR_INTERNAL;
		}
		if (!open) return OK;
	}
	struct pg_stmt *st = mem_new(struct pg_stmt);
	st->text = q->text;
	st->n = n;
	st->types = mem_zalloc(sizeof(Oid) * (n + 1));
	for (size_t i = 0; i < n; i++) st->types[i] = p->types[i] ? p->types[i] : old ? old->types[i] : 0;
	enum err e = stmt_make(c, q, n, st);
	if (e) {
		mem_free(st->types);
		mem_free(st);
		return e;
	}
	stmt_forget(p, q);
	id_map_put(&p->stmts, (int64_t)(intptr_t)q, st);
	*out = st;
	return OK;
}

static enum err run(struct db_conn *c, const struct sql *q, struct db_args args, PGresult **out)
{
	struct pg_conn *p = c->impl;
	struct pg_stmt *st;
	*out = NULL;
	pg_bind(p, args);
	enum err e = prepare(c, q, args.n, &st);
	if (e) return e;
	if (!PQsendQueryPrepared(p->pg, st->name, (int)args.n, p->values, p->lengths, p->formats, 1))
		return pg_lost(c, PQerrorMessage(p->pg), q->text, false);
	return pg_finish(c, q->text, db_conn_unsure(c), pg_deadline_ns(c), out);
}

static enum err postgres_query(struct db_conn *c, const struct sql *q, struct db_args args, struct db_rows *rows)
{
	PGresult *res;
	enum err e = run(c, q, args, &res);
	rows->impl = res;
	rows->n_rows = e ? 0 : (size_t)PQntuples(res);
	return e;
}

static bool postgres_next(struct db_rows *rows)
{
	return rows->row < rows->n_rows && (rows->row++, true);
}
static void postgres_end(struct db_rows *rows)
{
	PQclear(rows->impl);
}

static enum err postgres_exec(struct db_conn *c, const struct sql *q, struct db_args args, int64_t *changed)
{
	PGresult *res;
	enum err e = run(c, q, args, &res);
	if (!e) *changed = strtoll(PQcmdTuples(res), NULL, 10);
	PQclear(res);
	return e;
}

static enum err postgres_script(struct db_conn *c, const char *text)
{
	PGresult *res;
	enum err e = pg_simple(c, text, db_conn_unsure(c), pg_deadline_ns(c), &res);
	PQclear(res);
	return e;
}

static enum err postgres_commit(struct db_conn *c)
{
	PGresult *res;
	enum err e = pg_simple(c, "COMMIT", !c->read_only && c->use != DB_READ, pg_deadline_ns(c), &res);
	if (!e && strcmp(PQcmdStatus(res), "COMMIT") != 0) { /* it was aborted, and we did not know */
		log_event(LOG_ERROR, "db.commit_refused", LOG_TEXT("answer", PQcmdStatus(res)));
		e = ERR_INTERNAL;
	}
	PQclear(res);
	return e;
}

static enum err postgres_show(struct db_conn *c, const char *setting, struct arena *a, struct str *value)
{
	static const struct sql sql_show = { "SELECT current_setting($1)", NULL };
	struct db_rows rows;
	enum err e = db_query(c, &sql_show, DB_ARGS(DB_TEXT(str_of(setting))), &rows);
	if (e) return e;
	if (db_next(&rows)) *value = arena_str(a, db_str(&rows, 0));
	return db_end(&rows);
}

const struct db_driver db_driver_postgres = {
	.kind = DB_POSTGRES,
	.open = postgres_open,
	.close = postgres_close,
	.connect = pg_connect,
	.disconnect = pg_disconnect,
	.alive = postgres_alive,
	.in_transaction = postgres_in_transaction,
	.query = postgres_query,
	.next = postgres_next,
	.end = postgres_end,
	.exec = postgres_exec,
	.script = postgres_script,
	.commit = postgres_commit,
	.i64 = pg_i64,
	.str = pg_str,
	.is_null = pg_is_null,
	.show = postgres_show,
};
