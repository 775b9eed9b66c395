/* What a head check is told of: each move once, by whatever transaction and however late it is committed; and what the
 * sweeper deletes: only what everybody has seen. */
#include "store/moves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/epoch.h"
#include "store/migrations.h"
#include "support/postgres.h"

#define HOUR_MS 3600000
#define ANY_AGE -1000 /* the clock is read to the millisecond */

static struct postgres *server;

struct fixture {
	struct db *db;
	struct db_conn *reader, *writer;
	struct arena arena;
	struct moment prev;
	struct moves found;
	PGconn *other; /* writes in transactions of its own */
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

/* A check: what moved since the one before. */
static void check(struct fixture *f)
{
	must(moves_read(f->reader, &f->arena, &f->prev, &f->found));
	f->prev = f->found.now;
}

static void assert_moved(const struct fixture *f, int64_t channel_id, int64_t user_id, int64_t rev)
{
	for (size_t i = 0; i < f->found.n; i++) {
		const struct moved *m = &f->found.rows[i];
		if (m->channel_id == channel_id && m->user_id == user_id && m->rev == rev) return;
	}
	fail_msg("not told of %lld, %lld at %lld", (long long)channel_id, (long long)user_id, (long long)rev);
}

static void check_finds(struct fixture *f, size_t n)
{
	check(f);
	assert_true(f->found.known);
	assert_int_equal(f->found.n, n);
}

static struct db_conn *open_at(const char *url, struct db **db)
{
	const struct db_options o = { url, 10000, 5000, 10, true };
	struct epoch epoch;
	must(db_create(&o, db));
	struct db_conn *c = db_conn_create(*db, DB_WRITE);
	must(migrate_up(c, migration_list, migration_count, NULL));
	must(epoch_open(c, &epoch));
	return c;
}

static int open_all(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	f->writer = open_at(postgres_url(server), &f->db);
	f->reader = db_conn_create(f->db, DB_READ);
	f->other = postgres_connect(server);
	arena_init(&f->arena);
	*state = f;
	return 0;
}

static int close_all(void **state)
{
	struct fixture *f = *state;
	PQfinish(f->other);
	db_conn_destroy(f->reader);
	db_conn_destroy(f->writer);
	db_destroy(f->db);
	arena_release(&f->arena);
	mem_free(f);
	return 0;
}

/* Each test begins as a pod does: with an empty table, and a first check that knows of nothing before it. */
static int setup(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "DELETE FROM moves");
	f->prev = (struct moment){ 0 };
	check(f);
	assert_false(f->found.known);
	return 0;
}

/* ---- checks */

static void each_move_is_told_once(void **state)
{
	struct fixture *f = *state;
	check_finds(f, 0);
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (0, 5), (42, 7)");
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (42, 8)");
	sql(f->other, "INSERT INTO moves (user_id, rev) VALUES (42, 3)");
	check_finds(f, 3);
	assert_moved(f, 0, 0, 5);
	assert_moved(f, 42, 0, 8);
	assert_moved(f, 0, 42, 3);
	check_finds(f, 0);
}

/* Its xid is below those of others that were seen long ago. */
static void a_late_commit_is_told_of_when_it_comes(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "BEGIN; SAVEPOINT s; INSERT INTO moves (channel_id, rev) VALUES (1, 1); RELEASE s");
	for (int i = 0; i < 3; i++) {
		postgres_sql(server, "INSERT INTO moves (channel_id, rev) VALUES (2, 1)");
		check_finds(f, 1);
		assert_moved(f, 2, 0, 1);
	}
	sql(f->other, "COMMIT");
	check_finds(f, 1);
	assert_moved(f, 1, 0, 1);
	check_finds(f, 0);
}

/* It holds xmin for ever: that must not make everything since new again and again. */
static void a_forgotten_transaction_costs_nothing(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "BEGIN; INSERT INTO moves (channel_id, rev) VALUES (9, 9); PREPARE TRANSACTION 'forgotten'");
	postgres_sql(server, "INSERT INTO moves (channel_id, rev) SELECT i, 1 FROM generate_series(1, 100) i");
	check_finds(f, 100);
	check_finds(f, 0);
	sql(f->other, "COMMIT PREPARED 'forgotten'");
	check_finds(f, 1);
	assert_moved(f, 9, 0, 9);
}

static void an_old_snapshot_is_not_gone_on_from(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	f->prev.asked_ms -= MOVES_KNOWN_MS + 1;
	check(f);
	assert_false(f->found.known);
	assert_int_equal(f->found.n, 0);
	f->prev.asked_ms += HOUR_MS; /* a clock that was put back tells no age */
	check(f);
	assert_false(f->found.known);
	check_finds(f, 0);
}

static void another_epoch_says_nothing_about_this_one(void **state)
{
	struct fixture *f = *state;
	f->prev.epoch++;
	check(f);
	assert_false(f->found.known);
}

/* After a crash xids may be given a second time. */
static void a_snapshot_ends_with_its_server(void **state)
{
	struct fixture *f = *state;
	uint64_t epoch = f->prev.epoch;
	postgres_kill(server);
	postgres_again(server);
	check(f);
	assert_false(f->found.known);
	assert_true(f->found.now.epoch == epoch);
	check_finds(f, 0);
	PQreset(f->other);
}

