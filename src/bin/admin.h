/* What the commands behind `linnet admin` share. */
#ifndef LINNET_BIN_ADMIN_H
#define LINNET_BIN_ADMIN_H
#include "base/arena.h"
#include "base/err.h"

int admin_create_user(int argc, char **argv);
int admin_reset_password(int argc, char **argv);

/* Says what is wrong with the call: 2. */
int admin_wrong(const char *command, const char *what, const char *why);
struct admin_word {
	const char *name, **value;
};
/* Takes each `--NAME VALUE` or `--NAME=VALUE` out of the arguments; the others are settings. The name that has no
 * value, or NULL. */
const char *admin_take(int *argc, char **argv, const struct admin_word *words, size_t n);
/* What the file holds, without the end of its line; checked as any new password. */
enum err admin_password(const char *path, struct arena *a, struct str *out, struct problem *p);
void admin_say(const char *command, enum err e, const struct problem *p);
#endif
