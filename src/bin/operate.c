/* The operator's small commands: config, migrate. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/admin.h"
#include "bin/commands.h"
#include "bin/process.h"

extern char **environ;

static void print_line(void *arg, struct str line)
{
	printf(STR_FMT "\n", STR_ARG(line));
}

/* Those that there are commands for. */
static enum role role_named(const char *name)
{
	static const enum role served[] = { ROLE_SERVE, ROLE_BACKEND };
	for (size_t i = 0; i < countof(served); i++)
		if (strcmp(role_name(served[i]), name) == 0) return served[i];
	return (enum role)0;
}

int command_config(int argc, char **argv)
{
	struct config c;
	const char *why = "";
	enum role role = argc ? role_named(argv[0]) : (enum role)0;
	if (!role && argc && argv[0][0] != '-') {
		fprintf(stderr, "linnet: config: \"%s\" is no role; give serve or backend\n", argv[0]);
		return 2;
	}
	if (role) argc--, argv++;
	if (!role) role = ROLE_SERVE;
	bool ok = config_read(&c, role, argc, argv, environ, &why);
	if (ok) config_print(&c, role, print_line, NULL);
	ok = ok && config_check(&c, role, &why) && pod_check(&c, &why);
	fflush(stdout); /* what is wrong stands last */
	if (!ok) fprintf(stderr, "linnet: %s\n", why);
	config_release(&c);
	return ok ? 0 : 2;
}

int command_migrate(int argc, char **argv)
{
	struct process p;
	bool contract = admin_flag(&argc, argv, "--contract");
	int status = process_open(&p, ROLE_SERVE, PROCESS_TOOL, argc, argv);
	if (!status && process_migrate(&p, contract, true)) status = 1;
	process_close(&p);
	return status;
}
