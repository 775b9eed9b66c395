/* What becomes of a batch whose commit nobody has heard of: it is settled by the appender's row, and answered from what
 * was written, or written. A proxy does to the connection what networks do; servers are killed under load. */
#include <stdlib.h>

#include "rig.h"
#include "support/postgres.h"
#include "support/proxy.h"

struct place {
	struct postgres *server;
	struct proxy *proxy;
	struct rig *rig;
	int64_t ch;
};

static int setup(void **state)
{
	struct place *p = *state;
	static int n;
	char name[32];
	snprintf(name, sizeof name, "settle%d", ++n);
	p->ch = rig_channel(p->rig, 2, name, CHANNEL_PUBLIC);
	rig_join(p->rig, 3, p->ch);
	must(ask_once(ask_send(p->rig, 2, p->ch, "statements are prepared"))); /* message 1 */
	return 0;
}

static int64_t unknown(struct rig *g)
{
	return metric_total(g->metrics, METRIC_APPEND_UNKNOWN);
}

static void wait_for_message(struct place *p, int64_t id)
{
	while (rig_count(p->rig, "SELECT count(*) FROM messages WHERE channel_id = %lld AND message_id = %lld",
					 (long long)p->ch, (long long)id) != 1)
		sched_yield();
}

/* ---- one batch, one fault */

static struct ask *kick(struct place *p, int64_t who)
{
	struct ask *q = ask_new(p->rig, 2, CHANGE_KICK, p->ch);
	q->change.user_id = who;
	return q;
}

static void answered_from_what_was_written(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	int64_t before = unknown(g);
	struct ask *q[4] = { ask_send(g, 2, p->ch, "@user3 a"), ask_send(g, 3, p->ch, "b"),
						 ask_send(g, 9, p->ch, "no member"), ask_send(g, 3, p->ch, "b") };
	memcpy(q[3]->send.nonce, q[1]->send.nonce, 16); /* a retry in the same batch */
	rig_hold(g);
	for (int i = 0; i < 4; i++) must(ask_submit(q[i]));
	proxy_rule(p->proxy, PROXY_SWALLOW_ANSWER, NULL);
	rig_let_go(g);
	assert_true(proxy_struck(p->proxy));
	wait_for_message(p, 3);
	assert_false(q[0]->done);
	proxy_cut_clients(p->proxy);
	for (int i = 0; i < 4; i++) ask_wait(q[i]);
	assert_int_equal(unknown(g), before + 1);
	assert_int_equal(q[0]->change.err, OK);
	assert_int_equal(q[0]->change.message.message_id, 2);
	assert_int_equal(q[0]->change.message.n_mentions, 1);
	assert_int_equal(q[1]->change.message.message_id, 3);
	assert_int_equal(q[1]->change.actor_id, 3);
	for (int i = 0; i < 2; i++) { /* told to readers too */
		assert_non_null(q[i]->change.event);
		assert_ptr_equal(rig_event(g, p->ch, q[i]->change.message.rev), q[i]->change.event);
	}
	assert_int_equal(q[2]->change.err, ERR_NOT_MEMBER);
	assert_int_equal(q[3]->change.err, OK);
	assert_int_equal(q[3]->change.message.message_id, 3);
	for (int i = 0; i < 4; i++) ask_free(q[i]);
	must(ask_once(ask_send(g, 2, p->ch, "on it goes")));
	rig_check_dense(g, p->ch);
}

/* Never arrived: written by the second try. */
static void written_when_it_was_lost(void **state)
{
	struct place *p = *state;
	int64_t before = unknown(p->rig);
	struct ask *q = ask_send(p->rig, 2, p->ch, "a");
	proxy_rule(p->proxy, PROXY_CUT, NULL);
	must(ask_do(q));
	assert_int_equal(unknown(p->rig), before + 1);
	assert_int_equal(q->change.message.message_id, 2);
	assert_false(q->change.repeated);
	assert_non_null(q->change.event);
	ask_free(q);
	rig_check_dense(p->rig, p->ch);
}

/* Another pod has forgotten the row of one that wrote nothing for a week. */
static void written_when_its_row_was_forgotten(void **state)
{
	struct place *p = *state;
	rig_sql(p->rig, "DELETE FROM appenders");
	for (int i = 0; i < 2; i++) must(ask_once(ask_send(p->rig, 2, p->ch, "good morning")));
	rig_sql(p->rig, "DELETE FROM appenders");
	struct ask *q = kick(p, 3);
	must(ask_do(q));
	ask_free(q);
	rig_check_dense(p->rig, p->ch);
}

/* What was kept back arrives, and the session that had been waiting for it has done it: it ends behind it. */
static void release_and_wait(struct place *p)
{
	const char *sessions =
		"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = "
		"'client backend'";
	int64_t before = rig_number(p->rig, sessions);
	proxy_release(p->proxy);
	while (rig_number(p->rig, sessions) >= before) sched_yield();
}

