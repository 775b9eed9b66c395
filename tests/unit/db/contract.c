#include "contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"

const char *contract_url;

static const struct sql
	drop = { "DROP TABLE IF EXISTS things", NULL },
	make = { "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT UNIQUE, data BYTEA)",
			 "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB) STRICT" },
	insert = { "INSERT INTO things (id, name, data) VALUES ($1, $2, $3)", NULL },
	insert_many = { "INSERT INTO things (id, name, data) VALUES ($1, $2, $3), ($1 + 1, NULL, $3) RETURNING id", NULL },
	select = { "SELECT id, name, data FROM things WHERE id = $1", NULL },
	all = { "SELECT id, name, data FROM things ORDER BY id", NULL }, count = { "SELECT count(*) FROM things", NULL },
	sum = { "SELECT sum(id) FROM things", NULL },
	update = { "UPDATE things SET name = 'x' || id WHERE id >= $1", NULL },
	by_name = { "SELECT id FROM things WHERE name = $2 AND id > $1 AND name = $2", NULL },
	find = { "SELECT id FROM things WHERE ($1::text IS NULL OR name = $1::text) ORDER BY id", NULL },
	clear = { "DELETE FROM things", NULL }, wrong = { "SELECT nothing FROM nowhere", NULL },
	greatest = { "SELECT greatest(id, $1, NULL), least(id, $1, NULL) FROM things", NULL },
	/* ends by itself after hours */
	endless = {
		"WITH RECURSIVE n(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) SELECT "
		"count(*) FROM n",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) SELECT count(*) FROM n"
	};

void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

static void take_i64(const struct db_rows *rows, void *arg)
{
	*(int64_t *)arg = db_i64(rows, 0);
}

int64_t one_i64(struct db_conn *c, const struct sql *q, struct db_args args)
{
	int64_t v = 0;
	must(db_one(c, q, args, take_i64, &v));
	return v;
}

static int64_t things(struct db_conn *c)
{
	return one_i64(c, &count, DB_NO_ARGS);
}

static enum err put(struct db_conn *c, int64_t id, const char *name)
{
	return db_exec(c, &insert, DB_ARGS(DB_I64(id), DB_TEXT(str_of(name)), DB_NULL), NULL);
}

struct db *contract_open_with(int timeout_ms, int most)
{
	struct db *db;
	struct db_options o = { contract_url, timeout_ms, 5000, most, true };
	must(db_create(&o, &db));
	return db;
}

struct fixture {
	struct db *db;
	struct db_conn *c; /* DB_WRITE */
};

static int setup_with(void **state, int timeout_ms, int most)
{
	struct fixture *f = mem_new(struct fixture);
	f->db = contract_open_with(timeout_ms, most);
	f->c = db_conn_create(f->db, DB_WRITE);
	must(db_exec(f->c, &drop, DB_NO_ARGS, NULL));
	must(db_exec(f->c, &make, DB_NO_ARGS, NULL));
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 10000, 10);
}

static int setup_quick(void **state)
{
	return setup_with(state, 500, 10);
}

static int setup_two(void **state)
{
	return setup_with(state, 10000, 2);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	db_conn_destroy(f->c);
	db_destroy(f->db);
	mem_free(f);
	return 0;
}

static void types_come_back(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	struct str text = STR("na\xc3\xafve \xf0\x9f\x90\xa6 '\"\\"), bytes = { "\0\xff\x80 '", 5 };
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(INT64_MIN), DB_TEXT(text), DB_BYTES(bytes)), NULL));
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(INT64_MAX), DB_TEXT(STR("")), DB_BYTES(STR(""))), NULL));
	must(db_query(f->c, &all, DB_NO_ARGS, &rows));
	assert_true(db_next(&rows));
	assert_true(db_i64(&rows, 0) == INT64_MIN);
	assert_true(str_eq(db_str(&rows, 1), text));
	assert_true(str_eq(db_str(&rows, 2), bytes));
	assert_true(db_next(&rows));
	assert_true(db_i64(&rows, 0) == INT64_MAX);
	assert_non_null(db_str(&rows, 1).p); /* empty is not NULL */
	assert_int_equal(db_str(&rows, 1).n, 0);
	assert_false(db_is_null(&rows, 2));
	assert_non_null(db_str(&rows, 2).p);
	assert_false(db_next(&rows));
	assert_false(db_next(&rows));
	must(db_end(&rows));
}

