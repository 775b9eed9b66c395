/* Migrations over both databases: one after the other, many at once, and those that must not run. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/migrate.h"
#include "support/postgres.h"

static struct postgres *server;

static void hush(void *arg, struct str line) {}

static const struct migration list[] = {
	{ 1, "one", "CREATE TABLE ones (a BIGINT); INSERT INTO ones VALUES (1);",
	  "CREATE TABLE ones (a INTEGER); INSERT INTO ones VALUES (1);" },
	{ 2, "two", "ALTER TABLE ones ADD COLUMN b TEXT", "ALTER TABLE ones ADD COLUMN b TEXT" },
	{ 3, "contract_three", "ALTER TABLE ones DROP COLUMN b", "ALTER TABLE ones DROP COLUMN b" },
	{ 4, "four", "INSERT INTO ones (a) VALUES (2)", "INSERT INTO ones (a) VALUES (2)" },
};
static const struct migration broken[] = {
	{ 1, "one", "CREATE TABLE ones (a BIGINT)", "CREATE TABLE ones (a INTEGER)" },
	{ 2, "two", "INSERT INTO ones VALUES (7); SELECT nonsense", "INSERT INTO ones VALUES (7); SELECT nonsense" },
};
static const struct sql count_ones = { "SELECT count(*) FROM ones", NULL },
						count_rows = { "SELECT count(*) FROM migrations", NULL },
						select_b = { "SELECT b FROM ones", NULL };

static void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

static void take_i64(const struct db_rows *rows, void *arg)
{
	*(int64_t *)arg = db_i64(rows, 0);
}

static int64_t one_i64(struct db_conn *c, const struct sql *q)
{
	int64_t v = 0;
	must(db_one(c, q, DB_NO_ARGS, take_i64, &v));
	return v;
}

/* A new, empty database of each kind. */
struct fixture {
	struct db *db;
	struct db_conn *c;
};

static void open_new(struct fixture *f, bool postgres)
{
	char *url = postgres ? postgres_database(server, "migrate") : NULL;
	struct db_options o = { url ? url : "sqlite::memory:", 5000, 5000, 20, true, .lock_timeout_ms = 200 };
	must(db_create(&o, &f->db));
	free(url);
	f->c = db_conn_create(f->db, DB_WRITE);
}

static void close_it(struct fixture *f)
{
	db_conn_destroy(f->c);
	db_destroy(f->db);
}

static void each_is_applied_once(void **state)
{
	for (int pg = 0; pg < 2; pg++) {
		struct fixture f;
		int n = -1;
		open_new(&f, pg);
		must(migrate_up(f.c, list, 1, &n));
		assert_int_equal(n, 1);
		must(migrate_up(f.c, list, 4, &n)); /* a newer binary; the contracting one waits */
		assert_int_equal(n, 2);
		must(migrate_up(f.c, list, 4, &n));
		assert_int_equal(n, 0);
		must(migrate_up(f.c, list, 2, &n)); /* the older one may still serve */
		assert_int_equal(n, 0);
		assert_int_equal(one_i64(f.c, &count_ones), 2);
		must(db_one(f.c, &select_b, DB_NO_ARGS, NULL, NULL));
		close_it(&f);
	}
}

static void contracting_ones_shut_older_binaries_out(void **state)
{
	for (int pg = 0; pg < 2; pg++) {
		struct fixture f;
		int n = -1;
		open_new(&f, pg);
		must(migrate_up(f.c, list, 4, &n));
		must(migrate_contract(f.c, list, 4, &n));
		assert_int_equal(n, 1);
		assert_int_equal(db_one(f.c, &select_b, DB_NO_ARGS, NULL, NULL), ERR_INTERNAL);
		assert_int_equal(migrate_up(f.c, list, 2, &n), ERR_CONFLICT);
		must(migrate_up(f.c, list, 4, &n));
		close_it(&f);
	}
}

static void a_failed_one_leaves_nothing(void **state)
{
	for (int pg = 0; pg < 2; pg++) {
		struct fixture f;
		int n = -1;
		open_new(&f, pg);
		assert_int_equal(migrate_up(f.c, broken, 2, &n), ERR_INTERNAL);
		assert_int_equal(n, 1);
		assert_int_equal(one_i64(f.c, &count_ones), 0);
		assert_int_equal(one_i64(f.c, &count_rows), 1);
		must(migrate_up(f.c, list, 4, &n)); /* its number is free for the right one */
		assert_int_equal(n, 2);
		close_it(&f);
	}
}

static void another_under_the_same_number_is_refused(void **state)
{
	static const struct migration other[] = { { 1, "other", "SELECT 1", "SELECT 1" } };
	for (int pg = 0; pg < 2; pg++) {
		struct fixture f;
		open_new(&f, pg);
		must(migrate_up(f.c, list, 1, NULL));
		assert_int_equal(migrate_up(f.c, other, 1, NULL), ERR_CONFLICT);
		close_it(&f);
	}
}

