/* What happens, a line each, hashed whether or not it is kept: two runs of a seed have the same hash. */
#include <stdio.h>
#include <string.h>

#include "world.h"

static uint64_t hash_more(uint64_t hash, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)p[i]) * 0x100000001b3u;
	return hash;
}

static void put(struct world *w, const char *mark, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void put(struct world *w, const char *mark, const char *fmt, va_list ap)
{
	char line[512];
	int n = snprintf(line, sizeof line, "%9.4f %s", (double)w->now_ns / 1e9, mark);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	if (n > (int)sizeof line - 2) n = (int)sizeof line - 2;
	line[n++] = '\n';
	w->hash = hash_more(w->hash, line, (size_t)n);
	if (w->tracing) buf_add(&w->lines, line, (size_t)n);
}

void trace(struct world *w, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put(w, "", fmt, ap);
	va_end(ap);
}

void fault(struct world *w, const char *fmt, ...)
{
	char text[400];
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	put(w, "VIOLATION ", fmt, again);
	va_end(again);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (w->faults.n < 40)
		vec_push(&w->faults, mem_dup(text, (size_t)(n < (int)sizeof text ? n : (int)sizeof text - 1) + 1));
}

void trace_release(struct world *w)
{
	for (size_t i = 0; i < w->faults.n; i++) mem_free(w->faults.p[i]);
	vec_release(&w->faults);
	buf_release(&w->lines);
}
