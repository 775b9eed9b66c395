/* Both databases get the same tables: the lists of columns, keys and indexes are made by each and compared line by
 * line. */
#include "store/migrations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "support/postgres.h"

static struct postgres *server;

static void hush(void *arg, struct str line) {}

/* moves.xid is the one column that differs on purpose. */
static const struct sql columns = {
	"SELECT table_name || '.' || column_name || ' ' || CASE data_type WHEN 'bigint' THEN 'integer' WHEN 'bytea' THEN "
	"'blob' "
	"ELSE data_type END || ' null ' || is_nullable || ' default ' || coalesce(replace(column_default, '::text', ''), "
	"'-') "
	"FROM information_schema.columns WHERE table_schema = 'public' AND table_name || '.' || column_name <> 'moves.xid' "
	"ORDER BY table_name COLLATE \"C\", ordinal_position",
	"SELECT t.name || '.' || c.name || ' ' || lower(c.type) || ' null ' || CASE WHEN c.\"notnull\" = 1 THEN 'NO' ELSE "
	"'YES' END "
	"|| ' default ' || coalesce(c.dflt_value, '-') FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = "
	"'table' "
	"AND t.name || '.' || c.name <> 'moves.xid' ORDER BY t.name, c.cid"
};
static const struct sql keys = {
	"SELECT t.relname || ' (' || (SELECT string_agg(pg_get_indexdef(i.indexrelid, k, true), ',' ORDER BY k) "
	"FROM generate_series(1, i.indnkeyatts::int) k) || ')' FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid "
	"WHERE i.indisprimary AND t.relnamespace = 'public'::regnamespace ORDER BY t.relname COLLATE \"C\"",
	"SELECT t.name || ' (' || (SELECT group_concat(name, ',') FROM (SELECT name FROM pragma_table_info(t.name) WHERE "
	"pk > 0 "
	"ORDER BY pk)) || ')' FROM sqlite_schema t WHERE t.type = 'table' AND t.name <> 'moves' ORDER BY t.name"
};
/* What each alone needs to look by beginnings is not compared, nor how a list is printed. */
static const struct sql indexes = {
	"SELECT n.relname || ' ' || t.relname || ' unique ' || i.indisunique::int || ' (' || (SELECT "
	"string_agg(CASE i.indkey[k - 1] WHEN 0 THEN 'expression' ELSE replace(pg_get_indexdef(i.indexrelid, k, true), "
	"' COLLATE \"C\"', '') END, ',' ORDER BY k) "
	"FROM generate_series(1, i.indnkeyatts::int) k) || ') where ' || CASE WHEN n.relname = 'changes_system' THEN "
	"'kinds' "
	"ELSE coalesce(translate(pg_get_expr(i.indpred, i.indrelid), '()', ''), '-') END FROM pg_index i JOIN pg_class t "
	"ON t.oid = "
	"i.indrelid JOIN pg_class n ON n.oid = i.indexrelid WHERE NOT i.indisprimary AND t.relnamespace = "
	"'public'::regnamespace AND n.relname <> 'users_begins' ORDER BY n.relname COLLATE \"C\"",
	"SELECT n.name || ' ' || n.tbl_name || ' unique ' || l.\"unique\" || ' (' || (SELECT group_concat(coalesce(name, "
	"'expression'), "
	"',') FROM (SELECT name FROM pragma_index_info(n.name) ORDER BY seqno)) || ') where ' || CASE WHEN n.name = "
	"'changes_system' "
	"THEN 'kinds' WHEN l.partial = 1 THEN substr(n.sql, instr(n.sql, ' WHERE ') + 7) ELSE '-' END FROM sqlite_schema "
	"n, "
	"pragma_index_list(n.tbl_name) l WHERE n.type = 'index' AND n.sql IS NOT NULL AND l.name = n.name ORDER BY n.name"
};

struct fixture {
	struct db *db[2];
	struct db_conn *c[2];
};

static void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const char *urls[2] = { "sqlite::memory:", postgres_url(server) };
	for (int i = 0; f && i < 2; i++) {
		struct db_options o = { urls[i], 10000, 5000, 10, true };
		must(db_create(&o, &f->db[i]));
		f->c[i] = db_conn_create(f->db[i], DB_WRITE);
		must(migrate_up(f->c[i], migration_list, migration_count, NULL));
	}
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		db_conn_destroy(f->c[i]);
		db_destroy(f->db[i]);
	}
	free(f);
	return 0;
}