static void null_is_none(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(1), DB_TEXT(STR_NONE), DB_BYTES(STR_NONE)), NULL));
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(2), DB_NULL, DB_NULL), NULL));
	must(db_query(f->c, &all, DB_NO_ARGS, &rows));
	for (int i = 0; i < 2; i++) {
		assert_true(db_next(&rows));
		assert_false(db_is_null(&rows, 0));
		assert_true(db_is_null(&rows, 1));
		assert_null(db_str(&rows, 1).p);
		assert_true(db_is_null(&rows, 2));
		assert_int_equal(db_i64(&rows, 1), 0);
	}
	must(db_end(&rows));
}

/* The first use of a statement must not decide what later ones may be given. */
static void null_first_then_a_value(void **state)
{
	struct fixture *f = *state;
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(1), DB_NULL, DB_NULL), NULL));
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(2), DB_TEXT(STR("two")), DB_NULL), NULL));
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(3), DB_NULL, DB_BYTES(STR("\x01"))), NULL));
	must(db_exec(f->c, &insert, DB_ARGS(db_opt(4), DB_TEXT(STR("four")), DB_BYTES(STR("4"))), NULL));
	assert_int_equal(things(f->c), 4);
	assert_int_equal(one_i64(f->c, &by_name, DB_ARGS(DB_I64(1), DB_TEXT(STR("four")))), 4);
	assert_int_equal(one_i64(f->c, &find, DB_ARGS(DB_NULL)), 1);
	assert_int_equal(one_i64(f->c, &find, DB_ARGS(DB_TEXT(STR("four")))), 4);
	assert_int_equal(one_i64(f->c, &find, DB_ARGS(DB_TEXT(STR_NONE))), 1);
}

static void changed_counts_rows(void **state)
{
	struct fixture *f = *state;
	int64_t n = -1;
	for (int i = 1; i <= 5; i++) must(put(f->c, i, NULL));
	must(db_exec(f->c, &update, DB_ARGS(DB_I64(3)), &n));
	assert_int_equal(n, 3);
	must(db_exec(f->c, &update, DB_ARGS(DB_I64(9)), &n));
	assert_int_equal(n, 0);
	must(db_exec(f->c, &clear, DB_NO_ARGS, &n));
	assert_int_equal(n, 5);
}

static void sums_are_numbers(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(one_i64(f->c, &sum, DB_NO_ARGS), 0); /* NULL */
	static const int64_t sets[][3] = {
		{ 1, 9999, 10000 }, { -5, 3, 0 }, { 100000000, 1, 4611686018427387904 }, { 10000, 0, 90000 }
	};
	for (size_t i = 0; i < countof(sets); i++) {
		must(db_exec(f->c, &clear, DB_NO_ARGS, NULL));
		for (int k = 0; k < 3; k++) must(put(f->c, sets[i][k], NULL));
		assert_true(one_i64(f->c, &sum, DB_NO_ARGS) == sets[i][0] + sets[i][1] + sets[i][2]);
	}
}

static void returning_writes_all(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	must(db_query(f->c, &insert_many, DB_ARGS(DB_I64(7), DB_TEXT(STR("a")), DB_NULL), &rows));
	assert_true(db_next(&rows)); /* the second row is never asked for */
	must(db_end(&rows));
	assert_int_equal(things(f->c), 2);
	assert_int_equal(db_query(f->c, &insert_many, DB_ARGS(DB_I64(6), DB_TEXT(STR("b")), DB_NULL), &rows), ERR_CONFLICT);
	assert_int_equal(things(f->c), 2);
}

