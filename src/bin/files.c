#include "bin/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE 65536

bool file_write(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR) continue;
		if (w < 0) return false;
		p += w, n -= (size_t)w;
	}
	return true;
}

static bool copy_all(int in, int out)
{
	char piece[PIECE];
	ssize_t n;
	while ((n = read(in, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 || !file_write(out, piece, (size_t)n)) return false;
	}
	return fsync(out) == 0;
}

/* The first reason counts. */
static void close_quietly(int fd)
{
	int why = errno;
	if (fd >= 0) close(fd);
	errno = why;
}

bool file_copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	if (in >= 0) out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool made = out >= 0, ok = made && copy_all(in, out);
	close_quietly(in);
	close_quietly(out);
	int why = errno;
	if (made && !ok) unlink(to);
	errno = why;
	return ok;
}

static bool sync_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	close_quietly(fd);
	return ok;
}

bool file_sync(const char *path)
{
	return sync_path(path, O_RDWR);
}

bool dir_sync(const char *path)
{
	return sync_path(path, O_RDONLY | O_DIRECTORY);
}

static bool sync_parent(const char *path)
{
	char copy[FILES_PATH];
	snprintf(copy, sizeof copy, "%s", path);
	return dir_sync(dirname(copy));
}

bool file_replace(const char *from, const char *to)
{
	return rename(from, to) == 0 && sync_parent(to);
}

bool file_rename(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) != 0) {
		if (errno != EINVAL && errno != ENOSYS) return false; /* a file system that does not know the flag */
		if (access(to, F_OK) == 0) {
			errno = EEXIST;
			return false;
		}
		if (rename(from, to) != 0) return false;
	}
	return sync_parent(to);
}
