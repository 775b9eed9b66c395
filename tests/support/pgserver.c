/* pgserver DIR: a private Postgres in DIR, which it makes and at the end removes. Prints the URL as one line, then
 * obeys lines on stdin (kill, stop, again, pause, resume, database NAME), answers each by `ok` or a URL, and lives
 * until stdin closes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres.h"

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static void obey(struct postgres *p, char *line)
{
	static const struct {
		const char *word;
		void (*run)(struct postgres *);
	} words[] = { { "kill", postgres_kill },
				  { "stop", postgres_stop },
				  { "again", postgres_again },
				  { "pause", postgres_pause },
				  { "resume", postgres_resume } };
	line[strcspn(line, "\n")] = 0;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(line, words[i].word) != 0) continue;
		words[i].run(p);
		say("ok");
		return;
	}
	if (!strncmp(line, "database ", 9) &&
		strspn(line + 9, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(line + 9)) {
		char *url = postgres_database(p, line + 9);
		say(url);
		free(url);
		return;
	}
	say("unknown");
}

int main(int argc, char **argv)
{
	char line[128];
	if (argc != 2) {
		fprintf(stderr, "usage: pgserver DIR\n");
		return 2;
	}
	struct postgres *p = postgres_start(argv[1]);
	say(postgres_url(p));
	while (fgets(line, sizeof line, stdin)) obey(p, line);
	postgres_destroy(p);
	return 0;
}
