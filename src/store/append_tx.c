#include "store/append_tx.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/id.h"
#include "base/random.h"
#include "store/append_react.h"
#include "store/epoch.h"
#include "store/rows.h"

/* ---- what can be asked for */

static const struct kind {
	enum err (*write)(struct tx_ask *q); /* NULL: not by a person */
	bool moves_person;                   /* the own list of whom it is about */
	/* several in a row at once; NULL: one by one */
	enum err (*run)(struct append_tx *tx, struct change **changes, const struct actor *actors, size_t n);
} kinds[CHANGE_KIND_COUNT] = {
	[CHANGE_MESSAGE] = { write_send, false },    [CHANGE_EDIT] = { write_edit, false },
	[CHANGE_DELETE] = { write_delete, false },   [CHANGE_REACTION] = { write_reaction, false, react_run },
	[CHANGE_PIN] = { write_pin, false },         [CHANGE_JOIN] = { write_join, true },
	[CHANGE_LEAVE] = { write_leave, true },      [CHANGE_KICK] = { write_leave, true },
	[CHANGE_ROLE] = { write_role, true },        [CHANGE_BAN] = { write_ban, true },
	[CHANGE_TOPIC] = { write_topic, false },     [CHANGE_CHANNEL] = { write_channel, false },
	[CHANGE_DELETED] = { write_deleted, false }, [CHANGE_USER] = { write_person, true },
	[CHANGE_RETAIN] = { write_retain, false },   [CHANGE_SERVER] = { write_server, false },
};

/* ---- heads */

#define HEAD                                                                                                           \
	"h.channel_id, h.kind, h.history, h.slow_mode_s, h.read_only, h.archived, h.large, h.deleted_at, h.rev, "          \
	"h.rev_at, h.last_id, h.last_seq, h.last_at, h.min_rev, h.member_count, h.min_id FROM heads h WHERE "
static const struct sql SQL_HEAD = { "SELECT " HEAD "h.channel_id = $1", NULL };
static const struct sql SQL_LOCK_SKIP = {
	"SELECT " HEAD IDS_ANY("h.channel_id", "$1") " ORDER BY h.channel_id FOR NO KEY UPDATE SKIP LOCKED", NULL
};
static const struct sql SQL_LOCK_WAIT = {
	"SELECT " HEAD IDS_ANY("h.channel_id", "$1") " ORDER BY h.channel_id FOR NO KEY UPDATE", NULL
};
static const struct sql SQL_THERE = { "SELECT h.channel_id FROM heads h WHERE " IDS_ANY("h.channel_id", "$1"), NULL };
static const struct sql SQL_NOW = { "SELECT linnet_now_ms()", NULL };
static const struct sql SQL_HEAD_WRITE = {
	"UPDATE heads SET rev = $2, rev_at = $3, last_id = $4, last_seq = $5, last_at = $6, member_count = $7, kind = $8, "
	"history = $9, slow_mode_s = $10, read_only = $11, archived = $12, large = $13 WHERE channel_id = $1",
	NULL,
};
static const struct sql SQL_MOVE_CHANNEL = { "INSERT INTO moves (channel_id, rev) VALUES ($1, $2)", NULL };

static void head_take(struct append_tx *tx, const struct db_rows *r)
{
	struct tx_channel *ch = id_map_get(&tx->channels, db_i64(r, 0));
	struct channel *h = &ch->row;
	ch->there = true;
	h->kind = (enum channel_kind)db_i64(r, 1);
	h->history = (enum channel_history)db_i64(r, 2);
	h->slow_mode_s = db_i64(r, 3);
	h->read_only = db_i64(r, 4) != 0;
	h->archived = db_i64(r, 5) != 0;
	h->large = db_i64(r, 6) != 0;
	h->deleted = !db_is_null(r, 7);
	h->rev = db_i64(r, 8);
	h->rev_at = db_i64(r, 9);
	h->last_id = db_i64(r, 10);
	h->last_seq = db_i64(r, 11);
	h->last_at = db_i64(r, 12);
	h->min_rev = db_i64(r, 13);
	h->member_count = db_i64(r, 14);
	h->min_id = db_i64(r, 15);
}

