/* What the commands behind `linnet admin` share. */
#ifndef LINNET_BIN_ADMIN_H
#define LINNET_BIN_ADMIN_H
#include "base/arena.h"
#include "base/err.h"
#include "bin/process.h"

int admin_create_user(int argc, char **argv);
int admin_reset_password(int argc, char **argv);
int admin_set_role(int argc, char **argv);
int admin_revoke_sessions(int argc, char **argv);
int admin_list(int argc, char **argv);
int admin_check(int argc, char **argv);
int admin_backup(int argc, char **argv);
int admin_restore(int argc, char **argv);

/* Says what is wrong with the call: 2. */
int admin_wrong(const char *command, const char *what, const char *why);
struct admin_word {
	const char *name, **value;
};
/* Takes each `--NAME VALUE` or `--NAME=VALUE` out of the arguments; the others are settings. The name that has no
 * value, or NULL. */
const char *admin_take(int *argc, char **argv, const struct admin_word *words, size_t n);
/* Takes the bare word `--NAME` out. */
bool admin_flag(int *argc, char **argv, const char *name);
/* Takes the first argument out that is no flag's value; NULL: there is none. After the words and flags were taken. */
const char *admin_first(int *argc, char **argv);
/* What the file holds, without the end of its line; checked as any new password. */
enum err admin_password(const char *path, struct arena *a, struct str *out, struct problem *p);
/* As a login takes it: lowered. */
struct str admin_username(struct arena *a, const char *given);
void admin_say(const char *command, enum err e, const struct problem *p);

/* Opens settings and database (see PROCESS_...) and runs one job on a connection; the exit status. `use` other than
 * PROCESS_READS brings the schema up to date; PROCESS_READS refuses an older one. A database without one is refused by
 * all: an address may be mistyped. */
struct admin_job {
	const char *command;
	enum process_use use;
	enum err (*run)(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem);
	struct arena arena;
};
int admin_run(struct admin_job *j, int argc, char **argv);
#endif
