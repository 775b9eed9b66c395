/* One history or another: what keeps the epoch, and what changes it. */
#include "store/epoch.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/migrations.h"
#include "support/postgres.h"

static struct postgres *server;

static void hush(void *arg, struct str line) {}

static void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

static struct db *open_at(const char *url)
{
	const struct db_options o = { url, 10000, 5000, 10, true };
	struct db *db;
	must(db_create(&o, &db));
	return db;
}

static struct epoch epoch_of(struct db *db)
{
	struct db_conn *c = db_conn_create(db, DB_WRITE);
	struct epoch first, again;
	uint64_t read = 0;
	must(migrate_up(c, migration_list, migration_count, NULL));
	must(epoch_open(c, &first));
	must(epoch_open(c, &again));
	must(epoch_read(c, &read));
	assert_true(first.hash != 0 && first.hash == again.hash && first.hash == read);
	assert_string_equal(first.uuid, again.uuid);
	assert_int_equal(strlen(first.uuid), 36);
	db_conn_destroy(c);
	return first;
}

static void number_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static int64_t number(struct db *db, const struct sql *q)
{
	struct db_conn *c = db_conn_create(db, DB_READ);
	int64_t n = -1;
	must(db_one(c, q, DB_NO_ARGS, number_take, &n));
	db_conn_destroy(c);
	return n;
}

static const struct sql moves = { "SELECT count(*) FROM moves", NULL };

