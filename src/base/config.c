/* The sources are read from the weakest to the strongest, each writing over what is there; who wrote last is
 * remembered. */
#include "base/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/setting.h"

#define FILE_MOST 262144
#define CONFIG_VARIABLE "LINNET_CONFIG"

struct loading {
	struct config *c;
	enum role role;
	const char **why;
};

static bool refuse(struct loading *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(struct loading *l, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	*l->why = arena_vprintf(&l->c->arena, fmt, args).p;
	va_end(args);
	return false;
}

const char *role_name(enum role role)
{
	switch (role) {
	case ROLE_SERVE: return "serve";
	case ROLE_BACKEND: return "backend";
	case ROLE_STORAGE: return "storage";
	case ROLE_WORKER: return "worker";
	case ROLE_ALL: break;
	}
	return "linnet";
}

void config_init(struct config *c)
{
	memset(c, 0, sizeof *c);
	arena_init(&c->arena);
	for (size_t i = 0; i < CONFIG_COUNT; i++) setting_default(&settings[i], c);
}

void config_release(struct config *c)
{
	arena_release(&c->arena);
}

/* `place` says where the name stands, for people: "--" or "line 3 of linnet.conf: ". */
static bool put(struct loading *l, const struct setting *s, enum config_source from, const char *place,
				const char *name, struct str value)
{
	struct arena *a = &l->c->arena;
	if (setting_read(s, l->c, value)) {
		l->c->from[s - settings] = (unsigned char)from;
		return true;
	}
	struct str shown = setting_show_text(s, value, a), allowed = setting_allowed(s, a);
	return refuse(l, "%s%s: \"" STR_FMT "\" is not allowed; give " STR_FMT, place, name, STR_ARG(shown),
				  STR_ARG(allowed));
}

/* A mistaken name may have a secret glued to it: what is no character of a name ends what is shown. */
static struct str name_shown(struct str name)
{
	size_t n = 0;
	while (n < name.n && n < 64 &&
		   (str_has(STR("_-."), name.p[n]) || (name.p[n] >= '0' && name.p[n] <= '9') ||
			(name.p[n] >= 'A' && name.p[n] <= 'Z') || (name.p[n] >= 'a' && name.p[n] <= 'z')))
		n++;
	return str_upto(name, n);
}

static bool refuse_name(struct loading *l, const char *place, struct str name, bool variable)
{
	const struct setting *near = setting_near(name, variable, l->role);
	struct str shown = name_shown(name);
	if (!near) return refuse(l, "%s" STR_FMT ": there is no such setting", place, STR_ARG(shown));
	return refuse(l, "%s" STR_FMT ": there is no such setting; is %s%s meant?", place, STR_ARG(shown),
				  variable ? "" : "--", variable ? near->variable : near->flag);
}

static bool load_line(struct loading *l, const char *place, struct str line)
{
	line = str_trim(line);
	if (line.n && line.p[line.n - 1] == '\r') line = str_trim(str_upto(line, line.n - 1));
	if (line.n == 0 || line.p[0] == '#') return true;
	struct str value = line, name;
	str_split(&value, '=', &name);
	if (!value.p) return refuse(l, "%sno NAME=value stands there", place); /* the line itself may hold a secret */
	name = str_trim(name), value = str_trim(value);
	if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0])
		value = str_upto(str_from(value, 1), value.n - 2);
	const struct setting *s = setting_by_variable(name);
	if (!s) return refuse_name(l, place, name, true);
	if (!(s->roles & l->role)) return true;
	return put(l, s, FROM_FILE, place, s->variable, value);
}

static bool read_all(struct loading *l, const char *path, struct buf *out)
{
	FILE *f = fopen(path, "re");
	if (!f) return refuse(l, CONFIG_VARIABLE ": %s cannot be read: %s", path, strerror(errno));
	size_t got;
	while ((got = fread(buf_reserve(out, 4096), 1, 4096, f)) > 0 && out->n <= FILE_MOST) out->n += got;
	int error = ferror(f) ? errno : 0;
	fclose(f);
	if (error) return refuse(l, CONFIG_VARIABLE ": %s cannot be read: %s", path, strerror(error));
	if (out->n > FILE_MOST) return refuse(l, CONFIG_VARIABLE ": %s is larger than %d bytes", path, FILE_MOST);
	return true;
}