#define MIGRATORS 6

struct migrator {
	pthread_t thread;
	struct db *db;
	enum err err;
	int applied;
};

static void *migrate_thread(void *arg)
{
	struct migrator *m = arg;
	struct db_conn *c = db_conn_create(m->db, DB_WRITE);
	m->err = migrate_up(c, list, 4, &m->applied);
	db_conn_destroy(c);
	return NULL;
}

static void many_at_once_apply_each_once(void **state)
{
	for (int pg = 0; pg < 2; pg++) {
		struct fixture f;
		struct migrator m[MIGRATORS];
		int applied = 0;
		open_new(&f, pg);
		for (int i = 0; i < MIGRATORS; i++) {
			m[i] = (struct migrator){ .db = f.db };
			assert_int_equal(pthread_create(&m[i].thread, NULL, migrate_thread, &m[i]), 0);
		}
		for (int i = 0; i < MIGRATORS; i++) {
			pthread_join(m[i].thread, NULL);
			must(m[i].err);
			applied += m[i].applied;
		}
		assert_int_equal(applied, 3);
		assert_int_equal(one_i64(f.c, &count_ones), 2);
		close_it(&f);
	}
}

static const struct sql
	count_waiting = { "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE "
					  "NOT l.granted AND d.datname = current_database() AND l.locktype = 'relation'",
					  NULL },
	insert_one = { "INSERT INTO ones (a) VALUES (7)", NULL };

static void until_waiting(struct db_conn *c, bool waiting)
{
	while ((one_i64(c, &count_waiting) > 0) != waiting)
		;
}

struct told {
	_Atomic int waits, failed;
};

static void hear(void *arg, struct str line)
{
	struct told *t = arg;
	t->waits += memmem(line.p, line.n, "db.migration_waits", 18) != NULL;
	t->failed += memmem(line.p, line.n, "db.statement_failed", 19) != NULL;
}

/* It waits for who reads the table; who writes to it does not wait for both. */
static void a_lock_that_is_waited_for_stops_nobody(void **state)
{
	struct fixture f;
	struct told told = { 0 };
	open_new(&f, true);
	struct db_conn *reader = db_conn_create(f.db, DB_READ), *writer = db_conn_create(f.db, DB_WRITE);
	must(migrate_up(f.c, list, 1, NULL));
	must(db_begin(reader));
	assert_int_equal(one_i64(reader, &count_ones), 1);
	log_capture(hear, &told);
	struct migrator m = { .db = f.db };
	assert_int_equal(pthread_create(&m.thread, NULL, migrate_thread, &m), 0);
	for (int i = 0; i < 3; i++) {
		until_waiting(f.c, true);
		must(db_exec(writer, &insert_one, DB_NO_ARGS, NULL));
		until_waiting(f.c, false);
	}
	must(db_commit(reader));
	pthread_join(m.thread, NULL);
	log_capture(hush, NULL);
	must(m.err);
	assert_int_equal(m.applied, 2);
	assert_int_equal(told.waits, 1);
	assert_int_equal(told.failed, 0);
	assert_int_equal(one_i64(f.c, &count_ones), 5);
	db_conn_destroy(reader);
	db_conn_destroy(writer);
	close_it(&f);
}

static void expect_state(struct fixture *f, size_t n, int missing, int unknown)
{
	int m = -1, u = -1;
	must(migrate_state(f->c, list, n, &m, &u));
	assert_int_equal(m, missing);
	assert_int_equal(u, unknown);
}

/* Looked at, and left as it is. */
static void what_is_missing_and_what_is_newer_is_told(void **state)
{
	for (int postgres = 0; postgres < 2; postgres++) {
		struct fixture f;
		open_new(&f, postgres);
		expect_state(&f, 4, 3, 0); /* contracting ones are not waited for */
		must(migrate_up(f.c, list, 2, NULL));
		expect_state(&f, 4, 1, 0);
		must(migrate_up(f.c, list, 4, NULL));
		expect_state(&f, 4, 0, 0);
		expect_state(&f, 2, 0, 1);
		assert_int_equal(one_i64(f.c, &count_rows), 3);
		close_it(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_applied_once),
		cmocka_unit_test(contracting_ones_shut_older_binaries_out),
		cmocka_unit_test(a_failed_one_leaves_nothing),
		cmocka_unit_test(another_under_the_same_number_is_refused),
		cmocka_unit_test(many_at_once_apply_each_once),
		cmocka_unit_test(a_lock_that_is_waited_for_stops_nobody),
		cmocka_unit_test(what_is_missing_and_what_is_newer_is_told),
	};
	log_capture(hush, NULL); /* the cases make errors on purpose */
	server = postgres_start(NULL);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgres_destroy(server);
	return failed != 0;
}
