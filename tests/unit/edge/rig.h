/* An edge on a virtual reactor: its time stands still unless the test moves it, its lanes' jobs run when the test says
 * so (by default at once), its clients are the other ends of loopback pairs. */
#ifndef LINNET_TESTS_EDGE_RIG_H
#define LINNET_TESTS_EDGE_RIG_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "edge/edge.h"
#include "edge/jwt.h"
#include "store/account.h"
#include "store/migrations.h"

struct rig {
	struct clock clock; /* first: the clock is the rig */
	int64_t ns;
	struct config config;
	struct pod pod;
	struct reactor *reactor;
	struct lane *lanes[3];
	struct edge *edge;
	struct job *jobs; /* submitted, not yet run */
	struct lane *job_lanes[16];
	size_t n_jobs;
	bool hold_jobs;
	enum err session; /* what the session of any credential comes to */
	struct actor actor;
	int sessions;
	/* with a database: rig_open_db */
	struct db *db;
	struct db_conn *look; /* the test's own */
	struct bus *bus;
	char log[65536];
	size_t log_n;
};
static struct rig *rig_now; /* for callbacks that get nothing of ours */

static inline int64_t rig_wall_ms(const struct clock *c)
{
	return 1700000000000 + ((const struct rig *)c)->ns / 1000000;
}
static inline int64_t rig_monotonic_ns(const struct clock *c)
{
	return ((const struct rig *)c)->ns;
}

static inline void rig_log(void *arg, struct str line)
{
	struct rig *r = arg;
	if (r->log_n + line.n >= sizeof r->log) r->log_n = 0;
	memcpy(r->log + r->log_n, line.p, line.n);
	r->log_n += line.n;
	r->log[r->log_n] = 0;
}

static inline void rig_submitted(void *arg, struct lane *l, struct job *j)
{
	struct rig *r = arg;
	assert_true(r->n_jobs < 16);
	r->job_lanes[r->n_jobs++] = l;
	struct job **end = &r->jobs;
	while (*end) end = &(*end)->next;
	*end = j;
	j->next = NULL;
}

static inline enum err rig_session(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out)
{
	rig_now->sessions++;
	if (rig_now->session) return rig_now->session;
	*out = rig_now->actor;
	return OK;
}

static inline void rig_set(struct rig *r, const char *name, const char *value)
{
	const char *why = "";
	if (!config_set(&r->config, str_of(name), str_of(value), &why)) fail_msg("%s", why);
}

/* Settings are set between rig_init and rig_open. */
static inline void rig_init(struct rig *r)
{
	memset(r, 0, sizeof *r);
	rig_now = r;
	r->clock = (struct clock){ rig_wall_ms, rig_monotonic_ns };
	r->ns = 1000000000;
	config_init(&r->config);
	r->actor = (struct actor){ .user_id = 7, .role = USER_MEMBER, .session_kind = SESSION_COOKIE, .scopes = SCOPE_ALL };
	log_capture(rig_log, r);
}

static inline void *rig_conn(void *arg, int thread)
{
	return db_conn_create(arg, DB_WRITE);
}

static inline void rig_conn_close(void *state)
{
	db_conn_destroy(state);
}

static inline struct lane *rig_lane(struct rig *r, const char *name)
{
	const struct lane_options o = {
		.name = name,
		.threads = 1,
		.most_queued = 4,
		.clock = &r->clock,
		.open = r->db ? rig_conn : NULL,
		.close = r->db ? rig_conn_close : NULL,
		.arg = r->db,
	};
	return lane_create_virtual(&o, rig_submitted, r);
}