static enum err heads_take(struct append_tx *tx, const struct sql *q, struct db_value arg)
{
	struct db_rows rows;
	enum err e = db_query(tx->c, q, DB_ARGS(arg), &rows);
	if (e) return e;
	while (db_next(&rows)) head_take(tx, &rows);
	return db_end(&rows);
}

/* What is there and was not locked is held elsewhere. */
static enum err mark_skipped(struct append_tx *tx, struct db_value ids)
{
	struct db_rows rows;
	enum err e = db_query(tx->c, &SQL_THERE, DB_ARGS(ids), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct tx_channel *ch = id_map_get(&tx->channels, db_i64(&rows, 0));
		ch->skipped = !ch->there;
	}
	return db_end(&rows);
}

static enum err heads_lock(struct append_tx *tx)
{
	struct db_value ids = ids_param(tx->c, tx->a, tx->channel_ids.p, tx->channel_ids.n);
	enum err e = heads_take(tx, tx->b->alone ? &SQL_LOCK_WAIT : &SQL_LOCK_SKIP, ids);
	size_t locked = 0;
	for (size_t i = 0; i < tx->channel_ids.n; i++)
		locked += ((struct tx_channel *)id_map_get(&tx->channels, tx->channel_ids.p[i]))->there;
	return e || locked == tx->channel_ids.n ? e : mark_skipped(tx, ids);
}

/* SQLite's transaction has the whole file. */
static enum err heads_read(struct append_tx *tx)
{
	enum err e = OK;
	for (size_t i = 0; i < tx->channel_ids.n && !e; i++) e = heads_take(tx, &SQL_HEAD, DB_I64(tx->channel_ids.p[i]));
	return e;
}

