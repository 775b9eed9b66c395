/* Postgres's errors as ours. The rule for a lost connection: whoever may have been committing does not know. That holds
 * for the server's own farewells too (57P01, 57P02): it may say them at any moment, also between the commit and its
 * answer. */
#include <string.h>

#include "base/log.h"
#include "db/postgres.h"

static bool in_class(const char *state, const char *class)
{
	return !strncmp(state, class, 2);
}

/* A cached plan whose columns a migration has changed: the code for it says no more than "not supported". */
static bool plan_outdated(const PGresult *res, const char *state)
{
	const char *function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);
	return !strcmp(state, "0A000") && function && !strcmp(function, "RevalidateCachedQuery");
}

enum err pg_state_error(const struct db_conn *c, const PGresult *res, bool *drop)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	*drop = false;
	if (!strcmp(state, "23505")) return ERR_CONFLICT; /* unique_violation */
	if (!strcmp(state, "08P01")) return ERR_INTERNAL; /* wrong number of parameters */
	if (in_class(state, "08") || in_class(state, "57") || in_class(state, "53") || in_class(state, "58")) {
		*drop = in_class(state, "08") || !strncmp(state, "57P", 3);
		return ERR_UNAVAILABLE; /* connection, operator, resources, system */
	}
	if (!strcmp(state, "40001") || !strcmp(state, "40P01") || !strcmp(state, "55P03")) return ERR_UNAVAILABLE;
	/* a server that has become a standby; a session whose statements were thrown away (DISCARD): the next connection
	 * will do */
	if (!strcmp(state, "25006") && c->use != DB_READ && !c->read_only) return *drop = true, ERR_UNAVAILABLE;
	if (!strcmp(state, "26000") || plan_outdated(res, state)) return *drop = true, ERR_UNAVAILABLE;
	return ERR_INTERNAL;
}

/* A wait for a standby that was cancelled ends in success and a warning. */
void pg_notice(void *arg, const PGresult *res)
{
	struct db_conn *c = arg;
	struct pg_conn *p = c->impl;
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (!p || !state || !severity) return;
	if (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")) p->farewell = true; /* said while nothing was asked */
	if (strcmp(severity, "WARNING") != 0) return;
	if (in_class(state, "01") || in_class(state, "57")) p->warned = true;
	log_event(LOG_WARN, "db.warning", LOG_TEXT("sqlstate", state),
			  LOG_TEXT("error", PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)));
}

enum err pg_lost(struct db_conn *c, const char *why, const char *text, bool unsure)
{
	struct str line = STR_NONE, rest = str_of(why);
	str_split(&rest, '\n', &line);
	log_event(LOG_WARN, "db.connection_lost", LOG_STR("error", line), LOG_BOOL("outcome_unknown", unsure),
			  LOG_TEXT("sql", text));
	db_trouble(c);
	db_conn_drop(c);
	return unsure ? ERR_UNKNOWN_OUTCOME : ERR_UNAVAILABLE;
}
