/* The queue as a whole: batches, threads, limits, a database that goes away. */
#include "rig.h"

static int64_t channel(struct rig *g)
{
	static int n;
	char name[32];
	snprintf(name, sizeof name, "q%d", ++n);
	return rig_channel(g, 2, name, CHANNEL_PUBLIC);
}

static int64_t batches(struct rig *g)
{
	append_drain(g->append, -1);
	return metric_total(g->metrics, METRIC_APPEND_BATCHES);
}

/* ---- what is acknowledged is on disk */

static void settings_job(struct job *j, void *conn);
struct settings {
	struct job job;
	struct rig *rig;
	struct arena arena;
	struct str value[3];
	enum db_kind kind;
	bool done;
};

static void settings_job(struct job *j, void *conn)
{
	struct settings *s = container_of(j, struct settings, job);
	static const char *const names[2][3] = { { "synchronous", "journal_mode", NULL },
											 { "fsync", "synchronous_commit", "idle_in_transaction_session_timeout" } };
	s->kind = db_conn_kind(conn);
	for (int i = 0; i < 3; i++)
		if (names[s->kind][i]) db_show(conn, names[s->kind][i], &s->arena, &s->value[i]);
}

static void settings_done(struct job *j)
{
	struct settings *s = container_of(j, struct settings, job);
	pthread_mutex_lock(&s->rig->lock);
	s->done = true;
	pthread_cond_broadcast(&s->rig->more);
	pthread_mutex_unlock(&s->rig->lock);
}

static void durable(void **state)
{
	struct rig *g = *state;
	struct settings s = { .rig = g, .job = { .sure = true, .run = settings_job, .done = settings_done } };
	must(ask_once(ask_send(g, 2, channel(g), "x"))); /* the lane's connection is open and has written */
	must(lane_submit(g->lane, &s.job));
	pthread_mutex_lock(&g->lock);
	while (!s.done) pthread_cond_wait(&g->more, &g->lock);
	pthread_mutex_unlock(&g->lock);
	if (s.kind == DB_SQLITE) {
		assert_true(str_eq(s.value[0], STR("full")));
		assert_true(str_eq(s.value[1], STR("wal")));
	} else {
		assert_true(str_eq(s.value[0], STR("on")));
		assert_true(str_eq(s.value[1], STR("on")));
		assert_true(str_eq(s.value[2], STR("5s")));
	}
	arena_release(&s.arena);
}

/* ---- batches */

static void one_commit_for_many(void **state)
{
	struct rig *g = *state;
	int64_t ch[3] = { channel(g), channel(g), channel(g) }, before = batches(g);
	struct ask *q[60];
	rig_hold(g);
	for (int i = 0; i < 60; i++) must(ask_submit(q[i] = ask_send(g, 2, ch[i % 3], "x")));
	struct append_state s = append_state(g->append);
	assert_int_equal(s.waiting, 60);
	assert_true(s.bytes > 60);
	rig_let_go(g);
	for (int i = 0; i < 60; i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, OK);
		assert_int_equal(q[i]->change.message.message_id, i / 3 + 1);
		ask_free(q[i]);
	}
	assert_int_equal(batches(g) - before, 1);
	assert_int_equal(append_state(g->append).waiting, 0);
	assert_int_equal(append_state(g->append).bytes, 0);
	for (int i = 0; i < 3; i++) rig_check_dense(g, ch[i]);
}

static void mixed_keeps_order(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	struct ask *q[5] = { ask_send(g, 2, ch, "a"), ask_new(g, 3, CHANGE_JOIN, ch), ask_send(g, 3, ch, "b"),
						 ask_new(g, 2, CHANGE_KICK, ch), ask_send(g, 3, ch, "c") };
	q[3]->change.user_id = 3;
	rig_hold(g);
	for (int i = 0; i < 5; i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (int i = 0; i < 5; i++) ask_wait(q[i]);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(q[i]->change.err, OK);
		assert_int_equal(q[i]->change.event->rev, i + 2);
	}
	assert_int_equal(q[4]->change.err, ERR_NOT_MEMBER);
	for (int i = 0; i < 5; i++) ask_free(q[i]);
	rig_check_dense(g, ch);
}

