/* The contract over a real server, and what only a server can do: go away, stand still, be cancelled. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "contract.h"
#include "support/postgres.h"

static struct postgres *server;

static void hush(void *arg, struct str line) {}

static const struct sql insert = { "INSERT INTO rows (id) VALUES ($1)", NULL },
						count = { "SELECT count(*) FROM rows", NULL },
						count_id = { "SELECT count(*) FROM rows WHERE id = $1", NULL },
						slow = { "SELECT 1 FROM pg_sleep(100)", NULL },
						slow_write = { "INSERT INTO rows (id) SELECT $1 FROM pg_sleep(100)", NULL },
						star = { "SELECT * FROM rows", NULL };

struct fixture {
	struct db *db;
	struct db_conn *read, *write, *append;
};

static int setup_with(void **state, int timeout_ms)
{
	struct fixture *f = mem_new(struct fixture);
	postgres_sql(
		server,
		"SET client_min_messages = error; DROP TABLE IF EXISTS rows; CREATE TABLE rows (id BIGINT PRIMARY KEY)");
	f->db = contract_open_with(timeout_ms, 10);
	f->read = db_conn_create(f->db, DB_READ);
	f->write = db_conn_create(f->db, DB_WRITE);
	f->append = db_conn_create(f->db, DB_APPEND);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 10000);
}

static int setup_short(void **state)
{
	return setup_with(state, 300); /* a server that stands still is left after 400 ms */
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	db_conn_destroy(f->read);
	db_conn_destroy(f->write);
	db_conn_destroy(f->append);
	db_destroy(f->db);
	mem_free(f);
	return 0;
}

static enum err put(struct db_conn *c, int64_t id)
{
	return db_exec(c, &insert, DB_ARGS(DB_I64(id)), NULL);
}

static int64_t rows_in(struct db_conn *c)
{
	return one_i64(c, &count, DB_NO_ARGS);
}

/* Waits until the server says yes: a query of one row and column, "t". */
static void wait_for(const char *query)
{
	PGconn *c = postgres_connect(server);
	for (;;) {
		PGresult *res = PQexec(c, query);
		bool yes = PQntuples(res) > 0 && !strcmp(PQgetvalue(res, 0, 0), "t");
		PQclear(res);
		if (yes) break;
		usleep(2000);
	}
	PQfinish(c);
}

/* A statement on a thread of its own, so that the test can do something to it meanwhile. */
struct running {
	pthread_t thread;
	struct db_conn *c;
	const struct sql *q;
	bool in_transaction;
	enum err err;
};

static void *run_statement(void *arg)
{
	struct running *r = arg;
	enum err e = r->in_transaction ? db_begin(r->c) : OK;
	if (!e) e = db_exec(r->c, r->q, r->q == &slow ? DB_NO_ARGS : DB_ARGS(DB_I64(77)), NULL);
	if (!e && r->in_transaction) e = db_commit(r->c);
	db_rollback(r->c);
	r->err = e;
	return NULL;
}

static void start(struct running *r, struct db_conn *c, const struct sql *q, bool in_transaction)
{
	*r = (struct running){ .c = c, .q = q, .in_transaction = in_transaction };
	assert_int_equal(pthread_create(&r->thread, NULL, run_statement, r), 0);
}

static enum err result(struct running *r)
{
	pthread_join(r->thread, NULL);
	return r->err;
}

static void sessions_are_set_up(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	arena_init(&a);
	const struct {
		struct db_conn *c;
		const char *name, *value;
	} wanted[] = {
		{ f->write, "fsync", "on" },
		{ f->write, "synchronous_commit", "on" },
		{ f->write, "statement_timeout", "10s" },
		{ f->write, "default_transaction_read_only", "off" },
		{ f->write, "application_name", "linnet" },
		{ f->write, "client_encoding", "UTF8" },
		{ f->read, "default_transaction_read_only", "on" },
		{ f->append, "synchronous_commit", "on" },
		{ f->append, "statement_timeout", "0" },
		{ f->append, "idle_in_transaction_session_timeout", "5s" },
		{ f->append, "tcp_user_timeout", "5000" },
		{ f->append, "default_transaction_isolation", "read committed" },
	};
	for (size_t i = 0; i < countof(wanted); i++) {
		struct str v = STR_NONE;
		must(db_show(wanted[i].c, wanted[i].name, &a, &v));
		if (!str_eq(v, str_of(wanted[i].value))) fail_msg("%s is " STR_FMT, wanted[i].name, STR_ARG(v));
	}
	arena_release(&a);
}

