#include "base/setting.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

const struct setting settings[CONFIG_COUNT] = {
#define ROW(id, ...) [CONFIG_##id] = { __VA_ARGS__, offsetof(struct config, id) },
#define S_INT(field, env, flag, dflt, min, max, roles, help)                                                           \
	ROW(field, SETTING_INT, env, flag, NULL, dflt, min, max, NULL, roles, help)
#define S_SIZE(field, env, flag, dflt, min, max, roles, help)                                                          \
	ROW(field, SETTING_SIZE, env, flag, NULL, dflt, min, max, NULL, roles, help)
#define S_BOOL(field, env, flag, dflt, roles, help)                                                                    \
	ROW(field, SETTING_BOOL, env, flag, NULL, dflt, 0, 1, NULL, roles, help)
#define S_TEXT(field, env, flag, dflt, roles, help)                                                                    \
	ROW(field, SETTING_TEXT, env, flag, dflt, 0, 0, 0, NULL, roles, help)
#define S_SECRET(field, env, flag, roles, help) ROW(field, SETTING_SECRET, env, flag, "", 0, 0, 0, NULL, roles, help)
#define S_ENUM(field, env, flag, dflt, allowed, roles, help)                                                           \
	ROW(field, SETTING_ENUM, env, flag, dflt, 0, 0, 0, allowed, roles, help)
#define S_RATE(field, env, flag, dflt, roles, help)                                                                    \
	ROW(field, SETTING_RATE, env, flag, dflt, 0, 0, 0, NULL, roles, help)
#include "base/config.def"
};

const struct setting *setting_by_variable(struct str name)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++)
		if (str_eq(name, str_of(settings[i].variable))) return &settings[i];
	return NULL;
}

const struct setting *setting_by_flag(struct str name)
{
	for (size_t i = 0; i < CONFIG_COUNT; i++)
		if (str_eq(name, str_of(settings[i].flag))) return &settings[i];
	return NULL;
}

/* Letters to put in, take out or change to get from one name to the other. */
static size_t distance(struct str a, struct str b)
{
	enum { MOST = 64 };
	size_t row[MOST + 1];
	if (a.n > MOST || b.n > MOST) return MOST;
	for (size_t j = 0; j <= b.n; j++) row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]), least = change;
			if (row[j] + 1 < least) least = row[j] + 1;
			if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = least;
		}
	}
	return row[b.n];
}

const struct setting *setting_near(struct str name, bool variable, enum role role)
{
	const struct setting *best = NULL;
	const struct str prefix = STR("LINNET_");
	struct str bare = variable && str_starts(name, prefix) ? str_from(name, prefix.n) : name;
	size_t least = (bare.n < 6 ? 1 : bare.n < 12 ? 2 : 3) + 1;
	for (size_t i = 0; i < CONFIG_COUNT; i++) {
		const struct setting *s = &settings[i];
		if (!(s->roles & role)) continue;
		struct str other = str_of(variable ? s->variable : s->flag);
		if (variable && str_starts(other, prefix)) other = str_from(other, prefix.n);
		size_t d = distance(bare, other);
		if (d < least) least = d, best = s;
	}
	return best;
}

static void *field_of(const struct setting *s, struct config *c)
{
	return (char *)c + s->offset;
}

static const void *const_field_of(const struct setting *s, const struct config *c)
{
	return (const char *)c + s->offset;
}

static bool size_parse(struct str s, int64_t least, int64_t most, int64_t *out)
{
	int shift = 0;
	switch (s.n ? s.p[s.n - 1] : 0) {
	case 'k':
	case 'K': shift = 10; break;
	case 'm':
	case 'M': shift = 20; break;
	case 'g':
	case 'G': shift = 30; break;
	}
	int64_t v;
	if (!str_i64(shift ? str_upto(s, s.n - 1) : s, 0, INT64_MAX >> shift, &v)) return false;
	v <<= shift;
	if (v < least || v > most) return false;
	*out = v;
	return true;
}

static bool bool_parse(struct str s, bool *out)
{
	bool yes = str_eq(s, STR("true")) || str_eq(s, STR("on"));
	if (!yes && !str_eq(s, STR("false")) && !str_eq(s, STR("off"))) return false;
	*out = yes;
	return true;
}

static bool is_one_line(struct str s)
{
	if (s.n > SETTING_TEXT_MOST || !str_utf8(s)) return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return false;
	return true;
}

/* Nothing counts where nothing is the default. */
static bool is_choice(const struct setting *s, struct str value)
{
	if (value.n == 0) return s->text[0] == 0;
	struct str rest = str_of(s->allowed), one;
	while (str_split(&rest, ',', &one))
		if (str_eq(one, value)) return true;
	return false;
}

bool setting_read(const struct setting *s, struct config *c, struct str value)
{
	if (!value.p) value = STR("");
	if (value.n > SETTING_TEXT_MOST) return false;
	switch (s->kind) {
	case SETTING_INT: return str_i64(value, s->least, s->most, field_of(s, c));
	case SETTING_SIZE: return size_parse(value, s->least, s->most, field_of(s, c));
	case SETTING_BOOL: return bool_parse(value, field_of(s, c));
	case SETTING_RATE: return rate_parse(value, field_of(s, c));
	case SETTING_ENUM:
		if (!is_choice(s, value)) return false;
		break;
	case SETTING_TEXT:
	case SETTING_SECRET:
		if (!is_one_line(value)) return false;
		break;
	}
	*(struct str *)field_of(s, c) = arena_str(&c->arena, value);
	return true;
}

