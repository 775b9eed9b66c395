/* Two pods that write to one Postgres: each other's locks, and the order of revs. */
#include <stdlib.h>

#include "rig.h"
#include "support/postgres.h"

struct place {
	struct postgres *server;
	struct rig *a, *b;
};

static int64_t channel(struct rig *g)
{
	static int n;
	char name[32];
	snprintf(name, sizeof name, "pods%d", ++n);
	return rig_channel(g, 2, name, CHANNEL_PUBLIC);
}

static void command(PGconn *c, const char *text)
{
	PGresult *r = PQexec(c, text);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s", PQresultErrorMessage(r));
	PQclear(r);
}

static PGconn *hold_channel(struct place *p, int64_t ch)
{
	char text[96];
	PGconn *c = postgres_connect(p->server);
	snprintf(text, sizeof text, "SELECT 1 FROM heads WHERE channel_id = %lld FOR UPDATE", (long long)ch);
	command(c, "BEGIN");
	command(c, text);
	return c;
}

static void let_go(PGconn *c)
{
	command(c, "COMMIT");
	PQfinish(c);
}

static void until_somebody_waits(struct rig *g)
{
	while (rig_number(g, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != 1) sched_yield();
}

static void lock_member(PGconn *c, int64_t ch, int user_id)
{
	char text[160];
	snprintf(text, sizeof text,
			 "SELECT 1 FROM members WHERE channel_id = %lld AND user_id = %d FOR NO KEY UPDATE NOWAIT", (long long)ch,
			 user_id);
	command(c, text);
}

/* Read markers lock the same rows in the order of people: what waits for one has none that comes behind it. */
static void clipping_and_markers(void **state)
{
	struct place *p = *state;
	struct rig *g = p->a;
	int64_t ch = channel(g);
	rig_join(g, 5, ch); /* comes first in the table */
	rig_join(g, 3, ch);
	PGconn *c = postgres_connect(p->server);
	command(c, "BEGIN");
	lock_member(c, ch, 3);
	struct ask *q = ask_new(g, 2, CHANGE_CHANNEL, ch);
	q->patch = CHANNEL_PATCH_NONE, q->patch.history = HISTORY_JOINED, q->change.patch = &q->patch;
	must(ask_submit(q));
	until_somebody_waits(g);
	lock_member(c, ch, 5);
	let_go(c);
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	ask_free(q);
}

/* A channel that somebody else holds does not hold up the others of its batch, and keeps its own order. */
static void held_channel(void **state)
{
	struct place *p = *state;
	struct rig *g = p->a;
	int64_t held = channel(g), other = channel(g);
	PGconn *c = hold_channel(p, held);
	struct ask *q[4] = { ask_send(g, 2, held, "1"), ask_send(g, 2, other, "x"), ask_send(g, 2, held, "2"),
						 ask_send(g, 2, held, "3") };
	rig_hold(g);
	for (int i = 0; i < 3; i++) must(ask_submit(q[i]));
	rig_let_go(g);
	ask_wait(q[1]);
	assert_int_equal(q[1]->change.err, OK);
	until_somebody_waits(g);
	assert_false(q[0]->done);
	must(ask_submit(q[3]));
	let_go(c);
	for (int i = 0; i < 4; i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, OK);
		if (i != 1) assert_int_equal(q[i]->change.message.message_id, i ? i : 1);
		ask_free(q[i]);
	}
	rig_check_dense(g, held);
	rig_check_dense(g, other);
}

static void held_for_a_kick(void **state)
{
	struct place *p = *state;
	struct rig *g = p->a;
	int64_t held = channel(g), other = channel(g);
	rig_join(g, 3, held), rig_join(g, 3, other);
	PGconn *c = hold_channel(p, held);
	struct ask *q[2] = { ask_new(g, 2, CHANGE_KICK, held), ask_new(g, 2, CHANGE_KICK, other) };
	q[0]->change.user_id = q[1]->change.user_id = 3;
	rig_hold(g);
	must(ask_submit(q[0])), must(ask_submit(q[1]));
	rig_let_go(g);
	ask_wait(q[1]);
	assert_int_equal(q[1]->change.err, OK);
	until_somebody_waits(g);
	assert_false(q[0]->done);
	let_go(c);
	ask_wait(q[0]);
	assert_int_equal(q[0]->change.err, OK);
	ask_free(q[0]), ask_free(q[1]);
	rig_check_dense(g, held);
}