static void one_row_or_not_found(void **state)
{
	struct fixture *f = *state;
	int64_t v = 5;
	assert_int_equal(db_one(f->c, &select, DB_ARGS(DB_I64(1)), take_i64, &v), ERR_NOT_FOUND);
	assert_int_equal(v, 5);
	must(put(f->c, 1, NULL));
	must(db_one(f->c, &select, DB_ARGS(DB_I64(1)), take_i64, &v));
	assert_int_equal(v, 1);
}

static void our_faults_are_internal(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	assert_int_equal(db_query(f->c, &wrong, DB_NO_ARGS, &rows), ERR_INTERNAL);
	assert_int_equal(db_query(f->c, &select, DB_NO_ARGS, &rows), ERR_INTERNAL); /* an argument is missing */
	assert_int_equal(put(f->c, 1, "\xff"), ERR_INTERNAL);
	assert_int_equal(db_exec(f->c, &insert, DB_ARGS(DB_I64(1), DB_TEXT(((struct str){ "a\0b", 3 })), DB_NULL), NULL),
					 ERR_INTERNAL);
	assert_int_equal(things(f->c), 0);
	assert_int_equal(db_commit(f->c), ERR_INTERNAL);
}

static void commit_and_rollback(void **state)
{
	struct fixture *f = *state;
	must(db_begin(f->c));
	must(put(f->c, 1, NULL));
	db_rollback(f->c);
	assert_int_equal(things(f->c), 0);
	must(db_begin(f->c));
	must(put(f->c, 1, NULL));
	must(db_commit(f->c));
	db_rollback(f->c); /* nothing is open: harmless */
	assert_int_equal(things(f->c), 1);
	int64_t before = db_conn_generation(f->c);
	assert_int_equal(before, 1);
}

static void an_error_aborts_the_transaction(void **state)
{
	struct fixture *f = *state;
	must(db_begin(f->c));
	must(put(f->c, 1, NULL));
	assert_int_equal(put(f->c, 1, NULL), ERR_CONFLICT);
	assert_int_equal(put(f->c, 2, NULL), ERR_CONFLICT); /* until it is rolled back */
	assert_int_equal(db_commit(f->c), ERR_CONFLICT);
	assert_int_equal(things(f->c), 0);
	must(put(f->c, 3, NULL));
}

static void savepoints_save(void **state)
{
	struct fixture *f = *state;
	must(db_begin(f->c));
	must(put(f->c, 1, "one"));
	must(db_savepoint(f->c));
	must(put(f->c, 2, "two"));
	must(db_savepoint(f->c)); /* within the other */
	assert_int_equal(put(f->c, 3, "one"), ERR_CONFLICT);
	must(db_rollback_to(f->c));
	must(put(f->c, 4, "four"));
	must(db_release(f->c));
	must(db_savepoint(f->c));
	must(put(f->c, 5, "five"));
	must(db_rollback_to(f->c));
	must(db_commit(f->c));
	assert_int_equal(things(f->c), 3);
	assert_int_equal(one_i64(f->c, &sum, DB_NO_ARGS), 7);
}

static void a_script_is_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	must(db_script(f->c, "INSERT INTO things (id) VALUES (1); INSERT INTO things (id) VALUES (2);"));
	assert_int_equal(db_script(f->c, "INSERT INTO things (id) VALUES (3); INSERT INTO things (id) VALUES (1);"),
					 ERR_CONFLICT);
	assert_int_equal(things(f->c), 2);
	must(db_begin(f->c));
	must(db_script(f->c, "INSERT INTO things (id) VALUES (4); INSERT INTO things (id) VALUES (5);"));
	db_rollback(f->c);
	assert_int_equal(things(f->c), 2);
}

