/* Settings, each a row of config.def: flag, then environment, then file, then default. A wrong or unknown one is
 * refused with its name, the value and what is allowed. Frozen after start. */
#ifndef LINNET_BASE_CONFIG_H
#define LINNET_BASE_CONFIG_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/rate.h"
#include "base/str.h"

/* CONFIG_listen and so on: a setting's number. */
enum config_id {
#define S_INT(field, env, flag, dflt, min, max, roles, help) CONFIG_##field,
#define S_SIZE(field, env, flag, dflt, min, max, roles, help) CONFIG_##field,
#define S_BOOL(field, env, flag, dflt, roles, help) CONFIG_##field,
#define S_TEXT(field, env, flag, dflt, roles, help) CONFIG_##field,
#define S_SECRET(field, env, flag, roles, help) CONFIG_##field,
#define S_ENUM(field, env, flag, dflt, allowed, roles, help) CONFIG_##field,
#define S_RATE(field, env, flag, dflt, roles, help) CONFIG_##field,
#include "base/config.def"
#undef S_INT
#undef S_SIZE
#undef S_BOOL
#undef S_TEXT
#undef S_SECRET
#undef S_ENUM
#undef S_RATE
	CONFIG_COUNT
};

enum config_source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG, FROM_PROGRAM };

/* A text or secret that is not set is the empty string, never STR_NONE. */
struct config {
#define S_INT(field, env, flag, dflt, min, max, roles, help) int64_t field;
#define S_SIZE(field, env, flag, dflt, min, max, roles, help) int64_t field;
#define S_BOOL(field, env, flag, dflt, roles, help) bool field;
#define S_TEXT(field, env, flag, dflt, roles, help) struct str field;
#define S_SECRET(field, env, flag, roles, help) struct str field;
#define S_ENUM(field, env, flag, dflt, allowed, roles, help) struct str field;
#define S_RATE(field, env, flag, dflt, roles, help) struct rate field;
#include "base/config.def"
#undef S_INT
#undef S_SIZE
#undef S_BOOL
#undef S_TEXT
#undef S_SECRET
#undef S_ENUM
#undef S_RATE
	struct arena arena;
	unsigned char from[CONFIG_COUNT]; /* enum config_source */
};

enum role { ROLE_SERVE = 1, ROLE_BACKEND = 2, ROLE_STORAGE = 4, ROLE_WORKER = 8, ROLE_ALL = 15 };
const char *role_name(enum role role); /* of one role: "serve" */

/* Reads flags (argv without program and command: `--name value` or `--name=value`), environment (entries NAME=value, up
 * to a NULL) and the file of LINNET_CONFIG (lines NAME=value with the variables' names, # comments, quotes around a
 * value taken off), then config_check. On failure *why says what is wrong, in one line for people; it lives as long as
 * c. config_release is due in either case. Variables and lines of another role's settings are passed over, since roles
 * may share an environment; its flags are refused. */
bool config_load(struct config *c, enum role role, int argc, char **argv, char **environ_list, const char **why);
/* Without config_check: for looking at settings that do not agree yet. */
bool config_read(struct config *c, enum role role, int argc, char **argv, char **environ_list, const char **why);
/* What settings must agree on: a key to each certificate, limits in order, a proper secret. config_load ends so. */
bool config_check(struct config *c, enum role role, const char **why);
/* One setting by its variable's or flag's name, for tests. */
bool config_set(struct config *c, struct str name, struct str value, const char **why);
void config_init(struct config *c); /* the defaults */
void config_release(struct config *c);
/* Every setting: name, value (secrets and passwords in URLs as ***), where it came from, default, help. */
void config_print(const struct config *c, enum role role, void (*line)(void *arg, struct str), void *arg);
#endif
