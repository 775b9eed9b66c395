#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

void fail(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void read_int(const char *name, const char *value, int64_t least, int64_t most, int64_t *out)
{
	if (!value || !str_i64(str_of(value), least, most, out))
		fail("--%s wants a number from %lld to %lld", name, (long long)least, (long long)most);
}

static void read_text(const char *name, const char *value, const char **out)
{
	if (!value) fail("--%s wants a value", name);
	*out = value;
}

/* Reads one option; the count of arguments that it took. */
static int read_one(struct options *o, const char *name, const char *value)
{
#define O_INT(field, text, dflt, least, most, help)                                                                    \
	if (!strcmp(name, text)) return read_int(text, value, least, most, &o->field), 2;
#define O_TEXT(field, text, dflt, help)                                                                                \
	if (!strcmp(name, text)) return read_text(text, value, &o->field), 2;
#define O_FLAG(field, text, help)                                                                                      \
	if (!strcmp(name, text)) return o->field = true, 1;
#include "options.def"
#undef O_INT
#undef O_TEXT
#undef O_FLAG
	fail("there is no option --%s", name);
}

void options_read(struct options *o, int argc, char **argv)
{
	*o = (struct options){
#define O_INT(field, name, dflt, least, most, help) .field = dflt,
#define O_TEXT(field, name, dflt, help) .field = dflt,
#define O_FLAG(field, name, help) .field = false,
#include "options.def"
#undef O_INT
#undef O_TEXT
#undef O_FLAG
	};
	for (int i = 0; i < argc;) {
		if (strncmp(argv[i], "--", 2) != 0) fail("what is '%s'?", argv[i]);
		i += read_one(o, argv[i] + 2, i + 1 < argc ? argv[i + 1] : NULL);
	}
}

void options_help(void)
{
#define O_INT(field, name, dflt, least, most, help) printf("  --%-14s %s (%lld)\n", name, help, (long long)(dflt));
#define O_TEXT(field, name, dflt, help) printf("  --%-14s %s (%s)\n", name, help, dflt ? (const char *)dflt : "");
#define O_FLAG(field, name, help) printf("  --%-14s %s\n", name, help);
#include "options.def"
#undef O_INT
#undef O_TEXT
#undef O_FLAG
}

size_t options_list(const char *text, int64_t least, int64_t top, int64_t *out, size_t most)
{
	struct str rest = str_of(text), part;
	size_t n = 0;
	while (str_split(&rest, ',', &part)) {
		if (n == most) fail("more than %zu numbers in '%s'", most, text);
		if (!str_i64(part, least, top, &out[n++]))
			fail("'%s' wants numbers from %lld to %lld", text, (long long)least, (long long)top);
	}
	if (!n) fail("a list of numbers is missing");
	return n;
}