static void a_restarted_server_costs_nothing(void **state)
{
	struct fixture *f = *state;
	must(put(f->write, 1));
	assert_int_equal(rows_in(f->read), 1);
	postgres_stop(server);
	postgres_again(server);
	must(put(f->write, 2));
	assert_int_equal(rows_in(f->read), 2);
	assert_int_equal(db_conn_generation(f->write), 2);
	postgres_kill(server);
	postgres_again(server);
	must(put(f->write, 3));
	assert_int_equal(db_conn_generation(f->write), 3);
	assert_int_equal(db_connects(f->db), 5);
}

static void without_a_server_it_fails_at_once(void **state)
{
	struct fixture *f = *state;
	must(put(f->write, 1));
	postgres_stop(server);
	assert_false(db_conn_alive(f->write));
	for (int i = 0; i < 100; i++) assert_int_equal(put(f->write, 2), ERR_UNAVAILABLE);
	assert_int_equal(db_begin(f->write), ERR_UNAVAILABLE);
	assert_int_equal(db_conn_generation(f->write), 1);
	postgres_again(server);
	while (put(f->write, 3)) usleep(5000); /* the pause before the next attempt is at most a second */
	assert_int_equal(rows_in(f->write), 2);
	assert_int_equal(db_open_connections(f->db), 1);
}

static void a_transaction_does_not_outlive_its_connection(void **state)
{
	struct fixture *f = *state;
	must(db_begin(f->write));
	must(put(f->write, 1));
	postgres_kill(server);
	postgres_again(server);
	assert_int_equal(put(f->write, 2), ERR_UNAVAILABLE);
	assert_int_equal(put(f->write, 3), ERR_UNAVAILABLE); /* not on another connection, outside the transaction */
	assert_int_equal(db_savepoint(f->write), ERR_UNAVAILABLE);
	assert_int_equal(db_commit(f->write), ERR_UNAVAILABLE);
	assert_int_equal(rows_in(f->write), 0);
	must(db_begin(f->write));
	must(put(f->write, 4));
	must(db_commit(f->write));
	assert_int_equal(rows_in(f->write), 1);
}

#define ACTIVE                                                                                                         \
	"SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(100)%' AND pid <> "    \
	"pg_backend_pid()"
#define TERMINATE                                                                                                      \
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%' AND pid <> "            \
	"pg_backend_pid()"

static enum err terminated(struct db_conn *c, const struct sql *q, bool in_transaction)
{
	struct running r;
	start(&r, c, q, in_transaction);
	wait_for(ACTIVE);
	postgres_sql(server, TERMINATE);
	return result(&r);
}

