/* Edits and deletions. */
#include "model/mention.h"
#include "store/append_tx.h"
#include "store/mention.h"

static const struct sql SQL_EDIT = {
	"UPDATE messages SET body = $3, changed_rev = $4, body_rev = $4, edited_at = $5, mention_all = $6 "
	"WHERE channel_id = $1 AND message_id = $2",
	NULL,
};
static const struct sql SQL_BEFORE = {
	"INSERT INTO message_edits (channel_id, message_id, rev, body, at) VALUES ($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_DELETE = {
	"UPDATE messages SET body = '', changed_rev = $3, deleted_at = $4, deleted_by = $5, mention_all = 0, pinned_at = "
	"NULL, pinned_by = NULL, reactions = NULL WHERE channel_id = $1 AND message_id = $2",
	NULL,
};
static const struct sql SQL_FORGET_EDITS = { "DELETE FROM message_edits WHERE channel_id = $1 AND message_id = $2",
											 NULL };
static const struct sql SQL_FORGET_REACTIONS = { "DELETE FROM reactions WHERE channel_id = $1 AND message_id = $2",
												 NULL };

enum err tx_ask_message(struct tx_ask *q)
{
	struct change *c = q->c;
	bool may_see = c->as_user || (q->me.member && c->message_id >= q->me.first_id);
	if (!q->permit.channel || !may_see) return OK;
	enum err e = message_of_change(q->tx->c, c, c->message_id);
	if (e == ERR_NOT_FOUND) return OK;
	q->permit.message = !e;
	q->permit.own_message = c->message.author_id == c->actor_id;
	q->permit.message_deleted = c->message.deleted_at != 0;
	return e;
}

bool tx_other_epoch(struct tx_ask *q)
{
	if (!q->c->epoch || q->c->epoch == q->tx->epoch) return false;
	q->c->err = ERR_EPOCH_CHANGED;
	return true;
}

/* In a clipped channel the event carries no message: not every reader may have it. */
static enum err message_changed(struct tx_ask *q, enum change_kind kind, struct str data)
{
	enum err e = tx_change(q, kind, q->c->message_id, 0, data);
	if (q->ch->row.history == HISTORY_ALL) q->c->fields->message = &q->c->message;
	return e;
}

static enum err edit_write(struct tx_ask *q)
{
	struct message *m = &q->c->message;
	bool may_all = permit_operates(&q->permit) || q->ch->row.member_count <= MENTION_ALL_MOST;
	struct db_conn *c = q->tx->c;
	enum err e = db_exec(
		c, &SQL_BEFORE,
		DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), DB_I64(m->body_rev), DB_TEXT(m->body), DB_I64(q->ch->at)),
		NULL);
	if (!e) e = message_changed(q, CHANGE_EDIT, STR_NONE);
	if (e) return e;
	m->body = arena_str(&q->c->arena, q->c->text);
	m->changed_rev = m->body_rev = q->c->fields->rev;
	m->edited_at = q->ch->at;
	e = mentions_resolve(c, &q->c->arena, m, may_all);
	if (!e) e = mentions_rewrite(c, m, m->created_at);
	if (e) return e;
	return db_exec(c, &SQL_EDIT,
				   DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), DB_TEXT(m->body), DB_I64(m->changed_rev),
						   DB_I64(m->edited_at), DB_BOOL(m->mention_all)),
				   NULL);
}

enum err write_edit(struct tx_ask *q)
{
	struct change *c = q->c;
	bool audit;
	if (tx_other_epoch(q)) return OK;
	enum err e = tx_ask_message(q);
	if (!e) e = tx_ask_speech(q);
	if (e || !tx_permitted(q, &audit)) return e;
	if (str_eq(c->message.body, c->text)) return OK; /* also to one whose first answer was lost */
	if (c->if_body_rev && c->if_body_rev != c->message.body_rev) {
		c->err = ERR_REV_CHANGED;
		return OK;
	}
	return edit_write(q);
}

static enum err forget(struct tx_ask *q)
{
	struct db_args at = DB_ARGS(DB_I64(q->c->channel_id), DB_I64(q->c->message_id));
	enum err e = db_exec(q->tx->c, &SQL_FORGET_EDITS, at, NULL);
	if (!e) e = db_exec(q->tx->c, &SQL_FORGET_REACTIONS, at, NULL);
	return e;
}

static enum err delete_write(struct tx_ask *q, bool audit)
{
	struct message *m = &q->c->message;
	struct str root = STR_NONE;
	enum err e = m->thread_id ? thread_without(q, m, &root) : OK;
	if (!e) e = message_changed(q, CHANGE_DELETE, root);
	if (e) return e;
	m->body = STR(""), m->n_mentions = 0, m->mention_all = m->pinned = false;
	m->reactions.n = 0;
	m->changed_rev = q->c->fields->rev;
	m->deleted_at = q->ch->at;
	e = db_exec(q->tx->c, &SQL_DELETE,
				DB_ARGS(DB_I64(m->channel_id), DB_I64(m->message_id), DB_I64(m->changed_rev), DB_I64(m->deleted_at),
						DB_I64(q->c->actor_id)),
				NULL);
	if (!e) e = mentions_rewrite(q->tx->c, m, q->ch->at);
	if (!e && root.p) e = thread_deleted(q, m);
	if (!e) e = forget(q);
	if (e || !audit) return e;
	struct str target = arena_printf(q->tx->a, "%lld-%lld", (long long)m->channel_id, (long long)m->message_id);
	return tx_audit(q, "message.delete", target,
					arena_printf(q->tx->a, "{\"author_id\":%lld}", (long long)m->author_id), STR_NONE);
}

enum err write_delete(struct tx_ask *q)
{
	bool audit;
	if (tx_other_epoch(q)) return OK;
	enum err e = tx_ask_message(q);
	if (q->c->as_user) { /* what was left of an account, wherever it was */
		bool there = q->permit.message && !q->permit.message_deleted && !q->permit.channel->deleted;
		return e || !there ? e : delete_write(q, false);
	}
	if (e || !tx_permitted(q, &audit)) return e;
	return delete_write(q, audit);
}
