/* What both databases share. A statement that fails inside a transaction aborts it, in SQLite too, so that code tested
 * on the one behaves the same on the other. A transaction whose connection broke is never continued on the next
 * connection: it stays lost until its owner rolls back. */
#include "db/db.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/driver.h"

#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS 1000

static const struct db_driver *driver_of(struct str url)
{
	if (str_starts(url, STR("sqlite:")) && url.n > 7) return &db_driver_sqlite;
	if (str_starts(url, STR("postgresql://")) || str_starts(url, STR("postgres://"))) return &db_driver_postgres;
	return NULL;
}

enum err db_create(const struct db_options *o, struct db **out)
{
	struct str url = str_of(o->url);
	const struct db_driver *driver = driver_of(url);
	*out = NULL;
	if (!driver) {
		/* not the value: it may hold a password */
		log_event(LOG_ERROR, "db.url_unknown",
				  LOG_TEXT("wanted", "postgresql://USER:PASSWORD@HOST/NAME or sqlite:PATH"));
		return ERR_INVALID;
	}
	struct db *db = mem_new(struct db);
	db->driver = driver;
	db->o = *o;
	db->o.url = mem_dup(o->url, url.n + 1);
	pthread_mutex_init(&db->connecting, NULL);
	enum err e = driver->open(db);
	if (e) {
		db_destroy(db);
		return e;
	}
	*out = db;
	return OK;
}

void db_destroy(struct db *db)
{
	if (!db) return;
	assert(db->open == 0);
	if (db->impl) db->driver->close(db);
	pthread_mutex_destroy(&db->connecting);
	mem_free((char *)db->o.url);
	mem_free(db);
}

enum db_kind db_kind(const struct db *db)
{
	return db->driver->kind;
}
int64_t db_connects(const struct db *db)
{
	return db->connects;
}
int db_open_connections(const struct db *db)
{
	return db->open;
}

struct db_conn *db_conn_create(struct db *db, enum db_use use)
{
	struct db_conn *c = mem_new(struct db_conn);
	c->db = db;
	c->use = use;
	return c;
}

void db_conn_destroy(struct db_conn *c)
{
	if (!c) return;
	assert(!c->rows_open);
	db_rollback(c);
	db_conn_drop(c);
	mem_free(c);
}

enum db_kind db_conn_kind(const struct db_conn *c)
{
	return c->db->driver->kind;
}
bool db_conn_alive(struct db_conn *c)
{
	return c->impl && c->db->driver->alive(c);
}
void db_conn_rest(struct db_conn *c)
{
	if (c->impl && c->db->driver->rest) c->db->driver->rest(c);
}
void db_conn_patient(struct db_conn *c)
{
	c->patient = true;
}
int64_t db_conn_generation(const struct db_conn *c)
{
	return c->generation;
}

static void conn_uncount(struct db_conn *c)
{
	if (c->counted) c->db->open--;
	c->counted = false;
}

/* ---- how the database is */

const char *db_way_name(enum db_way way)
{
	return way == DB_READING ? "reading" : "writing";
}

int64_t db_away_ms(const struct db *db, enum db_way way)
{
	int64_t since = atomic_load_explicit(&db->away_since_ns[way], memory_order_relaxed);
	return since ? (clock_monotonic_ns(&clock_real) - since) / 1000000 + 1 : 0;
}

static enum db_way way_of(const struct db_conn *c)
{
	return c->use == DB_READ ? DB_READING : DB_WRITING;
}

const char *db_damage(const struct db *db)
{
	return atomic_load(&db->damage);
}

bool db_trouble_known(const struct db_conn *c)
{
	return db_away_ms(c->db, way_of(c)) > 0;
}

void db_trouble(const struct db_conn *c)
{
	int64_t none = 0;
	if (atomic_compare_exchange_strong(&c->db->away_since_ns[way_of(c)], &none, clock_monotonic_ns(&clock_real)))
		log_event(LOG_ERROR, "db.away", LOG_TEXT("for", db_way_name(way_of(c))));
}

/* Something was read, or written and committed: what only looks at a database without room proves nothing. */
static void proved(const struct db_conn *c)
{
	_Atomic int64_t *at = &c->db->away_since_ns[way_of(c)];
	if (!atomic_load_explicit(at, memory_order_relaxed)) return;
	if (way_of(c) == DB_WRITING && atomic_load(&c->db->full)) return;
	int64_t since = atomic_exchange(at, 0);
	if (since)
		log_event(LOG_INFO, "db.back", LOG_TEXT("for", db_way_name(way_of(c))),
				  LOG_INT("ms", (clock_monotonic_ns(&clock_real) - since) / 1000000));
}

