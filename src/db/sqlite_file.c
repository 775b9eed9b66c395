/* The data file: its lock, its modes, and how a connection is set up. Two servers on one file would each believe to be
 * the only writer and the only bus, so a lock on PATH.lock is held for as long as the struct db lives. An operator's
 * command goes without it: SQLite's own locks keep the two apart, and what it changes it tells (store/moves.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/sqlite.h"

static enum err file_failed(const char *path, const char *what)
{
	log_event(LOG_ERROR, "db.file_unusable", LOG_TEXT("path", path), LOG_TEXT("call", what),
			  LOG_TEXT("error", strerror(errno)));
	return ERR_UNAVAILABLE;
}

static enum err lock_held(const char *path, int fd)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
	pid[n > 0 ? n : 0] = 0;
	pid[strcspn(pid, "\n")] = 0;
	log_event(LOG_ERROR, "db.file_locked", LOG_TEXT("path", path), LOG_TEXT("pid", pid),
			  LOG_TEXT("error",
					   "another process uses this database: stop it first, or give this one its own data directory"));
	return ERR_CONFLICT;
}

enum err db_file_lock(const char *of, int *fd)
{
	struct buf path;
	char pid[24];
	buf_init(&path);
	buf_printf(&path, "%s.lock", of);
	buf_add_byte(&path, 0);
	enum err e = OK;
	*fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0) {
		e = file_failed(path.p, "open");
	} else if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		e = errno == EWOULDBLOCK ? lock_held(path.p, *fd) : file_failed(path.p, "flock");
	} else { /* the number is for people only: the kernel holds the lock, and lets go when the process ends */
		int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
		if (ftruncate(*fd, 0) != 0 || pwrite(*fd, pid, (size_t)n, 0) != n) e = file_failed(path.p, "write");
	}
	buf_release(&path);
	if (e && *fd >= 0) close(*fd), *fd = -1;
	return e;
}

/* Made here, so that only its owner can read it: password hashes are in it. SQLite gives the log the same mode. */
static enum err file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) return file_failed(path, "open");
	close(fd);
	return OK;
}

static enum err memory_open(struct db *db, struct sqlite_file *f)
{
	/* the memdb file system: shared by name within the process, locked like a file */
	char uri[64];
	snprintf(uri, sizeof uri, "file:/linnet-%p?vfs=memdb", (void *)db);
	f->memory = true;
	f->path = mem_dup(uri, strlen(uri) + 1);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
	return sqlite3_open_v2(f->path, &f->keep, flags, NULL) == SQLITE_OK ? OK : ERR_INTERNAL;
}

enum err sqlite_file_open(struct db *db)
{
	struct sqlite_file *f = mem_new(struct sqlite_file);
	const char *path = db->o.url + strlen("sqlite:");
	db->impl = f;
	f->lock_fd = -1;
	if (!strcmp(path, ":memory:")) return memory_open(db, f);
	enum err e = db->o.beside ? OK : file_make(path);
	if (e) return e;
	char *whole = realpath(path, NULL); /* one file has one lock, by whatever links it is reached */
	if (!whole) return file_failed(path, "realpath");
	f->path = mem_dup(whole, strlen(whole) + 1);
	free(whole);
	return db->o.beside ? OK : db_file_lock(f->path, &f->lock_fd);
}

void sqlite_file_close(struct db *db)
{
	struct sqlite_file *f = db->impl;
	if (f->keep) sqlite3_close_v2(f->keep);
	if (f->lock_fd >= 0) close(f->lock_fd); /* the file stays: to remove it could remove another's new lock */
	mem_free(f->path);
	mem_free(f);
}

static int on_progress(void *arg)
{
	const struct sqlite_conn *s = arg;
	return s->deadline_ns && clock_monotonic_ns(&clock_real) > s->deadline_ns;
}

/* Waits for another connection's lock in steps of 50 us to 5 ms: a commit takes about that long. */
static int on_busy(void *arg, int tries)
{
	const struct sqlite_conn *s = arg;
	if (s->deadline_ns && clock_monotonic_ns(&clock_real) > s->deadline_ns) return 0;
	usleep(tries < 100 ? 50 * (useconds_t)(tries + 1) : 5000);
	return 1;
}

#define PROGRESS_STEPS 1000 /* of the virtual machine, some microseconds */

static enum err conn_set(struct db_conn *c, struct sqlite_conn *s)
{
	char text[512];
	const char *sync = !c->db->o.fsync ? "OFF" : "FULL";
	snprintf(text, sizeof text,
			 "PRAGMA journal_mode=WAL;PRAGMA synchronous=%s;PRAGMA foreign_keys=OFF;PRAGMA case_sensitive_like=ON;"
			 "PRAGMA trusted_schema=OFF;PRAGMA temp_store=MEMORY;PRAGMA cache_size=-8192;"
			 "PRAGMA journal_size_limit=67108864;PRAGMA query_only=%s;",
			 sync, c->use == DB_READ ? "ON" : "OFF");
	int rc = sqlite3_exec(s->db, text, NULL, NULL, NULL);
	return rc == SQLITE_OK ? sqlite_functions(s->db) : sqlite_error(c, rc, "PRAGMA ...", false);
}

enum err sqlite_connect(struct db_conn *c)
{
	const struct sqlite_file *f = c->db->impl;
	struct sqlite_conn *s = mem_new(struct sqlite_conn);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (f->memory ? SQLITE_OPEN_URI : 0);
	pthread_mutex_lock(&c->db->connecting); /* the change to WAL does not wait for others: only one may try */
	c->impl = s;
	int rc = sqlite3_open_v2(f->path, &s->db, flags, NULL);
	enum err e = OK;
	if (rc != SQLITE_OK) {
		e = sqlite_error(c, rc, "open", false);
	} else {
		sqlite3_extended_result_codes(s->db, 1);
		sqlite3_busy_handler(s->db, on_busy, s);
		sqlite3_progress_handler(s->db, PROGRESS_STEPS, on_progress, s);
		s->deadline_ns = clock_monotonic_ns(&clock_real) + (int64_t)c->db->o.connect_timeout_ms * 1000000;
		e = conn_set(c, s);
		s->deadline_ns = 0;
	}
	pthread_mutex_unlock(&c->db->connecting);
	if (e) {
		sqlite_disconnect(c);
		c->impl = NULL;
	}
	return e;
}

void sqlite_disconnect(struct db_conn *c)
{
	struct sqlite_conn *s = c->impl;
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&s->stmts, &i, &slot);) {
		struct sqlite_stmt *st = slot.value;
		sqlite3_finalize(st->stmt);
		mem_free(st->arg_of);
		mem_free(st);
	}
	id_map_release(&s->stmts);
	sqlite3_close_v2(s->db);
	mem_free(s);
}