static inline void rig_open(struct rig *r, const struct route *rows, size_t n)
{
	struct pod *p = &r->pod;
	r->reactor = reactor_create_virtual(&(struct reactor_options){ .clock = &r->clock });
	conn_layer_open(r->reactor, 65536);
	p->config = &r->config;
	p->clock = &r->clock;
	p->random = &random_kernel;
	p->metrics = metrics_create();
	p->role = ROLE_SERVE;
	p->eph = eph_local_create(&r->clock, 1000);
	p->read = r->lanes[0] = rig_lane(r, "read");
	p->write = r->lanes[1] = rig_lane(r, "write");
	p->cpu = r->lanes[2] = rig_lane(r, "cpu");
	p->reactors = &r->reactor;
	p->n_reactors = 1;
	p->ready = true;
	assert_true(jwt_key(STR("a secret of the tests, of 32 bytes or more"), p->jwt_key, &p->jwt_key_n));
	r->edge = edge_create(&(struct edge_options){ p, rows, n, r->db ? session_actor : rig_session });
}

/* The program's own routes on a database in memory, with an append queue and a bus that nobody listens to. */
static inline void rig_open_db(struct rig *r)
{
	const struct db_options o = { "sqlite::memory:", 10000, 5000, 10, true };
	if (db_create(&o, &r->db)) fail_msg("no database");
	r->look = db_conn_create(r->db, DB_WRITE);
	if (migrate_up(r->look, migration_list, migration_count, NULL) || epoch_open(r->look, &r->pod.epoch))
		fail_msg("no tables");
	rig_set(r, "LINNET_ARGON_OPS", "1");
	rig_set(r, "LINNET_ARGON_MEMORY", "8M");
	rig_open(r, routes, n_routes);
	r->pod.db = r->db;
	r->pod.bus = r->bus = bus_local_create();
	const struct append_options a = {
		.config = &r->config,
		.lane = r->pod.write,
		.bus = r->bus,
		.clock = &r->clock,
		.metrics = r->pod.metrics,
	};
	r->pod.append = append_create(&a, &r->pod.epoch);
}

static inline void rig_close_db(struct rig *r)
{
	r->bus->ops->destroy(r->bus);
	db_conn_destroy(r->look);
	db_destroy(r->db);
}

/* One number of one row; -1: no row. `text` stays. */
static inline int64_t rig_number(struct rig *r, const struct sql *q)
{
	struct db_rows rows;
	if (db_query(r->look, q, DB_NO_ARGS, &rows)) fail_msg("%s", q->text);
	int64_t v = db_next(&rows) ? db_i64(&rows, 0) : -1;
	if (db_end(&rows)) fail_msg("%s", q->text);
	return v;
}
#define RIG_NUMBER(r, text)                                                                                            \
	({                                                                                                                 \
		static const struct sql q_ = { text, NULL };                                                                   \
		rig_number(r, &q_);                                                                                            \
	})

static inline bool rig_run_jobs(struct rig *r)
{
	bool any = r->n_jobs > 0;
	while (r->n_jobs) {
		struct job *j = r->jobs;
		struct lane *l = r->job_lanes[0];
		r->jobs = j->next;
		memmove(r->job_lanes, r->job_lanes + 1, sizeof *r->job_lanes * --r->n_jobs);
		lane_run_job(l, j);
	}
	return any;
}

/* Until nothing more happens at this time. */
static inline void rig_settle(struct rig *r)
{
	bool more = true;
	for (int i = 0; more && i < 1000; i++) {
		more = reactor_turn(r->reactor);
		if (!r->hold_jobs && rig_run_jobs(r)) more = true;
	}
	assert_false(more);
}

static inline void rig_pass(struct rig *r, int64_t ms)
{
	int64_t until = r->ns + ms * 1000000;
	while (r->ns < until) {
		int64_t step = until - r->ns < 50000000 ? until - r->ns : 50000000;
		r->ns += step;
		rig_settle(r);
	}
}

static inline void rig_close(struct rig *r)
{
	r->hold_jobs = false;
	rig_settle(r);
	conn_layer_close(r->reactor);
	rig_settle(r);
	if (r->db) append_destroy(r->pod.append); /* its timers are let go on the reactor */
	for (int i = 0; i < 3; i++) lane_destroy(r->lanes[i]);
	reactor_destroy(r->reactor);
	assert_int_equal(edge_pending(r->edge), 0);
	edge_destroy(r->edge);
	r->pod.eph->ops->destroy(r->pod.eph);
	if (r->db) rig_close_db(r);
	metrics_destroy(r->pod.metrics);
	config_release(&r->config);
	log_capture(NULL, NULL);
}

