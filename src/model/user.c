#include "model/user.h"

#include <stdio.h>
#include <string.h>

#include "model/text.h"

static const char *const roles[] = {
	[USER_GUEST] = "guest", [USER_MEMBER] = "member", [USER_ADMIN] = "admin", [USER_OWNER] = "owner"
};
static const struct {
	int bit;
	const char *name;
} scopes[] = { { SCOPE_READ, "read" }, { SCOPE_WRITE, "write" }, { SCOPE_MANAGE, "manage" }, { SCOPE_ADMIN, "admin" } };

const char *user_role_name(enum user_role r)
{
	return r >= 0 && (size_t)r < countof(roles) ? roles[r] : roles[USER_GUEST];
}

bool user_role_parse(struct str s, enum user_role *out)
{
	for (size_t i = 0; i < countof(roles); i++)
		if (str_eq(s, str_of(roles[i]))) {
			*out = (enum user_role)i;
			return true;
		}
	return false;
}

static int scope_bit(struct str name)
{
	for (size_t i = 0; i < countof(scopes); i++)
		if (str_eq(name, str_of(scopes[i].name))) return scopes[i].bit;
	return 0;
}

bool scopes_parse(struct str list, int *out)
{
	int bits = 0;
	for (struct str part; str_split(&list, ',', &part);) {
		int bit = scope_bit(part);
		if (!bit) return false;
		bits |= bit;
	}
	if (!bits) return false;
	*out = bits;
	return true;
}

void scopes_format(int bits, char out[32])
{
	size_t n = 0;
	out[0] = 0;
	for (size_t i = 0; i < countof(scopes); i++)
		if (bits & scopes[i].bit) n += (size_t)snprintf(out + n, 32 - n, "%s%s", n ? "," : "", scopes[i].name);
}

static bool name_first(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

static bool name_rest(char c)
{
	return name_first(c) || (c >= '0' && c <= '9') || c == '-';
}

/* Words that mean something else in a message or on IRC, or would pass for the server itself. */
static bool reserved(struct str name)
{
	static const char *const words[] = { "here", "channel", "all", "everyone", "system", "admin", "linnet" };
	for (size_t i = 0; i < countof(words); i++)
		if (str_eq(name, str_of(words[i]))) return true;
	return str_starts(name, STR("deleted")) || str_ends(name, STR("serv"));
}

enum err username_check(struct arena *a, struct str given, struct str *name, struct problem *p)
{
	if (given.n < 2 || given.n > 32) return problem_field(p, "username", "2 to 32 characters");
	char *low = arena_alloc(a, given.n + 1);
	for (size_t i = 0; i < given.n; i++) {
		char c = given.p[i];
		low[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		if (i == 0 ? !name_first(low[i]) : !name_rest(low[i]))
			return problem_field(p, "username", "letters a to z, digits, _ and -; the first a letter or _");
	}
	low[given.n] = 0;
	struct str s = { low, given.n };
	if (reserved(s)) return problem_field(p, "username", "this name is reserved");
	*name = s;
	return OK;
}

/* One line that people read. */
static enum err line_check(struct arena *a, const char *field, size_t most, struct str *line, struct problem *p)
{
	if (line->n > 16 * most) return problem_field(p, field, "at most %zu characters", most);
	struct str s = text_nfc(a, text_trim(*line)), rest = s;
	if (!s.p) return problem_field(p, field, "is no UTF-8");
	if (text_blank(s)) return problem_field(p, field, "must not be blank");
	if (str_codepoints(s) > most) return problem_field(p, field, "at most %zu characters", most);
	for (int32_t c; (c = text_next(&rest)) >= 0;)
		if (text_control(c) || text_bidi(c) || c == 0x2028 || c == 0x2029)
			return problem_field(p, field, "character U+%04X is not allowed", (unsigned)c);
	*line = s;
	return OK;
}

enum err display_name_check(struct arena *a, struct str *name, struct problem *p)
{
	return line_check(a, "display_name", DISPLAY_NAME_MOST, name, p);
}

enum err server_name_check(struct arena *a, struct str *name, struct problem *p)
{
	return line_check(a, "name", DISPLAY_NAME_MOST, name, p);
}

enum err status_check(struct arena *a, struct str *status, struct problem *p)
{
	return line_check(a, "status", STATUS_MOST, status, p);
}

enum err password_check(struct str password, struct problem *p)
{
	if (password.n < PASSWORD_LEAST || password.n > PASSWORD_MOST)
		return problem_field(p, "password", "%d to %d bytes", PASSWORD_LEAST, PASSWORD_MOST);
	if (!str_utf8(password)) return problem_field(p, "password", "is no UTF-8");
	return OK;
}
