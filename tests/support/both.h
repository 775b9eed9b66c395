/* Tests of the store over both databases: each is run on SQLite and on Postgres, with the same people in neither. */
#ifndef LINNET_TESTS_BOTH_H
#define LINNET_TESTS_BOTH_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "store/epoch.h"
#include "store/migrations.h"
#include "support/postgres.h"

struct both {
	struct postgres *server;
	struct db *db[2];
	struct db_conn *c[2];
	struct arena arena;
	int databases;
	int names;
};

static inline void both_must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

static inline void both_open_one(struct both *b, int i, const char *url)
{
	const struct db_options o = { url, 10000, 5000, 10, true };
	struct epoch epoch;
	both_must(db_create(&o, &b->db[i]));
	b->c[i] = db_conn_create(b->db[i], DB_WRITE);
	both_must(migrate_up(b->c[i], migration_list, migration_count, NULL));
	both_must(epoch_open(b->c[i], &epoch));
}

static inline void both_open(struct both *b)
{
	char name[32];
	snprintf(name, sizeof name, "both%d", b->databases++);
	char *url = postgres_database(b->server, name);
	both_open_one(b, 0, "sqlite::memory:");
	both_open_one(b, 1, url);
	free(url);
}

static inline void both_close(struct both *b)
{
	for (int i = 0; i < 2; i++) {
		db_conn_destroy(b->c[i]);
		db_destroy(b->db[i]);
	}
}

/* Empty databases from here on. */
static inline void both_fresh(struct both *b)
{
	both_close(b);
	both_open(b);
}

static inline void both_hush(void *arg, struct str line) {}

/* One number of one row; -1: no row. */
static inline int64_t both_number(struct both *b, struct db_conn *c, const char *text)
{
	struct sql *q = arena_new(&b->arena, struct sql); /* its address is its identity */
	struct db_rows rows;
	q->text = text;
	both_must(db_query(c, q, DB_NO_ARGS, &rows));
	int64_t v = db_next(&rows) ? db_i64(&rows, 0) : -1;
	both_must(db_end(&rows));
	return v;
}

/* A name that nobody has yet. */
static inline struct str both_name(struct both *b)
{
	return arena_printf(&b->arena, "person%d", ++b->names);
}

struct both_case {
	const char *name;
	void (*run)(struct both *b, struct db_conn *c);
	bool fresh; /* wants empty databases */
};
#define BOTH(f)                                                                                                        \
	{                                                                                                                  \
#f, f, false                                                                                                   \
	}
#define BOTH_FRESH(f)                                                                                                  \
	{                                                                                                                  \
#f, f, true                                                                                                    \
	}
struct both_bound {
	struct both *b;
	const struct both_case *c;
};

static inline void both_run(void **state)
{
	struct both_bound *x = *state;
	if (x->c->fresh) both_fresh(x->b);
	for (int i = 0; i < 2; i++) x->c->run(x->b, x->b->c[i]);
}

/* The last case of a test: whatever those before have moved of people, a head check would be told of it. Embedded
 * nobody asks. */
static inline void both_each_moved_head_was_noted(struct both *b, struct db_conn *c)
{
	const char *text = "SELECT count(*) FROM user_heads h WHERE h.rev > 0 AND h.rev IS DISTINCT FROM (SELECT "
					   "max(m.rev) FROM moves m WHERE m.user_id = h.user_id)";
	if (db_conn_kind(c) == DB_SQLITE) text = "SELECT count(*) FROM moves";
	assert_int_equal(both_number(b, c, text), 0);
}

static inline int both_main(const struct both_case *cases, size_t n)
{
	struct both b = { .server = postgres_start(NULL) };
	struct CMUnitTest *tests = calloc(n, sizeof *tests);
	struct both_bound *bound = calloc(n, sizeof *bound);
	log_capture(both_hush, NULL);
	arena_init(&b.arena);
	both_open(&b);
	for (size_t i = 0; i < n; i++) {
		bound[i] = (struct both_bound){ &b, &cases[i] };
		tests[i] = (struct CMUnitTest){ .name = cases[i].name, .test_func = both_run, .initial_state = &bound[i] };
	}
	int failed = _cmocka_run_group_tests("both", tests, n, NULL, NULL);
	both_close(&b);
	arena_release(&b.arena);
	free(tests);
	free(bound);
	postgres_destroy(b.server);
	return failed != 0;
}
#endif