static void big_text_comes_back(void **state)
{
	struct fixture *f = *state;
	size_t n = 3 << 20;
	char *p = mem_alloc(n);
	struct db_rows rows;
	for (size_t i = 0; i < n; i++) p[i] = (char)('a' + i % 26);
	must(db_exec(f->c, &insert, DB_ARGS(DB_I64(1), DB_NULL, DB_BYTES(((struct str){ p, n }))), NULL));
	must(db_query(f->c, &select, DB_ARGS(DB_I64(1)), &rows));
	assert_true(db_next(&rows));
	assert_int_equal(db_str(&rows, 2).n, n);
	assert_memory_equal(db_str(&rows, 2).p, p, n);
	must(db_end(&rows));
	mem_free(p);
}

static void many_rows_in_order(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	must(db_begin(f->c));
	for (int i = 3000; i > 0; i--) must(put(f->c, i, NULL));
	must(db_commit(f->c));
	must(db_query(f->c, &all, DB_NO_ARGS, &rows));
	for (int i = 1; i <= 3000; i++) {
		assert_true(db_next(&rows));
		assert_int_equal(db_i64(&rows, 0), i);
	}
	assert_false(db_next(&rows));
	must(db_end(&rows));
	must(db_query(f->c, &all, DB_NO_ARGS, &rows)); /* left halfway, twice */
	assert_true(db_next(&rows));
	must(db_end(&rows));
	must(db_query(f->c, &all, DB_NO_ARGS, &rows));
	assert_true(db_next(&rows));
	assert_int_equal(db_i64(&rows, 0), 1);
	must(db_end(&rows));
}

static void arguments_outlive_nobody(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	char name[] = "one";
	must(put(f->c, 1, "one"));
	must(db_query(f->c, &by_name, DB_ARGS(DB_I64(0), DB_TEXT(str_of(name))), &rows));
	memset(name, 'x', 3);
	assert_true(db_next(&rows));
	must(db_end(&rows));
}

static void greatest_passes_over_null(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	must(put(f->c, 5, NULL));
	must(db_query(f->c, &greatest, DB_ARGS(DB_I64(9)), &rows));
	assert_true(db_next(&rows));
	assert_int_equal(db_i64(&rows, 0), 9);
	assert_int_equal(db_i64(&rows, 1), 5);
	must(db_end(&rows));
}

static void readers_do_not_write(void **state)
{
	struct fixture *f = *state;
	struct db_conn *r = db_conn_create(f->db, DB_READ);
	assert_int_equal(things(r), 0);
	assert_int_equal(put(r, 1, NULL), ERR_INTERNAL);
	assert_int_equal(things(f->c), 0);
	db_conn_destroy(r);
}

static void a_snapshot_stands_still(void **state)
{
	struct fixture *f = *state;
	if (strstr(contract_url, ":memory:")) skip(); /* there a reader and a writer wait for each other */
	struct db_conn *r = db_conn_create(f->db, DB_READ);
	must(put(f->c, 1, NULL));
	must(db_begin_snapshot(r));
	assert_int_equal(things(r), 1);
	must(put(f->c, 2, NULL));
	assert_int_equal(things(r), 1);
	must(db_commit(r));
	assert_int_equal(things(r), 2);
	db_conn_destroy(r);
}

static void a_writer_is_not_seen_before_its_commit(void **state)
{
	struct fixture *f = *state;
	if (strstr(contract_url, ":memory:")) skip();
	struct db_conn *r = db_conn_create(f->db, DB_READ);
	must(db_begin(f->c));
	must(put(f->c, 1, NULL));
	assert_int_equal(things(r), 0);
	must(db_commit(f->c));
	assert_int_equal(things(r), 1);
	db_conn_destroy(r);
}

static void a_slow_statement_ends(void **state)
{
	struct fixture *f = *state;
	struct db_rows rows;
	const enum db_use uses[] = { DB_READ, DB_WRITE };
	for (size_t i = 0; i < countof(uses); i++) {
		struct db_conn *c = db_conn_create(f->db, uses[i]);
		assert_int_equal(db_query(c, &endless, DB_NO_ARGS, &rows), ERR_UNAVAILABLE);
		assert_int_equal(things(c), 0); /* the connection is as good as before */
		must(db_begin(c));
		assert_int_equal(db_query(c, &endless, DB_NO_ARGS, &rows), ERR_UNAVAILABLE);
		assert_int_equal(db_commit(c), ERR_UNAVAILABLE);
		assert_int_equal(things(c), 0);
		assert_int_equal(db_conn_generation(c), 1);
		db_conn_destroy(c);
	}
}