/* As the planner sees them: an empty table, then a full one of which it has not heard. */
static void a_check_never_reads_the_whole_table(void **state)
{
	static const struct sql scans = { "SELECT coalesce(seq_scan, 0) * 1000 + coalesce(idx_scan, 0) FROM "
									  "pg_stat_xact_user_tables WHERE relname = 'moves'",
									  NULL };
	struct fixture *f = *state;
	struct db_rows rows;
	sql(f->other, "VACUUM ANALYZE moves");
	sql(f->other, "ALTER TABLE moves SET (autovacuum_enabled = off)");
	for (int i = 0; i < 3; i++) {
		check_finds(f, i ? 3000 : 0);
		sql(f->other, "INSERT INTO moves (channel_id, rev) SELECT i, 1 FROM generate_series(1, 3000) i");
	}
	must(db_begin_snapshot(f->reader));
	check_finds(f, 3000);
	must(db_query(f->reader, &scans, DB_NO_ARGS, &rows));
	assert_true(db_next(&rows));
	assert_in_range(db_i64(&rows, 0), 1, 999);
	must(db_end(&rows));
	must(db_commit(f->reader));
	sql(f->other, "ALTER TABLE moves RESET (autovacuum_enabled)");
}

/* ---- sweeping */

static int64_t left(struct fixture *f)
{
	PGresult *r = PQexec(f->other, "SELECT count(*) FROM moves");
	int64_t n = atoll(PQgetvalue(r, 0, 0));
	PQclear(r);
	return n;
}

static struct moment moment(struct fixture *f)
{
	struct sweep s = { .kept_ms = HOUR_MS, .most = 10 };
	must(moves_sweep(f->writer, &f->arena, &s));
	assert_false(s.mine);
	return s.now;
}

static struct sweep sweep(struct fixture *f, struct moment old, int64_t most)
{
	struct sweep s = { .old = old, .kept_ms = ANY_AGE, .most = most };
	must(moves_sweep(f->writer, &f->arena, &s));
	return s;
}

static void what_the_snapshot_saw_goes(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "BEGIN; INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	postgres_sql(server, "INSERT INTO moves (channel_id, rev) SELECT i, 1 FROM generate_series(1, 25) i");
	struct moment old = moment(f);
	sql(f->other, "COMMIT"); /* the snapshot has not seen it, though its xid is the lowest */
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (2, 2)");
	assert_int_equal(sweep(f, old, 10).swept, 10);
	assert_int_equal(sweep(f, old, 10).swept, 10);
	assert_int_equal(sweep(f, old, 10).swept, 5);
	assert_int_equal(sweep(f, old, 10).swept, 0);
	assert_int_equal(left(f), 2);
	struct sweep last = { .old = moment(f), .done = old, .kept_ms = ANY_AGE, .most = 10 };
	must(moves_sweep(f->writer, &f->arena, &last));
	assert_true(last.mine);
	assert_int_equal(last.swept, 2);
	assert_int_equal(left(f), 0);
}

static void a_young_snapshot_sweeps_nothing(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	struct sweep s = { .old = moment(f), .kept_ms = MOVES_KEPT_MS, .most = 10 };
	must(moves_sweep(f->writer, &f->arena, &s));
	assert_false(s.mine);
	s.old.taken_ms -= MOVES_KEPT_MS - ANY_AGE;
	must(moves_sweep(f->writer, &f->arena, &s));
	assert_true(s.mine);
	assert_int_equal(s.swept, 1);
}

static void a_snapshot_of_another_server_or_epoch_sweeps_nothing(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	struct moment old = moment(f), other = old;
	other.epoch++;
	assert_false(sweep(f, other, 10).mine);
	other = old, other.server--;
	assert_false(sweep(f, other, 10).mine);
	assert_int_equal(left(f), 1);
}

static void one_sweeps_at_a_time(void **state)
{
	struct fixture *f = *state;
	sql(f->other, "INSERT INTO moves (channel_id, rev) VALUES (1, 1)");
	struct moment old = moment(f);
	sql(f->other, "BEGIN; SELECT pg_advisory_xact_lock(7310591025)");
	assert_false(sweep(f, old, 10).mine);
	sql(f->other, "COMMIT");
	assert_int_equal(sweep(f, old, 10).swept, 1);
}

/* ---- the other database */

static void embedded_a_check_reads_by_id(void **state)
{
	struct fixture *f = *state;
	struct db *db;
	struct moves found;
	struct db_conn *c = open_at("sqlite::memory:", &db);
	must(moves_read(c, &f->arena, &f->prev, &found));
	assert_false(found.known);
	assert_true(found.now.epoch != 0);
	db_conn_destroy(c);
	db_destroy(db);
}

#define MOVES_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOVES_TEST(each_move_is_told_once),
		MOVES_TEST(a_late_commit_is_told_of_when_it_comes),
		MOVES_TEST(a_forgotten_transaction_costs_nothing),
		MOVES_TEST(an_old_snapshot_is_not_gone_on_from),
		MOVES_TEST(another_epoch_says_nothing_about_this_one),
		MOVES_TEST(a_snapshot_ends_with_its_server),
		MOVES_TEST(a_check_never_reads_the_whole_table),
		MOVES_TEST(what_the_snapshot_saw_goes),
		MOVES_TEST(a_young_snapshot_sweeps_nothing),
		MOVES_TEST(a_snapshot_of_another_server_or_epoch_sweeps_nothing),
		MOVES_TEST(one_sweeps_at_a_time),
		MOVES_TEST(embedded_a_check_reads_by_id),
	};
	log_capture(hush, NULL);
	server = postgres_start(NULL);
	int failed = cmocka_run_group_tests(tests, open_all, close_all);
	postgres_destroy(server);
	return failed;
}