/* The clock under the lock never goes back, whatever the server's says. */
static void clock_behind(void **state)
{
	struct place *p = *state;
	struct rig *g = p->a;
	int64_t ch = channel(g), future = INT64_C(9000000000000);
	rig_sql(g, "UPDATE heads SET rev_at = 9000000000000 WHERE channel_id > 0");
	struct ask *q = ask_send(g, 2, ch, "x"), *topic = ask_new(g, 2, CHANGE_TOPIC, ch);
	topic->change.text = STR("x");
	must(ask_do(q)), must(ask_do(topic));
	assert_int_equal(q->change.message.created_at, future);
	assert_int_equal(topic->change.event->at, future);
	ask_free(q), ask_free(topic);
	rig_sql(g, "UPDATE heads SET rev_at = 1 WHERE channel_id > 0");
}

/* ---- many of both */

#define SENDERS 4
#define EACH 100

struct sender {
	struct rig *g;
	int64_t who, *ch;
	pthread_t thread;
};

static void *sender_run(void *arg)
{
	struct sender *s = arg;
	struct ask *q[EACH];
	int64_t last[3] = { 0 };
	for (int i = 0; i < EACH; i++) {
		q[i] =
			i % 10 == 9 ? ask_new(s->g, s->who, CHANGE_EDIT, s->ch[i % 3]) : ask_send(s->g, s->who, s->ch[i % 3], "x");
		q[i]->change.text = i % 20 == 9 ? STR("y") : STR("z");
		q[i]->change.message_id = i % 10 == 9 ? 1 : 0;
		must(ask_submit(q[i]));
		if (i % 5 == 4) ask_wait(q[i]);
	}
	for (int i = 0; i < EACH; i++) {
		ask_wait(q[i]);
		bool edit = q[i]->change.kind == CHANGE_EDIT;
		assert_int_equal(q[i]->change.err, edit && s->who != 2 ? ERR_NOT_ALLOWED : OK);
		if (!edit) {
			assert_true(q[i]->change.message.message_id > last[i % 3]);
			last[i % 3] = q[i]->change.message.message_id;
		}
		ask_free(q[i]);
	}
	return NULL;
}

static void both_at_once(void **state)
{
	struct place *p = *state;
	int64_t ch[3] = { channel(p->a), channel(p->a), channel(p->a) };
	struct sender s[2 * SENDERS];
	for (int i = 0; i < 3; i++) must(ask_once(ask_send(p->a, 2, ch[i], "to be edited")));
	for (int64_t i = 0; i < 2 * SENDERS; i++) {
		s[i] = (struct sender){ .g = i % 2 ? p->a : p->b, .who = i == 0 ? 2 : 20 + i, .ch = ch };
		for (int k = 0; k < 3; k++) rig_join(p->a, s[i].who, ch[k]);
	}
	for (int i = 0; i < 2 * SENDERS; i++) assert_int_equal(pthread_create(&s[i].thread, NULL, sender_run, &s[i]), 0);
	for (int i = 0; i < 2 * SENDERS; i++) pthread_join(s[i].thread, NULL);
	append_drain(p->a->append, -1), append_drain(p->b->append, -1);
	int64_t sum = 0;
	for (int i = 0; i < 3; i++) {
		rig_check_dense(p->a, ch[i]);
		sum += rig_count(p->a, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)ch[i]);
	}
	assert_int_equal(sum, 3 + 2 * SENDERS * EACH * 9 / 10);
	/* each commit has told the head check */
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_count(p->a, "SELECT max(rev) FROM moves WHERE channel_id = %lld", (long long)ch[i]),
						 rig_count(p->a, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)ch[i]));
}

static void same_channel_made_twice(void **state)
{
	struct place *p = *state;
	struct ask *q[2];
	for (int i = 0; i < 2; i++) {
		q[i] = ask_new(i ? p->b : p->a, 3 + i, CHANGE_CHANNEL, 0);
		q[i]->create =
			(struct channel_create){ .kind = CHANNEL_DM, .dm_key = STR("3,4"), .user_ids = { 3, 4 }, .n_users = 2 };
		q[i]->change.create = &q[i]->create;
		rig_hold(q[i]->rig);
		must(ask_submit(q[i]));
	}
	rig_let_go(p->a), rig_let_go(p->b);
	for (int i = 0; i < 2; i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, OK);
	}
	assert_int_equal(q[0]->change.new_channel_id, q[1]->change.new_channel_id);
	assert_int_equal(q[0]->change.repeated + q[1]->change.repeated, 1);
	ask_free(q[0]), ask_free(q[1]);
}

