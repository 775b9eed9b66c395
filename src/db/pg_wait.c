/* One statement's way to the server and back, without ever blocking in libpq: a server that answers nothing (stopped,
 * behind a cut cable) is left after the deadline. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/postgres.h"

int64_t pg_deadline_ns(const struct db_conn *c)
{
	if (c->use == DB_APPEND) return 0; /* a commit may wait for its standby for minutes: TCP alone says it is dead */
	int64_t margin = c->db->o.statement_timeout_ms / 4; /* for the answer to arrive, on a busy machine too */
	return db_deadline_ns(c, margin < 1000 ? 1000 : margin > 2000 ? 2000 : margin);
}

/* False: the deadline has passed. */
static bool wait_socket(PGconn *pg, short events, int64_t deadline_ns)
{
	struct pollfd p = { PQsocket(pg), events, 0 };
	for (;;) {
		int ms = -1;
		if (deadline_ns) {
			int64_t left = deadline_ns - clock_monotonic_ns(&clock_real);
			if (left <= 0) return false;
			ms = (int)(left / 1000000) + 1;
		}
		int n = poll(&p, 1, ms);
		if (n > 0) return true;
		if (n < 0 && errno != EINTR) return true; /* libpq will meet it */
	}
}

/* 1: there is a result or the end; 0: lost; -1: too late */
static int wait_result(PGconn *pg, int64_t deadline_ns)
{
	int left = 1;
	while (left || PQisBusy(pg)) {
		if (left) {
			left = PQflush(pg);
			if (left < 0) left = 0; /* a broken pipe: what the server said before may still be read */
			if (!left) continue;
		}
		if (!wait_socket(pg, (short)(POLLIN | (left ? POLLOUT : 0)), deadline_ns)) return -1;
		if (!PQconsumeInput(pg)) return 0;
	}
	return 1;
}

static void log_error(const PGresult *res, enum err e, const char *state, const char *text)
{
	const char *event = !strcmp(state, "57014") ? "db.statement_timeout" : "db.statement_failed";
	if (e == ERR_CONFLICT) return; /* the caller's business, and no news */
	log_event(e == ERR_INTERNAL ? LOG_ERROR : LOG_WARN, event, LOG_TEXT("sqlstate", state),
			  LOG_TEXT("error", PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)), LOG_TEXT("sql", text));
}

/* No room, or no disk under it. */
static bool no_room(const char *state)
{
	return !strncmp(state, "53", 2) || !strncmp(state, "58", 2);
}

static enum err judge(struct db_conn *c, PGresult *res, const char *text, bool unsure)
{
	struct pg_conn *p = c->impl;
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	bool drop, fatal = PQstatus(p->pg) == CONNECTION_BAD;
	if (!state || fatal) return pg_lost(c, PQresultErrorMessage(res), text, unsure);
	enum err e = pg_state_error(c, res, &drop);
	c->lock_late = !strcmp(state, "55P03");
	bool said = no_room(state) ? db_trouble_known(c) : c->lock_late && c->patient; /* a migration says so, once */
	if (!said) log_error(res, e, state, text);
	if (no_room(state)) db_trouble(c);
	if (drop) db_conn_drop(c);
	return e;
}

enum err pg_finish(struct db_conn *c, const char *text, bool unsure, int64_t deadline_ns, PGresult **out)
{
	struct pg_conn *p = c->impl;
	PGresult *last = NULL, *res;
	enum err e = OK;
	p->warned = false;
	for (;;) {
		int ok = wait_result(p->pg, deadline_ns);
		if (ok <= 0) {
			const char *why =
				last && PQresultStatus(last) == PGRES_FATAL_ERROR ? PQresultErrorMessage(last) : PQerrorMessage(p->pg);
			e = pg_lost(c, ok ? "no answer in time" : why, text, unsure);
			break;
		}
		res = PQgetResult(p->pg);
		if (!res) break; /* ReadyForQuery */
		/* the first error stands, unless what follows is the end of the connection */
		bool keep = last && PQresultStatus(last) == PGRES_FATAL_ERROR && PQstatus(p->pg) == CONNECTION_OK;
		PQclear(keep ? res : last);
		if (!keep) last = res;
	}
	if (!e && !last) e = pg_lost(c, PQerrorMessage(p->pg), text, unsure);
	if (!e && (PQstatus(p->pg) == CONNECTION_BAD || PQresultStatus(last) == PGRES_FATAL_ERROR))
		e = judge(c, last, text, unsure);
	if (!e && p->warned && unsure) e = ERR_UNKNOWN_OUTCOME;
	if (e) {
		PQclear(last);
		last = NULL;
	}
	*out = last;
	return e;
}

enum err pg_simple(struct db_conn *c, const char *text, bool unsure, int64_t deadline_ns, PGresult **out)
{
	struct pg_conn *p = c->impl;
	*out = NULL;
	if (!PQsendQuery(p->pg, text)) return pg_lost(c, PQerrorMessage(p->pg), text, false);
	return pg_finish(c, text, unsure, deadline_ns, out);
}