static void connections_have_a_limit(void **state)
{
	struct fixture *f = *state; /* with one of two connections */
	struct db_conn *a = db_conn_create(f->db, DB_READ), *b = db_conn_create(f->db, DB_READ);
	struct db_rows rows;
	assert_int_equal(db_open_connections(f->db), 1); /* others come on demand */
	assert_false(db_conn_alive(a));
	assert_int_equal(things(a), 0);
	assert_true(db_conn_alive(a));
	assert_int_equal(db_open_connections(f->db), 2);
	assert_int_equal(db_query(b, &all, DB_NO_ARGS, &rows), ERR_INTERNAL);
	db_conn_destroy(a);
	assert_int_equal(db_open_connections(f->db), 1);
	db_conn_destroy(b);
}

#define WRITERS 3
#define WRITES 40

static void *write_many(void *arg)
{
	static const struct sql next = { "UPDATE things SET data = data WHERE id = 0", NULL },
							add = { "INSERT INTO things (id) SELECT max(id) + 1 FROM things", NULL };
	struct db_conn *c = db_conn_create(arg, DB_WRITE);
	enum err e = OK;
	for (int i = 0; i < WRITES && !e; i++) {
		e = db_begin(c);
		if (!e) e = db_exec(c, &next, DB_NO_ARGS, NULL); /* Postgres: the row's lock; SQLite: held since begin */
		if (!e) e = db_exec(c, &add, DB_NO_ARGS, NULL);
		if (!e) e = db_commit(c);
		db_rollback(c);
	}
	db_conn_destroy(c);
	return (void *)(intptr_t)e;
}

static void writers_take_turns(void **state)
{
	struct fixture *f = *state;
	pthread_t t[WRITERS];
	struct db_conn *r = db_conn_create(f->db, DB_READ);
	int64_t last = 0;
	must(put(f->c, 0, NULL));
	for (int i = 0; i < WRITERS; i++) assert_int_equal(pthread_create(&t[i], NULL, write_many, f->db), 0);
	while (last < WRITERS * WRITES + 1) { /* a reader meanwhile sees it grow */
		int64_t now = things(r);
		assert_true(now >= last);
		last = now;
	}
	for (int i = 0; i < WRITERS; i++) {
		void *e;
		pthread_join(t[i], &e);
		assert_ptr_equal(e, NULL);
	}
	assert_int_equal(things(f->c), WRITERS * WRITES + 1);
	db_conn_destroy(r);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int contract_run(void)
{
	const struct CMUnitTest tests[] = {
		CASE(types_come_back),
		CASE(null_is_none),
		CASE(null_first_then_a_value),
		CASE(changed_counts_rows),
		CASE(sums_are_numbers),
		CASE(returning_writes_all),
		CASE(one_row_or_not_found),
		CASE(our_faults_are_internal),
		CASE(commit_and_rollback),
		CASE(an_error_aborts_the_transaction),
		CASE(savepoints_save),
		CASE(a_script_is_all_or_nothing),
		CASE(big_text_comes_back),
		CASE(many_rows_in_order),
		CASE(arguments_outlive_nobody),
		CASE(greatest_passes_over_null),
		CASE(readers_do_not_write),
		CASE(a_snapshot_stands_still),
		CASE(a_writer_is_not_seen_before_its_commit),
		cmocka_unit_test_setup_teardown(a_slow_statement_ends, setup_quick, teardown),
		cmocka_unit_test_setup_teardown(connections_have_a_limit, setup_two, teardown),
		CASE(writers_take_turns),
	};
	return cmocka_run_group_tests_name("db contract", tests, NULL, NULL);
}
