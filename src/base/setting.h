/* The rows of config.def as data, and what is done with one of them: find, read, write. For config.c and its tests. */
#ifndef LINNET_BASE_SETTING_H
#define LINNET_BASE_SETTING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

enum setting_kind { SETTING_INT, SETTING_SIZE, SETTING_BOOL, SETTING_TEXT, SETTING_SECRET, SETTING_ENUM, SETTING_RATE };

struct setting {
	enum setting_kind kind;
	const char *variable, *flag; /* "LINNET_LISTEN", "listen" */
	const char *text;            /* default of a text, choice or rate */
	int64_t number;              /* default of a number or boolean */
	int64_t least, most;
	const char *allowed; /* of a choice: "a,b,c" */
	unsigned roles;
	const char *help;
	size_t offset; /* of the field in struct config */
};
extern const struct setting settings[CONFIG_COUNT];

#define SETTING_TEXT_MOST 4096 /* longest value of any setting */

const struct setting *setting_by_variable(struct str name);
const struct setting *setting_by_flag(struct str name); /* without the dashes */
/* A setting of the role whose name is close to a mistaken one, or NULL. */
const struct setting *setting_near(struct str name, bool variable, enum role role);

/* Reads the value into its field; false and nothing changed when it is not allowed. Text is copied into c's arena. */
bool setting_read(const struct setting *s, struct config *c, struct str value);
void setting_default(const struct setting *s, struct config *c);
/* What is allowed, to follow "give": "a whole number from 0 to 256". */
struct str setting_allowed(const struct setting *s, struct arena *a);
/* For people: a secret as ***, a password in a URL too, nothing as "-". */
struct str setting_show(const struct setting *s, const struct config *c, struct arena *a);
struct str setting_show_text(const struct setting *s, struct str value, struct arena *a); /* of a value not accepted */
#endif
