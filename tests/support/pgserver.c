/* pgserver DIR: a private Postgres in DIR, which it makes and at the end removes. Prints the URL as one line, then
 * obeys lines on stdin (kill, stop, again, pause, resume, database NAME), answers each by `ok` or a URL, and lives
 * until stdin closes. `standby` makes a standby that follows it and says its URL; `standby WORD` is meant for that one,
 * and `promote` among the words makes a primary of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres.h"

static void say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static void obey_word(struct postgres *p, const char *line)
{
	static const struct {
		const char *word;
		void (*run)(struct postgres *);
	} words[] = { { "kill", postgres_kill },   { "stop", postgres_stop },     { "again", postgres_again },
				  { "pause", postgres_pause }, { "resume", postgres_resume }, { "promote", postgres_promote } };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strcmp(line, words[i].word) != 0) continue;
		words[i].run(p);
		say("ok");
		return;
	}
	say("unknown");
}

static void obey(struct postgres *p, struct postgres **standby, char *line)
{
	line[strcspn(line, "\n")] = 0;
	if (!strcmp(line, "standby") && !*standby) {
		*standby = postgres_standby(p);
		say(postgres_url(*standby));
		return;
	}
	if (!strncmp(line, "standby ", 8) && *standby) {
		obey_word(*standby, line + 8);
		return;
	}
	if (!strncmp(line, "database ", 9) &&
		strspn(line + 9, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(line + 9)) {
		char *url = postgres_database(p, line + 9);
		say(url);
		free(url);
		return;
	}
	obey_word(p, line);
}

int main(int argc, char **argv)
{
	char line[128];
	if (argc != 2) {
		fprintf(stderr, "usage: pgserver DIR\n");
		return 2;
	}
	struct postgres *standby = NULL, *p = postgres_start(argv[1]);
	say(postgres_url(p));
	while (fgets(line, sizeof line, stdin)) obey(p, &standby, line);
	postgres_destroy(standby);
	postgres_destroy(p);
	return 0;
}
