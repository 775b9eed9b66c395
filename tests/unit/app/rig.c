#include "rig.h"

#include <stdlib.h>
#include <unistd.h>

#include "support/postgres.h"

static void hush(void *arg, struct str line) {}

/* ---- the bus */

static void bus_attach(struct bus *b, const struct bus_sink *sink) {}

static void bus_publish_all(struct bus *b, struct event *const *events, size_t n)
{
	struct rig *g = container_of(b, struct rig, bus);
	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < n; i++) vec_push(&g->events, event_ref(events[i]));
	pthread_mutex_unlock(&g->lock);
}

static void bus_publish_person(struct bus *b, struct user_news *n)
{
	struct rig *g = container_of(b, struct rig, bus);
	struct person_moved p = { n->user_id, n->user_rev };
	assert_true(n->list_moved);
	assert_true(n->epoch == g->epoch.hash);
	pthread_mutex_lock(&g->lock);
	vec_push(&g->people, p);
	if (n->left_channel) g->events_at_left = g->events.n;
	pthread_mutex_unlock(&g->lock);
}

static void bus_topic(struct bus *b, enum topic_kind kind, int64_t id) {}

static bool bus_certain(const struct bus *b)
{
	return true;
}

static void bus_end(struct bus *b) {}

static void bus_publish_hints(struct bus *b, struct hint *h)
{
	struct rig *g = container_of(b, struct rig, bus);
	pthread_mutex_lock(&g->lock);
	vec_push(&g->hints, hint_ref(h));
	pthread_mutex_unlock(&g->lock);
}

static const struct bus_ops remembering = { bus_attach,        bus_publish_all, bus_publish_person,
											bus_publish_hints, bus_topic,       bus_topic,
											bus_certain,       bus_end,         bus_end };

/* ---- making */

static void *lane_open(void *arg, int thread)
{
	return db_conn_create(arg, DB_APPEND);
}

static void lane_close(void *state)
{
	db_conn_destroy(state);
}

static void epoch_found(void *arg, uint64_t epoch)
{
	struct rig *g = arg;
	pthread_mutex_lock(&g->lock);
	g->epoch.hash = epoch;
	g->epochs_found++;
	pthread_mutex_unlock(&g->lock);
}

void rig_append_open(struct rig *g)
{
	const struct append_options o = { .config = &g->config,
									  .lane = g->lane,
									  .bus = &g->bus,
									  .clock = &clock_real,
									  .metrics = g->metrics,
									  .epoch_changed = epoch_found,
									  .arg = g };
	g->append = append_create(&o, &g->epoch);
}

void rig_append_close(struct rig *g)
{
	append_destroy(g->append);
	g->append = NULL;
}

struct rig *rig_make(const char *url)
{
	return rig_make_apart(url, url);
}

struct rig *rig_make_apart(const char *url, const char *append_url)
{
	struct rig *g = mem_new(struct rig);
	const struct db_options o = { url, 60000, 30000, 10, true }, apart = { append_url, 60000, 30000, 10, true };
	log_capture(hush, NULL);
	g->bus.ops = &remembering;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->more, NULL);
	config_init(&g->config);
	g->config.append_wait_ms = PATIENCE_MS;
	g->metrics = metrics_create();
	must(db_create(&o, &g->db));
	if (strcmp(url, append_url) != 0) must(db_create(&apart, &g->append_db));
	g->look = db_conn_create(g->db, DB_WRITE);
	must(migrate_up(g->look, migration_list, migration_count, NULL));
	must(epoch_open(g->look, &g->epoch));
	const struct lane_options lane = { .name = "append",
									   .threads = 1,
									   .most_queued = 16,
									   .open = lane_open,
									   .close = lane_close,
									   .arg = g->append_db ? g->append_db : g->db };
	g->lane = lane_create(&lane);
	for (int i = 0; i < RIG_REACTORS; i++) {
		const struct reactor_options r = { .index = i };
		g->r[i] = reactor_create(&r);
		reactor_start(g->r[i]);
	}
	rig_append_open(g);
	return g;
}