/* ---- clients */
struct client {
	struct conn *conn; /* NULL: closed */
	struct buf got;
	size_t at;  /* what answers were taken from it */
	bool ended; /* the server sends no more */
};

static inline void client_data(struct conn *c, const char *p, size_t n)
{
	buf_add(&((struct client *)conn_data(c))->got, p, n);
}
static inline void client_ended(struct conn *c)
{
	((struct client *)conn_data(c))->ended = true;
}
static inline void client_closed(struct conn *c, enum conn_end why)
{
	((struct client *)conn_data(c))->conn = NULL;
}
static const struct conn_handler client_handler = { .data = client_data,
													.ended = client_ended,
													.closed = client_closed };

static inline void client_open(struct rig *r, struct client *k)
{
	struct conn *pair[2];
	conn_pair(r->reactor, pair);
	*k = (struct client){ .conn = pair[0] };
	buf_init(&k->got);
	conn_setup(pair[0], &client_handler, k, NULL);
	edge_serve(r->edge, pair[1]);
}

static inline void client_send(struct rig *r, struct client *k, const char *text)
{
	conn_write_copy(k->conn, text, strlen(text));
	rig_settle(r);
}

static inline void client_close(struct rig *r, struct client *k)
{
	if (k->conn) conn_close(k->conn);
	rig_settle(r);
	buf_release(&k->got);
}

/* ---- answers */
struct answer {
	int status;
	struct str head, body;
};

static inline bool client_answer(struct client *k, struct answer *a)
{
	struct str rest = str_from(buf_str(&k->got), k->at);
	const char *end = rest.n ? memmem(rest.p, rest.n, "\r\n\r\n", 4) : NULL;
	*a = (struct answer){ 0 };
	if (!end) return false;
	*a = (struct answer){ .head = str_upto(rest, (size_t)(end + 2 - rest.p)) };
	assert_true(str_starts(a->head, STR("HTTP/1.1 ")));
	int64_t status = 0, n = 0;
	assert_true(str_i64(str_upto(str_from(a->head, 9), 3), 100, 599, &status));
	a->status = (int)status;
	const char *length = memmem(a->head.p, a->head.n, "Content-Length: ", 16);
	if (length) {
		struct str digits = str_from(a->head, (size_t)(length + 16 - a->head.p)), line;
		assert_true(str_split(&digits, '\r', &line) && str_i64(line, 0, INT64_MAX, &n));
	}
	a->body = str_upto(str_from(rest, a->head.n + 2), (size_t)n);
	k->at += a->head.n + 2 + a->body.n;
	return true;
}

static inline struct str answer_header(const struct answer *a, const char *name)
{
	struct str rest = a->head, line;
	while (str_split(&rest, '\n', &line)) {
		struct str value = line, key;
		str_split(&value, ':', &key);
		if (value.p && str_eq_nocase(key, str_of(name))) return str_trim(str_upto(value, value.n - 1));
	}
	return STR_NONE;
}

static inline void assert_str(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want))) fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(got), want);
}

static inline bool str_contains(struct str s, const char *part)
{
	return !*part || (s.n && memmem(s.p, s.n, part, strlen(part)));
}

static inline void assert_answer(struct client *k, int status, const char *part)
{
	struct answer a;
	if (!client_answer(k, &a)) fail_msg("no answer, but: " STR_FMT, STR_ARG(str_from(buf_str(&k->got), k->at)));
	if (a.status != status || !str_contains(a.body, part))
		fail_msg("%d with \"%s\" was expected, not\n" STR_FMT "\n" STR_FMT, status, part, STR_ARG(a.head),
				 STR_ARG(a.body));
}

/* Sends one request on a connection of its own and looks at what comes. */
static inline void assert_exchange(struct rig *r, const char *request, int status, const char *part)
{
	struct client k;
	client_open(r, &k);
	client_send(r, &k, request);
	assert_answer(&k, status, part);
	client_close(r, &k);
}
#define CODE(code) "\"code\":\"" code "\""
#endif