static void who_may_have_written_does_not_know(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(terminated(f->read, &slow, false), ERR_UNAVAILABLE);
	assert_int_equal(terminated(f->append, &slow_write, false), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(terminated(f->append, &slow_write, true), ERR_UNAVAILABLE); /* its commit was never sent */
	assert_int_equal(rows_in(f->append), 0);
}

static void a_server_that_stands_still_is_left(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(rows_in(f->read), 0);
	must(put(f->write, 1));
	postgres_pause(server);
	assert_int_equal(db_one(f->read, &count, DB_NO_ARGS, NULL, NULL), ERR_UNAVAILABLE);
	assert_int_equal(put(f->write, 2), ERR_UNKNOWN_OUTCOME);
	assert_false(db_conn_alive(f->write));
	postgres_resume(server);
	while (put(f->write, 3)) usleep(5000);
	assert_int_equal(one_i64(f->write, &count_id, DB_ARGS(DB_I64(1))), 1);

	must(db_begin(f->write));
	must(put(f->write, 4));
	postgres_pause(server);
	assert_int_equal(db_commit(f->write), ERR_UNKNOWN_OUTCOME);
	postgres_resume(server);
	must(db_begin(f->write));
	postgres_pause(server);
	assert_int_equal(put(f->write, 5), ERR_UNAVAILABLE);
	assert_int_equal(db_commit(f->write), ERR_UNAVAILABLE);
	postgres_resume(server);
	must(db_begin_snapshot(f->write));
	postgres_pause(server);
	assert_int_equal(db_commit(f->write), ERR_UNAVAILABLE); /* it wrote nothing */
	postgres_resume(server);
}

#define WAITING "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

/* A success without a standby is no success. */
static enum err cancelled_wait(struct db_conn *c, bool in_transaction)
{
	struct running r;
	start(&r, c, &insert, in_transaction);
	wait_for(WAITING);
	postgres_sql(server, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	return result(&r);
}

static void a_cancelled_wait_for_a_standby_is_unknown(void **state)
{
	struct fixture *f = *state;
	must(put(f->append, 1));
	postgres_want_standby(server, true);
	assert_int_equal(cancelled_wait(f->append, false), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(rows_in(f->append), 2);
	postgres_sql(server, "SET synchronous_commit = local; DELETE FROM rows");
	assert_int_equal(cancelled_wait(f->append, true), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(rows_in(f->append), 1);
	assert_int_equal(db_conn_generation(f->append), 1);
	postgres_want_standby(server, false);
	must(put(f->append, 3));
}

static int failures_said;

static void count_failures(void *arg, struct str line)
{
	char text[4096];
	snprintf(text, sizeof text, STR_FMT, STR_ARG(line));
	failures_said += strstr(text, "\"db.statement_failed\"") != NULL;
}

/* No room: why is said once an outage; what is no outage's fault is said each time. */
static void a_full_disk_is_said_once(void **state)
{
	struct fixture *f = *state;
	const char *full = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$";
	must(put(f->write, 101));
	failures_said = 0;
	log_capture(count_failures, NULL);
	for (int i = 0; i < 3; i++) assert_int_equal(db_script(f->write, full), ERR_UNAVAILABLE);
	assert_int_equal(failures_said, 1);
	for (int i = 0; i < 2; i++) assert_int_equal(db_script(f->write, "SELECT nothing"), ERR_INTERNAL);
	assert_int_equal(failures_said, 3);
	must(put(f->write, 102)); /* it is back */
	assert_int_equal(db_script(f->write, full), ERR_UNAVAILABLE);
	assert_int_equal(failures_said, 4);
	log_capture(hush, NULL);
}

static void states_are_judged(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *state;
		enum err err;
	} rows[] = {
		{ "23505", ERR_CONFLICT },    { "40001", ERR_UNAVAILABLE }, { "40P01", ERR_UNAVAILABLE },
		{ "53100", ERR_UNAVAILABLE }, { "53300", ERR_UNAVAILABLE }, { "57014", ERR_UNAVAILABLE },
		{ "58030", ERR_UNAVAILABLE }, { "55P03", ERR_UNAVAILABLE }, { "42703", ERR_INTERNAL },
		{ "23502", ERR_INTERNAL },    { "XX001", ERR_INTERNAL },    { "08P01", ERR_INTERNAL },
	};
	char text[128];
	for (size_t i = 0; i < countof(rows); i++) {
		snprintf(text, sizeof text, "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '%s'; END $$", rows[i].state);
		enum err e = db_script(f->write, text);
		if (e != rows[i].err) fail_msg("%s gives %s", rows[i].state, err_row(e)->name);
	}
	assert_int_equal(db_conn_generation(f->write), 1);
}

static void what_was_prepared_may_be_lost(void **state)
{
	struct fixture *f = *state;
	must(put(f->write, 1));
	must(db_script(f->write, "DEALLOCATE ALL"));
	assert_int_equal(put(f->write, 2), ERR_UNAVAILABLE);
	must(put(f->write, 2));
	must(db_one(f->read, &star, DB_NO_ARGS, NULL, NULL));
	postgres_sql(server, "ALTER TABLE rows ADD COLUMN more TEXT");
	assert_int_equal(db_one(f->read, &star, DB_NO_ARGS, NULL, NULL), ERR_UNAVAILABLE);
	must(db_one(f->read, &star, DB_NO_ARGS, NULL, NULL));
}

static void other_numbers_are_read(void **state)
{
	static const struct sql q = {
		"SELECT -3::int4, -4::int2, true, '12345678901'::xid8, '77'::text, -1234567890123456789::numeric, "
		"0::numeric, 10000::numeric, 4000000000::oid",
		NULL
	};
	static const int64_t wanted[] = { -3, -4, 1, 12345678901, 77, -1234567890123456789, 0, 10000, 4000000000 };
	struct fixture *f = *state;
	struct db_rows rows;
	must(db_query(f->read, &q, DB_NO_ARGS, &rows));
	assert_true(db_next(&rows));
	for (size_t i = 0; i < countof(wanted); i++) assert_true(db_i64(&rows, (int)i) == wanted[i]);
	must(db_end(&rows));
}

static void a_statement_keeps_its_types(void **state)
{
	struct fixture *f = *state;
	must(put(f->write, 1));
	assert_int_equal(db_exec(f->write, &insert, DB_ARGS(DB_TEXT(STR("2"))), NULL), ERR_INTERNAL);
	must(put(f->write, 2));
}

static enum err try_url(const char *url)
{
	struct db *db;
	struct db_options o = { url, 1000, 2000, 10, true };
	enum err e = db_create(&o, &db);
	if (e) return e;
	struct db_conn *c = db_conn_create(db, DB_READ);
	e = db_script(c, "SELECT 1");
	db_conn_destroy(c);
	db_destroy(db);
	return e;
}

static void servers_that_will_not_do(void **state)
{
	char url[160];
	assert_int_equal(try_url("postgresql://x@127.0.0.1:1/x"), ERR_UNAVAILABLE);
	assert_int_equal(try_url("postgresql://[half/x"), ERR_INVALID);
	postgres_sql(server, "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
	snprintf(url, sizeof url, "%s", postgres_url(server));
	memcpy(strrchr(url, '/') + 1, "latin", 6);
	assert_int_equal(try_url(url), ERR_INTERNAL);
	memcpy(strrchr(url, '/') + 1, "nosuch", 7);
	assert_int_equal(try_url(url), ERR_UNAVAILABLE);
}

/* Only a primary will do: what is behind is not asked, and of several hosts the right one is found. */
static void a_standby_is_not_served_from(void **state)
{
	struct fixture *f = *state;
	struct postgres *standby = postgres_standby(server);
	char both[160];
	struct db *db;
	snprintf(both, sizeof both, "postgresql://linnet@127.0.0.1:%d,127.0.0.1:%d/linnet", postgres_port(standby),
			 postgres_port(server));
	struct db_options o = { both, 10000, 5000, 10, true };
	must(db_create(&o, &db));
	struct db_conn *c = db_conn_create(db, DB_APPEND);
	must(put(c, 1));
	assert_int_equal(rows_in(f->read), 1);
	wait_for("SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication");
	assert_int_equal(try_url(postgres_url(standby)), ERR_UNAVAILABLE);
	postgres_stop(server);
	assert_int_equal(put(c, 2), ERR_UNAVAILABLE);
	postgres_promote(standby);
	while (put(c, 3)) usleep(5000);
	assert_int_equal(rows_in(c), 2);
	assert_int_equal(try_url(postgres_url(standby)), OK);
	db_conn_destroy(c);
	db_destroy(db);
	postgres_destroy(standby);
	postgres_again(server);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int own_cases(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sessions_are_set_up),
		CASE(a_restarted_server_costs_nothing),
		CASE(without_a_server_it_fails_at_once),
		CASE(a_transaction_does_not_outlive_its_connection),
		CASE(who_may_have_written_does_not_know),
		cmocka_unit_test_setup_teardown(a_server_that_stands_still_is_left, setup_short, teardown),
		CASE(a_cancelled_wait_for_a_standby_is_unknown),
		CASE(a_full_disk_is_said_once),
		CASE(states_are_judged),
		CASE(what_was_prepared_may_be_lost),
		CASE(other_numbers_are_read),
		CASE(a_statement_keeps_its_types),
		CASE(servers_that_will_not_do),
		CASE(a_standby_is_not_served_from),
	};
	return cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
}

int main(void)
{
	if (!getenv("LINNET_TEST_LOG")) log_capture(hush, NULL); /* the cases make errors on purpose */
	server = postgres_start(NULL);
	contract_url = postgres_url(server);
	int failed = contract_run() + own_cases();
	postgres_destroy(server);
	return failed != 0;
}
