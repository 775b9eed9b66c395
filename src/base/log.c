/* A line is put together on the stack and leaves by one write(2), so threads need no lock and lines do not mix (up to
 * PIPE_BUF bytes on a pipe; longer ones in practice on files). Room for the end is kept back: whatever is cut, the line
 * stays JSON. */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define LINE_MOST 16384
static const char cut_end[] = ",\"cut\":true}\n";

struct line {
	size_t n;
	bool cut;
	char p[LINE_MOST];
};

/* Written by log_setup and log_capture before threads start. */
static struct {
	enum log_level least;
	char role[32], pod[64];
	void (*sink)(void *arg, struct str line);
	void *arg;
} setup = { .least = LOG_INFO };

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static size_t line_room(const struct line *l)
{
	return sizeof l->p - sizeof cut_end - l->n;
}

/* All of it or nothing. */
static bool line_add(struct line *l, const char *p, size_t n)
{
	if (n > line_room(l)) {
		l->cut = true;
		return false;
	}
	if (n) memcpy(l->p + l->n, p, n);
	l->n += n;
	return true;
}

/* One character of a JSON string into out; says how many bytes of s it took. */
static size_t escape_step(struct str s, char out[8], size_t *out_n)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t step = str_utf8_step(s);
	if (step == 0) {
		memcpy(out, "\xef\xbf\xbd", *out_n = 3);
		return 1;
	}
	if (c == '"' || c == '\\') {
		out[0] = '\\', out[1] = (char)c, *out_n = 2;
	} else if (c < 0x20 || c == 0x7f) {
		*out_n = (size_t)snprintf(out, 8, "\\u%04x", c);
	} else {
		memcpy(out, s.p, *out_n = step);
	}
	return step;
}

static void line_add_string(struct line *l, struct str s)
{
	if (!s.p) {
		line_add(l, "null", 4);
		return;
	}
	if (line_room(l) < 2) {
		l->cut = true;
		return;
	}
	l->p[l->n++] = '"';
	while (s.n) {
		char piece[8];
		size_t n, took = escape_step(s, piece, &n);
		if (n + 1 > line_room(l)) {
			l->cut = true;
			break;
		}
		line_add(l, piece, n);
		s = str_from(s, took);
	}
	l->p[l->n++] = '"';
}

static void line_add_raw(struct line *l, struct str s)
{
	if (!s.n) s = STR("null");
	size_t at = l->n;
	if (!line_add(l, s.p, s.n)) {
		line_add(l, "null", 4);
		return;
	}
	for (; at < l->n; at++) /* in JSON a bare line end is only space between parts */
		if (l->p[at] == '\n' || l->p[at] == '\r') l->p[at] = ' ';
}

static void line_add_value(struct line *l, const struct log_field *f)
{
	char text[40];
	int n = 0;
	switch (f->kind) {
	case LOG_K_STR: line_add_string(l, f->s); return;
	case LOG_K_RAW: line_add_raw(l, f->s); return;
	case LOG_K_INT: n = snprintf(text, sizeof text, "%lld", (long long)f->i); break;
	case LOG_K_BOOL: n = snprintf(text, sizeof text, "%s", f->i ? "true" : "false"); break;
	case LOG_K_REAL:
		n = isfinite(f->d) ? snprintf(text, sizeof text, "%.9g", f->d) : snprintf(text, sizeof text, "null");
		break;
	case LOG_END: return;
	}
	line_add(l, text, (size_t)n);
}

/* The field goes in with at least the shortest value, or not at all. */
static void line_add_field(struct line *l, const struct log_field *f)
{
	size_t name = strlen(f->name);
	if (name + 4 + 32 > line_room(l)) {
		l->cut = true;
		return;
	}
	line_add(l, ",\"", 2);
	line_add(l, f->name, name);
	line_add(l, "\":", 2);
	line_add_value(l, f);
}

static void line_begin(struct line *l, enum log_level level, const char *event)
{
	char ts[TIME_TEXT];
	time_format(clock_wall_ms(&clock_real), ts);
	l->n = 0, l->cut = false;
	line_add(l, "{\"ts\":\"", 7);
	line_add(l, ts, sizeof ts);
	line_add(l, "\"", 1);
	line_add_field(l, &LOG_TEXT("level", level_names[level]));
	line_add_field(l, &LOG_TEXT("event", event));
	if (setup.role[0]) line_add_field(l, &LOG_TEXT("role", setup.role));
	if (setup.pod[0]) line_add_field(l, &LOG_TEXT("pod", setup.pod));
}

static void line_end(struct line *l) /* room for this was kept back */
{
	const char *end = l->cut ? cut_end : "}\n";
	memcpy(l->p + l->n, end, strlen(end));
	l->n += strlen(end);
}

static void line_write(const struct line *l)
{
	if (setup.sink) {
		setup.sink(setup.arg, (struct str){ l->p, l->n });
		return;
	}
	int saved = errno; /* logging in an error's path must not change the error */
	while (write(STDERR_FILENO, l->p, l->n) < 0 && errno == EINTR) {
	}
	errno = saved;
}

void log_fields(enum log_level level, const char *event, const struct log_field *fields)
{
	if (!log_wants(level)) return;
	struct line l;
	line_begin(&l, level, event);
	for (const struct log_field *f = fields; f->kind != LOG_END; f++) line_add_field(&l, f);
	line_end(&l);
	line_write(&l);
}

void log_setup(enum log_level least, const char *role, const char *pod)
{
	setup.least = least;
	snprintf(setup.role, sizeof setup.role, "%s", role ? role : "");
	snprintf(setup.pod, sizeof setup.pod, "%s", pod ? pod : "");
}

bool log_level_parse(struct str s, enum log_level *out)
{
	for (size_t i = 0; i < countof(level_names); i++) {
		if (!str_eq(s, str_of(level_names[i]))) continue;
		*out = (enum log_level)i;
		return true;
	}
	return false;
}

bool log_wants(enum log_level level)
{
	return level >= setup.least;
}

void log_capture(void (*sink)(void *arg, struct str line), void *arg)
{
	setup.sink = sink;
	setup.arg = arg;
}
