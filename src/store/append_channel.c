/* A channel's own things: topic, name, flags; and making channels. */
#include <string.h>

#include "store/append_tx.h"
#include "store/channel.h"
#include "store/indexed.h"

static const struct sql SQL_CHANNEL = { "SELECT name, name_key, topic, is_default FROM channels WHERE channel_id = $1",
										NULL };
static const struct sql SQL_TOPIC = {
	"UPDATE channels SET topic = $2, topic_by = $3, topic_at = $4 WHERE channel_id = $1", NULL
};
static const struct sql SQL_SET = {
	"UPDATE channels SET name = $2, name_key = $3, is_default = $4 WHERE channel_id = $1", NULL
};
/* What was open until now is clipped to each one's present membership. */
static const struct sql SQL_CLIP = {
	"UPDATE members SET first_id = 1 + coalesce((SELECT t.message_id FROM messages t WHERE t.channel_id = $1 AND "
	"t.rev <= members.joined_rev ORDER BY t.rev DESC LIMIT 1), 0) WHERE channel_id = $1",
	NULL,
};
/* In the order in which read markers lock them (member.c): else each may have what the other waits for. */
static const struct sql SQL_LOCK_MEMBERS = {
	"SELECT count(*) FROM (SELECT 1 FROM members m WHERE m.channel_id = $1 ORDER BY m.user_id FOR NO KEY UPDATE) q",
	NULL,
};
static const struct sql SQL_NAME_TAKEN = { "SELECT channel_id FROM channels WHERE name_key = $1", NULL };

struct names {
	struct arena *a;
	struct str name, key, topic;
	bool is_default;
};

static void names_take(const struct db_rows *r, void *arg)
{
	struct names *n = arg;
	n->name = arena_str(n->a, db_str(r, 0));
	n->key = arena_str(n->a, db_str(r, 1));
	n->topic = arena_str(n->a, db_str(r, 2));
	n->is_default = db_i64(r, 3) != 0;
}

static enum err names_read(struct tx_ask *q, struct names *n)
{
	*n = (struct names){ .a = q->tx->a };
	return db_one(q->tx->c, &SQL_CHANNEL, DB_ARGS(DB_I64(q->c->channel_id)), names_take, n);
}

enum err write_topic(struct tx_ask *q)
{
	struct change *c = q->c;
	struct names n;
	struct tx_json j;
	bool audit;
	if (!tx_permitted(q, &audit)) return OK;
	enum err e = names_read(q, &n);
	if (e || str_eq(n.topic, c->text)) return e;
	struct str topic = c->text.p ? c->text : STR("");
	tx_json_open(&j);
	json_field_str(&j.out, "topic", topic);
	e = tx_change(q, CHANGE_TOPIC, 0, 0, tx_json_close(&j, q->tx->a));
	if (e) return e;
	return db_exec(q->tx->c, &SQL_TOPIC,
				   DB_ARGS(DB_I64(c->channel_id), DB_TEXT(topic), DB_I64(c->actor_id), DB_I64(q->ch->at)), NULL);
}

/* ---- name and flags */

static bool set_flag(bool *flag, int want)
{
	if (want < 0 || *flag == (want != 0)) return false;
	*flag = want != 0;
	return true;
}

static void put_flag(struct tx_json *j, const char *name, bool changed, bool value)
{
	if (changed) json_field_bool(&j->out, name, value);
}

/* What may only become stricter is refused the other way. */
static bool stricter(struct tx_ask *q, const struct channel_patch *p)
{
	const struct channel *h = &q->ch->row;
	if (p->make_private == 0 && h->kind == CHANNEL_PRIVATE)
		q->c->err = problem_field(&q->c->problem, "private", "a private channel stays private");
	if (p->history == HISTORY_ALL && h->history == HISTORY_JOINED)
		q->c->err = problem_field(&q->c->problem, "history", "what was clipped stays clipped");
	return q->c->err == OK;
}

/* What everybody joins is open to everybody. */
static void open_default(struct tx_ask *q, const struct channel_patch *p, const struct names *n)
{
	bool is_default = p->is_default >= 0 ? p->is_default != 0 : n->is_default;
	if (is_default && (p->make_private == 1 || q->ch->row.kind == CHANNEL_PRIVATE))
		q->c->err = problem_set(&q->c->problem, ERR_CONFLICT, "new accounts join a default channel: it is not private");
}

