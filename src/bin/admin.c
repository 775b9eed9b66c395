/* linnet admin: its commands, and what they share. */
#include "bin/admin.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/commands.h"
#include "model/user.h"
#include "store/migrations.h"

static const struct verb {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "create-user",
	  "(--username NAME | --prefix P [--count N] | --names FILE) [--password-file FILE] [--tokens FILE]\n"
	  "      [--display-name X] [--role R] [--channels A,B]",
	  "makes one person, or P1 .. PN, or one a line of FILE, in one transaction, with a password (one person) or API\n"
	  "      tokens; the first account of a server becomes its owner",
	  admin_create_user },
	{ "set-role", "--username NAME --role guest|member|admin|owner", "gives another role on the server",
	  admin_set_role },
	{ "reset-password", "--username NAME --password-file FILE",
	  "sets a new password, and ends all sessions and tokens of that person", admin_reset_password },
	{ "revoke-sessions", "(--username NAME | --all) [--keep-tokens]",
	  "ends the sessions and API tokens of one person, or of everybody", admin_revoke_sessions },
	{ "list", "people | channels | sessions [--username NAME] [--json]",
	  "shows who and what there is, a line each; sessions are those alive", admin_list },
	{ "check", "[--json]",
	  "reads the whole database and tells, a line each, what is not as it must be; status 1 when there is such",
	  admin_check },
	{ "backup", "DIR",
	  "copies an SQLite database and the secret beside it into a new directory, also while the server runs",
	  admin_backup },
	{ "restore", "DIR [--force]",
	  "makes the database anew from such a directory, while no server runs; --force: where there is one, which is "
	  "kept\n"
	  "      beside under another name",
	  admin_restore },
};

static void print_verb(const struct verb *v)
{
	printf("  admin %s %s [--SETTING VALUE]...\n      %s\n", v->name, v->arguments, v->help);
}

void admin_help(void)
{
	for (size_t i = 0; i < countof(verbs); i++) print_verb(&verbs[i]);
}

static bool asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
	return false;
}

static int run_verb(const struct verb *v, int argc, char **argv)
{
	if (!asks_help(argc, argv)) return v->run(argc, argv);
	print_verb(v);
	return 0;
}

int command_admin(int argc, char **argv)
{
	for (size_t i = 0; i < countof(verbs) && argc; i++)
		if (strcmp(argv[0], verbs[i].name) == 0) return run_verb(&verbs[i], argc - 1, argv + 1);
	if (argc)
		fprintf(stderr, "linnet: admin: there is no command \"%s\"; the commands are:\n", argv[0]);
	else
		fprintf(stderr, "linnet: admin: a command is missing; they are:\n");
	for (size_t i = 0; i < countof(verbs); i++) fprintf(stderr, "  %s\n", verbs[i].name);
	fprintf(stderr, "`linnet help admin` shows their arguments\n");
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

bool admin_flag(int *argc, char **argv, const char *name)
{
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], name) != 0) continue;
		memmove(argv + i, argv + i + 1, sizeof *argv * (size_t)(*argc - i - 1));
		--*argc;
		return true;
	}
	return false;
}

const char *admin_first(int *argc, char **argv)
{
	int i = 0;
	while (i < *argc && argv[i][0] == '-') i += strchr(argv[i], '=') ? 1 : 2;
	if (i >= *argc) return NULL;
	const char *first = argv[i];
	memmove(argv + i, argv + i + 1, sizeof *argv * (size_t)(*argc - i - 1));
	--*argc;
	return first;
}

struct str admin_username(struct arena *a, const char *given)
{
	char *low = arena_cstr(a, str_of(given));
	for (char *p = low; *p; p++)
		if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
	return str_of(low);
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
	const char *title = e == ERR_UNAVAILABLE || e == ERR_INTERNAL
							? "the database did not do what it was asked for; the log line above says why"
							: err_row(e)->title;
	struct str detail = p->detail.p ? p->detail : str_of(title);
	fprintf(stderr, "linnet: admin %s: " STR_FMT "\n", command, STR_ARG(detail));
}

static enum err ready(struct admin_job *j, struct process *p, struct problem *problem)
{
	int missing = 0, unknown = 0;
	struct db_conn *c = db_conn_create(p->pod.db, DB_READ);
	enum err e = migrate_state(c, migration_list, migration_count, &missing, &unknown);
	db_conn_destroy(c);
	if (e) return e;
	if (missing == migrate_all(migration_list, migration_count))
		return problem_set(problem, ERR_NOT_FOUND, "there is nothing of linnet in this database: is it the right one?");
	if (j->use != PROCESS_READS) return process_migrate(p, false, false);
	if (missing)
		return problem_set(problem, ERR_CONFLICT,
						   "the database is of an older version: start the server once, or run `linnet migrate`");
	return OK;
}

int admin_run(struct admin_job *j, int argc, char **argv)
{
	struct process p;
	struct problem problem;
	arena_init(&j->arena);
	problem_init(&problem, &j->arena);
	int status = process_open(&p, ROLE_SERVE, j->use, argc, argv);
	enum err e = status ? OK : ready(j, &p, &problem);
	if (!status && !e) {
		struct db_conn *c = j->use == PROCESS_READS ? db_conn_create(p.pod.db, DB_READ) : process_conn(&p);
		e = j->run(j, &p, c, &problem);
		db_conn_destroy(c);
	}
	const char *damage = status ? NULL : db_damage(p.pod.db);
	if (e && damage) e = problem_set(&problem, e, "the database is damaged (SQLite: %s): restore a backup", damage);
	if (e) admin_say(j->command, e, &problem);
	arena_release(&j->arena);
	process_close(&p);
	return status ? status : e ? 1 : 0;
}
