/* Read markers that sockets bring: gathered, written once, told; those of another epoch are not. Both databases. */
#include "app/marker.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/vec.h"
#include "loop/reactor.h"
#include "support/both.h"

#define ANN INT64_C(7)

/* ---- a bus that remembers what was told */

struct told {
	struct bus bus;
	pthread_mutex_t lock;
	VEC(struct user_news *) news;
};

static void told_news(struct bus *b, struct user_news *n)
{
	struct told *t = container_of(b, struct told, bus);
	pthread_mutex_lock(&t->lock);
	vec_push(&t->news, user_news_ref(n));
	pthread_mutex_unlock(&t->lock);
}

static const struct bus_ops telling = { .publish_user = told_news };

struct rig {
	struct told told;
	struct lane *lane;
	struct reactor *reactor;
	struct markers *markers;
	struct job *job; /* by hand: submitted, not yet run */
	struct clock clock;
	int64_t now_ms;
	struct both *b;
	struct db_conn *c;
	uint64_t epoch;
};

static void *lane_open(void *arg, int thread)
{
	return db_conn_create(arg, DB_WRITE);
}

static void lane_close(void *state)
{
	db_conn_destroy(state);
}

/* Ann is in channels 1 and 2, of ten messages each. */
static void rig_fill(struct rig *g, struct both *b, struct db_conn *c)
{
	*g = (struct rig){ .told = { .bus = { &telling } }, .b = b, .c = c };
	both_must(db_script(g->c, "INSERT INTO users (user_id, username, role, created_at) VALUES (7, 'ann', 1, 1); "
							  "INSERT INTO user_heads (user_id, rev) VALUES (7, 1);"));
	for (int channel = 1; channel <= 2; channel++) {
		char text[600];
		snprintf(text, sizeof text,
				 "INSERT INTO heads (channel_id, kind, last_id, last_seq) VALUES (%d, 0, 10, 10); INSERT INTO channels "
				 "(channel_id, name, name_key, created_at, created_by) VALUES (%d, 'c%d', 'c%d', 1, 1); INSERT INTO "
				 "members (channel_id, user_id, joined_rev, joined_at) VALUES (%d, 7, 1, 1);",
				 channel, channel, channel, channel, channel);
		both_must(db_script(g->c, text));
	}
	both_must(epoch_read(g->c, &g->epoch));
	pthread_mutex_init(&g->told.lock, NULL);
}

static void rig_open(struct rig *g, struct both *b, struct db_conn *c)
{
	rig_fill(g, b, c);
	g->lane = lane_create(&(struct lane_options){ .name = "write",
												  .threads = 1,
												  .most_queued = 10,
												  .open = lane_open,
												  .close = lane_close,
												  .arg = b->db[c == b->c[1]] });
	g->reactor = reactor_create(&(struct reactor_options){ 0, NULL });
	g->markers = markers_create(&(struct markers_options){ g->lane, g->reactor, &g->told.bus, &clock_real, 3 });
}

static void rig_close(struct rig *g)
{
	lane_destroy(g->lane);
	markers_destroy(g->markers);
	reactor_destroy(g->reactor);
	for (size_t i = 0; i < g->told.news.n; i++) user_news_unref(g->told.news.p[i]);
	vec_release(&g->told.news);
	pthread_mutex_destroy(&g->told.lock);
}

static enum err note(struct rig *g, int64_t channel_id, int64_t message_id, uint64_t epoch)
{
	const struct marker m = { .channel_id = channel_id, .user_id = ANN, .message_id = message_id, .epoch = epoch };
	return marker_note(g->markers, &m);
}

static int64_t read_id(struct rig *g, int64_t channel_id)
{
	return both_number(g->b, g->c,
					   channel_id == 1 ? "SELECT read_id FROM members WHERE channel_id = 1 AND user_id = 7"
									   : "SELECT read_id FROM members WHERE channel_id = 2 AND user_id = 7");
}

/* ---- by hand: time passes and jobs run when a test says so */

static int64_t hand_ms(const struct clock *c)
{
	return container_of(c, struct rig, clock)->now_ms;
}

static int64_t hand_ns(const struct clock *c)
{
	return hand_ms(c) * 1000000;
}

static void hand_submitted(void *arg, struct lane *l, struct job *j)
{
	struct rig *g = arg;
	assert_null(g->job);
	g->job = j;
}

static void hand_open(struct rig *g, struct both *b, struct db_conn *c, size_t most)
{
	rig_fill(g, b, c);
	g->clock = (struct clock){ hand_ms, hand_ns };
	g->now_ms = 1000;
	const struct lane_options o = { .name = "write",
									.threads = 1,
									.most_queued = 10,
									.open = lane_open,
									.close = lane_close,
									.arg = b->db[c == b->c[1]],
									.clock = &g->clock };
	g->lane = lane_create_virtual(&o, hand_submitted, g);
	g->reactor = reactor_create_virtual(&(struct reactor_options){ .clock = &g->clock });
	g->markers = markers_create(&(struct markers_options){ g->lane, g->reactor, &g->told.bus, &g->clock, most });
}

static void pass_ms(struct rig *g, int64_t ms)
{
	while (reactor_turn(g->reactor)) {
	}
	g->now_ms += ms;
	while (reactor_turn(g->reactor)) {
	}
}

