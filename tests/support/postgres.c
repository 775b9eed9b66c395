#include "postgres.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postgres_keeper.h"

struct postgres {
	struct keeper k;
	int fd; /* to the keeper */
	pid_t keeper;
	char url[128];
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "postgres for tests: %s: %s\n", what, why);
	exit(1);
}

/* Below those that the kernel gives to whoever connects: one of them could be taken again before Postgres binds it. */
#define PORT_FIRST 15000
#define PORTS 17000

static bool port_is_free(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
							 .sin_port = htons((uint16_t)port),
							 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
	if (fd >= 0) close(fd);
	return ok;
}

static int free_port(void)
{
	for (int i = 0; i < 1000; i++) {
		uint32_t any = 0;
		if (getrandom(&any, sizeof any, 0) != sizeof any) break;
		int port = PORT_FIRST + (int)(any % PORTS);
		if (port_is_free(port)) return port;
	}
	die("port", "none is free");
	return 0;
}

static void show_log(const struct postgres *p)
{
	char path[300], line[512];
	snprintf(path, sizeof path, "%s/log", p->k.dir);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f)) fputs(line, stderr);
	if (f) fclose(f);
}

static void command(struct postgres *p, char c)
{
	if ((c && write(p->fd, &c, 1) != 1) || read(p->fd, &c, 1) != 1) die(p->k.dir, "its keeper is gone");
	if (c == KEEPER_OK) return;
	show_log(p);
	die(p->k.dir, "the server did not start");
}

static void set_dir(struct postgres *p, const char *dir)
{
	char template[] = "/tmp/linnet-postgres-XXXXXX";
	if (!dir) {
		if (!mkdtemp(template)) die(template, "cannot be made");
		dir = template;
	} else if (access(dir, F_OK) == 0 && rmdir(dir) != 0) {
		die(dir, "is there and not empty");
	}
	if (dir[0] == '/') {
		snprintf(p->k.dir, sizeof p->k.dir, "%s", dir);
	} else {
		char *cwd = getcwd(NULL, 0);
		snprintf(p->k.dir, sizeof p->k.dir, "%s/%s", cwd ? cwd : "", dir);
		free(cwd);
	}
	if (strlen(p->k.dir) > 80) die(p->k.dir, "is too long for a socket's path");
}

static struct postgres *launch(const char *dir, int from)
{
	int fds[2];
	struct postgres *p = calloc(1, sizeof *p);
	if (!p) die("memory", "none");
	set_dir(p, dir);
	p->k.port = free_port();
	p->k.from = from;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) die("keeper", "cannot be started");
	fflush(NULL);
	p->keeper = fork();
	if (p->keeper < 0) die("keeper", "cannot be started");
	if (p->keeper == 0) keeper_run(&p->k, fds[1]);
	close(fds[1]);
	p->fd = fds[0];
	command(p, 0);
	snprintf(p->url, sizeof p->url, "postgresql://linnet@127.0.0.1:%d/linnet", p->k.port);
	return p;
}

struct postgres *postgres_start(const char *dir)
{
	struct postgres *p = launch(dir, 0);
	free(postgres_database(p, "linnet"));
	return p;
}

struct postgres *postgres_standby(struct postgres *primary)
{
	return launch(NULL, primary->k.port);
}

void postgres_destroy(struct postgres *p)
{
	if (!p) return;
	close(p->fd);
	waitpid(p->keeper, NULL, 0);
	free(p);
}

const char *postgres_url(const struct postgres *p)
{
	return p->url;
}

static PGconn *connect_to(const struct postgres *p, const char *database)
{
	char info[200];
	snprintf(info, sizeof info, "host=127.0.0.1 port=%d dbname=%s user=linnet", p->k.port, database);
	PGconn *c = PQconnectdb(info);
	if (PQstatus(c) != CONNECTION_OK) die(database, PQerrorMessage(c));
	return c;
}

static void run(PGconn *c, const char *text)
{
	PGresult *res = PQexec(c, text);
	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK) die(text, PQerrorMessage(c));
	PQclear(res);
}

PGconn *postgres_connect(struct postgres *p)
{
	return connect_to(p, "linnet");
}

void postgres_sql(struct postgres *p, const char *text)
{
	PGconn *c = postgres_connect(p);
	run(c, text);
	PQfinish(c);
}

/* Does this commit wait for a standby? If so, it is cancelled. */
static bool commit_waits(PGconn *c, PGconn *look)
{
	char waits[128], cancel[64];
	bool waited = false, busy = true;
	snprintf(waits, sizeof waits, "SELECT 1 FROM pg_stat_activity WHERE pid = %d AND wait_event = 'SyncRep'",
			 PQbackendPID(c));
	snprintf(cancel, sizeof cancel, "SELECT pg_cancel_backend(%d)", PQbackendPID(c));
	if (!PQsendQuery(c, "SELECT pg_logical_emit_message(true, 'test', 'a commit')")) die("a commit", PQerrorMessage(c));
	while (busy && !waited) {
		PGresult *r = PQexec(look, waits);
		waited = PQntuples(r) > 0;
		PQclear(r);
		if (!PQconsumeInput(c)) die("a commit", PQerrorMessage(c));
		busy = PQisBusy(c);
	}
	if (waited) run(look, cancel);
	for (PGresult *r; (r = PQgetResult(c));) PQclear(r);
	return waited;
}

static void ignore(void *arg, const char *message) {}

void postgres_want_standby(struct postgres *p, bool wanted)
{
	PGconn *c = postgres_connect(p), *look = postgres_connect(p);
	PQsetNoticeProcessor(c, ignore, NULL);
	run(look, wanted ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
					 : "ALTER SYSTEM RESET synchronous_standby_names");
	run(look, "SELECT pg_reload_conf()");
	while (commit_waits(c, look) != wanted) continue;
	PQfinish(c);
	PQfinish(look);
}

void postgres_promote(struct postgres *standby)
{
	postgres_sql(standby, "SELECT pg_promote()"); /* waits */
}

int postgres_port(const struct postgres *p)
{
	return p->k.port;
}

char *postgres_database(struct postgres *p, const char *name)
{
	char text[128], *url = malloc(160);
	PGconn *c = connect_to(p, "postgres");
	snprintf(text, sizeof text, "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
	run(c, "SET client_min_messages = error");
	run(c, text);
	snprintf(text, sizeof text, "CREATE DATABASE %s", name);
	run(c, text);
	PQfinish(c);
	if (url) snprintf(url, 160, "postgresql://linnet@127.0.0.1:%d/%s", p->k.port, name);
	return url;
}

void postgres_kill(struct postgres *p)
{
	command(p, KEEPER_KILL);
}

void postgres_stop(struct postgres *p)
{
	command(p, KEEPER_STOP);
}

void postgres_again(struct postgres *p)
{
	command(p, KEEPER_AGAIN);
}

void postgres_pause(struct postgres *p)
{
	command(p, KEEPER_PAUSE);
}

void postgres_resume(struct postgres *p)
{
	command(p, KEEPER_RESUME);
}
