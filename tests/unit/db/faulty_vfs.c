#include "faulty_vfs.h"

#include <stdlib.h>

struct faulty faulty;

/* A file is the real one and nothing else, under a table of functions of ours; which table a file had is kept by table.
 */
static sqlite3_vfs ours;
static sqlite3_vfs *real;
static struct table {
	const sqlite3_io_methods *real;
	sqlite3_io_methods ours;
} data_table, log_table;

static int write_or_fail(const struct table *t, sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return faulty.write_error ? faulty.write_error : t->real->xWrite(f, p, n, at);
}

static int data_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return write_or_fail(&data_table, f, p, n, at);
}

static int log_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return write_or_fail(&log_table, f, p, n, at);
}

static int log_sync(sqlite3_file *f, int flags)
{
	if (faulty.sync_error) return faulty.sync_error;
	faulty.log_syncs++;
	return log_table.real->xSync(f, flags);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	int rc = real->xOpen(real, name, f, flags, out_flags);
	struct table *t = flags & SQLITE_OPEN_MAIN_DB ? &data_table : flags & SQLITE_OPEN_WAL ? &log_table : NULL;
	if (rc != SQLITE_OK || !t || !f->pMethods) return rc;
	if (t->real && t->real != f->pMethods) abort(); /* this file system has more tables than we thought */
	if (!t->real) {
		t->real = f->pMethods;
		t->ours = *f->pMethods;
		t->ours.xWrite = t == &data_table ? data_write : log_write;
		if (t == &log_table) t->ours.xSync = log_sync;
	}
	f->pMethods = &t->ours;
	return rc;
}

void faulty_vfs_install(void)
{
	real = sqlite3_vfs_find(NULL);
	ours = *real;
	ours.zName = "faulty";
	ours.xOpen = open_file;
	ours.pNext = NULL;
	sqlite3_vfs_register(&ours, 1);
}