void db_conn_drop(struct db_conn *c)
{
	if (!c->impl) return;
	c->db->driver->disconnect(c);
	c->impl = NULL;
	conn_uncount(c);
	if (c->tx == DB_TX_OPEN) c->tx = DB_TX_LOST;
}

bool db_conn_unsure(const struct db_conn *c)
{
	return c->tx == DB_TX_NONE && c->use != DB_READ;
}

int64_t db_deadline_ns(const struct db_conn *c, int64_t margin_ms)
{
	if (c->patient || c->db->o.statement_timeout_ms <= 0) return 0;
	return clock_monotonic_ns(&clock_real) + (c->db->o.statement_timeout_ms + margin_ms) * 1000000;
}

/* Connects if need be; during the pause after a failure it fails at once. */
static enum err conn_ready(struct db_conn *c)
{
	struct db *db = c->db;
	if (c->impl && db->driver->alive(c)) return OK;
	db_conn_drop(c);
	int64_t now = clock_monotonic_ns(&clock_real);
	if (c->pause_ms && now < c->retry_ns) return ERR_UNAVAILABLE;
	c->counted = true;
	if (db->open++ >= db->o.most_connections && db->o.most_connections > 0) {
		conn_uncount(c);
		log_event(LOG_ERROR, "db.connections_exceeded", LOG_INT("most", db->o.most_connections));
		return ERR_INTERNAL;
	}
	enum err e = db->driver->connect(c);
	if (e) {
		conn_uncount(c);
		db_trouble(c);
		c->outage = true;
		c->pause_ms = !c->pause_ms ? PAUSE_FIRST_MS : c->pause_ms * 2 < PAUSE_MOST_MS ? c->pause_ms * 2 : PAUSE_MOST_MS;
		c->retry_ns = clock_monotonic_ns(&clock_real) + c->pause_ms * 1000000;
		return e;
	}
	c->generation++;
	c->outage = false;
	c->pause_ms = 0;
	db->connects++;
	return OK;
}

/* May a statement run now? */
static enum err statement_ready(struct db_conn *c)
{
	assert(!c->rows_open); /* one open result a connection: db_end comes first */
	if (c->tx == DB_TX_LOST) return ERR_UNAVAILABLE;
	if (c->failed) return c->failed;
	return c->tx == DB_TX_OPEN ? OK : conn_ready(c);
}

/* What a statement's error does to the transaction around it. */
static enum err statement_done(struct db_conn *c, enum err e)
{
	if (!e || c->tx != DB_TX_OPEN) return e;
	if (!c->impl || !c->db->driver->in_transaction(c)) {
		c->tx = DB_TX_LOST;
	} else if (!c->failed) {
		c->failed = e;
	}
	return e;
}

enum err db_query(struct db_conn *c, const struct sql *q, struct db_args args, struct db_rows *rows)
{
	memset(rows, 0, sizeof *rows);
	rows->conn = c;
	enum err e = statement_ready(c);
	if (e) return e;
	e = statement_done(c, c->db->driver->query(c, q, args, rows));
	c->rows_open = !e;
	return e;
}

bool db_next(struct db_rows *rows)
{
	return !rows->err && rows->conn->db->driver->next(rows);
}
int64_t db_i64(const struct db_rows *rows, int col)
{
	return rows->conn->db->driver->i64(rows, col);
}
struct str db_str(const struct db_rows *rows, int col)
{
	return rows->conn->db->driver->str(rows, col);
}
bool db_is_null(const struct db_rows *rows, int col)
{
	return rows->conn->db->driver->is_null(rows, col);
}

enum err db_end(struct db_rows *rows)
{
	assert(rows->conn->rows_open);
	rows->conn->rows_open = false;
	rows->conn->db->driver->end(rows);
	rows->impl = NULL;
	if (!rows->err && rows->conn->use == DB_READ) proved(rows->conn);
	return statement_done(rows->conn, rows->err);
}

enum err db_exec(struct db_conn *c, const struct sql *q, struct db_args args, int64_t *changed)
{
	int64_t n = 0;
	enum err e = statement_ready(c);
	if (!e) e = statement_done(c, c->db->driver->exec(c, q, args, &n));
	if (!e && c->tx == DB_TX_NONE) proved(c);
	if (changed) *changed = n;
	return e;
}

