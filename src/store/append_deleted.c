/* The end of a channel: its last change, and the name is free. Nothing is written for its members, nor are its rows
 * touched here: purge.h takes them later, some at a time. */
#include "store/append_tx.h"

static const struct sql SQL_NAME = { "SELECT name, is_default FROM channels WHERE channel_id = $1", NULL };
static const struct sql SQL_HEAD = { "UPDATE heads SET deleted_at = $2 WHERE channel_id = $1", NULL };
static const struct sql SQL_FREE = { "UPDATE channels SET name_key = NULL WHERE channel_id = $1", NULL };
static const struct sql SQL_LATER = { "INSERT INTO ended_channels (channel_id, at) VALUES ($1, $2)", NULL };

struct name {
	struct arena *a;
	struct str name;
	bool is_default;
};

static void name_take(const struct db_rows *r, void *arg)
{
	struct name *n = arg;
	n->name = arena_str(n->a, db_str(r, 0));
	n->is_default = db_i64(r, 1) != 0;
}

static enum err deleted_write(struct tx_ask *q, const struct name *n)
{
	struct tx_channel *ch = q->ch;
	struct tx_json j;
	enum err e = tx_change(q, CHANGE_DELETED, 0, 0, STR_NONE);
	ch->row.deleted = true; /* for what follows in this batch */
	if (!e) e = db_exec(q->tx->c, &SQL_HEAD, DB_ARGS(DB_I64(ch->row.id), DB_I64(ch->at)), NULL);
	if (!e) e = db_exec(q->tx->c, &SQL_FREE, DB_ARGS(DB_I64(ch->row.id)), NULL);
	if (!e) e = db_exec(q->tx->c, &SQL_LATER, DB_ARGS(DB_I64(ch->row.id), DB_I64(ch->at)), NULL);
	if (e) return e;
	tx_json_open(&j);
	json_field_str(&j.out, "name", n->name);
	struct str before = tx_json_close(&j, q->tx->a);
	return tx_audit(q, "channel.delete", arena_printf(q->tx->a, "channel:%lld", (long long)ch->row.id),
					arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(before)), STR_NONE);
}

enum err write_deleted(struct tx_ask *q)
{
	struct name n = { .a = q->tx->a };
	bool audit;
	enum err e = OK;
	if (q->permit.channel) e = db_one(q->tx->c, &SQL_NAME, DB_ARGS(DB_I64(q->c->channel_id)), name_take, &n);
	q->permit.is_default = n.is_default;
	return e || !tx_permitted(q, &audit) ? e : deleted_write(q, &n);
}
