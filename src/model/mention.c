#include "model/mention.h"

#include <string.h>

static bool word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* What stands before the @ of an address, a path or an escaped one. */
static bool glued(char c)
{
	return word(c) || c == '@' || c == '.' || c == '/' || c == '\\' || c == '-' || c == '+';
}

static size_t run_of(struct str s, size_t at, char c)
{
	size_t n = 0;
	while (at + n < s.n && s.p[at + n] == c) n++;
	return n;
}

static bool line_start(struct str s, size_t at)
{
	while (at > 0 && s.p[at - 1] == ' ') at--;
	return at == 0 || s.p[at - 1] == '\n';
}

/* Past the code that begins with the backticks at `at`: up to as many again, or, of a fence that is never closed, the
 * end. */
static size_t past_code(struct str s, size_t at)
{
	size_t n = run_of(s, at, '`'), i = at + n;
	while (i < s.n) {
		size_t k = run_of(s, i, '`');
		if (k == n || (k > n && n >= 3 && line_start(s, i))) return i + k;
		i += k ? k : 1;
	}
	return n >= 3 && line_start(s, at) ? s.n : at + n;
}

static void add(struct mentions *out, const char *name, size_t n)
{
	static const char *const everybody[] = { "channel", "all", "everyone" };
	struct str s = { name, n };
	for (size_t i = 0; i < sizeof everybody / sizeof *everybody; i++)
		if (str_eq(s, str_of(everybody[i]))) {
			out->all = true;
			return;
		}
	for (size_t i = 0; i < out->n; i++)
		if (str_eq(mention_name(out, i), s)) return;
	if (out->n == sizeof out->lengths) {
		out->more = true;
		return;
	}
	memcpy(out->names[out->n], name, n);
	out->lengths[out->n++] = (unsigned char)n;
}

/* The name behind the @ at `at`; where to go on. */
static size_t take_name(struct str s, size_t at, struct mentions *out)
{
	char name[MENTION_NAME];
	size_t n = 0, i = at + 1;
	for (; i < s.n && (word(s.p[i]) || (n && s.p[i] == '-')); i++, n++)
		if (n < MENTION_NAME) name[n] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
	if (n >= 2 && n <= MENTION_NAME && !(name[0] >= '0' && name[0] <= '9')) add(out, name, n);
	return i;
}

void mentions_find(struct str s, struct mentions *out)
{
	out->n = 0, out->all = out->more = false;
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] == '`')
			i = past_code(s, i);
		else if (s.p[i] == '@' && (i == 0 || !glued(s.p[i - 1])))
			i = take_name(s, i, out);
		else
			i++;
	}
}
