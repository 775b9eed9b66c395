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
#include "contract.h"

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
	must(open_url(url, &db));
	assert_int_equal(open_url(url, &other), ERR_CONFLICT);
	assert_null(other);
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
	struct db *db = contract_open();
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

static int own_cases(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_has_one_owner),
		cmocka_unit_test(only_its_owner_reads_the_file),
		cmocka_unit_test(settings_are_durable),
		cmocka_unit_test(what_cannot_be_opened_says_so),
	};
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
