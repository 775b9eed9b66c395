/* Reactions: a row for who has given which, and beside the message what its readers are shown. */
#include "codec/codec.h"
#include "store/append_react.h"

static const struct sql SQL_MINE = {
	"SELECT emoji FROM reactions WHERE channel_id = $1 AND user_id = $2 AND message_id = $3", NULL
};
static const struct sql SQL_GIVE = {
	"INSERT INTO reactions (channel_id, message_id, emoji, user_id, at) VALUES ($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_TAKE = {
	"DELETE FROM reactions WHERE channel_id = $1 AND message_id = $2 AND emoji = $3 AND user_id = $4", NULL
};
static const struct sql SQL_FIRST = {
	"SELECT user_id FROM reactions WHERE channel_id = $1 AND message_id = $2 AND emoji = $3 ORDER BY at, user_id LIMIT "
	"$4",
	NULL,
};
static const struct sql SQL_SHOW = {
	"UPDATE messages SET reactions = $3, changed_rev = $4 WHERE channel_id = $1 AND message_id = $2", NULL
};

static enum err read_mine(struct tx_ask *q, int64_t *n, bool *given)
{
	const struct change *c = q->c;
	struct db_rows rows;
	*n = 0, *given = false;
	enum err e = db_query(q->tx->c, &SQL_MINE,
						  DB_ARGS(DB_I64(c->channel_id), DB_I64(c->actor_id), DB_I64(c->message_id)), &rows);
	if (e) return e;
	for (; db_next(&rows); ++*n)
		if (str_eq(db_str(&rows, 0), c->text)) *given = true;
	return db_end(&rows);
}

/* ---- what both ways share */

bool react_permitted(struct tx_ask *q)
{
	bool audit;
	return tx_permitted(q, &audit);
}

static bool has_room(struct tx_ask *q, const struct reactions *shown, int64_t mine)
{
	struct change *c = q->c;
	const struct config *most = q->tx->w->config;
	if (mine >= most->reactions_per_person)
		c->err = problem_set(&c->problem, ERR_LIMIT_REACHED, "at most %lld reactions of one person to a message",
							 (long long)most->reactions_per_person);
	else if ((int64_t)shown->n >= most->reaction_kinds && !reactions_find(shown, c->text))
		c->err = problem_set(&c->problem, ERR_LIMIT_REACHED, "at most %lld different reactions to a message",
							 (long long)most->reaction_kinds);
	return !c->err;
}

bool react_judge(struct tx_ask *q, const struct reactions *shown, int64_t mine, bool given)
{
	return given != q->c->on && (!q->c->on || has_room(q, shown, mine));
}

struct reaction *react_apply(struct tx_ask *q, struct reactions *shown, bool *more)
{
	struct change *c = q->c;
	*more = false;
	if (c->on) return reactions_add(&c->arena, shown, c->text, c->actor_id);
	struct reaction *x = reactions_find(shown, c->text);
	if (x) reactions_remove(x, c->actor_id, more);
	return x;
}

enum err react_read_first(struct tx_ask *q, struct reaction *x)
{
	const struct change *c = q->c;
	struct db_rows rows;
	enum err e = db_query(
		q->tx->c, &SQL_FIRST,
		DB_ARGS(DB_I64(c->channel_id), DB_I64(c->message_id), DB_TEXT(c->text), DB_I64(REACTION_USERS)), &rows);
	if (e) return e;
	for (x->n_users = 0; db_next(&rows);) x->user_ids[x->n_users++] = db_i64(&rows, 0);
	return db_end(&rows);
}

/* What one emoji is worth now, and which way it was moved. */
void react_event(struct tx_ask *q, const struct reaction *x)
{
	struct tx_json j;
	tx_json_open(&j);
	codec_reaction_fields(&j.out, x);
	json_field_bool(&j.out, "given", q->c->on);
	tx_event(q, CHANGE_REACTION, q->c->message_id, 0, tx_json_close(&j, q->tx->a));
}

/* ---- one by one */

static enum err own_write(struct tx_ask *q)
{
	const struct change *c = q->c;
	if (!c->on)
		return db_exec(q->tx->c, &SQL_TAKE,
					   DB_ARGS(DB_I64(c->channel_id), DB_I64(c->message_id), DB_TEXT(c->text), DB_I64(c->actor_id)),
					   NULL);
	return db_exec(
		q->tx->c, &SQL_GIVE,
		DB_ARGS(DB_I64(c->channel_id), DB_I64(c->message_id), DB_TEXT(c->text), DB_I64(c->actor_id), DB_I64(q->ch->at)),
		NULL);
}

static enum err reaction_write(struct tx_ask *q)
{
	struct message *m = &q->c->message;
	bool more;
	struct reaction *x = react_apply(q, &m->reactions, &more);
	enum err e = x ? own_write(q) : ERR_INTERNAL;
	if (!e && more) e = react_read_first(q, x);
	if (e) return e;
	react_event(q, x);
	reactions_tidy(&m->reactions);
	m->changed_rev = q->c->fields->rev;
	e = tx_change_write(q);
	if (e) return e;
	return db_exec(q->tx->c, &SQL_SHOW,
				   DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id),
						   DB_TEXT(reactions_text(q->tx->a, &m->reactions)), DB_I64(m->changed_rev)),
				   NULL);
}

enum err write_reaction(struct tx_ask *q)
{
	int64_t mine;
	bool given;
	if (tx_other_epoch(q)) return OK;
	enum err e = tx_ask_message(q);
	if (!e) e = tx_ask_speech(q);
	if (e || !react_permitted(q)) return e;
	e = read_mine(q, &mine, &given);
	return e || !react_judge(q, &q->c->message.reactions, mine, given) ? e : reaction_write(q);
}
