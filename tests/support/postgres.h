/* A private Postgres for a test program: a cluster of its own in a directory of its own on a free port, with fsync on
 * and locale C. A keeper process beside the test owns the server, so that server and directory are gone however the
 * test ends. */
#ifndef LINNET_TESTS_SUPPORT_POSTGRES_H
#define LINNET_TESTS_SUPPORT_POSTGRES_H
#include <libpq-fe.h>
#include <stdbool.h>

struct postgres;
/* Ready for connections; about a second. dir NULL: one under /tmp. Ends the program with a message when it cannot. Call
 * it before threads are started. */
struct postgres *postgres_start(const char *dir);
/* A standby that follows `primary` under the name `standby` (for synchronous_standby_names), ready for reading. */
struct postgres *postgres_standby(struct postgres *primary);
void postgres_promote(struct postgres *standby);
void postgres_destroy(struct postgres *p);
int postgres_port(const struct postgres *p);
const char *postgres_url(const struct postgres *p); /* of the database `linnet`; its user is a superuser */
/* Makes an empty database and says its URL, which the caller frees. */
char *postgres_database(struct postgres *p, const char *name);
void postgres_sql(struct postgres *p, const char *text); /* in the database `linnet`, outside any transaction */
/* A connection of the test's own; the caller finishes it. */
PGconn *postgres_connect(struct postgres *p);
/* Commits wait for a standby that is not there, or no more. Returns once it is so: sessions see the setting before the
 * checkpointer, which is told last, makes it hold. */
void postgres_want_standby(struct postgres *p, bool wanted);

/* What can happen to a server. All wait until it has happened. */
void postgres_kill(struct postgres *p);  /* as by a crash: nothing is finished, clients are cut off */
void postgres_stop(struct postgres *p);  /* in order: sessions are told, data is written */
void postgres_again(struct postgres *p); /* after kill or stop: the same data and port */
void postgres_pause(struct postgres *p); /* every process of it stands still, its sockets stay open */
void postgres_resume(struct postgres *p);
#endif