void setting_default(const struct setting *s, struct config *c)
{
	switch (s->kind) {
	case SETTING_INT:
	case SETTING_SIZE: *(int64_t *)field_of(s, c) = s->number; break;
	case SETTING_BOOL: *(bool *)field_of(s, c) = s->number != 0; break;
	case SETTING_TEXT:
	case SETTING_SECRET:
	case SETTING_ENUM: *(struct str *)field_of(s, c) = str_of(s->text); break;
	case SETTING_RATE:
		if (!rate_parse(str_of(s->text), field_of(s, c))) assert(!"a default of config.def is no rate");
		break;
	}
}

static struct str show_size(int64_t v, struct arena *a)
{
	static const char units[] = "\0KMG";
	int unit = 0;
	while (unit < 3 && v && v % 1024 == 0) v /= 1024, unit++;
	return unit ? arena_printf(a, "%lld%c", (long long)v, units[unit]) : arena_printf(a, "%lld", (long long)v);
}

static struct str show_choices(const struct setting *s, struct arena *a)
{
	struct str out = STR("one of"), rest = str_of(s->allowed), one;
	for (const char *comma = ""; str_split(&rest, ',', &one); comma = ",")
		out = arena_printf(a, STR_FMT "%s " STR_FMT, STR_ARG(out), comma, STR_ARG(one));
	return out;
}

struct str setting_allowed(const struct setting *s, struct arena *a)
{
	switch (s->kind) {
	case SETTING_INT:
		return arena_printf(a, "a whole number from %lld to %lld", (long long)s->least, (long long)s->most);
	case SETTING_SIZE: {
		struct str least = show_size(s->least, a), most = show_size(s->most, a);
		return arena_printf(a, "a size from " STR_FMT " to " STR_FMT " (bytes, or with K, M or G)", STR_ARG(least),
							STR_ARG(most));
	}
	case SETTING_BOOL: return STR("true, false, on or off");
	case SETTING_ENUM: return show_choices(s, a);
	case SETTING_RATE: return STR("COUNT/UNIT:BURST with unit s, m or h, as 10/s:30, or off");
	case SETTING_TEXT:
	case SETTING_SECRET: break;
	}
	return arena_printf(a, "one line of UTF-8 text, %d bytes at most", SETTING_TEXT_MOST);
}

/* A password stands behind "user:" up to the last @ of a URL, or behind "password=". Rather too much is hidden. */
static struct str mask_password(struct str s, struct arena *a)
{
	const char *scheme = s.p ? memmem(s.p, s.n, "://", 3) : NULL;
	const char *at = scheme ? memrchr(scheme, '@', s.n - (size_t)(scheme - s.p)) : NULL;
	const char *colon = at ? memchr(scheme + 3, ':', (size_t)(at - scheme - 3)) : NULL;
	if (colon) {
		struct str head = str_upto(s, (size_t)(colon + 1 - s.p)), tail = str_from(s, (size_t)(at - s.p));
		s = arena_printf(a, STR_FMT "***" STR_FMT, STR_ARG(head), STR_ARG(tail));
	}
	const char *key = s.p ? memmem(s.p, s.n, "password=", 9) : NULL;
	if (key) {
		struct str head = str_upto(s, (size_t)(key + 9 - s.p));
		s = arena_printf(a, STR_FMT "***", STR_ARG(head));
	}
	return s;
}

/* On one line and of a length that people read. */
static struct str printable(struct str s, struct arena *a)
{
	enum { MOST = 200 };
	bool utf8 = str_utf8(s);
	size_t n = s.n > MOST ? MOST : s.n;
	char *p = arena_cstr(a, str_upto(s, n));
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f || (!utf8 && (unsigned char)p[i] >= 0x80)) p[i] = '?';
	while (utf8 && n && !str_utf8((struct str){ p, n })) n--; /* not in the middle of a character */
	struct str shown = { p, n };
	return n < s.n ? arena_printf(a, STR_FMT "...", STR_ARG(shown)) : shown;
}

struct str setting_show_text(const struct setting *s, struct str value, struct arena *a)
{
	if (s->kind == SETTING_SECRET && value.n) return STR("***");
	return printable(mask_password(value, a), a);
}

struct str setting_show(const struct setting *s, const struct config *c, struct arena *a)
{
	const void *field = const_field_of(s, c);
	char rate[RATE_TEXT];
	switch (s->kind) {
	case SETTING_INT: return arena_printf(a, "%lld", (long long)*(const int64_t *)field);
	case SETTING_SIZE: return show_size(*(const int64_t *)field, a);
	case SETTING_BOOL: return *(const bool *)field ? STR("true") : STR("false");
	case SETTING_RATE: rate_format(field, rate); return arena_str(a, str_of(rate));
	case SETTING_TEXT:
	case SETTING_SECRET:
	case SETTING_ENUM: break;
	}
	struct str value = *(const struct str *)field;
	return value.n ? setting_show_text(s, value, a) : STR("-");
}
