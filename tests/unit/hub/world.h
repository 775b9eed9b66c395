/* A hub with its reactors, a real SQLite database and sessions whose frames are read as lines. The test's thread is
 * reactor 0; sessions may be on others. Rows are written as an append would, events published or kept back. */
#ifndef LINNET_TESTS_HUB_WORLD_H
#define LINNET_TESTS_HUB_WORLD_H
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "codec/codec.h"
#include "db/db.h"
#include "hub/hub.h"
#include "hub/owner.h"
#include "hub/session.h"
#include "store/epoch.h"
#include "store/migrations.h"

#ifndef WORLD_REACTORS
#define WORLD_REACTORS 2
#endif
#define ME INT64_C(7)

struct world {
	struct config config;
	struct metrics *metrics;
	struct db *db;
	struct db_conn *writer;
	struct epoch epoch;
	struct bus *bus;
	struct bus_ops bus_ops; /* of an uncertain one */
	bool uncertain;         /* the hub must look at heads, as behind Redis */
	const struct dialect *dialects;
	struct eph *eph; /* NULL: alone */
	const char *pod;
	struct lane *sync, *write;
	struct reactor *r[WORLD_REACTORS];
	struct hub *hub;
	struct timer look;
	bool (*until)(void *);
	void *arg;
	int looks;
};

/* What a client of the test has read: lines "event 42 3", "ready", "gone 42", "synced 42 9", "reset 42 9", "channel
 * 42", "kick draining". Its thread is its reactor's; the test's looks take the lock. */
struct client {
	struct world *w;
	struct session *session;
	struct conn *near, *far; /* the session's end, and the reader's */
	pthread_mutex_t lock;
	struct buf lines;
	int64_t user;
	size_t soft; /* 0: as the settings say */
	const struct session_ops *ops;
	bool stopped, arrived;
	int closed; /* of the two ends */
	int reactor;
	const char *session_id; /* as it is told apart in the database; "" */
	struct hello hello;
	struct mail mail;
};

static inline void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

/* ---- the test's dialect */

static struct chunk *line_encode(void *state, const struct event *e)
{
	char text[64];
	int n = snprintf(text, sizeof text, "event %lld %lld\n", (long long)e->channel_id, (long long)e->rev);
	return chunk_copy(text, (size_t)n);
}

static const struct dialect world_dialects[] = { { "lines", line_encode, NULL, NULL } };

static void say(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct session *s, const char *fmt, ...)
{
	char text[96];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->conn) conn_write_copy(s->conn, text, (size_t)n);
}

static bool say_ready(struct session *s, const struct ready *r, struct ready_place *at)
{
	say(s, "ready %zu %zu\n", r->n_channels, r->n_gone);
	return true;
}

static void say_channel(struct session *s, const struct channel *c, int64_t user_rev)
{
	say(s, "channel %lld\nuser_rev %lld\n", (long long)c->id, (long long)user_rev);
}

static void say_gone(struct session *s, int64_t channel_id, int64_t user_rev)
{
	say(s, "gone %lld\nuser_rev %lld\n", (long long)channel_id, (long long)user_rev);
}

static void say_synced(struct session *s, int64_t channel_id, int64_t rev)
{
	say(s, "synced %lld %lld\n", (long long)channel_id, (long long)rev);
}

static void say_reset(struct session *s, int64_t channel_id, int64_t rev, const struct channel *row)
{
	say(s, "reset %lld %lld\n", (long long)channel_id, (long long)rev);
	assert_int_equal(row->id, channel_id);
}

static void say_read(struct session *s, const struct channel *c)
{
	say(s, "read %lld %lld\n", (long long)c->id, (long long)c->me.read_id);
}

static void say_news(struct session *s, const struct user_news *n)
{
	say(s, "news " STR_FMT "\n", STR_ARG(((struct str){ n->json, n->json_n })));
}

static void say_hint(struct session *s, const struct hint *h)
{
	say(s, "hint %lld\n", (long long)h->channel_id);
}

static void say_drain(struct session *s, int64_t in_ms)
{
	say(s, "drain\n");
}

static void say_kick(struct session *s, enum err why)
{
	say(s, "kick %s\n", err_row(why)->code);
}

static void say_own(struct session *s, const struct own *o)
{
	if (!s->conn) return;
	conn_write_copy(s->conn, o->frame.p, o->frame.n);
	conn_write_copy(s->conn, "\n", 1);
}