static void put_move(void)
{
	postgres_sql(server, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
}

static void embedded(void **state)
{
	char dir[] = "/tmp/linnet-epoch-XXXXXX", url[64], command[64];
	assert_non_null(mkdtemp(dir));
	snprintf(url, sizeof url, "sqlite:%s/db", dir);
	struct db *db = open_at(url);
	struct epoch before = epoch_of(db);
	db_destroy(db);
	db = open_at(url);
	struct epoch after = epoch_of(db);
	db_destroy(db);
	assert_true(before.hash == after.hash);
	assert_string_equal(before.uuid, after.uuid);
	snprintf(command, sizeof command, "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* A restart, also after a crash, is the same history. */
static void restarts(void **state)
{
	struct db *db = open_at(postgres_url(server));
	struct epoch before = epoch_of(db);
	put_move();
	postgres_kill(server);
	postgres_again(server);
	struct epoch after = epoch_of(db);
	assert_true(before.hash == after.hash);
	assert_int_equal(number(db, &moves), 1); /* kept: it is of this history */
	db_destroy(db);
}

/* A dump that is put back into the same database has the same uuid, server and timeline. */
static void dump_restored_in_place(void **state)
{
	char command[512];
	struct db *db = open_at(postgres_url(server));
	struct epoch before = epoch_of(db);
	put_move();
	snprintf(command, sizeof command, "pg_dump --clean '%s' | psql -q -v ON_ERROR_STOP=1 -o /dev/null '%s'",
			 postgres_url(server), postgres_url(server));
	assert_int_equal(system(command), 0);
	struct epoch after = epoch_of(db);
	assert_string_equal(before.uuid, after.uuid);
	assert_true(before.hash != after.hash);
	assert_int_equal(number(db, &moves), 0); /* they would hide what this history moves */
	db_destroy(db);
}

static bool standby_has_moves(struct postgres *standby)
{
	PGconn *c = postgres_connect(standby);
	PGresult *r = PQexec(c, "SELECT count(*) FROM moves");
	bool there = PQresultStatus(r) == PGRES_TUPLES_OK && strcmp(PQgetvalue(r, 0, 0), "0") != 0;
	PQclear(r);
	PQfinish(c);
	return there;
}

/* A standby that has everything is another history all the same once it is promoted: the primary may have gone on. */
static void promoted_standby(void **state)
{
	struct db *db = open_at(postgres_url(server));
	struct epoch before = epoch_of(db);
	db_destroy(db);
	struct postgres *standby = postgres_standby(server);
	put_move();
	while (!standby_has_moves(standby)) sched_yield();
	postgres_promote(standby);
	db = open_at(postgres_url(standby)); /* asked at once: no checkpoint has ended yet */
	struct epoch after = epoch_of(db);
	assert_string_equal(before.uuid, after.uuid);
	assert_true(before.hash != after.hash);
	assert_int_equal(number(db, &moves), 0);
	db_destroy(db);
	postgres_destroy(standby);
}

/* ---- who comes second */

static void forget_epoch(void)
{
	postgres_sql(server, "UPDATE meta SET value = '0000000000000001' WHERE key = 'epoch'");
}

/* What was written in the new history stays. */
static void whoever_comes_second_empties_nothing(void **state)
{
	struct db *db = open_at(postgres_url(server));
	struct epoch before = epoch_of(db), first, second;
	put_move();
	forget_epoch();
	struct db_conn *a = db_conn_create(db, DB_WRITE), *b = db_conn_create(db, DB_APPEND);
	must(epoch_open(a, &first));
	assert_int_equal(number(db, &moves), 0);
	put_move();
	must(epoch_open(b, &second));
	assert_int_equal(number(db, &moves), 1);
	assert_true(first.hash == before.hash && second.hash == before.hash);
	db_conn_destroy(a);
	db_conn_destroy(b);
	db_destroy(db);
}

static void *open_epoch(void *arg)
{
	struct db *db = arg;
	struct epoch e;
	struct db_conn *c = db_conn_create(db, DB_WRITE);
	enum err *outcome = mem_alloc(sizeof *outcome);
	*outcome = epoch_open(c, &e);
	db_conn_destroy(c);
	return outcome;
}

static void query(PGconn *c, const char *text)
{
	PGresult *r = PQexec(c, text);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(c));
	PQclear(r);
}

/* It finds the old epoch before the first one has ended, and looks again under the lock. */
static void whoever_comes_at_once_waits_for_the_first(void **state)
{
	static const struct sql waiting = { "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
										NULL };
	struct db *db = open_at(postgres_url(server));
	pthread_t second;
	enum err *outcome;
	void *result;
	char text[96], hash[17];
	struct epoch now = epoch_of(db);
	forget_epoch();
	postgres_sql(server, "DELETE FROM moves");
	PGconn *first = postgres_connect(server);
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)now.hash);
	snprintf(text, sizeof text, "UPDATE meta SET value = '%s' WHERE key = 'epoch'", hash);
	query(first, "BEGIN");
	query(first, "SELECT pg_advisory_xact_lock(7310591024)");
	query(first, text);
	assert_int_equal(pthread_create(&second, NULL, open_epoch, db), 0);
	while (number(db, &waiting) == 0) sched_yield();
	put_move(); /* not before the first has committed, in life; here to show what the second would empty */
	query(first, "COMMIT");
	pthread_join(second, &result);
	outcome = result;
	must(*outcome);
	mem_free(outcome);
	assert_int_equal(number(db, &moves), 1);
	query(first, "DELETE FROM moves");
	PQfinish(first);
	db_destroy(db);
}

/* Two databases of one server, and two that begin with the same rows. */
static void others(void **state)
{
	char *url[2] = { postgres_database(server, "epoch_a"), postgres_database(server, "epoch_b") };
	struct epoch e[2];
	for (int i = 0; i < 2; i++) {
		struct db *db = open_at(url[i]);
		e[i] = epoch_of(db);
		db_destroy(db);
		free(url[i]);
	}
	assert_string_not_equal(e[0].uuid, e[1].uuid);
	assert_true(e[0].hash != e[1].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(embedded),
										cmocka_unit_test(restarts),
										cmocka_unit_test(dump_restored_in_place),
										cmocka_unit_test(promoted_standby),
										cmocka_unit_test(others),
										cmocka_unit_test(whoever_comes_second_empties_nothing),
										cmocka_unit_test(whoever_comes_at_once_waits_for_the_first) };
	log_capture(hush, NULL);
	server = postgres_start(NULL);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgres_destroy(server);
	return failed;
}
