#include "copies.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static void must(const struct copies *c, int rc, const char *what)
{
	if (rc == SQLITE_OK || rc == SQLITE_DONE) return;
	fprintf(stderr, "sim: %s: %s\n", what, sqlite3_errmsg(c->db));
	abort();
}

static void run(struct copies *c, const char *text)
{
	must(c, sqlite3_exec(c->db, text, NULL, NULL, NULL), text);
}

static void add(struct copies *c, enum copy_way way, const char *text)
{
	sqlite3_stmt *s;
	must(c, sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL), text);
	vec_push(&c->steps[way], s);
}

static void add_way(struct copies *c, enum copy_way way, const char *to, const char *from, const char *table)
{
	char text[200];
	snprintf(text, sizeof text, "DELETE FROM %s.%s", to, table);
	add(c, way, text);
	snprintf(text, sizeof text, "INSERT INTO %s.%s SELECT * FROM %s.%s", to, table, from, table);
	add(c, way, text);
}

static void add_table(struct copies *c, const char *table)
{
	char text[200];
	snprintf(text, sizeof text, "CREATE TABLE fresh.%s AS SELECT * FROM main.%s", table, table);
	run(c, text);
	snprintf(text, sizeof text, "CREATE TABLE copy.%s AS SELECT * FROM main.%s", table, table);
	run(c, text);
}

struct names {
	VEC(char *) list;
};

static int name_take(void *arg, int n, char **values, char **columns)
{
	struct names *names = arg;
	char *name = sqlite3_mprintf("%s", values[0]);
	vec_push(&names->list, name);
	return 0;
}

void copies_open(struct copies *c, sqlite3 *db)
{
	struct names names = { 0 };
	*c = (struct copies){ .db = db };
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL); /* what they write is copied as well */
	must(c,
		 sqlite3_exec(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", name_take,
					  &names, NULL),
		 "names");
	run(c, "ATTACH ':memory:' AS fresh; ATTACH ':memory:' AS copy");
	for (size_t i = 0; i < names.list.n; i++) add_table(c, names.list.p[i]);
	for (size_t i = 0; i < names.list.n; i++) {
		add_way(c, COPY_BEGIN, "main", "fresh", names.list.p[i]);
		add_way(c, COPY_TAKE, "copy", "main", names.list.p[i]);
		add_way(c, COPY_RESTORE, "main", "copy", names.list.p[i]);
		sqlite3_free(names.list.p[i]);
	}
	vec_release(&names.list);
}

void copies_run(struct copies *c, enum copy_way way)
{
	run(c, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < c->steps[way].n; i++) {
		must(c, sqlite3_step(c->steps[way].p[i]), "copying");
		sqlite3_reset(c->steps[way].p[i]);
	}
	run(c, "COMMIT");
}

void copies_release(struct copies *c)
{
	for (int way = 0; way < COPY_WAYS; way++) {
		for (size_t i = 0; i < c->steps[way].n; i++) sqlite3_finalize(c->steps[way].p[i]);
		vec_release(&c->steps[way]);
	}
}