/* Applies the patch to the head; JSON of what is new, and of what was. */
static void patch_apply(struct tx_ask *q, const struct channel_patch *p, struct tx_json *was, struct tx_json *now)
{
	struct channel *h = &q->ch->row;
	if (p->slow_mode_s >= 0 && p->slow_mode_s != h->slow_mode_s) {
		json_field_i64(&was->out, "slow_mode_s", h->slow_mode_s);
		h->slow_mode_s = p->slow_mode_s;
		json_field_i64(&now->out, "slow_mode_s", h->slow_mode_s);
	}
	if (p->make_private == 1 && h->kind == CHANNEL_PUBLIC) {
		h->kind = CHANNEL_PRIVATE;
		json_field_text(&was->out, "kind", channel_kind_name(CHANNEL_PUBLIC));
		json_field_text(&now->out, "kind", channel_kind_name(h->kind));
	}
	if (p->history == HISTORY_JOINED && h->history == HISTORY_ALL) {
		h->history = HISTORY_JOINED;
		json_field_text(&was->out, "history", channel_history_name(HISTORY_ALL));
		json_field_text(&now->out, "history", channel_history_name(h->history));
	}
	bool read_only = set_flag(&h->read_only, p->read_only), archived = set_flag(&h->archived, p->archived);
	put_flag(was, "read_only", read_only, !h->read_only), put_flag(now, "read_only", read_only, h->read_only);
	put_flag(was, "archived", archived, !h->archived), put_flag(now, "archived", archived, h->archived);
}

static bool rename_apply(struct tx_ask *q, struct names *n, struct tx_json *was, struct tx_json *now)
{
	if (!q->c->text_key.p || str_eq(n->name, q->c->text)) return false;
	json_field_str(&was->out, "name", n->name), json_field_str(&now->out, "name", q->c->text);
	n->name = q->c->text, n->key = q->c->text_key;
	return true;
}

static enum err name_free(struct tx_ask *q, struct str key, const struct names *n)
{
	if (!key.p || (n && str_eq(key, n->key))) return OK;
	enum err e = db_one(q->tx->c, &SQL_NAME_TAKEN, DB_ARGS(DB_TEXT(key)), NULL, NULL);
	if (!e) q->c->err = ERR_NAME_TAKEN;
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err clip(struct tx_ask *q)
{
	const struct db_value ch = DB_I64(q->c->channel_id);
	enum err e = OK;
	if (db_conn_kind(q->tx->c) == DB_POSTGRES) e = db_one(q->tx->c, &SQL_LOCK_MEMBERS, DB_ARGS(ch), NULL, NULL);
	return e ? e : db_exec(q->tx->c, &SQL_CLIP, DB_ARGS(ch), NULL);
}

static enum err channel_write(struct tx_ask *q, struct names *n)
{
	static const struct channel_patch none = { -1, -1, -1, -1, -1, -1 };
	const struct channel_patch *p = q->c->patch ? q->c->patch : &none;
	const struct channel *h = &q->ch->row;
	enum channel_history history = h->history;
	struct tx_json was, now;
	tx_json_open(&was), tx_json_open(&now);
	bool set = rename_apply(q, n, &was, &now), is_default = set_flag(&n->is_default, p->is_default);
	put_flag(&was, "default", is_default, !n->is_default), put_flag(&now, "default", is_default, n->is_default);
	patch_apply(q, p, &was, &now);
	bool clipped = h->history != history;
	struct str before = tx_json_close(&was, q->tx->a), after = tx_json_close(&now, q->tx->a);
	if (!after.n) return OK;
	enum err e = tx_change(q, CHANGE_CHANNEL, 0, 0, after);
	if (!e && (set || is_default))
		e = db_exec(q->tx->c, &SQL_SET,
					DB_ARGS(DB_I64(q->c->channel_id), DB_TEXT(n->name), DB_TEXT(n->key), DB_BOOL(n->is_default)), NULL);
	if (!e && clipped) e = clip(q);
	if (e) return e;
	return tx_audit(q, "channel.update", arena_printf(q->tx->a, "channel:%lld", (long long)q->c->channel_id),
					arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(before)),
					arena_printf(q->tx->a, "{" STR_FMT "}", STR_ARG(after)));
}

enum err write_channel(struct tx_ask *q)
{
	struct names n;
	bool audit;
	const struct channel_patch *p = q->c->patch;
	q->permit.sets_default = p && p->is_default >= 0;
	if (!tx_permitted(q, &audit) || (p && !stricter(q, p))) return OK;
	enum err e = names_read(q, &n);
	if (!e && p) open_default(q, p, &n);
	if (!e && !q->c->err) e = name_free(q, q->c->text_key, &n);
	return e || q->c->err ? e : channel_write(q, &n);
}

