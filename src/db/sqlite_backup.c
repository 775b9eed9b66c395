/* A copy of the whole by SQLite's own means: in one step, so that it is one snapshot, which in WAL keeps nobody from
 * writing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "db/sqlite.h"

static enum err failed(const char *path, const char *call, const char *why)
{
	log_event(LOG_ERROR, "db.backup_failed", LOG_TEXT("path", path), LOG_TEXT("call", call), LOG_TEXT("error", why));
	return ERR_UNAVAILABLE;
}

/* Without the mark of WAL, so that the copy is one file, whoever looks into it. */
static enum err copy(sqlite3 *from, sqlite3 *to, const char *path)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc = b ? sqlite3_backup_step(b, -1) : SQLITE_ERROR;
	if (b) sqlite3_backup_finish(b);
	if (rc != SQLITE_DONE) return failed(path, "backup", b ? sqlite3_errstr(rc) : sqlite3_errmsg(to));
	rc = sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	return rc == SQLITE_OK ? OK : failed(path, "journal_mode", sqlite3_errmsg(to));
}

/* For its owner alone: password hashes are in it. */
static enum err file_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return errno == EEXIST ? ERR_CONFLICT : failed(path, "open", strerror(errno));
	close(fd);
	return OK;
}

static enum err file_sync(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	enum err e = ok ? OK : failed(path, "fsync", strerror(errno));
	if (fd >= 0) close(fd);
	return e;
}

enum err db_backup(struct db_conn *c, const char *path)
{
	sqlite3 *to = NULL;
	enum err e = c->db->driver->kind == DB_SQLITE ? db_begin(c) : ERR_INVALID; /* connects */
	if (e) return e;
	db_rollback(c);
	e = file_make(path);
	if (e) return e;
	struct sqlite_conn *s = c->impl;
	if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		e = failed(path, "open", sqlite3_errmsg(to));
	if (!e) e = copy(s->db, to, path);
	if (sqlite3_close(to) != SQLITE_OK && !e) e = failed(path, "close", sqlite3_errmsg(to));
	if (!e) e = file_sync(path);
	if (e) unlink(path);
	return e;
}
