/* linnet admin create-user. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/admin.h"
#include "app/password.h"
#include "base/buf.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "bin/process.h"

#define COMMAND "create-user"
#define NAMES_MOST (64u << 20) /* bytes of a file of names */

struct words {
	const char *count, *prefix, *username, *names, *display_name, *role, *channels, *tokens, *password;
};

static int wrong(const char *what, const char *why)
{
	return admin_wrong(COMMAND, what, why);
}

static int take_words(int *argc, char **argv, struct words *w)
{
	const struct admin_word all[] = {
		{ "--count", &w->count },       { "--prefix", &w->prefix },
		{ "--username", &w->username }, { "--display-name", &w->display_name },
		{ "--role", &w->role },         { "--channels", &w->channels },
		{ "--tokens", &w->tokens },     { "--password-file", &w->password },
		{ "--names", &w->names },
	};
	*w = (struct words){ .count = "1", .role = "member" };
	const char *missing = admin_take(argc, argv, all, countof(all));
	if (missing) return wrong(missing, "a value is missing");
	if (!!w->prefix + !!w->username + !!w->names != 1)
		return wrong("", "give --prefix P (and --count N), or --names FILE, or --username NAME");
	if (w->password && !w->username) return wrong("--password-file", "is for one person, --username NAME");
	if (!w->tokens && !w->password)
		return wrong("--tokens", "give a file for names and tokens, or --password-file for one who signs in");
	return 0;
}

/* ---- the file: tokens are as good as passwords, for its owner's eyes, and never shown again. So they are on disk
 * before the people are in the database, and take the file's name only then. */
struct token_file {
	const char *path;
	char temporary[4096]; /* empty: it is a pipe, a link or such, and written as it is */
	FILE *f;
	size_t n;
};

static bool file_open(struct token_file *t, const char *path)
{
	struct stat st = { 0 };
	bool there = lstat(path, &st) == 0, plain = !there || S_ISREG(st.st_mode);
	if (there && plain && st.st_size > 0) {
		fprintf(stderr, "linnet: %s: is there already, and may hold tokens that are nowhere else: give another name\n",
				path);
		return false;
	}
	*t = (struct token_file){ .path = path };
	if (plain) snprintf(t->temporary, sizeof t->temporary, "%s.partial-%d", path, (int)getpid());
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
	t->n++;
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

static enum err make(struct process *p, const struct words *w, struct admin_people *people, struct arena *a)
{
	struct problem problem;
	struct epoch epoch;
	struct str password = STR_NONE;
	problem_init(&problem, a);
	enum err e = w->password ? admin_password(w->password, a, &password, &problem) : OK;
	if (!e && password.p) e = password_hash(&p->config, a, password, &people->password_hash);
	struct db_conn *c = process_conn(p);
	people->large_from = p->config.large_from;
	if (!e) e = epoch_open(c, &epoch);
	if (!e) e = admin_create_people(c, people, &problem);
	db_conn_destroy(c);
	if (e) admin_say(COMMAND, e, &problem);
	if (e == ERR_UNKNOWN_OUTCOME)
		fprintf(stderr, "linnet: whether they were made is not known%s\n",
				w->tokens ? "; their tokens are in the file" : "");
	return e;
}

/* All that the file holds; STR_NONE: said why not. */
static struct str read_names(const char *path, struct arena *a)
{
	struct buf b;
	FILE *f = fopen(path, "re");
	buf_init(&b);
	while (f && !feof(f) && !ferror(f) && b.n <= NAMES_MOST) b.n += fread(buf_reserve(&b, 65536), 1, 65536, f);
	bool ok = f && !ferror(f) && b.n <= NAMES_MOST;
	if (!ok) fprintf(stderr, "linnet: %s: %s\n", path, b.n > NAMES_MOST ? "is too long" : strerror(errno));
	struct str names = ok ? arena_str(a, buf_str(&b)) : STR_NONE;
	if (ok && !names.p) names = STR("");
	if (f) fclose(f);
	buf_release(&b);
	return names;
}

/* Nothing where the tokens may go to where this would. */
static void say_made(const struct words *w, const struct token_file *t)
{
	if (w->tokens && !t->temporary[0]) return;
	if (w->username)
		printf("made: %s\n", w->username);
	else if (t)
		printf("made: %zu people\n", t->n);
	if (w->tokens) printf("%s: their tokens\n", t->path);
}

static int create(struct process *p, const struct words *w, struct admin_people *people)
{
	struct arena arena;
	struct token_file file = { 0 };
	arena_init(&arena);
	if (w->names) people->names = read_names(w->names, &arena);
	if ((w->names && !people->names.p) || (w->tokens && !file_open(&file, w->tokens))) {
		arena_release(&arena);
		return 1;
	}
	if (w->tokens) people->line = put_line, people->lines_end = lines_end, people->arg = &file;
	enum err e = make(p, w, people, &arena);
	bool kept = !e;
	if (w->tokens) kept = !e || e == ERR_UNKNOWN_OUTCOME ? file_keep(&file) : (file_drop(&file), false);
	arena_release(&arena);
	if (kept && !e) say_made(w, &file);
	return !e && kept ? 0 : 1;
}

int admin_create_user(int argc, char **argv)
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
	status = process_open(&p, ROLE_SERVE, PROCESS_MAKES, argc, argv);
	if (!status) status = process_migrate(&p, false, false) ? 1 : create(&p, &w, &people);
	process_close(&p);
	return status;
}