/* Arrives after the second try was written: does nothing. */
static void late_copy(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	struct ask *q = ask_send(g, 2, p->ch, "a");
	proxy_rule(p->proxy, PROXY_KEEP_BACK, NULL);
	must(ask_submit(q));
	assert_true(proxy_struck(p->proxy));
	proxy_cut_clients(p->proxy);
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	ask_free(q);
	release_and_wait(p);
	must(ask_once(ask_send(g, 2, p->ch, "b")));
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM messages WHERE channel_id = %lld AND body = 'a'", (long long)p->ch), 1);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)p->ch), 3);
	rig_check_dense(g, p->ch);
}

/* A commit that took place, of changes that have no nonce. */
static void edits_and_kicks_written(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	int64_t before = unknown(g);
	struct ask *q[2] = { ask_new(g, 2, CHANGE_EDIT, p->ch), kick(p, 3) };
	q[0]->change.message_id = 1, q[0]->change.text = STR("edited");
	rig_hold(g);
	must(ask_submit(q[0])), must(ask_submit(q[1]));
	proxy_rule(p->proxy, PROXY_SWALLOW_ANSWER, "COMMIT");
	rig_let_go(g);
	assert_true(proxy_struck(p->proxy));
	while (rig_count(g, "SELECT count(*) FROM changes WHERE channel_id = %lld AND kind = 'kick'", (long long)p->ch) !=
		   1)
		sched_yield();
	proxy_cut_clients(p->proxy);
	ask_wait(q[0]), ask_wait(q[1]);
	assert_int_equal(unknown(g), before + 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(q[i]->change.err, OK);
		assert_non_null(q[i]->change.event);
		assert_int_equal(rig_count(g, "SELECT count(*) FROM changes WHERE channel_id = %lld AND rev = %lld",
								   (long long)p->ch, (long long)q[i]->change.event->rev),
						 1);
		ask_free(q[i]);
	}
	rig_check_dense(g, p->ch);
}

static void edits_and_kicks_lost(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	struct ask *q = kick(p, 3);
	proxy_rule(p->proxy, PROXY_CUT, "COMMIT");
	must(ask_do(q));
	assert_non_null(q->change.event);
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM changes WHERE channel_id = %lld AND kind = 'kick'", (long long)p->ch), 1);
	rig_check_dense(g, p->ch);
}

/* The server is still at it when the new connection asks: it waits for that. */
static void waits_for_the_old_one(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	struct ask *q = kick(p, 3);
	int64_t before = unknown(g);
	proxy_rule(p->proxy, PROXY_KEEP_BACK, "COMMIT");
	must(ask_submit(q));
	assert_true(proxy_struck(p->proxy));
	proxy_cut_clients(p->proxy);
	while (rig_number(g, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") < 1) sched_yield();
	assert_false(q->done);
	proxy_release(p->proxy);
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	assert_non_null(q->change.event);
	ask_free(q);
	assert_int_equal(unknown(g), before + 1);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM changes WHERE channel_id = %lld AND kind = 'kick'", (long long)p->ch), 1);
	rig_check_dense(g, p->ch);
}

/* Until another statement than that of `before` waits for a standby: when it began. */
static int64_t wait_for_sync(struct rig *g, int64_t before)
{
	const char *begun = "SELECT coalesce(max((extract(epoch FROM query_start) * 1000000)::bigint), 0) FROM "
						"pg_stat_activity WHERE wait_event = "
						"'SyncRep'";
	for (;;) {
		int64_t t = rig_number(g, begun);
		if (t > before) return t;
		sched_yield();
	}
}

/* A wait for a standby that an operator cancels ends in a success that no standby has: nobody is told so. */
static void cancelled_wait_for_a_standby(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	struct ask *q = ask_send(g, 2, p->ch, "a");
	int64_t before = unknown(g);
	rig_sql(g, "SET synchronous_commit = off");
	postgres_want_standby(p->server, true);
	must(ask_submit(q));
	int64_t since = 0;
	for (int i = 0; i < 2; i++) { /* the batch, and then the settling of it */
		since = wait_for_sync(g, since);
		assert_false(q->done);
		rig_number(g, "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	}
	wait_for_sync(g, since);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)p->ch), 2);
	assert_false(q->done);
	assert_int_equal(unknown(g), before);
	postgres_want_standby(p->server, false);
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	assert_int_equal(q->change.message.message_id, 2);
	ask_free(q);
	rig_sql(g, "SET synchronous_commit = on");
	rig_check_dense(g, p->ch);
}

/* ---- a server that is away */

static void down_for_a_moment(void **state)
{
	struct place *p = *state;
	struct ask *q = ask_send(p->rig, 2, p->ch, "a");
	postgres_stop(p->server);
	must(ask_submit(q));
	assert_false(q->done);
	postgres_again(p->server);
	ask_wait(q);
	assert_int_equal(q->change.err, OK);
	ask_free(q);
	rig_check_dense(p->rig, p->ch);
}

static void down_for_long(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	must(ask_once(ask_send(g, 2, p->ch, "a")));
	rig_append_close(g);
	g->config.append_wait_ms = 300; /* too short for a busy machine: nothing is surely in time */
	rig_append_open(g);
	postgres_stop(p->server);
	assert_int_equal(ask_once(ask_send(g, 2, p->ch, "b")), ERR_UNAVAILABLE);
	assert_int_equal(ask_once(kick(p, 3)), ERR_UNAVAILABLE);
	postgres_again(p->server);
	struct ask *q;
	do { /* works again by itself */
		q = ask_send(g, 2, p->ch, "c");
		ask_nonce(q, 4711);
	} while (ask_once(q));
	rig_check_dense(g, p->ch);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)p->ch), 3);
	rig_append_close(g);
	g->config.append_wait_ms = PATIENCE_MS;
	rig_append_open(g);
}

