/* Retention raises what a channel keeps: from the change's rev on nobody is shown what is at or below `upto_rev`, and
 * its rows may go (retention.h). Which rev that is was found before: the time of a row stays as it is, but the database
 * may have gone back meanwhile and given the rev to what is young. */
#include "store/append_tx.h"

static const struct sql SQL_AT = {
	"SELECT created_at FROM messages WHERE channel_id = $1 AND rev = $2 UNION ALL SELECT at FROM changes WHERE "
	"channel_id = $1 AND rev = $2",
	NULL,
};
static const struct sql SQL_LAST = {
	"SELECT t.message_id FROM messages t WHERE t.channel_id = $1 AND t.rev <= $2 ORDER BY t.rev DESC LIMIT 1", NULL
};
static const struct sql SQL_RAISE = {
	"UPDATE heads SET min_rev = $2, min_rev_at = $3, min_id = $4 WHERE channel_id = $1", NULL
};

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err write_retain(struct tx_ask *q)
{
	struct change *c = q->c;
	struct channel *h = q->ch->there ? &q->ch->row : NULL;
	int64_t at = 0, min_id = h ? h->min_id : 0;
	if (!c->by_server || !h || h->deleted) {
		c->err = c->by_server ? ERR_NOT_FOUND : ERR_NOT_ALLOWED;
		return OK;
	}
	if (c->upto_rev <= h->min_rev || c->upto_rev > h->rev) return OK; /* another process was quicker */
	struct db_args upto = DB_ARGS(DB_I64(h->id), DB_I64(c->upto_rev));
	enum err e = db_one(q->tx->c, &SQL_AT, upto, i64_take, &at);
	if (!e && at > c->upto_ms) return OK;
	if (!e) e = db_one(q->tx->c, &SQL_LAST, upto, i64_take, &min_id);
	if (e && e != ERR_NOT_FOUND) return e;
	e = tx_change(q, CHANGE_RETAIN, 0, 0, arena_printf(q->tx->a, "\"min_rev\":%lld", (long long)c->upto_rev));
	h->min_rev = c->upto_rev;
	h->min_id = min_id > h->min_id ? min_id : h->min_id;
	return e ? e
			 : db_exec(q->tx->c, &SQL_RAISE, DB_ARGS(DB_I64(h->id), DB_I64(h->min_rev), DB_I64(at), DB_I64(h->min_id)),
					   NULL);
}
