/* The world of world.h turned by hand, in one thread and on a clock of its own: reactors are virtual, what the hub asks
 * of the database waits until the test lets it be answered, and so each order of things can be had, again and again. */
#ifndef LINNET_TESTS_HUB_HAND_H
#define LINNET_TESTS_HUB_HAND_H
#include "world.h"

struct hand {
	struct world *w;
	struct clock clock;
	int64_t now_ns;
	VEC(struct job *) jobs;   /* asked, not yet run */
	VEC(struct job *) writes; /* as well; a test that has some answers them itself */
};

static int64_t hand_wall_ms(const struct clock *c)
{
	return container_of((struct clock *)c, struct hand, clock)->now_ns / 1000000;
}

static int64_t hand_monotonic_ns(const struct clock *c)
{
	return container_of((struct clock *)c, struct hand, clock)->now_ns;
}

static void hand_submitted(void *arg, struct lane *l, struct job *j)
{
	struct hand *h = arg;
	if (l == h->w->write)
		vec_push(&h->writes, j);
	else
		vec_push(&h->jobs, j);
}

static inline struct hand *hand_make(void)
{
	struct hand *h = mem_new(struct hand);
	h->w = world_make();
	h->clock = (struct clock){ hand_wall_ms, hand_monotonic_ns };
	h->now_ns = INT64_C(1000000000);
	return h;
}

/* After the settings were changed. `bus`: NULL: the local one. */
static inline void hand_start_on(struct hand *h, struct bus *bus)
{
	struct world *w = h->w;
	w->bus = bus ? bus : bus_local_create();
	w->bus_ops = *w->bus->ops;
	w->bus_ops.certain = not_certain;
	if (w->uncertain) w->bus->ops = &w->bus_ops;
	w->sync = lane_create_virtual(&(struct lane_options){ .name = "sync",
														  .most_queued = 1000,
														  .open = sync_open,
														  .close = sync_close,
														  .arg = w->db,
														  .clock = &h->clock },
								  hand_submitted, h);
	w->write = lane_create_virtual(&(struct lane_options){ .name = "write",
														   .most_queued = 1000,
														   .open = write_open,
														   .close = sync_close,
														   .arg = w->db,
														   .clock = &h->clock },
								   hand_submitted, h);
	for (int i = 0; i < WORLD_REACTORS; i++) {
		w->r[i] = reactor_create_virtual(&(struct reactor_options){ i, &h->clock });
		conn_layer_open(w->r[i], 65536);
	}
	w->hub =
		hub_create(&(struct hub_options){ &w->config, w->metrics, w->bus, w->sync, w->r, WORLD_REACTORS, w->dialects, 1,
										  w->epoch, .eph = w->eph, .pod = w->pod, .write = w->write });
}

static inline void hand_start(struct hand *h)
{
	hand_start_on(h, NULL);
}

/* ---- turning */

/* Each reactor turns until nothing is left to do at this time. */
static inline void hand_turn(struct hand *h)
{
	bool more = true;
	for (int i = 0; more && i < 1000; i++) {
		more = false;
		for (int k = 0; k < WORLD_REACTORS; k++) {
			more |= reactor_turn(h->w->r[k]);
			more |= reactor_next_ms(h->w->r[k]) <= h->now_ns / 1000000;
		}
	}
	assert_false(more);
}

/* The database answers the first question. */
static inline void hand_answer_at(struct hand *h, size_t at)
{
	struct job *j = h->jobs.p[at];
	memmove(h->jobs.p + at, h->jobs.p + at + 1, (h->jobs.n - at - 1) * sizeof *h->jobs.p);
	h->jobs.n--;
	lane_run_job(h->w->sync, j);
}

/* The questions that wait are answered, not those that come of it. */
static inline void hand_answer(struct hand *h)
{
	for (size_t n = h->jobs.n; n--;) hand_answer_at(h, 0);
}

static inline void hand_write(struct hand *h)
{
	assert_int_equal(h->writes.n, 1);
	lane_run_job(h->w->write, vec_pop(&h->writes));
	hand_turn(h);
}

/* The database does not take it. */
static inline void hand_refuse(struct hand *h)
{
	assert_int_equal(h->writes.n, 1);
	lane_drop_job(h->w->write, vec_pop(&h->writes));
	hand_turn(h);
}

/* Time passes, and every read is answered. */
static inline void hand_pass(struct hand *h, int64_t ms)
{
	for (; ms >= 0; ms--) {
		hand_turn(h);
		while (h->jobs.n) hand_answer(h), hand_turn(h);
		h->now_ns += 1000000;
	}
	hand_turn(h);
}

/* A long time passes in which nothing happens; then everything that was due. */
static inline void hand_skip(struct hand *h, int64_t ms)
{
	hand_turn(h);
	h->now_ns += ms * 1000000;
	hand_pass(h, 2);
}

/* Until so many questions wait; those that wait now are answered. */
static inline void hand_asked(struct hand *h, size_t n)
{
	hand_turn(h);
	for (int i = 0; h->jobs.n != n && i < 100; i++) {
		hand_answer(h);
		h->now_ns += 1000000;
		hand_turn(h);
	}
	assert_int_equal(h->jobs.n, n);
}

/* ---- clients */

static inline void hand_free_client(struct client *k)
{
	buf_release(&k->lines);
	pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

static inline void hand_close(struct hand *h, struct client *k)
{
	if (k->near) conn_close(k->near);
	hand_turn(h);
	assert_int_equal(k->closed, 2);
	hand_free_client(k);
}

static inline struct client *hand_open(struct hand *h, int reactor, const struct cursor *cursors, size_t n)
{
	struct client *k = client_open(h->w, reactor, cursors, n);
	hand_turn(h);
	return k;
}

static inline struct client *hand_open_as(struct hand *h, int64_t user, int reactor, const struct cursor *cursors,
										  size_t n)
{
	struct client *k = client_make(h->w, reactor, cursors, n);
	k->user = user;
	reactor_post(h->w->r[reactor], &k->mail);
	hand_turn(h);
	return k;
}

/* One whose channels are live. */
static inline struct client *hand_reader(struct hand *h, int reactor, const struct cursor *cursors, size_t n)
{
	struct client *k = hand_open(h, reactor, cursors, n);
	hand_pass(h, 2);
	assert_non_null(strstr(client_lines(k), "ready"));
	return k;
}

static inline bool has(struct client *k, const char *line)
{
	return strstr(client_lines(k), line) != NULL;
}

static inline size_t count_of(struct client *k, const char *what)
{
	size_t n = 0;
	for (const char *p = client_lines(k); (p = strstr(p, what)); p++) n++;
	return n;
}

/* Whatever waits, also what the database was asked for. */
static inline void hand_end(struct hand *h)
{
	struct world *w = h->w;
	while (h->jobs.n) {
		struct job *j = vec_pop(&h->jobs);
		lane_drop_job(w->sync, j);
	}
	if (h->writes.n) hand_refuse(h);
	lane_destroy(w->sync);
	lane_destroy(w->write);
	hub_stop(w->hub);
	for (int i = WORLD_REACTORS; i-- > 0;) conn_layer_close(w->r[i]), reactor_destroy(w->r[i]);
	hub_destroy(w->hub);
	w->bus->ops->destroy(w->bus);
	db_conn_destroy(w->writer);
	db_destroy(w->db);
	metrics_destroy(w->metrics);
	config_release(&w->config);
	mem_free(w);
	vec_release(&h->jobs);
	vec_release(&h->writes);
	mem_free(h);
	log_capture(NULL, NULL);
}
#endif