void rig_free(struct rig *g)
{
	if (g->append) rig_append_close(g);
	for (int i = 0; i < RIG_REACTORS; i++) {
		reactor_stop(g->r[i]);
		reactor_join(g->r[i]);
		reactor_destroy(g->r[i]);
	}
	lane_destroy(g->lane);
	db_conn_destroy(g->look);
	db_destroy(g->db);
	db_destroy(g->append_db);
	for (size_t i = 0; i < g->events.n; i++) event_unref(g->events.p[i]);
	vec_release(&g->events);
	vec_release(&g->people);
	for (size_t i = 0; i < g->hints.n; i++) hint_unref(g->hints.p[i]);
	vec_release(&g->hints);
	metrics_destroy(g->metrics);
	config_release(&g->config);
	mem_free(g);
	log_capture(NULL, NULL);
}

/* ---- rows */

void rig_sql(struct rig *g, const char *text)
{
	must(db_script(g->look, text));
}

/* A constant's address is its identity, so texts made here are kept, one of each. */
static const struct sql *sql_of(const char *text)
{
	static struct str_map kept;
	struct sql *q = str_map_get(&kept, str_of(text));
	if (q) return q;
	q = mem_new(struct sql);
	q->text = mem_dup(text, strlen(text) + 1);
	str_map_put(&kept, str_of(q->text), q);
	return q;
}

int64_t rig_number(struct rig *g, const char *text)
{
	struct db_rows rows;
	int64_t v = -1;
	must(db_query(g->look, sql_of(text), DB_NO_ARGS, &rows));
	if (db_next(&rows)) v = db_i64(&rows, 0);
	must(db_end(&rows));
	return v;
}

struct str rig_text(struct rig *g, struct arena *a, const char *text)
{
	struct db_rows rows;
	struct str v = STR_NONE;
	must(db_query(g->look, sql_of(text), DB_NO_ARGS, &rows));
	if (db_next(&rows)) v = arena_str(a, db_str(&rows, 0));
	must(db_end(&rows));
	return v;
}

int64_t rig_count(struct rig *g, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return rig_number(g, text);
}

static void cookie_hash(int64_t who, uint8_t out[32])
{
	memset(out, 0, 32);
	memcpy(out, &who, sizeof who);
}

static void session_id(int64_t who, char out[SESSION_ID + 1])
{
	snprintf(out, SESSION_ID + 1, "%026lld", (long long)who);
}

void rig_people(struct rig *g, int n)
{
	static const struct sql person = { "INSERT INTO users (user_id, username, role, created_at) VALUES ($1, $2, $3, 1)",
									   NULL };
	static const struct sql head = { "INSERT INTO user_heads (user_id, rev) VALUES ($1, 0)", NULL };
	static const struct sql session = {
		"INSERT INTO sessions (session_id, kind, user_id, secret_hash, scopes, created_at, expires_at, used_at) "
		"VALUES ($1, 'cookie', $2, $3, 15, 1, 9999999999999, 1)",
		NULL
	};
	must(db_begin(g->look));
	for (int64_t i = 1; i <= n; i++) {
		char name[32], id[SESSION_ID + 1];
		uint8_t hash[32];
		snprintf(name, sizeof name, "user%lld", (long long)i);
		session_id(i, id);
		cookie_hash(i, hash);
		must(db_exec(g->look, &person,
					 DB_ARGS(DB_I64(i), DB_TEXT(str_of(name)), DB_I64(i == 1 ? USER_OWNER : USER_MEMBER)), NULL));
		must(db_exec(g->look, &head, DB_ARGS(DB_I64(i)), NULL));
		must(db_exec(g->look, &session,
					 DB_ARGS(DB_TEXT(str_of(id)), DB_I64(i), DB_BYTES(((struct str){ (char *)hash, 32 }))), NULL));
	}
	must(db_commit(g->look));
}

void rig_role(struct rig *g, int64_t user_id, enum user_role role)
{
	static const struct sql q = { "UPDATE users SET role = $2 WHERE user_id = $1", NULL };
	must(db_exec(g->look, &q, DB_ARGS(DB_I64(user_id), DB_I64(role)), NULL));
}

/* ---- changes */

