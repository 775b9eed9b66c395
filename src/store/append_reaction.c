/* Reactions: a row for who has given which, and beside the message what its readers are shown. */
#include "codec/codec.h"
#include "store/append_tx.h"

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

/* False: c->err has the verdict. */
static bool has_room(struct tx_ask *q, int64_t mine)
{
	struct change *c = q->c;
	const struct config *most = q->tx->w->config;
	const struct reactions *r = &c->message.reactions;
	if (mine >= most->reactions_per_person)
		c->err = problem_set(&c->problem, ERR_LIMIT_REACHED, "at most %lld reactions of one person to a message",
							 (long long)most->reactions_per_person);
	else if ((int64_t)r->n >= most->reaction_kinds && !reactions_find(r, c->text))
		c->err = problem_set(&c->problem, ERR_LIMIT_REACHED, "at most %lld different reactions to a message",
							 (long long)most->reaction_kinds);
	return !c->err;
}

static enum err read_first(struct tx_ask *q, struct reaction *x)
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

static enum err give(struct tx_ask *q, struct reaction **x)
{
	struct change *c = q->c;
	*x = reactions_add(&c->arena, &c->message.reactions, c->text, c->actor_id);
	return db_exec(
		q->tx->c, &SQL_GIVE,
		DB_ARGS(DB_I64(c->channel_id), DB_I64(c->message_id), DB_TEXT(c->text), DB_I64(c->actor_id), DB_I64(q->ch->at)),
		NULL);
}

static enum err take(struct tx_ask *q, struct reaction **x)
{
	struct change *c = q->c;
	bool more;
	*x = reactions_find(&c->message.reactions, c->text);
	if (!*x) return ERR_INTERNAL; /* the two have parted */
	reactions_remove(*x, c->actor_id, &more);
	enum err e =
		db_exec(q->tx->c, &SQL_TAKE,
				DB_ARGS(DB_I64(c->channel_id), DB_I64(c->message_id), DB_TEXT(c->text), DB_I64(c->actor_id)), NULL);
	return e || !more ? e : read_first(q, *x);
}

/* What one emoji is worth now, and who has moved it which way. */
static struct str value_of(struct tx_ask *q, const struct reaction *x)
{
	struct tx_json j;
	tx_json_open(&j);
	codec_reaction_fields(&j.out, x);
	json_field_bool(&j.out, "given", q->c->on);
	return tx_json_close(&j, q->tx->a);
}

static enum err reaction_write(struct tx_ask *q)
{
	struct change *c = q->c;
	struct message *m = &c->message;
	struct reaction *x;
	enum err e = c->on ? give(q, &x) : take(q, &x);
	if (!e) e = tx_change(q, CHANGE_REACTION, m->message_id, 0, value_of(q, x));
	if (e) return e;
	reactions_tidy(&m->reactions);
	m->changed_rev = c->fields->rev;
	return db_exec(q->tx->c, &SQL_SHOW,
				   DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id),
						   DB_TEXT(reactions_text(q->tx->a, &m->reactions)), DB_I64(m->changed_rev)),
				   NULL);
}

enum err write_reaction(struct tx_ask *q)
{
	int64_t mine;
	bool audit, given;
	if (tx_other_epoch(q)) return OK;
	enum err e = tx_ask_message(q);
	if (!e) e = tx_ask_speech(q);
	if (e || !tx_permitted(q, &audit)) return e;
	e = read_mine(q, &mine, &given);
	if (e || given == q->c->on || (q->c->on && !has_room(q, mine))) return e;
	return reaction_write(q);
}
