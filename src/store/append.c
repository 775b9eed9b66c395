/* A batch: the appender's row moves from n - 1 to n, then everything else, then the commit. */
#include "store/append.h"

#include <string.h>

#include "base/log.h"
#include "store/append_pg.h"
#include "store/append_tx.h"
#include "store/epoch.h"

void append_batch_release(struct append_batch *b)
{
	vec_release(&b->moved);
}

void appender_init(struct appender *w, const char *id, const struct clock *clock, const struct config *config)
{
	*w = (struct appender){ .clock = clock, .config = config };
	memcpy(w->id, id, strnlen(id, sizeof w->id - 1));
	arena_init(&w->scratch);
}

void appender_release(struct appender *w)
{
	arena_release(&w->scratch);
	for (size_t i = 0; i < countof(w->columns); i++) db_array_release(&w->columns[i]);
}

/* ---- the appender's row */

static const struct sql SQL_MOVE = { "UPDATE appenders SET batch = $2, at = $3 WHERE id = $1 AND batch = $4", NULL };
/* Whatever of ours is still on its way finds another number and does nothing. */
static const struct sql SQL_REGISTER = {
	"INSERT INTO appenders (id, batch, at) VALUES ($1, 0, $2) ON CONFLICT (id) DO UPDATE SET batch = appenders.batch + "
	"1, "
	"at = $2 RETURNING batch",
	NULL,
};
static const struct sql SQL_FORGET = { "DELETE FROM appenders WHERE at < $1 AND id <> $2", NULL };
static const struct sql SQL_LOCK = { "SELECT batch FROM appenders WHERE id = $1 FOR UPDATE",
									 "SELECT batch FROM appenders WHERE id = $1" };
static const struct sql SQL_TOUCH = { "UPDATE appenders SET at = at + 1 WHERE id = $1", NULL };

#define FORGET_AFTER_MS (INT64_C(7) * 24 * 3600 * 1000)

static void batch_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static struct db_value id_of(const struct appender *w)
{
	return DB_TEXT(str_of(w->id));
}

static enum err appender_register(struct appender *w, struct db_conn *c)
{
	int64_t now = clock_wall_ms(w->clock), batch = 0;
	enum err e = db_one(c, &SQL_REGISTER, DB_ARGS(id_of(w), DB_I64(now)), batch_take, &batch);
	if (!e) e = db_exec(c, &SQL_FORGET, DB_ARGS(DB_I64(now - FORGET_AFTER_MS), id_of(w)), NULL);
	if (e) return e == ERR_UNKNOWN_OUTCOME ? ERR_UNAVAILABLE : e;
	w->batch = batch;
	w->known = true;
	return OK;
}

void append_give_up(struct appender *w)
{
	w->known = false;
}

/* ---- the plain way */

static enum err plain_transaction(struct appender *w, struct db_conn *c, struct append_batch *b)
{
	struct append_tx tx = { .w = w, .c = c, .b = b, .a = &w->scratch };
	int64_t n = 0;
	enum err e = db_exec(
		c, &SQL_MOVE, DB_ARGS(id_of(w), DB_I64(w->batch + 1), DB_I64(clock_wall_ms(w->clock)), DB_I64(w->batch)), &n);
	if (!e && n != 1) {
		w->known = false; /* somebody has touched our row */
		e = ERR_UNAVAILABLE;
	}
	if (!e) e = append_tx_run(&tx);
	append_tx_release(&tx);
	return e;
}

static enum err plain_write(struct appender *w, struct db_conn *c, struct append_batch *b)
{
	enum err e = db_begin(c);
	if (e) return e == ERR_UNKNOWN_OUTCOME ? ERR_UNAVAILABLE : e;
	e = plain_transaction(w, c, b);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e == ERR_UNKNOWN_OUTCOME ? ERR_UNAVAILABLE : e; /* nothing was committed */
}

static void forget_results(struct append_batch *b)
{
	vec_clear(&b->moved);
	for (size_t i = 0; i < b->n; i++) {
		problem_init(&b->changes[i]->problem, &b->changes[i]->arena); /* who is judged again is told it once */
		b->changes[i]->err = OK;
		b->changes[i]->fields = b->changes[i]->also = NULL;
		b->changes[i]->quiet = false, b->changes[i]->left_rev = 0;
		b->changes[i]->user_rev = b->changes[i]->new_channel_id = 0;
	}
}

enum err append_write(struct appender *w, struct db_conn *c, struct append_batch *b)
{
	enum err e = OK;
	arena_release(&w->scratch);
	if (!w->known) e = appender_register(w, c);
	if (e) return e;
	e = b->sends && db_conn_kind(c) == DB_POSTGRES ? append_pg_sends(w, c, b) : plain_write(w, c, b);
	if (!e)
		w->batch++;
	else if (e != ERR_UNKNOWN_OUTCOME)
		forget_results(b);
	return e;
}

/* ---- settling */

/* Under the row's lock, which waits for a server process that is still at it; and with a commit of our own, so that
 * what is read here has reached every standby that answers count on. */
static enum err read_batch(struct appender *w, struct db_conn *c, int64_t *batch, uint64_t *epoch)
{
	enum err e = db_begin(c);
	if (e) return e;
	*batch = -1;
	e = db_one(c, &SQL_LOCK, DB_ARGS(id_of(w)), batch_take, batch);
	if (e == ERR_NOT_FOUND) e = OK;
	if (!e) e = epoch_read(c, epoch);
	if (!e) e = db_exec(c, &SQL_TOUCH, DB_ARGS(id_of(w)), NULL);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

enum err append_settle(struct appender *w, struct db_conn *c, struct append_batch *b, enum settled *out)
{
	int64_t batch;
	uint64_t epoch = 0;
	*out = SETTLED_NOT;
	enum err e = read_batch(w, c, &batch, &epoch);
	if (e) return e;
	if (epoch != b->epoch) {
		b->epoch = epoch;
		w->known = false;
		return ERR_EPOCH_CHANGED;
	}
	if (batch == w->batch + 1) {
		if (b->sends && db_conn_kind(c) == DB_POSTGRES) e = append_pg_sent(w, c, b);
		if (e) return e;
		w->batch++;
		*out = SETTLED_WRITTEN;
	} else if (batch == w->batch ||
			   batch < 0) { /* no row: forgotten while it was idle, and without it nothing is written */
		w->known = batch >= 0;
		forget_results(b);
		*out = SETTLED_NOTHING;
	} else {
		log_event(LOG_ERROR, "append.row_strange", LOG_INT("batch", batch), LOG_INT("known", w->batch));
		w->known = false;
		return ERR_CONFLICT;
	}
	return OK;
}