/* One that no database takes (its text is none) fails alone. */
static void one_bad_change(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g), other = channel(g);
	struct ask *q[9];
	for (int i = 0; i < 9; i++) q[i] = ask_send(g, 2, i % 4 ? ch : other, "x");
	q[5]->send.body = STR("no \xff text");
	rig_hold(g);
	for (int i = 0; i < 9; i++) must(ask_submit(q[i]));
	rig_let_go(g);
	int64_t last = 0;
	for (int i = 0; i < 9; i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, i == 5 ? ERR_INTERNAL : OK);
		if (i % 4 && i != 5) assert_int_equal(q[i]->change.message.message_id, ++last);
		ask_free(q[i]);
	}
	rig_check_dense(g, ch);
	rig_check_dense(g, other);
}

static void too_late(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	must(ask_once(ask_new(g, 3, CHANGE_JOIN, ch)));
	rig_append_close(g);
	g->config.append_wait_ms = 1; /* from here on nothing is surely in time */
	rig_append_open(g);
	rig_hold(g);
	struct ask *q = ask_send(g, 2, ch, "late"), *gone = ask_send(g, 2, ch, "gone");
	must(ask_submit(q));
	ask_wait(q); /* also while the lane is at something that does not end */
	rig_let_go(g);
	assert_int_equal(q->change.err, ERR_UNAVAILABLE);
	assert_null(q->change.event);
	ask_free(q);
	rig_append_close(g);
	g->config.append_wait_ms = PATIENCE_MS;
	rig_append_open(g);
	rig_hold(g);
	must(ask_submit(gone));
	_Atomic bool yes = true;
	gone->change.gone = &yes;
	rig_let_go(g);
	ask_wait(gone);
	assert_int_equal(gone->change.err, ERR_UNAVAILABLE);
	ask_free(gone);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)ch), 0);
}

static void full(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	struct ask *q[4], *refused = ask_send(g, 2, ch, "one too many");
	rig_append_close(g);
	g->config.append_queue = 4;
	rig_append_open(g);
	rig_hold(g);
	for (int i = 0; i < 4; i++) must(ask_submit(q[i] = ask_send(g, 2, ch, "x")));
	assert_int_equal(ask_submit(refused), ERR_BUSY);
	ask_free(refused);
	rig_let_go(g);
	for (int i = 0; i < 4; i++) ask_wait(q[i]), ask_free(q[i]);
	rig_append_close(g);
	g->config.append_queue = 4096, g->config.append_queue_bytes = 4096;
	rig_append_open(g);
	rig_hold(g);
	int n = 0;
	enum err e = OK;
	struct ask *many[64];
	while (n < 64 && !(e = ask_submit(many[n] = ask_send(g, 2, ch, "x")))) n++;
	assert_int_equal(e, ERR_BUSY);
	assert_in_range(n, 1, 16);
	ask_free(many[n]);
	rig_let_go(g);
	for (int i = 0; i < n; i++) ask_wait(many[i]), ask_free(many[i]);
	rig_append_close(g); /* writes what waits, and takes no more */
	g->config.append_queue_bytes = 8388608;
	rig_append_open(g);
	rig_check_dense(g, ch);
}

static void *close_it(void *arg)
{
	append_destroy(arg);
	return NULL;
}

static void end_writes_what_waits(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	pthread_t t;
	struct ask *q = ask_send(g, 2, ch, "x");
	rig_hold(g);
	must(ask_submit(q));
	pthread_create(&t, NULL, close_it, g->append);
	g->append = NULL;
	rig_let_go(g);
	pthread_join(t, NULL);
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	ask_free(q);
	rig_append_open(g);
}

/* ---- epochs */

static void another_epoch(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	uint64_t before = g->epoch.hash, now = 0;
	struct ask *q = ask_send(g, 2, ch, "of the old one"), *behind = ask_send(g, 2, ch, "behind it");
	rig_hold(g);
	/* as a dump that was restored in place; SQLite has what the file says */
	rig_sql(g, "UPDATE meta SET value = '00000000-0000-4000-8000-000000000001' WHERE key = 'uuid'");
	if (db_kind(g->db) == DB_SQLITE) rig_sql(g, "UPDATE meta SET value = '00000000000000aa' WHERE key = 'epoch'");
	must(epoch_read(g->look, &now));
	assert_true(now != before);
	must(ask_submit(q)), must(ask_submit(behind));
	rig_let_go(g);
	ask_wait(q), ask_wait(behind);
	assert_int_equal(q->change.err, ERR_UNAVAILABLE);
	assert_int_equal(behind->change.err, ERR_UNAVAILABLE);
	ask_free(q), ask_free(behind);
	append_drain(g->append, -1);
	assert_true(g->epoch.hash == now);
	q = ask_send(g, 2, ch, "of the new one");
	must(ask_do(q));
	assert_true(q->change.event->epoch == now);
	ask_free(q);
	q = ask_send(g, 2, ch, "told before");
	rig_hold(g);
	must(ask_submit(q));
	append_epoch(g->append, now + 1); /* the hub may learn of it first: what waits is not written */
	append_epoch(g->append, now);
	ask_wait(q);
	assert_int_equal(q->change.err, ERR_UNAVAILABLE);
	ask_free(q);
	rig_let_go(g);
	rig_check_dense(g, ch);
}