static const struct session_ops world_ops = {
	say_ready, say_channel, say_gone,  say_synced, say_reset, say_read,
	say_news,  say_hint,    say_drain, say_kick,   NULL,      say_own,
};

/* ---- the world */

static void hush(void *arg, struct str line) {}

static void *sync_open(void *arg, int thread)
{
	return db_conn_create(arg, DB_READ);
}

static void *write_open(void *arg, int thread)
{
	return db_conn_create(arg, DB_WRITE);
}

static void sync_close(void *state)
{
	db_conn_destroy(state);
}

static bool not_certain(const struct bus *b)
{
	return false;
}

static inline struct world *world_make_in(const char *url)
{
	struct world *w = mem_new(struct world);
	w->dialects = world_dialects;
	log_capture(hush, NULL);
	config_init(&w->config);
	w->config.heal_wait_ms = 1;
	w->config.list_pause_ms = 1;
	w->metrics = metrics_create();
	struct db_options o = { url, 10000, 5000, 10, false };
	must(db_create(&o, &w->db));
	w->writer = db_conn_create(w->db, DB_WRITE);
	must(migrate_up(w->writer, migration_list, migration_count, NULL));
	must(epoch_open(w->writer, &w->epoch));
	return w;
}

static inline struct world *world_make(void)
{
	return world_make_in("sqlite::memory:");
}

/* A channel that this reactor puts in order. */
static inline int64_t channel_of(struct world *w, size_t reactor)
{
	int64_t channel = 1;
	while (hub_owner_index(w->hub, channel) != reactor) channel++;
	return channel;
}

/* After the settings were changed. */
static inline void world_start(struct world *w)
{
	w->bus = bus_local_create();
	w->bus_ops = *w->bus->ops;
	w->bus_ops.certain = not_certain;
	if (w->uncertain) w->bus->ops = &w->bus_ops;
	w->sync = lane_create(&(struct lane_options){
		.name = "sync", .threads = 2, .most_queued = 100, .open = sync_open, .close = sync_close, .arg = w->db });
	w->write = lane_create(&(struct lane_options){
		.name = "write", .threads = 1, .most_queued = 100, .open = write_open, .close = sync_close, .arg = w->db });
	for (int i = 0; i < WORLD_REACTORS; i++) {
		w->r[i] = reactor_create(&(struct reactor_options){ i, NULL });
		conn_layer_open(w->r[i], 65536);
	}
	w->hub = hub_create(&(struct hub_options){ &w->config, w->metrics, w->bus, w->sync, w->r, WORLD_REACTORS,
											   w->dialects, 1, w->epoch, .write = w->write });
	for (int i = 1; i < WORLD_REACTORS; i++) reactor_start(w->r[i]);
}

static void look(struct reactor *r, struct timer *t)
{
	struct world *w = container_of(t, struct world, look);
	if (w->until(w->arg) || ++w->looks > 20000)
		reactor_stop(r);
	else
		timer_set(r, t, 1);
}

/* Runs reactor 0 until something can be seen; 20 s at most. */
static inline void world_until(struct world *w, bool (*until)(void *), void *arg)
{
	w->until = until, w->arg = arg, w->looks = 0;
	timer_init(&w->look, look);
	timer_set(w->r[0], &w->look, 0);
	reactor_run(w->r[0]);
}

/* ---- clients */

static void client_data(struct conn *c, const char *p, size_t n)
{
	struct client *k = conn_data(c);
	pthread_mutex_lock(&k->lock);
	buf_add(&k->lines, p, n);
	pthread_mutex_unlock(&k->lock);
}

static void count_closed(struct client *k)
{
	pthread_mutex_lock(&k->lock);
	k->closed++;
	pthread_mutex_unlock(&k->lock);
}

static void client_closed(struct conn *c, enum conn_end why)
{
	struct client *k = conn_data(c);
	k->far = NULL;
	count_closed(k);
}

static void session_end_drained(struct conn *c)
{
	struct client *k = conn_data(c);
	if (k->session) session_drained(k->session);
}

static void session_end_data(struct conn *c, const char *p, size_t n) {}

static void session_end_closed(struct conn *c, enum conn_end why)
{
	struct client *k = conn_data(c);
	if (k->session) session_close(k->session);
	k->session = NULL;
	k->near = NULL;
	count_closed(k);
}

static const struct conn_handler far_handler = { NULL, client_data, NULL, NULL, client_closed };
static const struct conn_handler near_handler = { NULL, session_end_data, session_end_drained, NULL,
												  session_end_closed };