static void ask_done(struct change *c)
{
	struct ask *q = container_of(c, struct ask, change);
	struct rig *g = q->rig;
	assert_true(reactor_here(c->home));
	pthread_mutex_lock(&g->lock);
	q->done = true;
	if (c->event) event_ref(c->event);
	pthread_cond_broadcast(&g->more);
	pthread_mutex_unlock(&g->lock);
}

struct ask *ask_new(struct rig *g, int64_t who, enum change_kind kind, int64_t channel_id)
{
	struct ask *q = mem_new(struct ask);
	q->rig = g;
	q->change.kind = kind;
	q->change.channel_id = channel_id;
	q->change.credential.kind = CREDENTIAL_COOKIE;
	cookie_hash(who, q->change.credential.hash);
	q->change.need_scope = SCOPE_WRITE;
	q->change.role = q->change.voice = -1;
	q->change.home = g->r[who % RIG_REACTORS];
	q->change.done = ask_done;
	return q;
}

void ask_nonce(struct ask *q, int64_t n)
{
	memset(q->send.nonce, 0, 16);
	memcpy(q->send.nonce, &n, sizeof n);
}

struct ask *ask_send(struct rig *g, int64_t who, int64_t channel_id, const char *body)
{
	struct ask *q = ask_new(g, who, CHANGE_MESSAGE, channel_id);
	ask_nonce(q, __atomic_add_fetch(&g->n_nonces, 1, __ATOMIC_RELAXED) + (INT64_C(1) << 32));
	memcpy(q->send.nonce + 8, &g, sizeof g); /* another rig on the same database counts for itself */
	q->send.channel_id = channel_id;
	q->send.body = str_of(body);
	q->change.send = &q->send;
	return q;
}

void ask_free(struct ask *q)
{
	event_unref(q->change.event);
	arena_release(&q->change.arena);
	mem_free(q);
}

enum err ask_submit(struct ask *q)
{
	if (q->change.send) send_hash(&q->send);
	q->done = false;
	return append_submit(q->rig->append, &q->change);
}

void ask_wait(struct ask *q)
{
	pthread_mutex_lock(&q->rig->lock);
	while (!q->done) pthread_cond_wait(&q->rig->more, &q->rig->lock);
	pthread_mutex_unlock(&q->rig->lock);
}

enum err ask_do(struct ask *q)
{
	must(ask_submit(q));
	ask_wait(q);
	return q->change.err;
}

enum err ask_once(struct ask *q)
{
	enum err e = ask_do(q);
	ask_free(q);
	return e;
}

int64_t rig_channel(struct rig *g, int64_t who, const char *name, enum channel_kind kind)
{
	struct ask *q = ask_new(g, who, CHANGE_CHANNEL, 0);
	q->create.kind = kind;
	q->create.name = q->create.name_key = str_of(name);
	q->change.create = &q->create;
	must(ask_do(q));
	int64_t id = q->change.new_channel_id;
	ask_free(q);
	return id;
}

void rig_join(struct rig *g, int64_t who, int64_t channel_id)
{
	must(ask_once(ask_new(g, who, CHANGE_JOIN, channel_id)));
}

struct event *rig_event(struct rig *g, int64_t channel_id, int64_t rev)
{
	struct event *found = NULL;
	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->events.n && !found; i++)
		if (g->events.p[i]->channel_id == channel_id && g->events.p[i]->rev == rev) found = g->events.p[i];
	pthread_mutex_unlock(&g->lock);
	return found;
}

struct str rig_hint(struct rig *g, struct arena *a, int64_t channel_id)
{
	struct str found = STR_NONE;
	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->hints.n; i++) {
		const struct hint *h = g->hints.p[i];
		if (h->channel_id == channel_id) found = arena_str(a, (struct str){ h->json, h->json_n });
	}
	pthread_mutex_unlock(&g->lock);
	return found;
}