static bool run_job(struct rig *g)
{
	struct job *j = g->job;
	g->job = NULL;
	if (j) lane_run_job(g->lane, j);
	return j != NULL;
}

/* ---- */

static void the_furthest_of_a_channel_is_written_and_told_once(struct rig *g)
{
	both_must(note(g, 1, 3, g->epoch));
	both_must(note(g, 1, 5, g->epoch));
	both_must(note(g, 1, 4, g->epoch));
	both_must(note(g, 2, 11, g->epoch)); /* there is no such message */
	assert_true(markers_flush(g->markers, -1));
	assert_int_equal(read_id(g, 1), 5);
	assert_int_equal(read_id(g, 2), 0);
	assert_int_equal(g->told.news.n, 1);
	assert_true(g->told.news.p[0]->epoch == g->epoch);
}

/* A socket that was opened before the database went back says what it has read: another message now. */
static void a_marker_of_another_epoch_is_not_written(struct rig *g)
{
	both_must(note(g, 1, 9, g->epoch + 1));
	both_must(note(g, 1, 2, g->epoch));
	both_must(note(g, 2, 4, g->epoch + 1));
	assert_true(markers_flush(g->markers, -1));
	assert_int_equal(read_id(g, 1), 2);
	assert_int_equal(read_id(g, 2), 0);
	assert_int_equal(g->told.news.n, 1);
}

static void so_many_wait_and_no_more(struct rig *g)
{
	for (int64_t channel = 1; channel <= 3; channel++) both_must(note(g, channel, 1, g->epoch));
	assert_int_equal(note(g, 4, 1, g->epoch), ERR_BUSY);
	both_must(note(g, 1, 2, g->epoch)); /* takes the place of one that waits */
	assert_true(markers_flush(g->markers, -1));
	assert_int_equal(note(g, 1, 3, g->epoch), ERR_BUSY); /* it is over */
}

/* Nobody tells a client, so nobody would send it again. */
static void what_could_not_be_written_is_written_later(struct both *b, struct db_conn *c)
{
	struct rig g;
	hand_open(&g, b, c, 10);
	both_must(note(&g, 1, 5, g.epoch));
	pass_ms(&g, 1000);
	both_must(db_script(g.c, "ALTER TABLE members RENAME TO hidden"));
	assert_true(run_job(&g));
	assert_false(run_job(&g)); /* not before a second has passed */
	both_must(note(&g, 2, 3, g.epoch));
	both_must(db_script(g.c, "ALTER TABLE hidden RENAME TO members"));
	for (int i = 0; i < 3; i++) {
		pass_ms(&g, 1000);
		run_job(&g);
	}
	assert_int_equal(read_id(&g, 1), 5);
	assert_int_equal(read_id(&g, 2), 3);
	assert_int_equal(g.told.news.n, 2);
	rig_close(&g);
}

/* However many: other jobs of the lane come in between, and what does not fit waits no longer. */
static void many_are_written_in_slices(struct both *b, struct db_conn *c)
{
	struct rig g;
	int jobs = 0;
	hand_open(&g, b, c, 1201);
	both_must(note(&g, 1, 5, g.epoch));
	for (int64_t i = 1; i <= 1200; i++) both_must(note(&g, 1000 + i, 1, g.epoch));
	assert_int_equal(note(&g, 2, 1, g.epoch), ERR_BUSY);
	pass_ms(&g, 1000);
	assert_int_equal(note(&g, 2, 1, g.epoch), ERR_BUSY); /* they are on their way, not gone */
	while (run_job(&g)) jobs++;
	assert_int_equal(jobs, 3);
	assert_int_equal(read_id(&g, 1), 5);
	both_must(note(&g, 2, 1, g.epoch));
	pass_ms(&g, 1000);
	assert_true(run_job(&g));
	assert_int_equal(read_id(&g, 2), 1);
	rig_close(&g);
}

static void what_never_works_is_given_up(struct both *b, struct db_conn *c)
{
	struct rig g;
	int tries = 0;
	hand_open(&g, b, c, 10);
	both_must(note(&g, 1, 5, g.epoch));
	both_must(db_script(g.c, "ALTER TABLE members RENAME TO hidden"));
	for (int i = 0; i < 100; i++) {
		pass_ms(&g, 1000);
		tries += run_job(&g);
	}
	assert_int_equal(tries, 30);
	both_must(db_script(g.c, "ALTER TABLE hidden RENAME TO members"));
	rig_close(&g);
}

#define RIG_CASE(f)                                                                                                    \
	static void f##_here(struct both *b, struct db_conn *c)                                                            \
	{                                                                                                                  \
		struct rig g;                                                                                                  \
		rig_open(&g, b, c);                                                                                            \
		f(&g);                                                                                                         \
		rig_close(&g);                                                                                                 \
	}
RIG_CASE(the_furthest_of_a_channel_is_written_and_told_once)
RIG_CASE(a_marker_of_another_epoch_is_not_written)
RIG_CASE(so_many_wait_and_no_more)

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(the_furthest_of_a_channel_is_written_and_told_once_here),
		BOTH_FRESH(a_marker_of_another_epoch_is_not_written_here),
		BOTH_FRESH(so_many_wait_and_no_more_here),
		BOTH_FRESH(what_could_not_be_written_is_written_later),
		BOTH_FRESH(many_are_written_in_slices),
		BOTH_FRESH(what_never_works_is_given_up),
	};
	return both_main(cases, countof(cases));
}
