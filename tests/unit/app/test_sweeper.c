/* The sweeper at work on a real server: rows go once they have been seen for long enough, and not before. */
#include "app/sweeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/db.h"
#include "store/epoch.h"
#include "store/migrations.h"
#include "support/postgres.h"

#define EVERY_MS 5
#define KEPT_MS 300

static struct postgres *server;

struct fixture {
	struct db *db;
	struct lane *write;
	struct reactor *r;
	struct metrics *metrics;
	struct sweeper *sweeper;
	PGconn *c, *late;
	struct timer look;
	int64_t wanted, counted; /* rows; swept ones, which the reactor counts a moment after they have gone */
	int looks;
	bool seen;
};

static void hush(void *arg, struct str line) {}

static void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

static void sql(PGconn *c, const char *text)
{
	PGresult *r = PQexec(c, text);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, PQerrorMessage(c));
	PQclear(r);
}

static int64_t number(PGconn *c, const char *text)
{
	PGresult *r = PQexec(c, text);
	if (PQresultStatus(r) != PGRES_TUPLES_OK) fail_msg("%s: %s", text, PQerrorMessage(c));
	int64_t n = PQntuples(r) ? atoll(PQgetvalue(r, 0, 0)) : -1;
	PQclear(r);
	return n;
}

static void *open_conn(void *arg, int thread)
{
	return db_conn_create(arg, DB_WRITE);
}

static void close_conn(void *state)
{
	db_conn_destroy(state);
}

static void make_tables(struct db *db)
{
	struct epoch epoch;
	struct db_conn *c = db_conn_create(db, DB_WRITE);
	must(migrate_up(c, migration_list, migration_count, NULL));
	must(epoch_open(c, &epoch));
	db_conn_destroy(c);
}

static int setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	const struct db_options o = { postgres_url(server), 10000, 5000, 10, true };
	must(db_create(&o, &f->db));
	make_tables(f->db);
	f->c = postgres_connect(server);
	f->late = postgres_connect(server);
	sql(f->c, "DELETE FROM moves");
	f->metrics = metrics_create();
	f->write = lane_create(&(struct lane_options){
		.name = "write", .threads = 1, .most_queued = 10, .open = open_conn, .close = close_conn, .arg = f->db });
	f->r = reactor_create(&(struct reactor_options){ 0, NULL });
	f->sweeper = sweeper_create(&(struct sweeper_options){ .write = f->write,
														   .home = f->r,
														   .metrics = f->metrics,
														   .every_ms = EVERY_MS,
														   .kept_ms = KEPT_MS,
														   .slice = 10 });
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	lane_destroy(f->write);
	sweeper_stop(f->sweeper);
	reactor_destroy(f->r);
	sweeper_destroy(f->sweeper);
	metrics_destroy(f->metrics);
	db_destroy(f->db);
	PQfinish(f->c);
	PQfinish(f->late);
	mem_free(f);
	return 0;
}

static void look(struct reactor *r, struct timer *t)
{
	struct fixture *f = container_of(t, struct fixture, look);
	f->seen = number(f->c, "SELECT count(*) FROM moves") == f->wanted &&
			  metric_total(f->metrics, METRIC_MOVES_SWEPT) >= f->counted;
	if (f->seen || ++f->looks > 4000)
		reactor_stop(r);
	else
		timer_set(r, t, 5);
}

static void until_rows(struct fixture *f, int64_t wanted)
{
	f->wanted = wanted, f->looks = 0;
	timer_init(&f->look, look);
	timer_set(f->r, &f->look, 0);
	reactor_run(f->r);
	if (!f->seen) fail_msg("never were %lld rows", (long long)wanted);
}

static int64_t now_ms(struct fixture *f)
{
	return number(f->c, "SELECT linnet_now_ms()");
}

static void rows_go_once_they_have_been_seen_for_long_enough(void **state)
{
	struct fixture *f = *state;
	int64_t before = now_ms(f);
	sql(f->c, "INSERT INTO moves (channel_id, rev) SELECT i, 1 FROM generate_series(1, 95) i");
	f->counted = 95;
	until_rows(f, 0);
	assert_true(now_ms(f) - before >= KEPT_MS);
	assert_int_equal(metric_total(f->metrics, METRIC_MOVES_SWEPT), 95);
	struct buf text;
	buf_init(&text);
	metrics_write(f->metrics, &text);
	buf_add_byte(&text, 0);
	assert_non_null(strstr(text.p, "\nlinnet_moves_left "));
	buf_release(&text);
}

/* The row is older than those that go, by its xid and by its clock; nobody could have seen it yet. */
static void a_late_commit_stays_its_time(void **state)
{
	struct fixture *f = *state;
	sql(f->late, "BEGIN; INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	sql(f->c, "INSERT INTO moves (channel_id, rev) SELECT i, 1 FROM generate_series(2, 50) i");
	until_rows(f, 0);
	int64_t before = now_ms(f);
	sql(f->late, "COMMIT");
	until_rows(f, 1);
	until_rows(f, 0);
	assert_true(now_ms(f) - before >= KEPT_MS);
}

/* What an earlier server saw says nothing about this one's xids. */
static void a_lost_connection_begins_anew(void **state)
{
	struct fixture *f = *state;
	sql(f->c, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	until_rows(f, 0);
	postgres_kill(server);
	postgres_again(server);
	PQreset(f->c);
	PQreset(f->late);
	int64_t before = now_ms(f);
	sql(f->c, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	until_rows(f, 0);
	assert_true(now_ms(f) - before >= KEPT_MS);
}

#define SWEEPER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWEEPER_TEST(rows_go_once_they_have_been_seen_for_long_enough),
		SWEEPER_TEST(a_late_commit_stays_its_time),
		SWEEPER_TEST(a_lost_connection_begins_anew),
	};
	log_capture(hush, NULL);
	server = postgres_start(NULL);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	postgres_destroy(server);
	return failed;
}
