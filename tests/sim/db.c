#include "db.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "db/sqlite.h"
#include "judge.h"
#include "store/migrations.h"

struct sim_file { /* in place of the driver's, whose first member it is */
	struct sqlite_file file;
	struct sim_db *sim;
};

struct sim_db *sim_db_of(const struct db_conn *c)
{
	return ((struct sim_file *)c->db->impl)->sim;
}

/* ---- the driver that fails */

static bool breaks(struct sim_db *d, double p)
{
	return d->world && !d->looking && p > 0 && world_chance(d->world, p);
}

/* May this connection do anything now? */
static enum err ask(struct db_conn *c, bool begins)
{
	struct sim_db *d = sim_db_of(c);
	if (d->looking) return OK;
	if (d->dead && c->use != DB_READ) return ERR_UNAVAILABLE;
	if (d->down && !d->dead) return ERR_UNAVAILABLE;
	return breaks(d, begins ? d->flaky : d->flaky / 20) ? ERR_UNAVAILABLE : OK;
}

static enum err sim_query(struct db_conn *c, const struct sql *q, struct db_args args, struct db_rows *rows)
{
	enum err e = ask(c, c->tx == DB_TX_NONE);
	return e ? e : db_driver_sqlite.query(c, q, args, rows);
}

static enum err sim_exec(struct db_conn *c, const struct sql *q, struct db_args args, int64_t *changed)
{
	enum err e = ask(c, c->tx == DB_TX_NONE);
	if (e || !strncmp(q->text, "SET LOCAL ", 10)) return e; /* the sweeper's, which knows Postgres alone */
	return db_driver_sqlite.exec(c, q, args, changed);
}

static enum err sim_script(struct db_conn *c, const char *text)
{
	enum err e = strncmp(text, "BEGIN", 5) ? OK : ask(c, true);
	return e ? e : db_driver_sqlite.script(c, text);
}

/* The connection may be lost on the way there, or on the way back. */
static enum err sim_commit(struct db_conn *c)
{
	struct sim_db *d = sim_db_of(c);
	bool writes = c->use != DB_READ && !c->read_only && !d->looking;
	bool lost = writes && !d->dead && breaks(d, d->unknown), there = lost && world_chance(d->world, 0.5);
	if (writes && (d->dead || (lost && !there))) {
		db_driver_sqlite.script(c, "ROLLBACK");
		return d->dead ? ERR_UNAVAILABLE : ERR_UNKNOWN_OUTCOME;
	}
	enum err e = db_driver_sqlite.commit(c);
	if (!e && writes) {
		moves_commit(d, d->xid ? d->xid : d->history.next_xid++);
		d->xid = 0;
	}
	if (lost) trace(d->world, "database: the answer to a commit is lost");
	return !e && lost ? ERR_UNKNOWN_OUTCOME : e;
}

static struct db_driver failing_driver(void)
{
	struct db_driver f = db_driver_sqlite;
	f.query = sim_query, f.exec = sim_exec, f.script = sim_script, f.commit = sim_commit;
	return f;
}

static void must(enum err e, const char *what)
{
	if (!e) return;
	fprintf(stderr, "sim: %s: %s\n", what, err_row(e)->name);
	abort();
}

/* ---- connections */

struct db_conn *sim_db_take(struct sim_db *d, enum db_use use)
{
	if (d->idle[use].n) return vec_pop(&d->idle[use]);
	return db_conn_create(d->db, use);
}

void sim_db_give(struct sim_db *d, struct db_conn *c)
{
	assert(c->tx == DB_TX_NONE && !c->rows_open);
	vec_push(&d->idle[c->use], c);
}

