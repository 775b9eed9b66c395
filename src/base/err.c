#include "base/err.h"

#include <assert.h>
#include <stdarg.h>

#include "base/arena.h"

static const struct err_row rows[ERR_COUNT] = {
	[OK] = { "OK", "ok", 200, 0, 0, "Done" },
#define E(name, code, status, close, numeric, title) [ERR_##name] = { #name, code, status, close, numeric, title },
#include "base/errors.def"
#undef E
};

const struct err_row *err_row(enum err e)
{
	assert(e >= 0 && e < ERR_COUNT);
	return &rows[e < ERR_COUNT ? e : ERR_INTERNAL];
}

void problem_init(struct problem *p, struct arena *arena)
{
	*p = (struct problem){ .arena = arena };
}

enum err problem_set(struct problem *p, enum err e, const char *fmt, ...)
{
	if (!p) return e;
	va_list args;
	va_start(args, fmt);
	p->detail = arena_vprintf(p->arena, fmt, args);
	va_end(args);
	return e;
}

enum err problem_wait(struct problem *p, int64_t retry_ms)
{
	p->retry_after_s = (int)((retry_ms + 999) / 1000);
	return ERR_RATE_LIMITED;
}

enum err problem_field(struct problem *p, const char *field, const char *fmt, ...)
{
	if (!p || p->n_fields == countof(p->fields)) return ERR_INVALID;
	va_list args;
	va_start(args, fmt);
	p->fields[p->n_fields++] = (struct problem_field){ field, arena_vprintf(p->arena, fmt, args) };
	va_end(args);
	return ERR_INVALID;
}
