/* linnet admin create-user. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/admin.h"
#include "base/mem.h"
#include "bin/commands.h"
#include "bin/process.h"

struct words {
	const char *count, *prefix, *username, *display_name, *role, *channels, *tokens;
};

static int wrong(const char *what, const char *why)
{
	fprintf(stderr, "linnet: admin create-user: %s%s%s\n", what, *what ? ": " : "", why);
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

static int take_words(int *argc, char **argv, struct words *w)
{
	const struct {
		const char *name, **value;
	} all[] = {
		{ "--count", &w->count },       { "--prefix", &w->prefix },
		{ "--username", &w->username }, { "--display-name", &w->display_name },
		{ "--role", &w->role },         { "--channels", &w->channels },
		{ "--tokens", &w->tokens },
	};
	*w = (struct words){ .count = "1", .role = "member" };
	for (size_t i = 0; i < countof(all); i++)
		if (!take_value(argc, argv, all[i].name, all[i].value)) return wrong(all[i].name, "a value is missing");
	if (!w->tokens) return wrong("--tokens", "the file for names and tokens is missing");
	if (!w->prefix == !w->username) return wrong("", "give --prefix P (and --count N), or --username NAME");
	return 0;
}

/* ---- the file: tokens are as good as passwords, for its owner's eyes, and never shown again. So they are on disk
 * before the people are in the database, and take the file's name only then. */
struct token_file {
	const char *path;
	char temporary[4096]; /* empty: it is a pipe, a link or such, and written as it is */
	FILE *f;
};

static bool file_open(struct token_file *t, const char *path)
{
	struct stat st;
	bool plain = lstat(path, &st) < 0 || S_ISREG(st.st_mode);
	t->path = path;
	t->temporary[0] = 0;
	if (plain) snprintf(t->temporary, sizeof t->temporary, "%s.new", path);
	if (plain) unlink(t->temporary);
	int fd = open(plain ? t->temporary : path, O_WRONLY | O_CLOEXEC | (plain ? O_CREAT | O_EXCL : O_TRUNC), 0600);
	t->f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (t->f) return true;
	fprintf(stderr, "linnet: %s: cannot be written: %s\n", path, strerror(errno));
	if (fd >= 0) close(fd);
	return false;
}

static enum err put_line(void *arg, struct str line)
{
	struct token_file *t = arg;
	fwrite(line.p, 1, line.n, t->f);
	fputc('\n', t->f);
	return ferror(t->f) ? ERR_UNAVAILABLE : OK;
}

static enum err lines_end(void *arg)
{
	struct token_file *t = arg;
	bool ok = fflush(t->f) == 0 && (!t->temporary[0] || fsync(fileno(t->f)) == 0);
	if (!ok) fprintf(stderr, "linnet: %s: cannot be written: %s\n", t->path, strerror(errno));
	return ok ? OK : ERR_UNAVAILABLE;
}

static bool file_keep(struct token_file *t)
{
	bool ok = fclose(t->f) == 0 && (!t->temporary[0] || rename(t->temporary, t->path) == 0);
	if (!ok) fprintf(stderr, "linnet: %s: %s; the tokens are in %s\n", t->path, strerror(errno), t->temporary);
	return ok;
}

static void file_drop(struct token_file *t)
{
	fclose(t->f);
	if (t->temporary[0]) unlink(t->temporary);
}

static void say_problem(enum err e, const struct problem *p)
{
	for (size_t i = 0; i < p->n_fields; i++)
		fprintf(stderr, "linnet: admin create-user: %s: " STR_FMT "\n", p->fields[i].field,
				STR_ARG(p->fields[i].detail));
	if (p->n_fields) return;
	struct str detail = p->detail.p ? p->detail : str_of(err_row(e)->title);
	fprintf(stderr, "linnet: admin create-user: " STR_FMT "\n", STR_ARG(detail));
	if (e == ERR_UNKNOWN_OUTCOME)
		fprintf(stderr, "linnet: whether they were made is not known; their tokens are in the file\n");
}

static int create(struct process *p, const struct words *w, struct admin_people *people)
{
	struct problem problem;
	struct arena arena;
	struct epoch epoch;
	struct token_file file;
	if (!file_open(&file, w->tokens)) return 1;
	struct db_conn *c = process_conn(p);
	arena_init(&arena);
	problem_init(&problem, &arena);
	people->line = put_line;
	people->lines_end = lines_end;
	people->arg = &file;
	enum err e = epoch_open(c, &epoch);
	if (!e) e = admin_create_people(c, people, &problem);
	if (e) say_problem(e, &problem);
	bool kept = !e || e == ERR_UNKNOWN_OUTCOME ? file_keep(&file) : (file_drop(&file), false);
	arena_release(&arena);
	db_conn_destroy(c);
	return !e && kept ? 0 : 1;
}

static int create_user(int argc, char **argv)
{
	struct words w;
	struct process p;
	struct admin_people people = { .clock = &clock_real };
	int status = take_words(&argc, argv, &w);
	if (status) return status;
	people.prefix = str_of(w.prefix), people.username = str_of(w.username);
	people.display_name = str_of(w.display_name), people.channels = str_of(w.channels);
	if (!str_i64(str_of(w.count), 1, ADMIN_PEOPLE_MOST, &people.count))
		return wrong("--count", "a number from 1 to 1000000");
	if (!user_role_parse(str_of(w.role), &people.role)) return wrong("--role", "guest, member, admin or owner");
	status = process_open(&p, ROLE_SERVE, PROCESS_TOOL, argc, argv);
	if (!status) status = process_migrate(&p, false, false) ? 1 : create(&p, &w, &people);
	process_close(&p);
	return status;
}

int command_admin(int argc, char **argv)
{
	if (argc && strcmp(argv[0], "create-user") == 0) return create_user(argc - 1, argv + 1);
	fprintf(stderr, "linnet: admin: the command is create-user; `linnet help` shows its arguments\n");
	return 2;
}