/* Nobody waits for the answer any more; what is still on its way is shut out. */
static void given_up(void **state)
{
	struct place *p = *state;
	struct rig *g = p->rig;
	must(ask_once(ask_send(g, 2, p->ch, "a")));
	rig_append_close(g);
	g->config.append_wait_ms = 300; /* too short for a busy machine: nothing is surely in time */
	rig_append_open(g);
	struct ask *q = ask_send(g, 2, p->ch, "given up"), *behind = ask_send(g, 2, p->ch, "behind it");
	proxy_rule(p->proxy, PROXY_KEEP_BACK, NULL);
	must(ask_submit(q));
	assert_true(proxy_struck(p->proxy));
	must(ask_submit(behind));
	proxy_refuse(p->proxy, true);
	proxy_cut_clients(p->proxy);
	ask_wait(q), ask_wait(behind);
	assert_int_equal(q->change.err, ERR_UNAVAILABLE);
	assert_int_equal(behind->change.err, ERR_UNAVAILABLE);
	ask_free(q), ask_free(behind);
	proxy_refuse(p->proxy, false);
	do { /* works again by itself */
		q = ask_send(g, 2, p->ch, "b");
		ask_nonce(q, 4712);
	} while (ask_once(q));
	release_and_wait(p);
	rig_append_close(g);
	g->config.append_wait_ms = PATIENCE_MS;
	rig_append_open(g);
	must(ask_once(ask_send(g, 2, p->ch, "c")));
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM messages WHERE channel_id = %lld AND body = 'given up'", (long long)p->ch),
		0);
	assert_int_equal(rig_count(g, "SELECT last_id FROM heads WHERE channel_id = %lld", (long long)p->ch), 4);
	rig_check_dense(g, p->ch);
}

/* ---- under load */

#define SENDERS 6
#define MOST 20000 /* messages of one sender: more than a run needs */

struct sender {
	struct place *p;
	int64_t who, n;
	_Atomic bool *stop;
	pthread_t thread;
	int64_t acked[MOST];
	int64_t changes, unsure; /* of the one who kicks */
};

/* As a client does it: one at a time, under the same nonce until there is an answer. */
static void *send_on(void *arg)
{
	struct sender *s = arg;
	for (; s->n < MOST && !atomic_load(s->stop); s->n++) {
		struct ask *q = NULL;
		char body[32];
		snprintf(body, sizeof body, "%lld/%lld", (long long)s->who, (long long)s->n);
		do {
			if (q) ask_free(q);
			q = ask_send(s->p->rig, s->who, s->p->ch, body);
			ask_nonce(q, s->who * 100000 + s->n);
			ask_do(q);
		} while (q->change.err == ERR_UNAVAILABLE);
		assert_int_equal(q->change.err, OK);
		s->acked[s->n] = q->change.message.message_id;
		ask_free(q);
	}
	return NULL;
}

/* Kicks somebody and adds them again, edits and reacts meanwhile: nothing of it may be done twice. */
static void *change_on(void *arg)
{
	struct sender *s = arg;
	static const char *const texts[] = { "one", "two" };
	static const enum change_kind kinds[] = { CHANGE_KICK, CHANGE_JOIN, CHANGE_EDIT, CHANGE_REACTION };
	for (; !atomic_load(s->stop); s->n++) {
		int k = (int)(s->n % 4);
		struct ask *q = ask_new(s->p->rig, 2, kinds[k], s->p->ch);
		q->change.user_id = k < 2 ? 3 : 0;
		q->change.message_id = 1, q->change.text = k == 3 ? STR("r") : str_of(texts[s->n / 4 % 2]);
		q->change.on = s->n / 4 % 2;
		enum err e = ask_do(q);
		assert_true(e == OK || e == ERR_UNAVAILABLE);
		s->unsure += e != OK;
		s->changes += q->change.event != NULL;
		ask_free(q);
	}
	return NULL;
}

