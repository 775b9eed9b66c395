/* Making a connection. What the URL does not say is filled in: only a primary will do, a dead peer is noticed within
 * seconds by both sides, and every session is set so that an acknowledged commit is on disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/postgres.h"

#define LEAST_VERSION 130000 /* xid8 and pg_snapshot */

/* Numbers in milliseconds. tcp_user_timeout and keepalives are the server's here: it drops us behind a cut cable. */
static void session_settings(const struct db_conn *c, struct buf *out)
{
	const struct db_options *o = &c->db->o;
	bool append = c->use == DB_APPEND;
	buf_printf(out,
			   "SET statement_timeout=%d;SET idle_in_transaction_session_timeout=%d;SET tcp_user_timeout=%d;"
			   "SET tcp_keepalives_idle=%d;SET tcp_keepalives_interval=%d;SET tcp_keepalives_count=3;"
			   "SET synchronous_commit=%s;SET default_transaction_read_only=%s;"
			   "SET default_transaction_isolation='read committed';SET client_min_messages=warning;SET TimeZone='UTC';"
			   "SET jit=off;SET standard_conforming_strings=on",
			   append ? 0 : o->statement_timeout_ms, append ? 5000 : 60000, append ? 5000 : 30000, append ? 2 : 10,
			   append ? 1 : 5, o->fsync ? "on" : "off", c->use == DB_READ ? "on" : "off");
	buf_add_byte(out, 0);
}

static enum err refuse(struct db_conn *c, const char *event, const char *found, const char *wanted)
{
	if (!c->outage) log_event(LOG_ERROR, event, LOG_TEXT("found", found), LOG_TEXT("wanted", wanted));
	return ERR_INTERNAL;
}

static enum err session_set(struct db_conn *c, struct pg_conn *p)
{
	struct buf text;
	PGresult *res = NULL;
	const char *encoding = PQparameterStatus(p->pg, "server_encoding");
	if (PQserverVersion(p->pg) < LEAST_VERSION)
		return refuse(c, "db.server_too_old", PQparameterStatus(p->pg, "server_version"), "13 or later");
	if (!encoding || strcmp(encoding, "UTF8") != 0) return refuse(c, "db.encoding_wrong", encoding, "UTF8");
	buf_init(&text);
	session_settings(c, &text);
	int64_t deadline = clock_monotonic_ns(&clock_real) + (int64_t)c->db->o.connect_timeout_ms * 1000000;
	enum err e = pg_simple(c, text.p, false, deadline, &res);
	PQclear(res);
	buf_release(&text);
	return e;
}

/* What stands before `dbname` gives way to the URL, what stands behind it does not. */
static PGconn *open_url(const struct db_conn *c)
{
	char timeout[16];
	int s = (c->db->o.connect_timeout_ms + 999) / 1000;
	snprintf(timeout, sizeof timeout, "%d", s < 2 ? 2 : s); /* for each host; libpq takes no less than 2 s */
	const char *names[] = { "fallback_application_name", "connect_timeout",
							"keepalives_idle",           "keepalives_interval",
							"keepalives_count",          "tcp_user_timeout",
							"target_session_attrs",      "dbname",
							"client_encoding",           NULL };
	const char *values[] = { "linnet", timeout, "2", "1", "3", "5000", "primary", c->db->o.url, "UTF8", NULL };
	return PQconnectdbParams(names, values, 1);
}

static struct str first_line(const char *z)
{
	struct str s = str_of(z), line = STR_NONE;
	str_split(&s, '\n', &line);
	return line;
}

static enum err connected(struct db_conn *c, struct pg_conn *p)
{
	if (PQstatus(p->pg) != CONNECTION_OK) {
		if (!c->outage) log_event(LOG_WARN, "db.connect_failed", LOG_STR("error", first_line(PQerrorMessage(p->pg))));
		return ERR_UNAVAILABLE;
	}
	if (PQsetnonblocking(p->pg, 1) != 0) return ERR_UNAVAILABLE;
	PQsetNoticeReceiver(p->pg, pg_notice, c);
	return session_set(c, p);
}

enum err pg_connect(struct db_conn *c)
{
	struct pg_conn *p = mem_new(struct pg_conn);
	c->impl = p;
	p->pg = open_url(c);
	if (!p->pg) abort(); /* out of memory */
	enum err e = connected(c, p);
	if (!e) {
		log_event(LOG_INFO, "db.connected", LOG_TEXT("host", PQhost(p->pg)), LOG_TEXT("port", PQport(p->pg)),
				  LOG_INT("server_process", PQbackendPID(p->pg)));
		return OK;
	}
	if (c->impl) pg_disconnect(c);
	c->impl = NULL;
	return e;
}

void pg_disconnect(struct db_conn *c)
{
	struct pg_conn *p = c->impl;
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&p->stmts, &i, &slot);) {
		struct pg_stmt *st = slot.value;
		mem_free(st->types);
		mem_free(st);
	}
	id_map_release(&p->stmts);
	PQfinish(p->pg);
	mem_free(p->values);
	mem_free(p->lengths);
	mem_free(p->formats);
	mem_free(p->numbers);
	mem_free(p->types);
	mem_free(p);
}
