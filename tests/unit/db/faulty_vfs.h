/* The file system under SQLite, failing when told to: writes as on a full disk, syncs as on a broken one. */
#ifndef LINNET_TESTS_DB_FAULTY_VFS_H
#define LINNET_TESTS_DB_FAULTY_VFS_H
#include <sqlite3.h>

struct faulty {
	_Atomic int write_error, sync_error; /* SQLite's codes; 0: works */
	_Atomic int log_syncs;               /* of write-ahead logs, so far */
};
extern struct faulty faulty;
void faulty_vfs_install(void); /* becomes the default one; before any connection */
#endif
