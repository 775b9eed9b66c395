/* Sends as plain statements: SQLite's way, and in Postgres that of replies in threads. (Those to the main flow
 * append_pg.c writes there all at once.) */
#include <string.h>

#include "base/fault.h"
#include "model/mention.h"
#include "store/append_tx.h"
#include "store/mention.h"
#include "store/rows.h"

/* `+ 0`: by messages_nonce, see 0002. */
static const struct sql SQL_NONCE = {
	"SELECT message_id, request_hash FROM messages WHERE channel_id + 0 = $1 AND author_id = $2 AND nonce = $3", NULL
};
static const struct sql SQL_MESSAGE = {
	"SELECT " MESSAGE_COLUMNS " FROM messages t WHERE t.channel_id = $1 AND t.message_id = $2",
	"SELECT " MESSAGE_COLUMNS_SQLITE " FROM messages t WHERE t.channel_id = $1 AND t.message_id = $2",
};
static const struct sql SQL_INSERT = {
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "
	"kind, "
	"body, created_at, reply_to, mention_all, thread_id, thread_seq, root_count, thread_users) "
	"VALUES ($1, $2, $3, $4, $4, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
	NULL,
};
static const struct sql SQL_SENT_AT = { "UPDATE members SET sent_at = $3 WHERE channel_id = $1 AND user_id = $2",
										NULL };
static const struct sql SQL_QUOTED = { "SELECT message_id FROM messages WHERE channel_id = $1 AND message_id = $2",
									   NULL };
/* The other one of a direct message between two has blocked the actor. */
static const struct sql SQL_BLOCKED_IN_DM = {
	"SELECT 1 FROM members m JOIN blocks b ON b.user_id = m.user_id AND b.blocked_id = $2 "
	"WHERE m.channel_id = $1 AND m.user_id <> $2",
	NULL,
};

static enum err there_is(struct db_conn *c, const struct sql *q, int64_t a, int64_t b, bool *out)
{
	enum err e = db_one(c, q, DB_ARGS(DB_I64(a), DB_I64(b)), NULL, NULL);
	*out = e == OK;
	return e == ERR_NOT_FOUND ? OK : e;
}

static struct str bytes16(const uint8_t *p)
{
	return (struct str){ (const char *)p, 16 };
}

/* ---- retries */

struct earlier {
	int64_t message_id;
	uint8_t hash[16];
};

static void earlier_take(const struct db_rows *r, void *arg)
{
	struct earlier *e = arg;
	struct str hash = db_str(r, 1);
	e->message_id = db_i64(r, 0);
	if (hash.n == sizeof e->hash) memcpy(e->hash, hash.p, sizeof e->hash);
}

static void message_row(const struct db_rows *r, void *arg)
{
	struct change *c = arg;
	message_take(r, 0, &c->arena, &c->message);
}

enum err message_of_change(struct db_conn *conn, struct change *c, int64_t message_id)
{
	return db_one(conn, &SQL_MESSAGE, DB_ARGS(DB_I64(c->channel_id), DB_I64(message_id)), message_row, c);
}

static enum err answer_retry(struct tx_ask *q, const struct earlier *was)
{
	struct change *c = q->c;
	if (memcmp(was->hash, c->send->request_hash, sizeof was->hash) != 0) {
		c->err = ERR_NONCE_REUSED;
		return OK;
	}
	c->repeated = true;
	c->bare = !q->me.member || was->message_id < q->me.first_id;
	return message_of_change(q->tx->c, c, was->message_id);
}

static enum err find_retry(struct tx_ask *q, bool *found)
{
	struct earlier was = { 0 };
	*found = false;
	if (fault_on(q->tx->w->config, STR("no_nonce"))) return OK;
	if (!q->permit.channel || q->permit.channel->deleted || (q->permit.need_scope & ~q->actor->scopes)) return OK;
	enum err e = db_one(q->tx->c, &SQL_NONCE,
						DB_ARGS(DB_I64(q->c->channel_id), DB_I64(q->c->actor_id), DB_BYTES(bytes16(q->c->send->nonce))),
						earlier_take, &was);
	if (e == ERR_NOT_FOUND) return OK;
	*found = true;
	return e ? e : answer_retry(q, &was);
}

/* ---- new ones */

