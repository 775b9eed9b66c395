/* linnet admin restore: what `backup` wrote becomes the database of a server that does not run. The copy is made beside
 * the place, looked through there, given a history of its own, and takes the place at last. Another history, for what
 * came after the backup is not in it: clients that have seen that must drop what they hold (docs/sync.md: Epochs). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "bin/files.h"
#include "store/epoch.h"
#include "store/migrations.h"

#define COMMAND "restore"

struct restore {
	struct process *p;
	const char *dir, *target; /* the backup; the database file */
	bool force;
	const char *from, *copy, *kept; /* kept NULL: nothing was there */
	struct problem *problem;
	int64_t people, messages;
};

static enum err failed(struct restore *r, const char *path)
{
	return problem_set(r->problem, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

static bool there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

/* PATH, with what SQLite puts beside it. */
static const char *beside(struct restore *r, const char *path, const char *end)
{
	return arena_printf(&r->p->config.arena, "%s%s", path, end).p;
}

static bool has_bytes(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_size > 0;
}

static void remove_copy(struct restore *r)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal", ".lock" };
	for (size_t i = 0; i < countof(ends); i++) unlink(beside(r, r->copy, ends[i]));
}

/* ---- the copy */

static const struct sql SQL_PAGES = { "SELECT 1", "SELECT * FROM pragma_integrity_check(1)" };
static const struct sql SQL_COUNTS = {
	"SELECT (SELECT count(*) FROM users WHERE deleted_at IS NULL), (SELECT count(*) FROM messages)", NULL
};

static void text_take(const struct db_rows *r, void *arg)
{
	struct str s = db_str(r, 0);
	snprintf(arg, 200, STR_FMT, STR_ARG(s));
}

static void counts_take(const struct db_rows *r, void *arg)
{
	struct restore *x = arg;
	x->people = db_i64(r, 0), x->messages = db_i64(r, 1);
}

/* Is it whole, is it ours, and not of a newer version, which may mean something by it that this one would break? */
static enum err look_through(struct restore *r, const struct db *db, struct db_conn *c)
{
	char pages[200] = "";
	int missing = 0, unknown = 0;
	enum err e = db_one(c, &SQL_PAGES, DB_NO_ARGS, text_take, pages);
	if (!e && strcmp(pages, "ok") != 0) e = ERR_CONFLICT;
	const char *damage = db_damage(db);
	if (e)
		return problem_set(r->problem, e, "%s: is damaged, or no database: %s", r->from,
						   *pages   ? pages
						   : damage ? damage
									: err_row(e)->title);
	e = migrate_state(c, migration_list, migration_count, &missing, &unknown);
	if (!e && unknown) return problem_set(r->problem, ERR_CONFLICT, "%s: is of a newer version of linnet", r->from);
	if (!e && missing == migrate_all(migration_list, migration_count))
		return problem_set(r->problem, ERR_CONFLICT, "%s: is no database of linnet", r->from);
	return e ? e : db_one(c, &SQL_COUNTS, DB_NO_ARGS, counts_take, r);
}

static enum err prepare(struct restore *r)
{
	const struct db_options o = {
		.url = arena_printf(&r->p->config.arena, "sqlite:%s", r->copy).p,
		.statement_timeout_ms = (int)r->p->config.statement_timeout_ms,
		.connect_timeout_ms = (int)r->p->config.connect_timeout_ms,
		.most_connections = 1,
		.fsync = true,
	};
	struct db *db = NULL;
	enum err e = db_create(&o, &db);
	if (e) return e;
	struct db_conn *c = db_conn_create(db, DB_WRITE);
	db_conn_patient(c);
	e = look_through(r, db, c);
	if (!e) e = epoch_renew(c);
	db_conn_destroy(c); /* the last one: its log is empty and gone */
	db_destroy(db);
	const char *log = beside(r, r->copy, "-wal"); /* what is left there has not come into the copy: a full disk */
	return e || !has_bytes(log) ? e : problem_set(r->problem, ERR_UNAVAILABLE, "%s: could not be written", r->copy);
}

/* ---- the place */

/* The same file under another name too, where the file system can; else a copy of it. */
static bool keep(const char *from, const char *to)
{
	return link(from, to) == 0 || (errno != EEXIST && file_copy(from, to));
}

/* Everything has its second name before anything is changed, so that a crash at any point loses nothing and the place
 * is never empty. In the log of a server that was stopped there is nothing; of one that crashed it must go before the
 * other file comes, whose own it would be taken for. */
static enum err put_aside(struct restore *r)
{
	char name[32];
	time_t now = time(NULL);
	struct tm tm;
	static const char *const ends[] = { "", "-wal", "-journal" };
	static const char *const logs[] = { "-wal", "-journal", "-shm" };
	strftime(name, sizeof name, ".before-%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	const char *kept = beside(r, r->target, name);
	for (size_t i = 0; i < countof(ends); i++) {
		const char *from = beside(r, r->target, ends[i]), *to = beside(r, kept, ends[i]);
		if (!there(from)) continue;
		if (!keep(from, to)) return failed(r, from);
		r->kept = kept;
	}
	for (size_t i = 0; i < countof(logs); i++) {
		const char *from = beside(r, r->target, logs[i]);
		if (unlink(from) != 0 && errno != ENOENT) return failed(r, from);
	}
	return OK;
}

static enum err put_secret(struct restore *r)
{
	const struct config *c = &r->p->config;
	const char *from = beside(r, r->dir, "/jwt-secret"),
			   *to = arena_printf(&r->p->config.arena, STR_FMT "/jwt-secret", STR_ARG(c->data)).p;
	if (c->database_url.n || !there(from) || there(to)) return OK;
	return file_copy(from, to) ? OK : failed(r, to);
}

static enum err take_place(struct restore *r)
{
	const char *log = beside(r, r->from, "-wal");
	if (has_bytes(log))
		return problem_set(r->problem, ERR_CONFLICT, "%s: belongs to a running database; give what `backup` wrote",
						   log);
	remove_copy(r);
	if (!file_copy(r->from, r->copy)) return failed(r, r->from);
	enum err e = prepare(r);
	if (!e && !file_sync(r->copy)) e = failed(r, r->copy);
	if (!e) e = put_secret(r);
	if (!e) e = put_aside(r);
	if (!e && !file_replace(r->copy, r->target)) e = failed(r, r->target);
	remove_copy(r);
	return e;
}

static enum err restore(struct restore *r)
{
	int lock = -1;
	r->target = process_file(r->p);
	if (!r->target)
		return problem_set(r->problem, ERR_INVALID, "this is PostgreSQL: pg_restore does that (docs/operations.md)");
	r->from = beside(r, r->dir, "/linnet.db");
	if (!there(r->from)) return problem_set(r->problem, ERR_NOT_FOUND, "%s: there is no such file", r->from);
	r->copy = beside(r, r->target, ".restoring");
	enum err e = db_file_lock(r->target, &lock);
	if (e) return problem_set(r->problem, e, "%s: a server uses it: stop it first", r->target);
	if (there(r->target) && !r->force)
		e = problem_set(r->problem, ERR_CONFLICT, "%s: is there already; --force keeps it beside", r->target);
	if (!e) e = take_place(r);
	close(lock); /* the file stays: to remove it could remove another's new lock */
	return e;
}

static void say_done(const struct restore *r)
{
	printf("%s: restored, with %lld people and %lld messages\n", r->target, (long long)r->people,
		   (long long)r->messages);
	if (r->kept) printf("%s: what was there before\n", r->kept);
	printf("sessions and tokens are as they were at the backup; `linnet admin revoke-sessions --all` ends them\n");
}

int admin_restore(int argc, char **argv)
{
	struct process p;
	struct arena arena;
	struct problem problem;
	struct restore r = { .p = &p, .problem = &problem, .force = admin_flag(&argc, argv, "--force") };
	r.dir = admin_first(&argc, argv);
	if (!r.force) r.force = admin_flag(&argc, argv, "--force");
	if (!r.dir) return admin_wrong(COMMAND, "", "give a directory that `linnet admin backup` wrote");
	arena_init(&arena);
	problem_init(&problem, &arena);
	int status = process_open(&p, ROLE_SERVE, PROCESS_RESTORES, argc, argv);
	enum err e = status ? OK : restore(&r);
	if (e) admin_say(COMMAND, e, &problem);
	if (!status && !e) say_done(&r);
	arena_release(&arena);
	process_close(&p);
	return status ? status : e ? 1 : 0;
}
