/* JSON lines on stderr, one line a fact: {"ts":...,"level":...,"event":"db.connection_lost",...}. Any thread.
 *
 *   log_event(LOG_WARN, "db.connection_lost", LOG_TEXT("address", addr), LOG_INT("tries", n));
 *
 * Event names are layer.thing_verb. A secret never gets here: settings are printed by their own masking function. */
#ifndef LINNET_BASE_LOG_H
#define LINNET_BASE_LOG_H
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_kind { LOG_END, LOG_K_STR, LOG_K_INT, LOG_K_REAL, LOG_K_BOOL, LOG_K_RAW };
struct log_field {
	enum log_kind kind;
	const char *name;
	struct str s;
	int64_t i;
	double d;
};
#define LOG_STR(name, v) ((struct log_field){ LOG_K_STR, (name), (v), 0, 0 })
#define LOG_TEXT(name, v) ((struct log_field){ LOG_K_STR, (name), str_of(v), 0, 0 })
#define LOG_INT(name, v) ((struct log_field){ LOG_K_INT, (name), STR_NONE, (v), 0 })
#define LOG_REAL(name, v) ((struct log_field){ LOG_K_REAL, (name), STR_NONE, 0, (v) })
#define LOG_BOOL(name, v) ((struct log_field){ LOG_K_BOOL, (name), STR_NONE, (v), 0 })
#define LOG_RAW(name, v) ((struct log_field){ LOG_K_RAW, (name), (v), 0, 0 }) /* JSON already */
#define log_event(level, event, ...)                                                                                   \
	log_fields((level), (event),                                                                                       \
			   (const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ LOG_END, NULL, STR_NONE, 0, 0 } })
/* Bytes that are no UTF-8 are written as U+FFFD. A line is at most 16 KiB; longer values are cut, and
 * the line then ends with "cut":true. One write(2) a line. */
void log_fields(enum log_level level, const char *event, const struct log_field *fields);

/* Set once at start, before threads: the least level, and role and pod that every line carries (copied; NULL: left
 * out). */
void log_setup(enum log_level least, const char *role, const char *pod);
bool log_level_parse(struct str s, enum log_level *out); /* debug, info, warn, error */
bool log_wants(enum log_level level);
/* Tests: lines go to this function instead of stderr; NULL restores. */
void log_capture(void (*sink)(void *arg, struct str line), void *arg);
#endif