static bool load_file(struct loading *l, const char *path)
{
	struct buf text = { 0 };
	bool ok = read_all(l, path, &text);
	struct str rest = buf_str(&text), line;
	for (int n = 1; ok && str_split(&rest, '\n', &line); n++) {
		char place[300];
		snprintf(place, sizeof place, "%.250s, line %d: ", path, n);
		ok = load_line(l, place, line);
	}
	buf_release(&text);
	return ok;
}

static bool load_variable(struct loading *l, const char *entry)
{
	struct str value = str_of(entry), name;
	str_split(&value, '=', &name);
	const struct setting *s = setting_by_variable(name);
	if (s) return !(s->roles & l->role) || put(l, s, FROM_ENVIRONMENT, "", s->variable, value);
	if (!str_starts(name, STR("LINNET_")) || str_eq(name, STR(CONFIG_VARIABLE))) return true;
	return refuse_name(l, "", name, true);
}

static const char *variable(char **environ_list, const char *name)
{
	size_t n = strlen(name);
	for (char **e = environ_list; e && *e; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') return *e + n + 1;
	return NULL;
}

static bool refuse_role(struct loading *l, const struct setting *s)
{
	for (unsigned role = 1; role < ROLE_ALL; role <<= 1)
		if (s->roles & role)
			return refuse(l, "--%s: %s does not know this setting; %s does", s->flag, role_name(l->role),
						  role_name((enum role)role));
	return refuse(l, "--%s: %s does not know this setting", s->flag, role_name(l->role));
}

static bool load_flags(struct loading *l, int argc, char **argv)
{
	bool after_secret = false;
	for (int i = 0; i < argc; i++) {
		struct str arg = str_of(argv[i]), name;
		if (!str_starts(arg, STR("--")) || arg.n == 2) {
			if (after_secret)
				return refuse(l, "argument %d is no setting: settings are --name value or --name=value", i + 1);
			struct str shown = name_shown(arg);
			return refuse(l, "\"" STR_FMT "\" is no setting: settings are --name value or --name=value",
						  STR_ARG(shown));
		}
		struct str value = str_from(arg, 2);
		str_split(&value, '=', &name);
		const struct setting *s = setting_by_flag(name);
		if (!s) return refuse_name(l, "--", name, false);
		if (!(s->roles & l->role)) return refuse_role(l, s);
		if (!value.p) {
			if (i + 1 == argc || str_starts(str_of(argv[i + 1]), STR("--"))) {
				struct str allowed = setting_allowed(s, &l->c->arena);
				return refuse(l, "--%s: a value is missing; give " STR_FMT, s->flag, STR_ARG(allowed));
			}
			value = str_of(argv[++i]);
		}
		after_secret = s->kind == SETTING_SECRET;
		if (!put(l, s, FROM_FLAG, "--", s->flag, value)) return false;
	}
	return true;
}

bool config_read(struct config *c, enum role role, int argc, char **argv, char **environ_list, const char **why)
{
	struct loading l = { c, role, why };
	config_init(c);
	const char *path = variable(environ_list, CONFIG_VARIABLE);
	if (path && *path && !load_file(&l, path)) return false;
	for (char **e = environ_list; e && *e; e++)
		if (!load_variable(&l, *e)) return false;
	return load_flags(&l, argc, argv);
}

bool config_load(struct config *c, enum role role, int argc, char **argv, char **environ_list, const char **why)
{
	return config_read(c, role, argc, argv, environ_list, why) && config_check(c, role, why);
}

bool config_set(struct config *c, struct str name, struct str value, const char **why)
{
	struct loading l = { c, ROLE_ALL, why };
	const struct setting *s = setting_by_variable(name);
	bool by_variable = s != NULL;
	if (!s) s = setting_by_flag(name);
	if (!s) return refuse_name(&l, "", name, !str_eq_nocase(str_upto(name, 7), STR("linnet_")) ? false : true);
	return put(&l, s, FROM_PROGRAM, "", by_variable ? s->variable : s->flag, value);
}
