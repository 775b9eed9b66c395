/* One process of a role: its settings, its pod, and what holds them together. Only src/bin knows which implementations
 * there are. */
#ifndef LINNET_BIN_PROCESS_H
#define LINNET_BIN_PROCESS_H
#include "app/pod.h"
#include "edge/edge.h"
#include "loop/tls.h"
#include "redis/address.h"

struct process {
	struct config config;
	struct pod pod;
	struct lane *append_lane; /* Postgres; SQLite has one writer, whose lane is pod.write */
	struct lane *lanes[8];    /* all of them */
	size_t n_lanes;
	struct pulse *pulse;
	struct sweeper *sweeper;     /* Postgres */
	struct retention *retention; /* NULL: everything is kept */
	struct indexer *indexer;
	struct leaver *leaver;
	struct purger *purger;
	struct edge *edge;
	struct tls_context *tls; /* NULL: plain */
	struct listener *listener;
	int port;                   /* taken */
	int lock;                   /* of the data directory; -1: none */
	bool beside;                /* whoever serves the SQLite file */
	bool running;               /* the reactors' threads */
	struct str database_url;    /* as it is used, in config.arena */
	struct redis_address redis; /* where there is a REDIS_URL */
};

/* ---- process.c: settings, log, data, database; enough for `migrate` and `admin` */
/* Says on stderr what is wrong, returns the exit status (0: go on). process_close is due in either case. */
enum process_use {
	PROCESS_SERVES,
	PROCESS_TOOL,     /* no keys, and alone on an SQLite file; with a DATABASE_URL no data directory either */
	PROCESS_MAKES,    /* likewise, but beside a server where the SQLite file is there */
	PROCESS_CHANGES,  /* beside a server; an SQLite file must be there */
	PROCESS_READS,    /* likewise, and nothing is written */
	PROCESS_RESTORES, /* an SQLite file: the data directory's lock, if it is there, and no database */
};
int process_open(struct process *p, enum role role, enum process_use use, int argc, char **argv);
void process_close(struct process *p);
enum err process_migrate(struct process *p, bool contract, bool tell); /* tell: also when there was nothing to do */
const char *process_file(struct process *p); /* the database's, of SQLite; NULL: it is Postgres */
/* A connection for the operator's commands, outside of any lane. */
struct db_conn *process_conn(struct process *p);

/* ---- pod.c: what serves */
/* As config_check, for what only src/bin and src/edge can read; before anything is touched. */
bool pod_check(struct config *c, const char **why);
enum err pod_open(struct process *p); /* brings the database up to date first; logged why not */
enum err pod_listen(struct process *p);
int64_t pod_connections(const struct process *p);
void pod_close(struct process *p); /* all is quiet: nobody is connected, nothing is being done */

/* ---- data.c */
/* The directory, 0700, and its lock, so that no two processes use it. -1: said why not. */
int data_lock(const char *dir);
/* What the file holds; made of 32 random bytes in hex, mode 0600, where there is none. */
enum err data_secret(const char *dir, const char *name, struct arena *a, struct str *out);
#endif
