#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "contract.h"
#include "faulty_vfs.h"

static char dir[64], url[128];

static void hush(void *arg, struct str line) {}

static enum err open_url(const char *u, struct db **db)
{
	struct db_options o = { u, 10000, 5000, 10, true };
	return db_create(&o, db);
}

static void a_file_has_one_owner(void **state)
{
	struct db *db, *other;
	char through[140];
	must(open_url(url, &db));
	assert_int_equal(open_url(url, &other), ERR_CONFLICT);
	assert_null(other);
	snprintf(through, sizeof through, "%s.link", url);
	assert_int_equal(symlink(url + strlen("sqlite:"), through + strlen("sqlite:")), 0);
	assert_int_equal(open_url(through, &other), ERR_CONFLICT);
	unlink(through + strlen("sqlite:"));
	db_destroy(db);
	must(open_url(url, &db)); /* and is free afterwards */
	db_destroy(db);
}

static void only_its_owner_reads_the_file(void **state)
{
	struct stat st;
	assert_int_equal(stat(url + strlen("sqlite:"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void settings_are_durable(void **state)
{
	struct db *db = contract_open_with(10000, 10);
	struct db_conn *c = db_conn_create(db, DB_WRITE);
	struct arena a;
	struct str v;
	arena_init(&a);
	must(db_show(c, "synchronous", &a, &v));
	assert_true(str_eq(v, STR("full")));
	must(db_show(c, "journal_mode", &a, &v));
	assert_true(str_eq(v, STR("wal")));
	arena_release(&a);
	db_conn_destroy(c);
	db_destroy(db);
}

static void what_cannot_be_opened_says_so(void **state)
{
	struct db *db;
	assert_int_equal(open_url("sqlite:/nonexistent/x.db", &db), ERR_UNAVAILABLE);
	assert_int_equal(open_url("sqlite:", &db), ERR_INVALID);
	assert_int_equal(open_url("mysql://x", &db), ERR_INVALID);
	assert_int_equal(open_url("", &db), ERR_INVALID);
}

/* When the disk fails
 * -------------------------------------------------------------------------------------------------- */

static const struct sql drop = { "DROP TABLE IF EXISTS rows", NULL },
						make = { "CREATE TABLE rows (id INTEGER PRIMARY KEY)", NULL },
						add = { "INSERT INTO rows (id) VALUES ($1)", NULL },
						count = { "SELECT count(*) FROM rows", NULL };

struct fixture {
	struct db *db;
	struct db_conn *c;
};

static int setup(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	f->db = contract_open_with(10000, 10);
	f->c = db_conn_create(f->db, DB_WRITE);
	must(db_exec(f->c, &drop, DB_NO_ARGS, NULL));
	must(db_exec(f->c, &make, DB_NO_ARGS, NULL));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	faulty.write_error = faulty.sync_error = 0;
	db_conn_destroy(f->c);
	db_destroy(f->db);
	mem_free(f);
	return 0;
}

static enum err put(struct db_conn *c, int64_t id)
{
	return db_exec(c, &add, DB_ARGS(DB_I64(id)), NULL);
}
static int64_t rows_in(struct db_conn *c)
{
	return one_i64(c, &count, DB_NO_ARGS);
}

static void each_commit_is_on_disk(void **state)
{
	struct fixture *f = *state;
	for (int i = 1; i <= 3; i++) {
		int before = faulty.log_syncs;
		must(put(f->c, i));
		assert_true(faulty.log_syncs > before);
	}
	int before = faulty.log_syncs;
	must(db_begin(f->c));
	must(put(f->c, 4));
	must(put(f->c, 5));
	assert_int_equal(faulty.log_syncs, before);
	must(db_commit(f->c));
	assert_true(faulty.log_syncs > before);
}

static void a_rested_connection_keeps_no_pages(void **state)
{
	struct fixture *f = *state;
	static const struct sql fill = {
		"INSERT INTO rows (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
		"i < 50000) SELECT i FROM n",
		NULL
	};
	must(db_exec(f->c, &fill, DB_NO_ARGS, NULL));
	assert_int_equal(rows_in(f->c), 50000);
	sqlite3_int64 before = sqlite3_memory_used();
	db_conn_rest(f->c);
	assert_true(sqlite3_memory_used() < before - 200000);
	assert_int_equal(rows_in(f->c), 50000);
}

static int failures_said;

static void count_failures(void *arg, struct str line)
{
	char text[4096];
	snprintf(text, sizeof text, STR_FMT, STR_ARG(line));
	failures_said += strstr(text, "\"db.statement_failed\"") != NULL;
}

/* Why is said once an outage. */
static void a_full_disk_takes_nothing_and_harms_nothing(void **state)
{
	struct fixture *f = *state;
	must(put(f->c, 1));
	failures_said = 0;
	log_capture(count_failures, NULL);
	faulty.write_error = SQLITE_FULL;
	assert_int_equal(put(f->c, 2), ERR_UNAVAILABLE);
	for (int i = 0; i < 2; i++) {
		must(db_begin(f->c));
		must(put(f->c, 3)); /* the log is written by the commit */
		assert_int_equal(db_commit(f->c), ERR_UNAVAILABLE);
	}
	assert_int_equal(rows_in(f->c), 1);
	assert_int_equal(failures_said, 1);
	faulty.write_error = 0;
	must(db_begin(f->c));
	must(put(f->c, 4));
	must(db_commit(f->c));
	must(put(f->c, 5));
	assert_int_equal(rows_in(f->c), 3);
	/* a row that found room is not yet room enough */
	assert_true(db_away_ms(f->db, DB_WRITING) > 0);
	must(db_begin(f->c));
	must(put(f->c, 6));
	must(db_rehearse(f->c));
	assert_int_equal(db_away_ms(f->db, DB_WRITING), 0);
	assert_int_equal(rows_in(f->c), 3);
	faulty.write_error = SQLITE_FULL;
	must(db_begin(f->c));
	must(put(f->c, 6));
	assert_int_equal(db_rehearse(f->c), ERR_UNAVAILABLE);
	assert_int_equal(failures_said, 2);
	assert_true(db_away_ms(f->db, DB_WRITING) > 0);
	faulty.write_error = 0;
	log_capture(hush, NULL);
	assert_int_equal(db_conn_generation(f->c), 1);
}

static void a_statement_may_meet_the_end_of_the_disk_too(void **state)
{
	struct fixture *f = *state;
	static const struct sql fill = {
		"INSERT INTO rows (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
		"i < 600000) SELECT i FROM n",
		NULL
	};
	must(db_script(f->c, "PRAGMA max_page_count = 20"));
	must(db_begin(f->c));
	assert_int_equal(db_exec(f->c, &fill, DB_NO_ARGS, NULL), ERR_UNAVAILABLE);
	assert_int_equal(put(f->c, 1), ERR_UNAVAILABLE);
	assert_int_equal(db_commit(f->c), ERR_UNAVAILABLE);
	must(put(f->c, 1));
	assert_int_equal(rows_in(f->c), 1);
}

static void a_failed_sync_leaves_the_outcome_open(void **state)
{
	struct fixture *f = *state;
	faulty.sync_error = SQLITE_IOERR_FSYNC;
	assert_int_equal(put(f->c, 1), ERR_UNKNOWN_OUTCOME);
	must(db_begin(f->c));
	must(put(f->c, 2));
	assert_int_equal(db_commit(f->c), ERR_UNKNOWN_OUTCOME);
	faulty.sync_error = 0;
	must(put(f->c, 3));
	assert_int_equal(rows_in(f->c), 1);
}

static void a_lock_is_waited_for_so_long_only(void **state)
{
	struct db *db = contract_open_with(150, 10);
	struct db_conn *a = db_conn_create(db, DB_WRITE), *b = db_conn_create(db, DB_WRITE);
	must(db_begin(a));
	assert_int_equal(db_begin(b), ERR_UNAVAILABLE);
	must(db_commit(a));
	must(db_begin(b));
	must(db_commit(b));
	db_conn_destroy(a);
	db_conn_destroy(b);
	db_destroy(db);
}

/* A reader that stays in its snapshot keeps nobody from writing. */
static void a_long_snapshot_keeps_nobody_from_writing(void **state)
{
	struct fixture *f = *state;
	struct db_conn *r = db_conn_create(f->db, DB_READ);
	must(db_begin_snapshot(r));
	assert_int_equal(rows_in(r), 0);
	for (int i = 1; i <= 300; i++) must(put(f->c, i));
	assert_int_equal(rows_in(r), 0);
	must(db_commit(r));
	assert_int_equal(rows_in(r), 300);
	db_conn_destroy(r);
}

/* Beside an owner
 * -------------------------------------------------------------------------------------------------- */

static enum err open_beside(const char *u, struct db **db)
{
	struct db_options o = { u, 10000, 5000, 10, true, true };
	return db_create(&o, db);
}

static void a_command_reads_and_writes_beside_the_owner(void **state)
{
	struct fixture *f = *state;
	struct db *beside;
	must(open_beside(url, &beside));
	struct db_conn *c = db_conn_create(beside, DB_WRITE);
	must(put(f->c, 1));
	must(put(c, 2));
	must(put(f->c, 3));
	assert_int_equal(rows_in(c), 3);
	assert_int_equal(rows_in(f->c), 3);
	db_conn_destroy(c);
	db_destroy(beside);
	must(put(f->c, 4));
	assert_int_equal(open_beside("sqlite:/tmp/linnet-none/x.db", &beside), ERR_UNAVAILABLE); /* makes none */
}

static void a_backup_is_whole_and_of_one_moment(void **state)
{
	struct fixture *f = *state;
	struct db *beside, *copied;
	struct stat st;
	char path[140], copy_url[160];
	snprintf(path, sizeof path, "%s/copy.db", dir);
	snprintf(copy_url, sizeof copy_url, "sqlite:%s", path);
	for (int64_t i = 1; i <= 500; i++) must(put(f->c, i));
	must(open_beside(url, &beside));
	struct db_conn *c = db_conn_create(beside, DB_READ);
	must(db_backup(c, path));
	must(put(f->c, 501)); /* is in none */
	assert_int_equal(db_backup(c, path), ERR_CONFLICT);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(db_backup(c, "/tmp/linnet-none/copy.db"), ERR_UNAVAILABLE);
	db_conn_destroy(c);
	db_destroy(beside);
	must(open_url(copy_url, &copied));
	c = db_conn_create(copied, DB_WRITE);
	assert_int_equal(rows_in(c), 500);
	db_conn_destroy(c);
	db_destroy(copied);
	unlink(path);
	strcat(path, ".lock");
	unlink(path);
}

static void the_lock_of_a_file_is_had_without_it(void **state)
{
	char path[140];
	struct db *db;
	int fd, other;
	snprintf(path, sizeof path, "%s/later.db", dir);
	must(db_file_lock(path, &fd));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(db_file_lock(path, &other), ERR_CONFLICT);
	close(fd);
	must(open_url(url, &db));
	assert_int_equal(db_file_lock(url + strlen("sqlite:"), &fd), ERR_CONFLICT);
	db_destroy(db);
	strcat(path, ".lock");
	unlink(path);
}

#define DISK(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int own_cases(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_one_owner),
		cmocka_unit_test(only_its_owner_reads_the_file),
		cmocka_unit_test(settings_are_durable),
		cmocka_unit_test(what_cannot_be_opened_says_so),
		cmocka_unit_test(a_lock_is_waited_for_so_long_only),
		cmocka_unit_test(the_lock_of_a_file_is_had_without_it),
		DISK(a_command_reads_and_writes_beside_the_owner),
		DISK(a_backup_is_whole_and_of_one_moment),
		DISK(each_commit_is_on_disk),
		DISK(a_rested_connection_keeps_no_pages),
		DISK(a_full_disk_takes_nothing_and_harms_nothing),
		DISK(a_statement_may_meet_the_end_of_the_disk_too),
		DISK(a_failed_sync_leaves_the_outcome_open),
		DISK(a_long_snapshot_keeps_nobody_from_writing),
	};
	faulty_vfs_install();
	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}

static void remove_files(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char path[160];
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s%s", url + strlen("sqlite:"), ends[i]);
		unlink(path);
	}
	rmdir(dir);
}

int main(void)
{
	snprintf(dir, sizeof dir, "/tmp/linnet-sqlite-XXXXXX");
	if (!mkdtemp(dir)) return 1;
	snprintf(url, sizeof url, "sqlite:%s/t.db", dir);
	atexit(remove_files);
	log_capture(hush, NULL); /* the cases make errors on purpose */
	contract_url = url;
	int failed = contract_run() + own_cases();
	contract_url = "sqlite::memory:";
	return failed + contract_run() != 0;
}