enum err db_one(struct db_conn *c, const struct sql *q, struct db_args args,
				void (*take)(const struct db_rows *, void *), void *arg)
{
	struct db_rows rows;
	enum err e = db_query(c, q, args, &rows);
	if (e) return e;
	bool found = db_next(&rows);
	if (found && take) take(&rows, arg);
	e = db_end(&rows);
	return e ? e : found ? OK : ERR_NOT_FOUND;
}

enum err db_script(struct db_conn *c, const char *text)
{
	enum err e = statement_ready(c);
	if (e) return e;
	if (c->tx == DB_TX_OPEN || db_conn_kind(c) == DB_POSTGRES) return statement_done(c, c->db->driver->script(c, text));
	/* Postgres runs such a text as one transaction of its own; so does SQLite here */
	e = db_begin(c);
	if (!e) e = statement_done(c, c->db->driver->script(c, text));
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

static enum err begin(struct db_conn *c, const char *text, bool read_only)
{
	assert(c->tx == DB_TX_NONE);
	enum err e = statement_ready(c);
	if (!e) {
		c->tx = DB_TX_OPEN; /* a connection lost now leaves nothing in doubt */
		e = c->db->driver->script(c, text);
		c->tx = e ? DB_TX_NONE : DB_TX_OPEN;
	}
	c->read_only = read_only;
	c->savepoints = 0;
	c->failed = OK;
	return e;
}

enum err db_begin(struct db_conn *c)
{
	if (db_conn_kind(c) == DB_POSTGRES) return begin(c, "BEGIN ISOLATION LEVEL READ COMMITTED", c->use == DB_READ);
	return c->use == DB_READ ? begin(c, "BEGIN", true) : begin(c, "BEGIN IMMEDIATE", false);
}

enum err db_begin_snapshot(struct db_conn *c)
{
	return begin(c, db_conn_kind(c) == DB_POSTGRES ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN", true);
}

static void transaction_over(struct db_conn *c)
{
	c->tx = DB_TX_NONE;
	c->read_only = false;
	c->savepoints = 0;
	c->failed = OK;
}

enum err db_commit(struct db_conn *c)
{
	assert(!c->rows_open);
	if (c->tx == DB_TX_NONE) {
		log_event(LOG_ERROR, "db.commit_without_begin");
		return ERR_INTERNAL;
	}
	enum err e = c->tx == DB_TX_LOST ? ERR_UNAVAILABLE : c->failed;
	if (e) {
		db_rollback(c);
		return e;
	}
	e = c->db->driver->commit(c);
	if (!e && !c->read_only) proved(c);
	transaction_over(c);
	return e;
}

void db_rollback(struct db_conn *c)
{
	assert(!c->rows_open);
	if (c->tx == DB_TX_OPEN && c->impl && c->db->driver->in_transaction(c) && c->db->driver->script(c, "ROLLBACK"))
		db_conn_drop(c); /* never leave a transaction open behind the caller's back */
	transaction_over(c);
}

enum err db_rehearse(struct db_conn *c)
{
	enum err e = c->tx == DB_TX_OPEN ? c->failed : ERR_UNAVAILABLE;
	if (!e && c->db->driver->flush) e = c->db->driver->flush(c);
	db_rollback(c);
	if (e) return e;
	atomic_store(&c->db->full, false);
	proved(c);
	return OK;
}

enum err db_savepoint(struct db_conn *c)
{
	assert(c->tx != DB_TX_NONE);
	enum err e = statement_ready(c);
	if (!e) e = statement_done(c, c->db->driver->script(c, "SAVEPOINT s"));
	if (!e) c->savepoints++;
	return e;
}

enum err db_release(struct db_conn *c)
{
	enum err e = statement_ready(c);
	if (e) return e;
	assert(c->savepoints > 0);
	c->savepoints--;
	return statement_done(c, c->db->driver->script(c, "RELEASE s"));
}

enum err db_rollback_to(struct db_conn *c)
{
	assert(!c->rows_open);
	if (c->tx != DB_TX_OPEN) return ERR_UNAVAILABLE;
	assert(c->savepoints > 0);
	c->savepoints--;
	c->failed = OK;
	return statement_done(c, c->db->driver->script(c, "ROLLBACK TO s; RELEASE s"));
}

enum err db_show(struct db_conn *c, const char *setting, struct arena *a, struct str *value)
{
	return c->db->driver->show(c, setting, a, value);
}