static int by_value(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

static void gather_channels(struct append_tx *tx)
{
	for (size_t i = 0; i < tx->b->n; i++) {
		const struct change *c = tx->b->changes[i];
		if (c->create || id_map_get(&tx->channels, c->channel_id)) continue;
		struct tx_channel *ch = arena_new(tx->a, struct tx_channel);
		ch->row.id = c->channel_id;
		id_map_put(&tx->channels, c->channel_id, ch);
		vec_push(&tx->channel_ids, c->channel_id);
	}
	if (tx->channel_ids.n) qsort(tx->channel_ids.p, tx->channel_ids.n, sizeof *tx->channel_ids.p, by_value);
}

static void now_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static enum err read_clock(struct append_tx *tx)
{
	tx->now_ms = clock_wall_ms(tx->w->clock);
	enum err e = OK;
	if (db_conn_kind(tx->c) == DB_POSTGRES) e = db_one(tx->c, &SQL_NOW, DB_NO_ARGS, now_take, &tx->now_ms);
	for (size_t i = 0; i < tx->channel_ids.n; i++) {
		struct tx_channel *ch = id_map_get(&tx->channels, tx->channel_ids.p[i]);
		ch->at = tx->now_ms > ch->row.rev_at ? tx->now_ms : ch->row.rev_at;
	}
	return e;
}

static enum err head_write(struct append_tx *tx, const struct tx_channel *ch)
{
	const struct channel *h = &ch->row;
	enum err e =
		db_exec(tx->c, &SQL_HEAD_WRITE,
				DB_ARGS(DB_I64(h->id), DB_I64(h->rev), DB_I64(h->rev_at), DB_I64(h->last_id), DB_I64(h->last_seq),
						DB_I64(h->last_at), DB_I64(h->member_count), DB_I64(h->kind), DB_I64(h->history),
						DB_I64(h->slow_mode_s), DB_BOOL(h->read_only), DB_BOOL(h->archived), DB_BOOL(h->large)),
				NULL);
	if (!e && ch->moved && db_conn_kind(tx->c) == DB_POSTGRES)
		e = db_exec(tx->c, &SQL_MOVE_CHANNEL, DB_ARGS(DB_I64(h->id), DB_I64(h->rev)), NULL);
	return e;
}

int64_t tx_rev(struct append_tx *tx, struct tx_channel *ch)
{
	ch->moved = true;
	ch->row.rev_at = ch->at;
	return ++ch->row.rev;
}

/* ---- people */

static const struct sql SQL_PERSON_LOCK = {
	"SELECT p.user_id, p.rev FROM user_heads p WHERE " IDS_ANY("p.user_id",
															   "$1") " ORDER BY p.user_id FOR NO KEY UPDATE",
	"SELECT p.user_id, p.rev FROM user_heads p WHERE " IDS_ANY_SQLITE("p.user_id", "$1"),
};
static const struct sql SQL_PERSON_WRITE = {
	"INSERT INTO user_heads (user_id, rev) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET rev = excluded.rev", NULL
};
static const struct sql SQL_MOVE_PERSON = { "INSERT INTO moves (user_id, rev) VALUES ($1, $2)", NULL };

void tx_want_person(struct append_tx *tx, int64_t user_id)
{
	if (user_id <= 0 || id_map_get(&tx->people, user_id)) return;
	struct tx_person *p = arena_new(tx->a, struct tx_person);
	p->user_id = user_id;
	id_map_put(&tx->people, user_id, p);
	vec_push(&tx->person_ids, user_id);
}

/* Whose own list a change may move. */
static enum err gather_people(struct append_tx *tx)
{
	enum err e = OK;
	for (size_t i = 0; i < tx->b->n && !e; i++) {
		const struct change *c = tx->b->changes[i];
		if (!tx->actors[i].user_id) continue;
		if (c->create) {
			tx_want_person(tx, tx->actors[i].user_id);
			for (size_t k = 0; k < c->create->n_users; k++) tx_want_person(tx, c->create->user_ids[k]);
		} else if (kinds[c->kind].moves_person) {
			tx_want_person(tx, c->user_id ? c->user_id : tx->actors[i].user_id);
		} else if (c->kind == CHANGE_MESSAGE && c->send->thread_id) {
			e = thread_gather(tx, c, tx->actors[i].user_id);
		}
	}
	if (tx->person_ids.n) qsort(tx->person_ids.p, tx->person_ids.n, sizeof *tx->person_ids.p, by_value);
	return e;
}

static enum err people_lock(struct append_tx *tx)
{
	struct db_rows rows;
	if (!tx->person_ids.n) return OK;
	struct db_value ids = ids_param(tx->c, tx->a, tx->person_ids.p, tx->person_ids.n);
	enum err e = db_query(tx->c, &SQL_PERSON_LOCK, DB_ARGS(ids), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct tx_person *p = id_map_get(&tx->people, db_i64(&rows, 0));
		p->rev = db_i64(&rows, 1);
	}
	return db_end(&rows);
}

int64_t tx_person_rev(struct append_tx *tx, int64_t user_id)
{
	struct tx_person *p = id_map_get(&tx->people, user_id);
	p->moved = true;
	return ++p->rev;
}

static enum err person_write(struct append_tx *tx, const struct tx_person *p)
{
	struct person_moved moved = { p->user_id, p->rev };
	enum err e = db_exec(tx->c, &SQL_PERSON_WRITE, DB_ARGS(DB_I64(p->user_id), DB_I64(p->rev)), NULL);
	if (!e && db_conn_kind(tx->c) == DB_POSTGRES)
		e = db_exec(tx->c, &SQL_MOVE_PERSON, DB_ARGS(DB_I64(p->user_id), DB_I64(p->rev)), NULL);
	if (!e) vec_push(&tx->b->moved, moved);
	return e;
}

/* ---- one change */

static const struct sql SQL_MEMBER = {
	"SELECT " TX_MEMBER_COLUMNS " FROM members m "
	"WHERE m.channel_id = $1 AND m.user_id = $2",
	NULL,
};

void tx_member_take(const struct db_rows *r, int at, struct tx_member *m)
{
	m->row = true;
	m->role = (enum channel_role)db_i64(r, at);
	m->voice = db_i64(r, at + 1) != 0;
	m->silenced_until = db_i64(r, at + 2);
	m->sent_at = db_i64(r, at + 3);
	m->first_id = db_i64(r, at + 4);
	m->member = db_is_null(r, at + 5);
}

static void member_take(const struct db_rows *r, void *arg)
{
	tx_member_take(r, 0, arg);
}

enum err tx_member_read(struct append_tx *tx, int64_t channel_id, int64_t user_id, struct tx_member *out)
{
	*out = (struct tx_member){ 0 };
	enum err e = db_one(tx->c, &SQL_MEMBER, DB_ARGS(DB_I64(channel_id), DB_I64(user_id)), member_take, out);
	return e == ERR_NOT_FOUND ? OK : e;
}

bool tx_permitted(struct tx_ask *q, bool *audit)
{
	struct permit_answer a = permit(&q->permit);
	if (q->c->kind == CHANGE_MESSAGE && q->permit.channel && fault_on(q->tx->w->config, STR("no_permit")))
		a = (struct permit_answer){ .err = OK };
	*audit = a.audit;
	q->c->err = a.err;
	if (a.err && a.why) problem_set(&q->c->problem, a.err, "%s", a.why);
	if (a.err == ERR_RATE_LIMITED) problem_wait(&q->c->problem, a.retry_ms);
	return !a.err && !a.nothing;
}

void tx_ask_begin(struct tx_ask *q, struct append_tx *tx, struct change *c, const struct actor *actor,
				  const struct tx_member *me)
{
	c->actor_id = c->by_server ? 0 : actor->user_id;
	*q = (struct tx_ask){ .tx = tx, .c = c, .actor = actor, .me = *me };
	q->ch = c->create ? NULL : id_map_get(&tx->channels, c->channel_id);
	if (q->ch && q->me.first_id <= q->ch->row.min_id) q->me.first_id = q->ch->row.min_id + 1;
	q->permit = (struct permit){
		.kind = c->kind,
		.actor = actor,
		.need_scope = c->need_scope,
		.channel = q->ch && q->ch->there ? &q->ch->row : NULL,
		.left = me->row && !me->member,
		.member = me->member,
		.role = me->role,
		.voice = me->voice,
		.silenced_until = me->silenced_until,
		.now_ms = tx->now_ms,
	};
}

static enum err change_run(struct append_tx *tx, struct change *c, const struct actor *actor)
{
	const struct tx_channel *ch = c->create ? NULL : id_map_get(&tx->channels, c->channel_id);
	struct tx_member me = { 0 };
	struct tx_ask q;
	enum err e = ch && ch->there ? tx_member_read(tx, c->channel_id, actor->user_id, &me) : OK;
	if (e) return e;
	tx_ask_begin(&q, tx, c, actor, &me);
	if (c->create) return write_create(&q);
	if (kinds[c->kind].write) return kinds[c->kind].write(&q);
	c->err = ERR_NOT_ALLOWED;
	return OK;
}

static enum err write_heads(struct append_tx *tx)
{
	enum err e = OK;
	for (size_t i = 0; i < tx->channel_ids.n && !e; i++) {
		struct tx_channel *ch = id_map_get(&tx->channels, tx->channel_ids.p[i]);
		if (ch->moved || ch->counted) e = head_write(tx, ch);
	}
	for (size_t i = 0; i < tx->person_ids.n && !e; i++) {
		struct tx_person *p = id_map_get(&tx->people, tx->person_ids.p[i]);
		if (p->moved) e = person_write(tx, p);
	}
	return e;
}

/* How many changes from here on are of a kind that knows how to write several at once; 1: this one goes alone. */
static size_t run_length(const struct append_tx *tx, size_t from)
{
	size_t n = from;
	enum change_kind kind = tx->b->changes[from]->kind;
	if (!kinds[kind].run || db_conn_kind(tx->c) != DB_POSTGRES) return 1;
	while (n < tx->b->n && tx->b->changes[n]->kind == kind && tx->actors[n].user_id) n++;
	return n - from > 1 ? n - from : 1;
}

static enum err run_changes(struct append_tx *tx)
{
	enum err e = OK;
	for (size_t i = 0, n; i < tx->b->n && !e; i += n) {
		struct change **c = &tx->b->changes[i];
		n = run_length(tx, i);
		if (n > 1)
			e = kinds[c[0]->kind].run(tx, c, &tx->actors[i], n);
		else if (tx->actors[i].user_id)
			e = change_run(tx, c[0], &tx->actors[i]);
	}
	return e;
}

enum err append_tx_run(struct append_tx *tx)
{
	gather_channels(tx);
	enum err e = db_conn_kind(tx->c) == DB_POSTGRES ? heads_lock(tx) : heads_read(tx);
	if (!e) e = epoch_read(tx->c, &tx->epoch);
	if (!e && tx->epoch != tx->b->epoch && !fault_on(tx->w->config, STR("no_epoch"))) {
		tx->b->epoch = tx->epoch;
		return ERR_EPOCH_CHANGED;
	}
	if (!e) e = read_clock(tx);
	if (!e) e = tx_actors_read(tx);
	if (e) return e;
	e = gather_people(tx);
	if (!e) e = people_lock(tx);
	if (!e) e = run_changes(tx);
	return e ? e : write_heads(tx);
}

void append_tx_release(struct append_tx *tx)
{
	id_map_release(&tx->channels);
	id_map_release(&tx->people);
	vec_release(&tx->channel_ids);
	vec_release(&tx->person_ids);
}

/* ---- rows that many kinds write */

static const struct sql SQL_CHANGE = {
	"INSERT INTO changes (channel_id, rev, kind, at, message_id, user_id, actor_id, data) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
	NULL,
};
static const struct sql SQL_AUDIT = {
	"INSERT INTO audit (id, at, actor_id, action, target, before, after, address, request_id) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	NULL,
};

void tx_event(struct tx_ask *q, enum change_kind kind, int64_t message_id, int64_t user_id, struct str data)
{
	struct tx_channel *ch = q->ch;
	struct change *c = q->c;
	int64_t rev = tx_rev(q->tx, ch);
	c->fields = &c->own_fields;
	*c->fields = (struct event_fields){
		.kind = kind,
		.channel_id = ch->row.id,
		.rev = rev,
		.at = ch->at,
		.actor_id = c->actor_id,
		.user_id = user_id,
		.message_id = message_id,
		.joined_rev = kind == CHANGE_JOIN ? rev : 0,
		.changed_rev = message_id ? rev : 0,
		.data = arena_str(&c->arena, data),
	};
}

enum err tx_row_write(struct append_tx *tx, const struct event_fields *f)
{
	return db_exec(tx->c, &SQL_CHANGE,
				   DB_ARGS(DB_I64(f->channel_id), DB_I64(f->rev), DB_TEXT(str_of(change_row(f->kind)->kind)),
						   DB_I64(f->at), db_opt(f->message_id), db_opt(f->user_id), DB_I64(f->actor_id),
						   DB_TEXT(f->data)),
				   NULL);
}

enum err tx_change_write(struct tx_ask *q)
{
	return tx_row_write(q->tx, q->c->fields);
}

enum err tx_change(struct tx_ask *q, enum change_kind kind, int64_t message_id, int64_t user_id, struct str data)
{
	tx_event(q, kind, message_id, user_id, data);
	return tx_change_write(q);
}

enum err tx_audit(struct tx_ask *q, const char *action, struct str target, struct str before, struct str after)
{
	char id[ULID_TEXT + 1];
	const struct change *c = q->c;
	ulid_make(&random_kernel, q->tx->now_ms, id);
	return db_exec(q->tx->c, &SQL_AUDIT,
				   DB_ARGS(DB_TEXT(str_of(id)), DB_I64(q->tx->now_ms), DB_I64(c->actor_id), DB_TEXT(str_of(action)),
						   DB_TEXT(target), DB_TEXT(before), DB_TEXT(after), DB_TEXT(c->address),
						   DB_TEXT(c->request_id)),
				   NULL);
}

void tx_json_open(struct tx_json *j)
{
	buf_init(&j->buf);
	json_out_init(&j->out, &j->buf);
}

struct str tx_json_close(struct tx_json *j, struct arena *a)
{
	struct str s = j->buf.n ? arena_str(a, buf_str(&j->buf)) : STR_NONE;
	buf_release(&j->buf);
	return s;
}
