#include <string.h>

#include "base/config.h"
#include "base/setting.h"

enum { COLUMNS = 6 };

struct table_row {
	struct str cells[COLUMNS];
};

static struct table_row row_of(const struct config *c, const struct config *defaults, enum config_id id,
							   struct arena *a)
{
	static const char *const from[] = { "default", "file", "environment", "flag", "program" };
	const struct setting *s = &settings[id];
	return (struct table_row){ {
		str_of(s->flag),
		str_of(s->variable),
		setting_show(s, c, a),
		str_of(from[c->from[id]]),
		setting_show(s, defaults, a),
		str_of(s->help),
	} };
}

static void print_row(const struct table_row *row, const size_t widths[COLUMNS], struct arena *a,
					  void (*line)(void *arg, struct str), void *arg)
{
	struct str text = STR("");
	for (int i = 0; i < COLUMNS; i++) {
		struct str cell = row->cells[i];
		size_t wide = str_codepoints(cell);
		int blanks = i + 1 < COLUMNS && wide < widths[i] + 2 ? (int)(widths[i] + 2 - wide) : 0;
		text = arena_printf(a, STR_FMT STR_FMT "%*s", STR_ARG(text), STR_ARG(cell), blanks, "");
	}
	line(arg, text);
}

void config_print(const struct config *c, enum role role, void (*line)(void *arg, struct str), void *arg)
{
	struct table_row rows[CONFIG_COUNT + 1] = { { { STR("setting"), STR("variable"), STR("value"), STR("from"),
													STR("default"), STR("meaning") } } };
	size_t n = 1, widths[COLUMNS] = { 0 };
	struct config defaults;
	struct arena a;
	arena_init(&a);
	config_init(&defaults);
	for (size_t id = 0; id < CONFIG_COUNT; id++)
		if (settings[id].roles & role) rows[n++] = row_of(c, &defaults, (enum config_id)id, &a);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < COLUMNS; k++) {
			size_t wide = str_codepoints(rows[i].cells[k]);
			if (wide > widths[k]) widths[k] = wide;
		}
	for (size_t i = 0; i < n; i++) print_row(&rows[i], widths, &a, line, arg);
	config_release(&defaults);
	arena_release(&a);
}