void sim_db_run(struct sim_db *d, const char *fmt, ...)
{
	char text[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	bool looking = d->looking;
	d->looking = true;
	struct db_conn *c = sim_db_take(d, DB_WRITE);
	must(db_script(c, text), text);
	sim_db_give(d, c);
	d->looking = looking;
}

/* ---- whole databases */

static sqlite3 *shared(struct sim_db *d)
{
	return ((struct sim_file *)d->db->impl)->file.keep;
}

static void set_epoch(struct sim_db *d)
{
	d->epoch = random_u64(&d->world->dice.base) | 1;
}

void sim_db_copy(struct sim_db *d)
{
	copies_run(&d->copies, COPY_TAKE);
	moves_copy(&d->history_copy, &d->history);
	d->has_copy = true;
}

void sim_db_restore(struct sim_db *d, bool other_epoch)
{
	assert(d->has_copy);
	judge_lineage(d->world->judge);
	copies_run(&d->copies, COPY_RESTORE);
	moves_copy(&d->history, &d->history_copy);
	d->generation++;
	if (other_epoch) set_epoch(d);
	d->world->counts.went_back++;
	d->world->counts.copied_back += !other_epoch;
}

/* ---- making */

static void make_people(struct sim_db *d)
{
	for (int i = 1; i <= PEOPLE; i++)
		sim_db_run(d,
				   "INSERT INTO users (user_id, username, role, created_at) VALUES (%d, 'u%d', %d, 1);"
				   "INSERT INTO user_heads (user_id, rev) VALUES (%d, 1);"
				   "INSERT INTO sessions (session_id, kind, user_id, scopes, created_at, used_at) "
				   "VALUES ('%026d', 'client', %d, 15, 1, 1);"
				   "UPDATE counters SET value = %d WHERE name = 'user_id';",
				   i, i, i == 1 ? 3 : 1, i, i, i, i);
}

static void make_channels(struct sim_db *d)
{
	long long at = BEGIN_MS;
	sim_db_run(d, "INSERT INTO meta (key, value) VALUES ('uuid', '00000000-0000-4000-8000-000000000000');");
	sim_db_run(d,
			   "UPDATE heads SET rev = 1, rev_at = %lld WHERE channel_id = 0;"
			   "INSERT INTO changes (channel_id, rev, kind, at, actor_id) VALUES (0, 1, 'server', %lld, 0);"
			   "UPDATE counters SET value = %lld WHERE name = 'channel_id';",
			   at, at, (long long)channel_at(CHANNELS - 1));
	for (int slot = 1; slot < CHANNELS; slot++) {
		int id = (int)channel_at(slot);
		sim_db_run(d,
				   "INSERT INTO heads (channel_id, kind, history, rev, rev_at) VALUES (%d, 0, %d, 1, %lld);"
				   "INSERT INTO channels (channel_id, name, name_key, created_at, created_by) "
				   "VALUES (%d, 'c%d', 'c%d', 1, 1);"
				   "INSERT INTO changes (channel_id, rev, kind, at, actor_id, data) VALUES (%d, 1, 'channel', %lld, 1, "
				   "'\"created\":true');",
				   id, slot == 2, at, id, id, id, id, at);
	}
}

/* A row for each time somebody came or went: where that takes no rev the log does not tell. */
static void remember_members(struct sim_db *d)
{
	sim_db_run(
		d,
		"CREATE TABLE sim_spans (n INTEGER PRIMARY KEY, channel_id, user_id, joined_rev, left_rev, left_at, quiet);"
		"CREATE TRIGGER sim_came AFTER INSERT ON members BEGIN INSERT INTO sim_spans VALUES (NULL, "
		"NEW.channel_id, NEW.user_id, NEW.joined_rev, NULL, NULL, 0); END;"
		"CREATE TRIGGER sim_moved AFTER UPDATE OF joined_rev, left_rev ON members BEGIN INSERT INTO sim_spans VALUES "
		"(NULL, NEW.channel_id, NEW.user_id, NEW.joined_rev, NEW.left_rev, NEW.left_at, "
		"coalesce(NEW.left_rev = NEW.cut_rev, 0)); END;");
}

/* An edit says in its text which message it is of: one that hit another, also where its row is emptied since. */
static void remember_strays(struct sim_db *d)
{
	sim_db_run(
		d, "CREATE TABLE sim_strays (channel_id, message_id, body);"
		   "CREATE TRIGGER sim_strayed AFTER UPDATE OF body ON messages WHEN NEW.body <> '' AND "
		   "printf('%%08X', CAST(substr(NEW.body, 2) AS INTEGER)) <> hex(substr(NEW.nonce, 1, 4)) BEGIN INSERT INTO "
		   "sim_strays VALUES (NEW.channel_id, NEW.message_id, NEW.body); END;");
}

/* What retention deletes, for the judge: it goes back with the rest. */
static void remember_rows(struct sim_db *d)
{
	sim_db_run(d, "CREATE TABLE sim_messages AS SELECT * FROM messages WHERE 0;"
				  "CREATE TABLE sim_changes AS SELECT * FROM changes WHERE 0;"
				  "CREATE TRIGGER sim_message_goes BEFORE DELETE ON messages BEGIN INSERT INTO sim_messages "
				  "SELECT * FROM messages m WHERE m.channel_id = OLD.channel_id AND m.message_id = OLD.message_id; END;"
				  "CREATE TRIGGER sim_change_goes BEFORE DELETE ON changes BEGIN INSERT INTO sim_changes "
				  "SELECT * FROM changes c WHERE c.channel_id = OLD.channel_id AND c.rev = OLD.rev; END;"
				  "CREATE VIEW sim_every_message AS SELECT * FROM messages UNION ALL SELECT * FROM sim_messages;"
				  "CREATE VIEW sim_every_change AS SELECT * FROM changes UNION ALL SELECT * FROM sim_changes;");
}

struct sim_db *sim_db_create(void)
{
	static struct db_driver failing; /* the same in every run */
	failing = failing_driver();
	struct sim_db *d = mem_new(struct sim_db);
	struct db_options o = { "sqlite::memory:", 0, 60000, 64, false };
	must(db_create(&o, &d->db), "database");
	struct sim_file *f = mem_new(struct sim_file);
	f->file = *(struct sqlite_file *)d->db->impl;
	f->sim = d;
	mem_free(d->db->impl);
	d->db->impl = f;
	d->db->driver = &failing;
	d->looking = true;
	struct db_conn *c = sim_db_take(d, DB_WRITE);
	must(migrate_up(c, migration_list, migration_count, NULL), "migration");
	sim_db_give(d, c);
	make_people(d);
	make_channels(d);
	remember_members(d);
	remember_rows(d);
	remember_strays(d);
	copies_open(&d->copies, shared(d));
	d->look = sim_db_take(d, DB_READ);
	return d;
}

void sim_db_destroy(struct sim_db *d)
{
	sim_db_give(d, d->look);
	for (size_t use = 0; use < 3; use++) {
		while (d->idle[use].n) db_conn_destroy(vec_pop(&d->idle[use]));
		vec_release(&d->idle[use]);
	}
	copies_release(&d->copies);
	db_destroy(d->db);
	vec_release(&d->history.active);
	vec_release(&d->history.rows);
	vec_release(&d->history_copy.active);
	vec_release(&d->history_copy.rows);
	mem_free(d);
}

static void add_member(struct sim_db *d, int64_t channel, int64_t user, int role)
{
	sim_db_run(
		d,
		"INSERT INTO members (channel_id, user_id, role, joined_rev, joined_at, user_rev) VALUES (%lld, %lld, %d, "
		"1, 1, 1); UPDATE heads SET member_count = member_count + 1 WHERE channel_id = %lld;",
		(long long)channel, (long long)user, role, (long long)channel);
}

void sim_db_begin(struct sim_db *d, struct world *w)
{
	d->world = w;
	d->has_copy = d->down = d->dead = false;
	d->flaky = d->unknown = 0;
	d->generation = 0;
	d->history.next_xid = 100;
	vec_clear(&d->history.active);
	vec_clear(&d->history.rows);
	copies_run(&d->copies, COPY_BEGIN);
	for (int slot = 0; slot < CHANNELS; slot++)
		for (int user = 1; user <= PEOPLE; user++)
			if (slot == 0 || user == 1 || world_chance(w, 0.6))
				add_member(d, channel_at(slot), user, user == 1 && slot ? 2 : 0);
	set_epoch(d);
	moves_commit(d, 0);
	if (fault_on(&w->config, STR("no_nonce"))) sim_db_run(d, "DROP INDEX IF EXISTS messages_nonce");
	d->looking = false;
}
