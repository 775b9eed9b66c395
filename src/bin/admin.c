/* linnet admin: its commands, and what they share. */
#include "bin/admin.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/commands.h"
#include "model/user.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "create-user", admin_create_user },
	{ "reset-password", admin_reset_password },
};

int command_admin(int argc, char **argv)
{
	for (size_t i = 0; i < countof(commands) && argc; i++)
		if (strcmp(argv[0], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "linnet: admin: the commands are create-user and reset-password; `linnet help admin` shows their "
					"arguments\n");
	return 2;
}

int admin_wrong(const char *command, const char *what, const char *why)
{
	fprintf(stderr, "linnet: admin %s: %s%s%s\n", command, what, *what ? ": " : "", why);
	return 2;
}

/* Takes `--NAME VALUE` or `--NAME=VALUE` out of the arguments. False: it has no value. */
static bool take_value(int *argc, char **argv, const char *name, const char **out)
{
	size_t n = strlen(name);
	for (int i = 0; i < *argc;) {
		bool alone = strcmp(argv[i], name) == 0, joined = strncmp(argv[i], name, n) == 0 && argv[i][n] == '=';
		int used = alone ? 2 : 1;
		if (!alone && !joined) {
			i++;
			continue;
		}
		if (alone && i + 1 == *argc) return false;
		*out = alone ? argv[i + 1] : argv[i] + n + 1;
		memmove(argv + i, argv + i + used, sizeof *argv * (size_t)(*argc - i - used));
		*argc -= used;
	}
	return true;
}

const char *admin_take(int *argc, char **argv, const struct admin_word *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!take_value(argc, argv, words[i].name, words[i].value)) return words[i].name;
	return NULL;
}

enum err admin_password(const char *path, struct arena *a, struct str *out, struct problem *p)
{
	char text[1024];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;
	bool ok = f && !ferror(f);
	int why = errno;
	if (f) fclose(f);
	if (!ok) return problem_set(p, ERR_UNAVAILABLE, "%s: cannot be read: %s", path, strerror(why));
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) n--;
	*out = arena_str(a, (struct str){ text, n });
	sodium_memzero(text, sizeof text);
	return password_check(*out, p);
}

void admin_say(const char *command, enum err e, const struct problem *p)
{
	for (size_t i = 0; i < p->n_fields; i++)
		fprintf(stderr, "linnet: admin %s: %s: " STR_FMT "\n", command, p->fields[i].field,
				STR_ARG(p->fields[i].detail));
	if (p->n_fields) return;
	struct str detail = p->detail.p ? p->detail : str_of(err_row(e)->title);
	fprintf(stderr, "linnet: admin %s: " STR_FMT "\n", command, STR_ARG(detail));
}
