/* The options of `load`, from the table options.def. */
#ifndef LINNET_BENCH_OPTIONS_H
#define LINNET_BENCH_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
#define O_INT(field, name, dflt, least, most, help) int64_t field;
#define O_TEXT(field, name, dflt, help) const char *field;
#define O_FLAG(field, name, help) bool field;
#include "options.def"
#undef O_INT
#undef O_TEXT
#undef O_FLAG
};
void options_read(struct options *o, int argc, char **argv); /* ends the program when one is wrong */
void options_help(void);
/* "1,8,64" into at most `most` numbers; ends the program when there are more or none, or one is out of [least, top]. */
size_t options_list(const char *text, int64_t least, int64_t top, int64_t *out, size_t most);

void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn)); /* a line on stderr, exit status 1 */
#endif
