/* Runs a fuzz target over each file of a corpus, whole and cut off at every place. */
#include <dirent.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fuzz.h"

#define CUT_MOST 2048 /* longer files are run whole only */

static void run(const char *p, size_t n)
{
	char *copy = n ? mem_dup(p, n) : NULL; /* of just this size, so that reading past it shows */
	LLVMFuzzerTestOneInput((const uint8_t *)copy, n);
	mem_free(copy);
}

static void replay_file(const char *path)
{
	struct buf b;
	size_t got;
	FILE *f = fopen(path, "rb");
	buf_init(&b);
	must(f);
	do {
		got = fread(buf_reserve(&b, 4096), 1, 4096, f);
		b.n += got;
	} while (got);
	fclose(f);
	for (size_t n = b.n <= CUT_MOST ? 0 : b.n; n <= b.n; n++) run(b.p, n);
	buf_release(&b);
}

int main(int argc, char **argv)
{
	size_t files = 0;
	must(argc == 2);
	DIR *dir = opendir(argv[1]);
	must(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[4096];
		if (entry->d_name[0] == '.') continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
		replay_file(path);
		files++;
	}
	closedir(dir);
	printf("%zu files\n", files);
	return files ? 0 : 1;
}
