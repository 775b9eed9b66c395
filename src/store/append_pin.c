/* Pins: a mark of the message's row; what has changed it is a line of the channel. */
#include "store/append_tx.h"

static const struct sql SQL_COUNT = { "SELECT count(*) FROM messages WHERE channel_id = $1 AND pinned_at IS NOT NULL",
									  NULL };
static const struct sql SQL_PIN = {
	"UPDATE messages SET pinned_at = $3, pinned_by = $4, changed_rev = $5 WHERE channel_id = $1 AND message_id = $2",
	NULL
};

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* c->err: there is none. */
static enum err ask_room(struct tx_ask *q)
{
	struct change *c = q->c;
	int64_t n = 0, most = q->tx->w->config->pins;
	enum err e = db_one(q->tx->c, &SQL_COUNT, DB_ARGS(DB_I64(c->channel_id)), count_take, &n);
	if (!e && n >= most)
		c->err =
			problem_set(&c->problem, ERR_LIMIT_REACHED, "at most %lld pinned messages in a channel", (long long)most);
	return e;
}

static enum err pin_write(struct tx_ask *q)
{
	struct message *m = &q->c->message;
	bool on = q->c->on;
	enum err e = tx_change(q, CHANGE_PIN, m->message_id, 0, on ? STR("\"pinned\":true") : STR("\"pinned\":false"));
	if (e) return e;
	m->pinned = on;
	m->changed_rev = q->c->fields->rev;
	return db_exec(q->tx->c, &SQL_PIN,
				   DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), db_opt(on ? q->ch->at : 0),
						   db_opt(on ? q->c->actor_id : 0), DB_I64(m->changed_rev)),
				   NULL);
}

enum err write_pin(struct tx_ask *q)
{
	struct change *c = q->c;
	bool audit;
	if (tx_other_epoch(q)) return OK;
	enum err e = tx_ask_message(q);
	if (!e) e = tx_ask_speech(q);
	if (e || !tx_permitted(q, &audit) || c->message.pinned == c->on) return e;
	e = c->on ? ask_room(q) : OK;
	return e || c->err ? e : pin_write(q);
}
