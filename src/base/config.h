/* Settings, each a row of config.def: flag, then environment, then file, then default. A wrong or unknown one is refused
 * with its name, the value and what is allowed. Frozen after start. */
#ifndef LINNET_BASE_CONFIG_H
#define LINNET_BASE_CONFIG_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* COUNT/UNIT:BURST, unit s, m or h, or `off`: a token bucket. */
struct rate {
	int64_t count, per_ms, burst; /* count 0: off */
};

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
};

enum role { ROLE_SERVE = 1, ROLE_BACKEND = 2, ROLE_STORAGE = 4, ROLE_WORKER = 8, ROLE_ALL = 15 };

/* Reads flags (argv without program and command), environment and the file of LINNET_CONFIG. On failure *why says what
 * is wrong, in one line for people. */
bool config_load(struct config *c, enum role role, int argc, char **argv, char **environ_list, const char **why);
/* One setting by its variable's or flag's name, for tests. */
bool config_set(struct config *c, struct str name, struct str value, const char **why);
void config_init(struct config *c); /* the defaults */
void config_release(struct config *c);
/* Every setting: name, value (secrets as ***), where it came from, default, help. */
void config_print(const struct config *c, enum role role, void (*line)(void *arg, struct str), void *arg);
#endif