static void client_arrives(struct reactor *r, struct mail *m)
{
	struct client *k = container_of(m, struct client, mail);
	struct conn *ends[2];
	struct conn_limits limits = { k->soft ? k->soft : (size_t)k->w->config.conn_soft, (size_t)k->w->config.conn_hard,
								  3600000 };
	conn_pair(r, ends);
	k->near = ends[0], k->far = ends[1];
	conn_setup(k->near, &near_handler, k, &limits);
	conn_setup(k->far, &far_handler, k, &limits);
	if (k->stopped) conn_pause(k->far);
	must(session_open(r, k->ops, k, k->near, 0, k->user, k->session_id, &k->session));
	session_hello(k->session, &k->hello);
	pthread_mutex_lock(&k->lock);
	k->arrived = true;
	pthread_mutex_unlock(&k->lock);
}

static bool has_arrived(void *arg)
{
	struct client *k = arg;
	pthread_mutex_lock(&k->lock);
	bool arrived = k->arrived;
	pthread_mutex_unlock(&k->lock);
	return arrived;
}

static inline struct client *client_make(struct world *w, int reactor, const struct cursor *cursors, size_t n)
{
	struct client *k = mem_new(struct client);
	k->w = w;
	k->user = ME;
	k->reactor = reactor;
	k->session_id = "";
	k->ops = &world_ops;
	buf_init(&k->lines);
	pthread_mutex_init(&k->lock, NULL);
	k->hello = (struct hello){ (struct cursor *)cursors, n, 0, 0 };
	k->mail.deliver = client_arrives;
	return k;
}

static inline void client_begin(struct client *k)
{
	reactor_post(k->w->r[k->reactor], &k->mail);
}

static inline struct client *client_open(struct world *w, int reactor, const struct cursor *cursors, size_t n)
{
	struct client *k = client_make(w, reactor, cursors, n);
	client_begin(k);
	return k;
}

static void close_arrives(struct reactor *r, struct mail *m)
{
	struct client *k = container_of(m, struct client, mail);
	if (k->near) conn_close(k->near);
	if (k->far) conn_close(k->far); /* one that has stopped reading sees no end */
}

static void resume_arrives(struct reactor *r, struct mail *m)
{
	conn_resume(container_of(m, struct client, mail)->far);
}

static inline void client_resume(struct client *k)
{
	k->mail.deliver = resume_arrives;
	reactor_post(k->w->r[k->reactor], &k->mail);
}

static bool is_closed(void *arg)
{
	struct client *k = arg;
	pthread_mutex_lock(&k->lock);
	bool closed = k->closed == 2;
	pthread_mutex_unlock(&k->lock);
	return closed;
}

