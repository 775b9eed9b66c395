#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/random.h"
#include "bin/files.h"
#include "bin/process.h"

#define SECRET_BYTES 32
#define PATH_MOST 4096
#define PID_TEXT 24

static int failed(const char *path, const char *what)
{
	fprintf(stderr, "linnet: %s: %s: %s\n", path, what, strerror(errno));
	return -1;
}

/* Only for telling: whose lock it is the kernel knows. */
static void note_pid(int fd)
{
	if (ftruncate(fd, 0) == 0) dprintf(fd, "%ld\n", (long)getpid());
}

static const char *noted_pid(int fd, char out[PID_TEXT])
{
	ssize_t n = read(fd, out, PID_TEXT - 1);
	while (n > 0 && !(out[n - 1] >= '0' && out[n - 1] <= '9')) n--;
	if (n <= 0) return "unknown";
	out[n] = 0;
	return out;
}

static int file_lock(const char *path)
{
	char pid[PID_TEXT];
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return failed(path, "cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		note_pid(fd);
		return fd;
	}
	if (errno == EWOULDBLOCK)
		fprintf(stderr, "linnet: %s is locked: another linnet (process %s) is using this data\n", path,
				noted_pid(fd, pid));
	else
		failed(path, "cannot be locked");
	close(fd);
	return -1;
}

int data_lock(const char *dir)
{
	char path[PATH_MOST];
	struct stat st;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) return failed(dir, "the data directory cannot be made");
	if (stat(dir, &st) < 0) return failed(dir, "the data directory cannot be read");
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return failed(dir, "the data directory");
	}
	/* What is inside is for nobody else; a directory that belongs to somebody else is theirs to look after. */
	if (st.st_uid == geteuid() && (st.st_mode & 077) && chmod(dir, 0700) < 0)
		return failed(dir, "cannot be made private");
	if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return failed(dir, "the data directory");
	}
	return file_lock(path);
}

/* Whole or not at all, also when the machine stops in the middle. */
static bool make_secret(const char *path)
{
	unsigned char bytes[SECRET_BYTES];
	char text[2 * SECRET_BYTES + 2], temporary[PATH_MOST + 8];
	random_kernel.bytes(&random_kernel, bytes, sizeof bytes);
	hex_encode(bytes, sizeof bytes, text);
	text[sizeof text - 2] = '\n';
	snprintf(temporary, sizeof temporary, "%s.new", path);
	unlink(temporary);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) return false;
	bool ok = file_write(fd, text, sizeof text - 1) && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	ok = ok && rename(temporary, path) == 0;
	explicit_bzero(text, sizeof text);
	return ok;
}

static bool read_secret(const char *path, struct arena *a, struct str *out)
{
	char text[1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return false;
	ssize_t n = read(fd, text, sizeof text);
	close(fd);
	if (n < 0) return false;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
	*out = arena_str(a, (struct str){ text, (size_t)n });
	return true;
}

enum err data_secret(const char *dir, const char *name, struct arena *a, struct str *out)
{
	char path[PATH_MOST];
	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return ERR_INVALID;
	if (read_secret(path, a, out)) return OK;
	if (errno == ENOENT && make_secret(path) && read_secret(path, a, out)) {
		log_event(LOG_INFO, "process.secret_made", LOG_TEXT("file", path));
		return OK;
	}
	failed(path, "cannot be read or made");
	return ERR_UNAVAILABLE;
}
