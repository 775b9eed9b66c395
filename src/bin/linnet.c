/* The program: its commands, a row each. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/commands.h"

static const struct command {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "serve", "[--SETTING VALUE]...", "everything in one process, on SQLite in a data directory", command_serve },
	{ "backend", "[--SETTING VALUE]...", "the API and its sockets, on the database of DATABASE_URL", command_backend },
	{ "migrate", "[--contract] [--SETTING VALUE]...", "brings the database up to date, and ends", command_migrate },
	{ "admin", "COMMAND [ARGUMENT]...", "what an operator does on the machine itself; its commands:", command_admin },
	{ "config", "[ROLE] [--SETTING VALUE]...", "prints every setting: its value, where it came from, what it is for",
	  command_config },
	{ "version", "", "prints the version", command_version },
	{ "help", "[COMMAND]", "prints this", command_help },
};

static const struct command *command_named(const char *name)
{
	for (size_t i = 0; i < countof(commands); i++)
		if (strcmp(commands[i].name, name) == 0) return &commands[i];
	return NULL;
}

static int no_command(const char *name)
{
	fprintf(stderr, "linnet: there is no command \"%s\"; `linnet help` names them\n", name);
	return 2;
}

static void print_command(const struct command *c)
{
	printf("  %s %s\n      %s\n", c->name, c->arguments, c->help);
	if (c->run == command_admin) admin_help();
}

/* All commands, or the one that is named. */
int command_help(int argc, char **argv)
{
	const struct command *one = argc ? command_named(argv[0]) : NULL;
	if (argc && !one) return no_command(argv[0]);
	puts("linnet COMMAND [ARGUMENT]...\n");
	for (size_t i = 0; i < countof(commands); i++)
		if (!one || one == &commands[i]) print_command(&commands[i]);
	puts("\nSettings come from flags, then the environment, then the file that LINNET_CONFIG names; `linnet config "
		 "serve`\n"
		 "shows them all.");
	return 0;
}

int command_version(int argc, char **argv)
{
	if (argc) {
		fprintf(stderr, "linnet: version takes no arguments\n");
		return 2;
	}
	puts("linnet " LINNET_VERSION);
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
	if (strcmp(name, "--version") == 0) name = "version";
	if (*name) {
		const struct command *c = command_named(name);
		if (!c) return no_command(name);
		bool asks = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
		return asks ? command_help(1, argv + 1) : c->run(argc - 2, argv + 2);
	}
	fprintf(stderr, "linnet: a command is missing; `linnet help` names them\n");
	return 2;
}
