/* How often a second this disk makes one small write durable: write and fdatasync, one after the other, as a database
 * does that commits each message alone.
 *
 *   fsync DIRECTORY [MILLISECONDS]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "options.h"
#include "result.h"

#define RECORD 512
#define WRITES_MOST 1000000

static void print(int64_t n, int64_t ns, int64_t cpu, const struct hist *h)
{
	struct result r;
	result_open(&r, "fsync", "disk/fdatasync");
	result_real(&r, "seconds", (double)ns / 1e9);
	result_int(&r, "writes", n);
	result_real(&r, "writes_per_s", (double)n * 1e9 / (double)ns);
	result_real(&r, "cpu_s", (double)cpu / 1e9);
	result_real(&r, "p50_us", (double)hist_at(h, 0.5) / 1e3);
	result_real(&r, "p99_us", (double)hist_at(h, 0.99) / 1e3);
	result_close(&r);
}

int main(int argc, char **argv)
{
	static struct hist h;
	char path[4096], record[RECORD];
	int64_t ms = argc > 2 ? atoll(argv[2]) : 2000, n = 0;
	if (argc < 2 || ms < 1 || ms > 600000) fail("fsync DIRECTORY [MILLISECONDS]");
	snprintf(path, sizeof path, "%s/fsync-%d", argv[1], (int)getpid());
	memset(record, 'x', sizeof record);
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) fail("%s: %s", path, strerror(errno));
	unlink(path);
	int64_t start = now_ns(), last = start, cpu = cpu_self();
	for (; last < start + ms * 1000000 && n < WRITES_MOST; n++) {
		if (write(fd, record, sizeof record) != (ssize_t)sizeof record || fdatasync(fd))
			fail("write: %s", strerror(errno));
		int64_t now = now_ns();
		hist_add(&h, now - last);
		last = now;
	}
	print(n, last - start, cpu_self() - cpu, &h);
	close(fd);
	return 0;
}
