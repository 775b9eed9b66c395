/* The embedded database on a disk that is full, or that does not take what it was given. */
#include <stdlib.h>
#include <unistd.h>

#include "../db/faulty_vfs.h"
#include "rig.h"

static int64_t channel(struct rig *g)
{
	static int n;
	char name[32];
	snprintf(name, sizeof name, "disk%d", ++n);
	return rig_channel(g, 2, name, CHANNEL_PUBLIC);
}

static int64_t last_id(struct rig *g, int64_t ch)
{
	return rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)ch);
}

static void patience(struct rig *g, int64_t ms)
{
	rig_append_close(g);
	g->config.append_wait_ms = ms;
	rig_append_open(g);
}

static void full_disk(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	must(ask_once(ask_send(g, 2, ch, "a")));
	patience(g, 300); /* too short for a busy machine: nothing is surely in time */
	faulty.write_error = SQLITE_FULL;
	for (int i = 0; i < 3; i++) assert_int_equal(ask_once(ask_send(g, 2, ch, "b")), ERR_UNAVAILABLE);
	faulty.write_error = 0;
	struct ask *q;
	do { /* works again by itself */
		q = ask_send(g, 2, ch, "c");
		ask_nonce(q, 4713);
	} while (ask_once(q));
	assert_int_equal(last_id(g, ch), 2);
	rig_check_dense(g, ch);
	patience(g, PATIENCE_MS);
}

static void full_for_a_moment(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	struct ask *q = ask_send(g, 2, ch, "a");
	faulty.write_error = SQLITE_FULL;
	must(ask_submit(q));
	while (append_state(g->append).oldest_ms < 20) sched_yield();
	assert_false(q->done);
	faulty.write_error = 0;
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	ask_free(q);
	rig_check_dense(g, ch);
}

/* A sync that failed: nobody is told that it was written until it is known. */
static void failed_sync(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	struct ask *q[2] = { ask_send(g, 2, ch, "a"), ask_send(g, 2, ch, "b") }, *edit = ask_new(g, 2, CHANGE_EDIT, ch);
	must(ask_once(ask_send(g, 2, ch, "first")));
	edit->change.message_id = 1, edit->change.text = STR("edited");
	rig_hold(g);
	must(ask_submit(q[0])), must(ask_submit(q[1])), must(ask_submit(edit));
	faulty.sync_error = SQLITE_IOERR_FSYNC;
	rig_let_go(g);
	while (append_state(g->append).oldest_ms < 50) sched_yield();
	assert_false(q[0]->done);
	faulty.sync_error = 0;
	ask_wait(q[0]), ask_wait(q[1]), ask_wait(edit);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(q[i]->change.err, OK);
		assert_int_equal(q[i]->change.message.message_id, i + 2);
		assert_non_null(q[i]->change.event);
		ask_free(q[i]);
	}
	assert_int_equal(edit->change.err, OK);
	assert_non_null(edit->change.event);
	ask_free(edit);
	assert_int_equal(last_id(g, ch), 3);
	rig_check_dense(g, ch);
}

int main(void)
{
	char dir[] = "/tmp/linnet-append-XXXXXX", url[128], command[160];
	const struct CMUnitTest tests[] = { cmocka_unit_test(full_disk), cmocka_unit_test(full_for_a_moment),
										cmocka_unit_test(failed_sync) };
	struct CMUnitTest mine[countof(tests)];
	faulty_vfs_install();
	if (!mkdtemp(dir)) return 1;
	snprintf(url, sizeof url, "sqlite:%s/db", dir);
	struct rig *g = rig_make(url);
	rig_people(g, 4);
	memcpy(mine, tests, sizeof tests);
	for (size_t i = 0; i < countof(tests); i++) mine[i].initial_state = g;
	int failed = cmocka_run_group_tests(mine, NULL, NULL);
	rig_free(g);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command) + failed;
}