enum err tx_ask_speech(struct tx_ask *q)
{
	const struct channel *h = q->permit.channel;
	if (!h || h->kind != CHANNEL_DM || h->member_count != 2) return OK;
	return there_is(q->tx->c, &SQL_BLOCKED_IN_DM, h->id, q->c->actor_id, &q->permit.blocked);
}

/* What the message names must be there. */
static enum err check_names(struct tx_ask *q)
{
	const struct send *s = q->c->send;
	bool there = true;
	enum err e = OK;
	if ((s->reply_to || s->thread_id) && q->c->epoch && q->c->epoch != q->tx->epoch) q->c->err = ERR_EPOCH_CHANGED;
	if (!q->c->err && s->thread_id) e = thread_ask(q);
	if (e || q->c->err || !s->reply_to) return e;
	if (s->reply_to < q->me.first_id)
		there = false;
	else
		e = there_is(q->tx->c, &SQL_QUOTED, q->c->channel_id, s->reply_to, &there);
	if (!e && !there) q->c->err = problem_field(&q->c->problem, "reply_to", "there is no such message");
	return e;
}

static void message_make(struct tx_ask *q, struct message *m)
{
	const struct send *s = q->c->send;
	struct channel *h = &q->ch->row;
	int64_t rev = tx_rev(q->tx, q->ch);
	*m = (struct message){
		.channel_id = h->id,
		.message_id = ++h->last_id,
		.seq = !s->thread_id || s->in_channel ? ++h->last_seq : 0,
		.rev = rev,
		.changed_rev = rev,
		.body_rev = rev,
		.author_id = q->c->actor_id,
		.kind = s->kind,
		.body = s->body,
		.created_at = q->ch->at,
		.reply_to = s->reply_to,
		.thread_id = s->thread_id,
	};
	h->last_at = q->ch->at;
	if (m->thread_id) thread_number(q, m);
	memcpy(m->nonce, s->nonce, sizeof m->nonce);
}

static enum err message_insert(struct tx_ask *q, const struct message *m)
{
	struct str users = m->thread_id ? thread_users_text(q->tx->a, &m->thread) : STR_NONE;
	return db_exec(q->tx->c, &SQL_INSERT,
				   DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), db_opt(m->seq), DB_I64(m->rev),
						   DB_BYTES(bytes16(m->nonce)), DB_BYTES(bytes16(q->c->send->request_hash)),
						   DB_I64(m->author_id), DB_I64(m->kind), DB_TEXT(m->body), DB_I64(m->created_at),
						   db_opt(m->reply_to), DB_BOOL(m->mention_all), db_opt(m->thread_id), db_opt(m->thread_seq),
						   db_opt(m->thread.count), DB_TEXT(users)),
				   NULL);
}

void message_event(struct change *c)
{
	const struct message *m = &c->message;
	c->fields = &c->own_fields;
	*c->fields = (struct event_fields){
		.kind = CHANGE_MESSAGE,
		.channel_id = m->channel_id,
		.rev = m->rev,
		.at = m->created_at,
		.actor_id = m->author_id,
		.message_id = m->message_id,
		.message = m,
	};
}

static enum err send_new(struct tx_ask *q)
{
	struct change *c = q->c;
	struct message *m = &c->message;
	bool slow = q->ch->row.slow_mode_s > 0 && !permit_operates(&q->permit);
	message_make(q, m);
	enum err e = mentions_resolve(q->tx->c, &c->arena, m,
								  permit_operates(&q->permit) || q->ch->row.member_count <= MENTION_ALL_MOST);
	if (!e) e = message_insert(q, m);
	if (!e) e = mentions_write(q->tx->c, m, m->created_at);
	if (!e && m->thread_id) e = thread_written(q, m);
	if (!e && slow)
		e = db_exec(q->tx->c, &SQL_SENT_AT, DB_ARGS(DB_I64(m->channel_id), DB_I64(m->author_id), DB_I64(m->created_at)),
					NULL);
	if (!e) message_event(c);
	return e;
}

enum err write_send(struct tx_ask *q)
{
	bool found, audit;
	enum err e = find_retry(q, &found);
	if (e || found) return e;
	q->permit.slow_at = q->me.sent_at;
	e = tx_ask_speech(q);
	if (e || !tx_permitted(q, &audit)) return e;
	e = check_names(q);
	return e || q->c->err ? e : send_new(q);
}