/* Each is there once, at the place that was acknowledged. */
static void check_messages(struct place *p, const struct sender *s)
{
	static const struct sql q = { "SELECT body, message_id FROM messages WHERE channel_id = $1 AND body LIKE '%/%'",
								  NULL };
	struct db_rows rows;
	int64_t n = 0, sent = 0;
	must(db_query(p->rig->look, &q, DB_ARGS(DB_I64(p->ch)), &rows));
	for (; db_next(&rows); n++) {
		char body[32];
		int who, i;
		snprintf(body, sizeof body, STR_FMT, STR_ARG(db_str(&rows, 0)));
		assert_int_equal(sscanf(body, "%d/%d", &who, &i), 2);
		assert_int_equal(s[who - 20].acked[i], db_i64(&rows, 1));
	}
	must(db_end(&rows));
	for (int i = 0; i < SENDERS; i++) sent += s[i].n;
	assert_int_equal(n, sent);
}

/* Until `wanted` batches of unknown outcome were settled. */
static void under_load(struct place *p, int64_t wanted, void (*fault)(struct place *))
{
	struct rig *g = p->rig;
	_Atomic bool stop = false;
	struct sender *s = mem_zalloc(sizeof *s * (SENDERS + 1));
	int64_t before = unknown(g);
	for (int64_t i = 0; i <= SENDERS; i++) {
		s[i].p = p, s[i].who = 20 + i, s[i].stop = &stop;
		rig_join(g, 20 + i, p->ch);
		assert_int_equal(pthread_create(&s[i].thread, NULL, i < SENDERS ? send_on : change_on, &s[i]), 0);
	}
	while (unknown(g) - before < wanted) fault(p);
	atomic_store(&stop, true);
	for (int i = 0; i <= SENDERS; i++) pthread_join(s[i].thread, NULL);
	append_drain(g->append, -1);
	rig_check_dense(g, p->ch);
	check_messages(p, s);
	int64_t rows = rig_count(g, "SELECT count(*) FROM changes WHERE channel_id = %lld AND actor_id = 2 AND rev > 3",
							 (long long)p->ch);
	assert_in_range(rows, s[SENDERS].changes, s[SENDERS].changes + s[SENDERS].unsure);
	mem_free(s);
}

/* The append's server process is told to end, in the middle of whatever it does. */
static void terminate(struct place *p)
{
	postgres_sql(p->server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND pid <> "
							"pg_backend_pid() AND (query LIKE '%linnet_send%' OR query LIKE 'COMMIT%')");
}

static void terminated_under_load(void **state)
{
	under_load(*state, 5, terminate);
}

/* While a commit is on its way: it may have been done or not. */
static void kill_server(struct place *p)
{
	int64_t before = unknown(p->rig);
	proxy_rule(p->proxy, PROXY_SWALLOW_ANSWER, "COMMIT");
	assert_true(proxy_struck(p->proxy));
	postgres_kill(p->server);
	proxy_cut_clients(p->proxy);
	postgres_again(p->server);
	while (unknown(p->rig) == before) sched_yield();
}

static void killed_under_load(void **state)
{
	under_load(*state, 1, kill_server);
}

int main(void)
{
#define T(f)                                                                                                           \
	{                                                                                                                  \
#f, f, setup, NULL, &place                                                                                     \
	}
	static struct place place;
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(answered_from_what_was_written),
		T(written_when_it_was_lost),
		T(written_when_its_row_was_forgotten),
		T(late_copy),
		T(edits_and_kicks_written),
		T(edits_and_kicks_lost),
		T(waits_for_the_old_one),
		T(cancelled_wait_for_a_standby),
		T(down_for_a_moment),
		T(down_for_long),
		T(given_up),
		T(terminated_under_load),
		T(killed_under_load),
	};
	place.server = postgres_start(NULL);
	int port = 0;
	sscanf(strchr(postgres_url(place.server) + 13, ':'), ":%d", &port);
	place.proxy = proxy_start(port);
	char url[128];
	snprintf(url, sizeof url, "postgresql://linnet@127.0.0.1:%d/linnet", proxy_port(place.proxy));
	place.rig = rig_make_apart(postgres_url(place.server), url);
	rig_people(place.rig, 40);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_free(place.rig);
	proxy_destroy(place.proxy);
	postgres_destroy(place.server);
	return failed;
}