static struct buf list(struct db_conn *c, const struct sql *q, int *n)
{
	struct buf b;
	struct db_rows rows;
	buf_init(&b);
	must(db_query(c, q, DB_NO_ARGS, &rows));
	for (*n = 0; db_next(&rows); ++*n) {
		buf_add_str(&b, db_str(&rows, 0));
		buf_add_byte(&b, '\n');
	}
	must(db_end(&rows));
	return b;
}

static void compare(struct fixture *f, const struct sql *q, int least)
{
	int n[2];
	struct buf sqlite = list(f->c[0], q, &n[0]), postgres = list(f->c[1], q, &n[1]);
	struct str a = buf_str(&sqlite), b = buf_str(&postgres), left, right;
	while (str_split(&a, '\n', &left) && str_split(&b, '\n', &right)) {
		if (!str_eq(left, right))
			fail_msg("SQLite has \"" STR_FMT "\", Postgres \"" STR_FMT "\"", STR_ARG(left), STR_ARG(right));
	}
	assert_int_equal(n[0], n[1]);
	assert_true(n[0] > least);
	buf_release(&sqlite);
	buf_release(&postgres);
}

static void columns_are_the_same(void **state)
{
	compare(*state, &columns, 150);
}

static void keys_are_the_same(void **state)
{
	compare(*state, &keys, 20);
}

static void indexes_are_the_same(void **state)
{
	compare(*state, &indexes, 10);
}

/* Heads move all the time: an index over what moves would cost each move its place in the page. */
static void heads_have_no_index_but_their_key(void **state)
{
	static const struct sql q = {
		"SELECT count(*) FROM pg_index WHERE indrelid IN ('heads'::regclass, 'user_heads'::regclass)", NULL
	};
	struct fixture *f = *state;
	int n;
	struct db_rows rows;
	must(db_query(f->c[1], &q, DB_NO_ARGS, &rows));
	assert_true(db_next(&rows));
	n = (int)db_i64(&rows, 0);
	must(db_end(&rows));
	assert_int_equal(n, 2);
}

static void nothing_refers_to_another_table(void **state)
{
	static const struct sql q = { "SELECT count(*) FROM pg_constraint WHERE contype = 'f'", NULL };
	struct fixture *f = *state;
	struct db_rows rows;
	must(db_query(f->c[1], &q, DB_NO_ARGS, &rows));
	assert_true(db_next(&rows));
	assert_int_equal(db_i64(&rows, 0), 0);
	must(db_end(&rows));
}

static void the_servers_log_is_there(void **state)
{
	static const struct sql q = { "SELECT h.kind, h.rev FROM heads h JOIN channels c ON c.channel_id = h.channel_id",
								  NULL },
							ids = { "UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value", NULL };
	static const char *const names[] = { "user_id", "channel_id" };
	struct fixture *f = *state;
	struct db_rows rows;
	for (int i = 0; i < 2; i++) {
		must(db_query(f->c[i], &q, DB_NO_ARGS, &rows));
		assert_true(db_next(&rows));
		assert_int_equal(db_i64(&rows, 0), 3);
		assert_int_equal(db_i64(&rows, 1), 0);
		assert_false(db_next(&rows));
		must(db_end(&rows));
		for (int k = 0; k < 2; k++) {
			must(db_query(f->c[i], &ids, DB_ARGS(DB_TEXT(str_of(names[k]))), &rows));
			assert_true(db_next(&rows));
			assert_int_equal(db_i64(&rows, 0), 1);
			must(db_end(&rows));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_the_same),
		cmocka_unit_test(keys_are_the_same),
		cmocka_unit_test(indexes_are_the_same),
		cmocka_unit_test(heads_have_no_index_but_their_key),
		cmocka_unit_test(nothing_refers_to_another_table),
		cmocka_unit_test(the_servers_log_is_there),
	};
	log_capture(hush, NULL);
	server = postgres_start(NULL);
	int failed = cmocka_run_group_tests(tests, setup, teardown);
	postgres_destroy(server);
	return failed != 0;
}