/* ---- many at once */

#define SENDERS 8
#define EACH 40

struct sender {
	struct rig *g;
	int64_t who, ch[2];
	pthread_t thread;
};

static void *sender_run(void *arg)
{
	struct sender *s = arg;
	struct ask *q[EACH];
	char body[EACH][32];
	for (int i = 0; i < EACH; i++) {
		snprintf(body[i], sizeof body[i], "%lld %d", (long long)s->who, i);
		q[i] = ask_send(s->g, s->who, s->ch[i % 2], body[i]);
		must(ask_submit(q[i]));
		if (i % 4 == 3) ask_wait(q[i]); /* some in flight at a time */
	}
	int64_t last[2] = { 0 };
	for (int i = 0; i < EACH; i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, OK);
		assert_true(q[i]->change.message.message_id > last[i % 2]); /* in the order in which they were sent */
		last[i % 2] = q[i]->change.message.message_id;
		ask_free(q[i]);
	}
	return NULL;
}

static void check_published(struct rig *g, int64_t ch)
{
	int64_t last = 0;
	for (size_t i = 0; i < g->events.n; i++)
		if (g->events.p[i]->channel_id == ch) {
			assert_int_equal(g->events.p[i]->rev, last + 1);
			last++;
		}
	assert_int_equal(last, rig_count(g, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)ch));
}

static void many_senders(void **state)
{
	struct rig *g = *state;
	struct sender s[SENDERS];
	int64_t ch[2] = { channel(g), channel(g) };
	for (int64_t i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){ .g = g, .who = 20 + i, .ch = { ch[0], ch[1] } };
		rig_join(g, 20 + i, ch[0]), rig_join(g, 20 + i, ch[1]);
	}
	for (int i = 0; i < SENDERS; i++) assert_int_equal(pthread_create(&s[i].thread, NULL, sender_run, &s[i]), 0);
	for (int i = 0; i < SENDERS; i++) pthread_join(s[i].thread, NULL);
	for (int i = 0; i < 2; i++) {
		rig_check_dense(g, ch[i]);
		check_published(g, ch[i]);
		assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)ch[i]),
						 SENDERS * EACH / 2);
		assert_int_equal(
			rig_count(
				g,
				"SELECT count(*) FROM messages a JOIN messages b ON b.channel_id = a.channel_id AND b.message_id = "
				"a.message_id + 1 WHERE a.channel_id = %lld AND b.created_at < a.created_at",
				(long long)ch[i]),
			0);
	}
}

/* Who is kicked has said their last word before the kick, and nothing after it. */
static void kick_and_sends(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g);
	struct ask *sends[40], *kick = ask_new(g, 2, CHANGE_KICK, ch);
	rig_join(g, 31, ch);
	kick->change.user_id = 31;
	int64_t done = 0;
	for (int i = 0; i < 40; i++) {
		if (i == 20) must(ask_submit(kick));
		must(ask_submit(sends[i] = ask_send(g, 31, ch, "x")));
	}
	ask_wait(kick);
	assert_int_equal(kick->change.err, OK);
	for (int i = 0; i < 40; i++) {
		ask_wait(sends[i]);
		assert_int_equal(sends[i]->change.err, i < 20 ? OK : ERR_NOT_MEMBER);
		if (i < 20) assert_true(sends[i]->change.message.rev < kick->change.event->rev);
		done += !sends[i]->change.err;
		ask_free(sends[i]);
	}
	ask_free(kick);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)ch), done);
	rig_check_dense(g, ch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durable),
		cmocka_unit_test(one_commit_for_many),
		cmocka_unit_test(mixed_keeps_order),
		cmocka_unit_test(one_bad_change),
		cmocka_unit_test(too_late),
		cmocka_unit_test(full),
		cmocka_unit_test(end_writes_what_waits),
		cmocka_unit_test(many_senders),
		cmocka_unit_test(kick_and_sends),
		cmocka_unit_test(another_epoch),
	};
	return rig_main(tests, countof(tests));
}
