/* linnet admin backup: a directory with all that `serve` needs to go on elsewhere. It is made under another name, and
 * takes its own when everything in it is on disk: a directory of the name that was asked for is a whole backup. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "bin/admin.h"
#include "bin/files.h"

#define COMMAND "backup"

struct backup {
	struct admin_job job;
	const char *dir;
	char partial[FILES_PATH], database[FILES_PATH], secret[FILES_PATH];
};

static enum err failed(struct problem *p, const char *path)
{
	return problem_set(p, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* Access tokens, for which it stands, live for minutes; with it not even they end. A secret that the environment gives
 * is in no file. */
static enum err copy_secret(struct backup *b, struct process *p, struct problem *problem)
{
	const char *from = arena_printf(&b->job.arena, STR_FMT "/jwt-secret", STR_ARG(p->config.data)).p;
	if (p->config.database_url.n || access(from, F_OK) != 0) return OK;
	return file_copy(from, b->secret) ? OK : failed(problem, b->secret);
}

/* Files that are uploaded will go in here, behind the database, whose rows name them: one that is named is there. */
static enum err fill(struct backup *b, struct process *p, struct db_conn *c, struct problem *problem)
{
	enum err e = db_backup(c, b->database);
	if (!e) e = copy_secret(b, p, problem);
	if (!e && !dir_sync(b->partial)) e = failed(problem, b->partial);
	return e;
}

static enum err run(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem)
{
	struct backup *b = container_of(j, struct backup, job);
	struct stat st;
	if (!process_file(p))
		return problem_set(problem, ERR_INVALID, "this is PostgreSQL: pg_dump makes its backups (docs/operations.md)");
	if (lstat(b->dir, &st) == 0) return problem_set(problem, ERR_CONFLICT, "%s: is there already", b->dir);
	if (mkdir(b->partial, 0700) < 0) return failed(problem, b->partial);
	enum err e = fill(b, p, c, problem);
	if (!e && !file_rename(b->partial, b->dir)) e = failed(problem, b->dir);
	if (!e) {
		printf("%s: written\n", b->dir);
		return OK;
	}
	unlink(b->database);
	unlink(b->secret);
	rmdir(b->partial);
	return e;
}

int admin_backup(int argc, char **argv)
{
	struct backup b = { .job = { .command = COMMAND, .use = PROCESS_READS, .run = run } };
	b.dir = admin_first(&argc, argv);
	if (!b.dir) return admin_wrong(COMMAND, "", "give a directory that is to be made");
	if (strlen(b.dir) > FILES_PATH - 32) return admin_wrong(COMMAND, b.dir, "the name is too long");
	snprintf(b.partial, sizeof b.partial, "%s.partial-%d", b.dir, (int)getpid());
	snprintf(b.database, sizeof b.database, "%.*s/linnet.db", FILES_PATH - 32, b.partial);
	snprintf(b.secret, sizeof b.secret, "%.*s/jwt-secret", FILES_PATH - 32, b.partial);
	return admin_run(&b.job, argc, argv);
}