void rig_check_dense(struct rig *g, int64_t channel_id)
{
	char text[512];
	snprintf(text, sizeof text,
			 "SELECT count(DISTINCT rev) * 1000000 + count(*) FROM (SELECT rev FROM messages WHERE channel_id = %lld "
			 "UNION ALL "
			 "SELECT rev FROM changes WHERE channel_id = %lld) x",
			 (long long)channel_id, (long long)channel_id);
	int64_t n = rig_number(g, text);
	snprintf(text, sizeof text, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)channel_id);
	int64_t rev = rig_number(g, text);
	assert_int_equal(n, rev * 1000000 + rev);
	snprintf(text, sizeof text,
			 "SELECT max(rev) FROM (SELECT rev FROM messages WHERE channel_id = %lld UNION ALL SELECT rev FROM changes "
			 "WHERE "
			 "channel_id = %lld) x",
			 (long long)channel_id, (long long)channel_id);
	assert_int_equal(rig_number(g, text), rev);
}

/* ---- holding the lane */

struct rig_hold {
	struct job job;
	struct rig *rig;
	bool running, released;
};

static void hold_run(struct job *j, void *state)
{
	struct rig_hold *h = container_of(j, struct rig_hold, job);
	pthread_mutex_lock(&h->rig->lock);
	h->running = true;
	pthread_cond_broadcast(&h->rig->more);
	while (!h->released) pthread_cond_wait(&h->rig->more, &h->rig->lock);
	pthread_mutex_unlock(&h->rig->lock);
}

static void hold_done(struct job *j)
{
	mem_free(container_of(j, struct rig_hold, job));
}

void rig_hold(struct rig *g)
{
	struct rig_hold *h = g->hold = mem_new(struct rig_hold);
	h->rig = g;
	h->job.sure = true, h->job.run = hold_run, h->job.done = hold_done;
	append_drain(g->append, -1);
	must(lane_submit(g->lane, &h->job));
	pthread_mutex_lock(&g->lock);
	while (!h->running) pthread_cond_wait(&g->more, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

void rig_let_go(struct rig *g)
{
	pthread_mutex_lock(&g->lock);
	g->hold->released = true;
	pthread_cond_broadcast(&g->more);
	pthread_mutex_unlock(&g->lock);
}

/* ---- both databases */

/* Whatever the tests before have moved: a head check would be told of it. Embedded nobody asks. */
static void each_moved_head_was_noted(void **state)
{
	struct rig *g = *state;
	if (db_kind(g->db) == DB_SQLITE) {
		assert_int_equal(rig_number(g, "SELECT count(*) FROM moves"), 0);
		return;
	}
	if (g->epochs_found) return; /* which emptied it on the way */
	assert_int_equal(rig_number(g, "SELECT count(*) FROM heads h WHERE h.rev > 0 AND h.rev IS DISTINCT FROM (SELECT "
								   "max(m.rev) FROM moves m WHERE m.channel_id = h.channel_id)"),
					 0);
	assert_int_equal(rig_number(g, "SELECT count(*) FROM user_heads h WHERE h.rev > 0 AND h.rev IS DISTINCT FROM "
								   "(SELECT max(m.rev) FROM moves m WHERE m.user_id = h.user_id)"),
					 0);
}

static int over(const char *name, const char *url, const struct CMUnitTest *tests, size_t n)
{
	struct rig *g = rig_make(url);
	rig_people(g, 40);
	struct CMUnitTest *mine = mem_zalloc((n + 1) * sizeof *tests);
	memcpy(mine, tests, n * sizeof *tests);
	mine[n] = (struct CMUnitTest)cmocka_unit_test(each_moved_head_was_noted);
	for (size_t i = 0; i <= n; i++) mine[i].initial_state = g;
	int failed = _cmocka_run_group_tests(name, mine, n + 1, NULL, NULL);
	mem_free(mine);
	rig_free(g);
	return failed;
}

int rig_main(const struct CMUnitTest *tests, size_t n)
{
	char dir[] = "/tmp/linnet-append-XXXXXX", url[128], command[160];
	struct postgres *server = postgres_start(NULL);
	if (!mkdtemp(dir)) return 1;
	snprintf(url, sizeof url, "sqlite:%s/db", dir);
	int failed = over("sqlite", url, tests, n);
	if (!getenv("ONLY_SQLITE")) failed += over("postgres", postgres_url(server), tests, n);
	postgres_destroy(server);
	snprintf(command, sizeof command, "rm -r %s", dir);
	return system(command) + failed;
}