/* ---- creation */

static const struct sql SQL_ID = { "UPDATE counters SET value = value + 1 WHERE name = 'channel_id' RETURNING value",
								   NULL };
static const struct sql SQL_DMS_MADE = { DMS_MADE("$1"), NULL };
static const struct sql SQL_HEAD_NEW = {
	"INSERT INTO heads (channel_id, rev, rev_at, member_count, kind, history) VALUES ($1, 0, 0, 0, $2, $3)", NULL
};
static const struct sql SQL_CHANNEL_NEW = {
	"INSERT INTO channels (channel_id, name, name_key, topic, topic_by, topic_at, dm_key, is_default, created_at, "
	"created_by) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
	NULL,
};
static const struct sql SQL_ROLE = {
	"UPDATE members SET role = $3, hidden_at = $4 WHERE channel_id = $1 AND user_id = $2", NULL
};
static const struct sql SQL_UNHIDE = { "UPDATE members SET hidden_at = NULL, user_rev = $3 WHERE channel_id = $1 AND "
									   "user_id = $2 AND hidden_at IS NOT NULL",
									   NULL };
static const struct sql SQL_HIDDEN = {
	"SELECT user_id FROM members WHERE channel_id = $1 AND user_id = $2 AND hidden_at IS NOT NULL", NULL
};

static void id_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

/* All people of a DM must be there, and none may have blocked its maker. */
static enum err ask_people(struct tx_ask *q, bool there)
{
	const struct channel_create *k = q->c->create;
	bool all = true, blocked = false;
	enum err e = OK;
	for (size_t i = 0; i < k->n_users && !e; i++) {
		if (k->user_ids[i] == q->c->actor_id) continue;
		e = tx_ask_person(q, k->user_ids[i]);
		if (!e) e = tx_ask_stranger(q, k->user_ids[i]);
		all = all && q->permit.person, blocked = blocked || q->permit.blocked;
	}
	q->permit.person = all;
	q->permit.blocked = blocked && !there; /* what is there can be opened again */
	return e;
}

/* The same people have one direct message for ever: whoever asks again sees it again. */
static enum err dm_open(struct tx_ask *q, int64_t id)
{
	struct change *c = q->c;
	c->repeated = true;
	c->new_channel_id = id;
	enum err e = db_one(q->tx->c, &SQL_HIDDEN, DB_ARGS(DB_I64(id), DB_I64(c->actor_id)), NULL, NULL);
	if (e) return e == ERR_NOT_FOUND ? OK : e;
	c->user_rev = tx_person_rev(q->tx, c->actor_id);
	return db_exec(q->tx->c, &SQL_UNHIDE, DB_ARGS(DB_I64(id), DB_I64(c->actor_id), DB_I64(c->user_rev)), NULL);
}

static struct str created_json(struct tx_ask *q)
{
	const struct channel_create *k = q->c->create;
	struct tx_json j;
	tx_json_open(&j);
	json_field_bool(&j.out, "created", true);
	json_field_text(&j.out, "kind", channel_kind_name((enum channel_kind)k->kind));
	if (k->kind != CHANNEL_DM) json_field_str(&j.out, "name", k->name);
	return tx_json_close(&j, q->tx->a);
}

static enum err rows_new(struct tx_ask *q)
{
	const struct channel_create *k = q->c->create;
	struct channel *h = &q->ch->row;
	bool dm = k->kind == CHANNEL_DM, topic = !dm && k->topic.n;
	enum err e = db_exec(q->tx->c, &SQL_HEAD_NEW, DB_ARGS(DB_I64(h->id), DB_I64(h->kind), DB_I64(h->history)), NULL);
	if (e) return e;
	return db_exec(q->tx->c, &SQL_CHANNEL_NEW,
				   DB_ARGS(DB_I64(h->id), DB_TEXT(dm ? STR_NONE : k->name), DB_TEXT(dm ? STR_NONE : k->name_key),
						   DB_TEXT(dm      ? STR_NONE
								   : topic ? k->topic
										   : STR("")),
						   db_opt(topic ? q->c->actor_id : 0), db_opt(topic ? q->ch->at : 0),
						   DB_TEXT(dm ? k->dm_key : STR_NONE), DB_BOOL(k->is_default), DB_I64(q->ch->at),
						   DB_I64(q->c->actor_id)),
				   NULL);
}