/* Taken by another pod between the look and the insert. */
static void taken_meanwhile(void **state)
{
	struct place *p = *state;
	struct rig *g = p->a;
	PGconn *c = postgres_connect(p->server);
	struct ask *dm = ask_new(g, 5, CHANGE_CHANNEL, 0), *named = ask_new(g, 5, CHANGE_CHANNEL, 0);
	dm->create =
		(struct channel_create){ .kind = CHANNEL_DM, .dm_key = STR("5,6"), .user_ids = { 5, 6 }, .n_users = 2 };
	named->create = (struct channel_create){ .kind = CHANNEL_PUBLIC, .name = STR("Wanted"), .name_key = STR("wanted") };
	dm->change.create = &dm->create, named->change.create = &named->create;
	for (int i = 0; i < 2; i++) {
		struct ask *q = i ? named : dm;
		command(c, "BEGIN");
		command(c, i ? "INSERT INTO channels (channel_id, name, name_key, created_at, created_by) VALUES (900002, "
					   "'wanted', 'wanted', 1, 1)"
					 : "INSERT INTO heads (channel_id, kind) VALUES (900001, 2); INSERT INTO channels (channel_id, "
					   "dm_key, created_at, "
					   "created_by) VALUES (900001, '5,6', 1, 1)");
		must(ask_submit(q));
		while (rig_number(g, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != 1)
			sched_yield();
		command(c, "COMMIT");
		ask_wait(q);
	}
	assert_int_equal(dm->change.err, OK);
	assert_true(dm->change.repeated);
	assert_int_equal(dm->change.new_channel_id, 900001);
	assert_int_equal(named->change.err, ERR_NAME_TAKEN);
	ask_free(dm), ask_free(named);
	PQfinish(c);
}

/* Plans made while the tables were empty serve full ones as well: each row is found by its key, so what is read grows
 * with what is sent, not with what is there. */
static void plans_of_empty_tables(void **state)
{
	struct place *p = *state;
	char *url = postgres_database(p->server, "plans");
	struct rig *g = rig_make(url);
	struct ask *q[300];
	rig_people(g, 40);
	int64_t ch = rig_channel(g, 2, "plans", CHANNEL_PUBLIC);
	rig_sql(g, "ANALYZE");
	for (int round = 0; round < 5; round++) {
		rig_hold(g);
		for (int i = 0; i < 300; i++) must(ask_submit(q[i] = ask_send(g, 2, ch, "x")));
		rig_let_go(g);
		for (int i = 0; i < 300; i++) ask_wait(q[i]), assert_int_equal(q[i]->change.err, OK), ask_free(q[i]);
	}
	/* a session's counts are there once it has ended */
	append_drain(g->append, -1);
	rig_number(g, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'plans' AND pid <> "
				  "pg_backend_pid() AND "
				  "query LIKE '%linnet_send%'");
	while (
		rig_number(
			g,
			"SELECT count(*) FROM pg_stat_activity WHERE datname = 'plans' AND query LIKE '%linnet_send%' AND pid <> "
			"pg_backend_pid()") > 0)
		sched_yield();
	assert_int_equal(rig_number(g, "SELECT last_id FROM heads WHERE channel_id > 0"), 1500);
	int64_t read = rig_number(
		g,
		"SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname IN ('messages', 'heads', 'members')");
	int64_t scans = rig_number(g, "SELECT sum(idx_scan)::bigint FROM pg_stat_user_indexes WHERE relname = 'messages'");
	assert_in_range(scans, 1500, 2000);
	assert_in_range(read, 1500, 10000);
	rig_free(g);
	free(url);
}

int main(void)
{
	static struct place place;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(clipping_and_markers, &place),
		cmocka_unit_test_prestate(held_channel, &place),
		cmocka_unit_test_prestate(held_for_a_kick, &place),
		cmocka_unit_test_prestate(clock_behind, &place),
		cmocka_unit_test_prestate(both_at_once, &place),
		cmocka_unit_test_prestate(same_channel_made_twice, &place),
		cmocka_unit_test_prestate(taken_meanwhile, &place),
		cmocka_unit_test_prestate(plans_of_empty_tables, &place),
	};
	place.server = postgres_start(NULL);
	place.a = rig_make(postgres_url(place.server));
	place.b = rig_make(postgres_url(place.server));
	rig_people(place.a, 40);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_free(place.b);
	rig_free(place.a);
	postgres_destroy(place.server);
	return failed;
}