static inline void client_free(struct client *k)
{
	buf_release(&k->lines);
	pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

static inline void client_end(struct client *k)
{
	world_until(k->w, has_arrived, k); /* its mail is used again */
	k->mail.deliver = close_arrives;
	reactor_post(k->w->r[k->reactor], &k->mail);
	world_until(k->w, is_closed, k);
	assert_true(is_closed(k));
	client_free(k);
}

struct waiting {
	struct client *k;
	const char *text;
};

static bool has_line(void *arg)
{
	struct waiting *x = arg;
	pthread_mutex_lock(&x->k->lock);
	buf_add_byte(&x->k->lines, 0);
	x->k->lines.n--;
	bool found = strstr(x->k->lines.p, x->text) != NULL;
	pthread_mutex_unlock(&x->k->lock);
	return found;
}

static inline const char *last_lines(struct client *k)
{
	return k->lines.n > 300 ? k->lines.p + k->lines.n - 300 : k->lines.p;
}

static inline void client_wait(struct client *k, const char *line)
{
	struct waiting x = { k, line };
	world_until(k->w, has_line, &x);
	if (!has_line(&x)) fail_msg("never read: %s behind: %s", line, last_lines(k));
}

/* "event 42 3\n"; rev -1: none. Good until the fourth call after it. */
static inline const char *line_of(const char *what, int64_t channel, int64_t rev)
{
	static char text[4][64];
	static unsigned at;
	char *z = text[at++ % 4];
	int n = snprintf(z, sizeof text[0], "%s %lld", what, (long long)channel);
	if (rev >= 0) n += snprintf(z + n, sizeof text[0] - (size_t)n, " %lld", (long long)rev);
	snprintf(z + n, sizeof text[0] - (size_t)n, "\n");
	return z;
}

/* All that was read, NUL-terminated. */
static inline const char *client_lines(struct client *k)
{
	pthread_mutex_lock(&k->lock);
	buf_add_byte(&k->lines, 0);
	k->lines.n--;
	pthread_mutex_unlock(&k->lock);
	return k->lines.p;
}

/* Reactors and lanes; the bus goes on. */
static inline void world_stop(struct world *w)
{
	for (int i = 1; i < WORLD_REACTORS; i++) reactor_stop(w->r[i]), reactor_join(w->r[i]);
	hub_ask_no_more(w->hub);
	lane_destroy(w->sync);
	lane_destroy(w->write);
	w->sync = NULL;
}

static inline void world_end(struct world *w)
{
	if (w->sync) world_stop(w);
	hub_stop(w->hub);
	for (int i = WORLD_REACTORS; i-- > 0;) conn_layer_close(w->r[i]), reactor_destroy(w->r[i]);
	hub_destroy(w->hub);
	w->bus->ops->destroy(w->bus);
	db_conn_destroy(w->writer);
	db_destroy(w->db);
	metrics_destroy(w->metrics);
	config_release(&w->config);
	mem_free(w);
	log_capture(NULL, NULL);
}

/* ---- the database */

static inline void run_sql(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void run_sql(struct world *w, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	must(db_script(w->writer, text));
}

static inline void make_person(struct world *w, int64_t id)
{
	run_sql(w,
			"INSERT INTO users (user_id, username, role, created_at) VALUES (%lld, 'u%lld', 1, 1); "
			"INSERT INTO user_heads (user_id, rev) VALUES (%lld, 1);",
			(long long)id, (long long)id, (long long)id);
}

static inline void make_channel(struct world *w, int64_t id)
{
	run_sql(w,
			"INSERT INTO heads (channel_id, kind) VALUES (%lld, 0); "
			"INSERT INTO channels (channel_id, name, name_key, created_at, created_by) VALUES (%lld, 'c%lld', 'c%lld', "
			"1, 1);",
			(long long)id, (long long)id, (long long)id, (long long)id);
}

/* One change as a `topic` row: its rev. Nothing is published. */
static inline int64_t write_change(struct world *w, int64_t channel, const char *kind, int64_t user)
{
	run_sql(w,
			"UPDATE heads SET rev = rev + 1, rev_at = rev + 1001 WHERE channel_id = %lld; "
			"INSERT INTO changes (channel_id, rev, kind, at, user_id, actor_id) "
			"SELECT channel_id, rev, '%s', rev + 1000, %lld, 1 FROM heads WHERE channel_id = %lld; "
			"INSERT INTO moves (channel_id, rev) SELECT channel_id, rev FROM heads WHERE channel_id = %lld;",
			(long long)channel, kind, (long long)user, (long long)channel, (long long)channel);
	static const struct sql q = { "SELECT rev FROM heads WHERE channel_id = $1", NULL };
	struct db_rows rows;
	int64_t rev = 0;
	must(db_query(w->writer, &q, DB_ARGS(DB_I64(channel)), &rows));
	while (db_next(&rows)) rev = db_i64(&rows, 0);
	must(db_end(&rows));
	return rev;
}

static inline struct event *make_event(struct world *w, int64_t channel, int64_t rev, enum change_kind kind,
									   int64_t user)
{
	const struct event_fields f = { .kind = kind,
									.channel_id = channel,
									.rev = rev,
									.at = rev + 1000,
									.actor_id = 1,
									.user_id = user,
									.epoch = w->epoch.hash };
	return codec_event(&f);
}

static inline void publish(struct world *w, int64_t channel, int64_t rev, enum change_kind kind, int64_t user)
{
	struct event *e = make_event(w, channel, rev, kind, user);
	bus_publish(w->bus, &e, 1);
	event_unref(e);
}

static inline void move_person(struct world *w, int64_t user)
{
	run_sql(w,
			"UPDATE user_heads SET rev = rev + 1 WHERE user_id = %lld; "
			"INSERT INTO moves (user_id, rev) SELECT user_id, rev FROM user_heads WHERE user_id = %lld;",
			(long long)user, (long long)user);
}

static inline void tell_person(struct world *w, int64_t user, int64_t user_rev)
{
	struct user_news *n = user_news_create(0);
	n->user_id = user;
	n->user_rev = user_rev;
	n->epoch = w->epoch.hash;
	n->list_moved = true;
	bus_publish_user(w->bus, n);
	user_news_unref(n);
}

/* The database goes on under another epoch. */
static inline void next_epoch(struct world *w)
{
	char epoch[17];
	codec_epoch(epoch, ++w->epoch.hash);
	run_sql(w, "UPDATE meta SET value = '%s' WHERE key = 'epoch'", epoch);
}

/* The rev of the join; nothing is published. */
static inline int64_t enter_channel(struct world *w, int64_t channel, int64_t user)
{
	must(db_begin(w->writer));
	int64_t rev = write_change(w, channel, "join", user);
	move_person(w, user);
	run_sql(
		w,
		"INSERT INTO members (channel_id, user_id, joined_rev, joined_at, user_rev) SELECT %lld, %lld, %lld, 1, rev "
		"FROM user_heads WHERE user_id = %lld ON CONFLICT (channel_id, user_id) DO UPDATE SET left_rev = NULL, "
		"joined_rev = excluded.joined_rev, user_rev = excluded.user_rev",
		(long long)channel, (long long)user, (long long)rev, (long long)user);
	must(db_commit(w->writer));
	return rev;
}

static inline void join_channel(struct world *w, int64_t channel, int64_t user)
{
	publish(w, channel, enter_channel(w, channel, user), CHANGE_JOIN, user);
}

static inline int64_t kick_from(struct world *w, int64_t channel, int64_t user)
{
	must(db_begin(w->writer));
	int64_t rev = write_change(w, channel, "kick", user);
	move_person(w, user);
	run_sql(
		w,
		"UPDATE members SET left_rev = %lld, left_at = %lld, user_rev = (SELECT rev FROM user_heads WHERE user_id = "
		"%lld) WHERE channel_id = %lld AND user_id = %lld",
		(long long)rev, (long long)clock_wall_ms(&clock_real), (long long)user, (long long)channel, (long long)user);
	must(db_commit(w->writer));
	return rev;
}

/* Its last change; what is deleted has no rows of members to be moved. Nothing is published. */
static inline int64_t delete_channel(struct world *w, int64_t channel)
{
	int64_t rev = write_change(w, channel, "deleted", 0);
	run_sql(w, "UPDATE heads SET deleted_at = 1 WHERE channel_id = %lld", (long long)channel);
	run_sql(w, "INSERT INTO ended_channels (channel_id, at) VALUES (%lld, 1)", (long long)channel);
	return rev;
}

/* The person's own part of a channel changes. */
static inline void set_level(struct world *w, int64_t channel, int64_t user, int level)
{
	must(db_begin(w->writer)); /* a reader sees both or none */
	move_person(w, user);
	run_sql(w,
			"UPDATE members SET level = %d, user_rev = (SELECT rev FROM user_heads WHERE user_id = %lld) WHERE "
			"channel_id = %lld AND user_id = %lld",
			level, (long long)user, (long long)channel, (long long)user);
	must(db_commit(w->writer));
}

static inline void set_marker(struct world *w, int64_t channel, int64_t user, int64_t read_id, int64_t at)
{
	run_sql(w, "UPDATE members SET read_id = %lld, read_at = %lld WHERE channel_id = %lld AND user_id = %lld",
			(long long)read_id, (long long)at, (long long)channel, (long long)user);
}

/* "CHANNEL READ_ID" in place of a frame */
static inline struct user_news *marker_news(struct world *w, int64_t channel, int64_t user, int64_t read_id, int64_t at)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%lld %lld", (long long)channel, (long long)read_id);
	struct user_news *news = user_news_create((size_t)n);
	memcpy(news->json, text, (size_t)n);
	news->user_id = user;
	news->epoch = w->epoch.hash;
	news->marker_channel = channel, news->marker_at = at;
	return news;
}

static inline void tell_marker(struct world *w, int64_t channel, int64_t user, int64_t read_id, int64_t at)
{
	struct user_news *n = marker_news(w, channel, user, read_id, at);
	bus_publish_user(w->bus, n);
	user_news_unref(n);
}

/* Retention: what is at or below `rev` is gone. */
static inline void retain_from(struct world *w, int64_t channel, int64_t rev)
{
	run_sql(w,
			"UPDATE heads SET min_rev = %lld, min_rev_at = %lld WHERE channel_id = %lld; "
			"DELETE FROM changes WHERE channel_id = %lld AND rev <= %lld;",
			(long long)rev, (long long)rev + 1000, (long long)channel, (long long)channel, (long long)rev);
}

/* `n` changes, each published. */
static inline void say_changes(struct world *w, int64_t channel, int n)
{
	for (int i = 0; i < n; i++) publish(w, channel, write_change(w, channel, "topic", 0), CHANGE_TOPIC, 0);
}
#endif