/* A DM's people are equal; it shows to all but its maker with the first message. */
static enum err member_new(struct tx_ask *q, int64_t user_id)
{
	bool maker = user_id == q->c->actor_id, dm = q->ch->row.kind == CHANNEL_DM;
	int64_t user_rev = tx_person_rev(q->tx, user_id);
	if (maker) q->c->user_rev = user_rev;
	q->ch->row.member_count++;
	enum err e = tx_member_add(q, user_id, q->ch->row.rev, user_rev);
	if (e) return e;
	struct db_value hidden = dm && !maker ? DB_I64(0) : db_opt(0); /* the last_id it is hidden at */
	return db_exec(q->tx->c, &SQL_ROLE,
				   DB_ARGS(DB_I64(q->ch->row.id), DB_I64(user_id), DB_I64(dm ? CHANNEL_MEMBER : CHANNEL_OWNER), hidden),
				   NULL);
}

static enum err create_write(struct tx_ask *q)
{
	struct append_tx *tx = q->tx;
	const struct channel_create *k = q->c->create;
	struct tx_channel *ch = arena_new(tx->a, struct tx_channel);
	enum err e = db_one(tx->c, &SQL_ID, DB_NO_ARGS, id_take, &ch->row.id);
	if (e) return e;
	ch->there = true;
	ch->at = tx->now_ms;
	ch->row.kind = (enum channel_kind)k->kind;
	ch->row.history = k->kind == CHANNEL_DM ? HISTORY_ALL : (enum channel_history)k->history;
	id_map_put(&tx->channels, ch->row.id, ch);
	vec_push(&tx->channel_ids, ch->row.id);
	q->ch = ch;
	q->c->new_channel_id = ch->row.id;
	e = rows_new(q);
	if (!e) e = tx_change(q, CHANGE_CHANNEL, 0, 0, created_json(q));
	if (!e && k->kind != CHANNEL_DM) e = member_new(q, q->c->actor_id);
	for (size_t i = 0; i < k->n_users && !e && k->kind == CHANNEL_DM; i++) e = member_new(q, k->user_ids[i]);
	return e;
}

/* Who makes it is one of its people; the key is made of all. */
static void dm_people(struct tx_ask *q)
{
	const struct channel_create *k = q->c->create;
	struct channel_create *mine = arena_new(&q->c->arena, struct channel_create);
	int64_t ids[DM_PEOPLE + 1];
	size_t n = 0;
	*mine = *k;
	for (; n < k->n_users; n++) ids[n] = k->user_ids[n];
	ids[n++] = q->c->actor_id;
	q->c->err = dm_key(&q->c->arena, ids, &n, &mine->dm_key, &q->c->problem);
	if (q->c->err) return;
	mine->n_users = n;
	memcpy(mine->user_ids, ids, n * sizeof *ids);
	q->c->create = mine;
}

/* A DM counts for who makes it, and by itself: else anybody could fill what others may be in. */
static enum err channels_left(struct tx_ask *q, bool *room)
{
	int64_t made = 0;
	if (q->c->create->kind != CHANNEL_DM) return tx_channels_left(q, q->c->actor_id, room);
	enum err e = db_one(q->tx->c, &SQL_DMS_MADE, DB_ARGS(DB_I64(q->c->actor_id)), id_take, &made);
	*room = made < q->tx->w->config->channels_per_person;
	return e;
}

enum err write_create(struct tx_ask *q)
{
	const struct channel_create *k = q->c->create;
	int64_t there = 0;
	bool audit, room = true;
	enum err e = OK;
	q->permit.creates = true;
	q->permit.dm = k->kind == CHANNEL_DM;
	q->permit.sets_default = k->is_default;
	if (q->permit.dm) dm_people(q);
	if (q->c->err) return OK;
	k = q->c->create;
	if (q->permit.dm) e = channel_of_dm(q->tx->c, k->dm_key, &there);
	if (!e && q->permit.dm) e = ask_people(q, there != 0);
	if (e || q->c->err || !tx_permitted(q, &audit)) return e;
	if (there) return dm_open(q, there);
	e = name_free(q, k->name_key, NULL);
	if (!e && !q->c->err) e = channels_left(q, &room);
	if (!e && !room) q->c->err = ERR_LIMIT_REACHED;
	return e || q->c->err ? e : create_write(q);
}
