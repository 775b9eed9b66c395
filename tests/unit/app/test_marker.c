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
static void rig_open(struct rig *g, struct both *b, struct db_conn *c)
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
	};
	return both_main(cases, countof(cases));
}
