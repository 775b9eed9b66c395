/* Several reactions one after the other in a batch (people react at once to what was just announced), in Postgres: what
 * all of them need is read by a fixed number of statements, each is judged in its turn by what those before it have
 * left, and what has come of it is written by as many. In SQLite, and of one alone, append_reaction.c does it one by
 * one. */
#include <string.h>

#include "base/vec.h"
#include "store/append_react.h"

static const struct sql SQL_MEMBERS = {
	"SELECT t.i, " TX_MEMBER_COLUMNS " FROM unnest($1, $2) WITH ORDINALITY AS t (channel_id, user_id, i) "
	"JOIN members m ON m.channel_id = t.channel_id AND m.user_id = t.user_id",
	NULL,
};
static const struct sql SQL_BLOCKED = {
	"SELECT t.i FROM unnest($1, $2) WITH ORDINALITY AS t (channel_id, user_id, i) WHERE EXISTS (SELECT 1 FROM members "
	"m "
	"JOIN blocks b ON b.user_id = m.user_id AND b.blocked_id = t.user_id WHERE m.channel_id = t.channel_id AND "
	"m.user_id <> t.user_id)",
	NULL,
};
static const struct sql SQL_MESSAGES = {
	"SELECT t.i, m.author_id, m.deleted_at, m.reactions FROM unnest($1, $2) WITH ORDINALITY AS t (channel_id, "
	"message_id, "
	"i) JOIN messages m ON m.channel_id = t.channel_id AND m.message_id = t.message_id",
	NULL,
};
static const struct sql SQL_OWN = {
	"SELECT t.i, r.emoji FROM unnest($1, $2, $3) WITH ORDINALITY AS t (channel_id, message_id, user_id, i) "
	"JOIN reactions r ON r.channel_id = t.channel_id AND r.user_id = t.user_id AND r.message_id = t.message_id",
	NULL,
};
static const struct sql SQL_GIVE = {
	"INSERT INTO reactions (channel_id, message_id, emoji, user_id, at) SELECT * FROM unnest($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_TAKE = {
	"DELETE FROM reactions r USING unnest($1, $2, $3, $4) AS t (channel_id, message_id, emoji, user_id) WHERE "
	"r.channel_id = t.channel_id AND r.message_id = t.message_id AND r.emoji = t.emoji AND r.user_id = t.user_id",
	NULL,
};
static const struct sql SQL_CHANGES = {
	"INSERT INTO changes (channel_id, rev, kind, at, message_id, actor_id, data) SELECT t.channel_id, t.rev, "
	"'reaction', "
	"t.at, t.message_id, t.actor_id, t.data FROM unnest($1, $2, $3, $4, $5, $6) AS t (channel_id, rev, at, message_id, "
	"actor_id, data)",
	NULL,
};
static const struct sql SQL_SHOW = {
	"UPDATE messages m SET reactions = nullif(t.shown, ''), changed_rev = t.rev FROM unnest($1, $2, $3, $4) AS t "
	"(channel_id, message_id, shown, rev) WHERE m.channel_id = t.channel_id AND m.message_id = t.message_id",
	NULL,
};

struct place { /* a message */
	int64_t channel_id, message_id;
	bool there, deleted;
	int64_t author_id, rev; /* rev: of the last change here; 0: none */
	struct reactions shown;
};
struct own { /* one reaction of one person: as it stands in the table, and as it shall */
	struct str emoji;
	bool was, now;
	int64_t at;
	struct own *next;
};
struct giver { /* a person at a message */
	int64_t channel_id, message_id, user_id;
	struct own *first;
	int64_t n; /* that are given now */
};
struct turn {
	struct tx_member me;
	bool blocked;
	struct place *place;
	struct giver *giver;
};
#define COLUMNS 6
struct run {
	struct append_tx *tx;
	struct change **changes;
	const struct actor *actors;
	size_t n;
	struct turn *turns;
	struct str_map known; /* places and givers, by their ids */
	VEC(struct place *) places;
	VEC(struct giver *) givers;
	struct db_array columns[COLUMNS];
};

/* ---- what it is about */

static struct str key_of(struct run *r, int64_t channel_id, int64_t message_id, int64_t user_id)
{
	const int64_t ids[] = { channel_id, message_id, user_id };
	return arena_str(r->tx->a, (struct str){ (const char *)ids, sizeof ids });
}

static struct place *place_of(struct run *r, const struct change *c)
{
	struct str key = key_of(r, c->channel_id, c->message_id, 0);
	struct place *p = str_map_get(&r->known, key);
	if (p) return p;
	p = arena_new(r->tx->a, struct place);
	p->channel_id = c->channel_id, p->message_id = c->message_id;
	str_map_put(&r->known, key, p);
	vec_push(&r->places, p);
	return p;
}

static struct giver *giver_of(struct run *r, const struct change *c, int64_t user_id)
{
	struct str key = key_of(r, c->channel_id, c->message_id, user_id);
	struct giver *g = str_map_get(&r->known, key);
	if (g) return g;
	g = arena_new(r->tx->a, struct giver);
	g->channel_id = c->channel_id, g->message_id = c->message_id, g->user_id = user_id;
	str_map_put(&r->known, key, g);
	vec_push(&r->givers, g);
	return g;
}

static struct own *own_of(struct run *r, struct giver *g, struct str emoji)
{
	for (struct own *o = g->first; o; o = o->next)
		if (str_eq(o->emoji, emoji)) return o;
	struct own *o = arena_new(r->tx->a, struct own);
	*o = (struct own){ .emoji = emoji, .next = g->first };
	g->first = o;
	return o;
}

/* ---- reading */

static void begin(struct run *r, const char *types)
{
	for (size_t i = 0; types[i]; i++) db_array_begin(&r->columns[i], types[i] == 's' ? DB_T_TEXT : DB_T_I64);
}

static struct db_args columns_end(struct run *r, size_t n, struct db_value v[COLUMNS])
{
	for (size_t i = 0; i < n; i++) v[i] = db_array_end(&r->columns[i]);
	return (struct db_args){ v, n };
}

static void put(struct run *r, size_t column, int64_t v)
{
	db_array_i64(&r->columns[column], v);
}

static enum err ask(struct run *r, const struct sql *q, size_t n, struct db_rows *rows)
{
	struct db_value v[COLUMNS];
	return db_query(r->tx->c, q, columns_end(r, n, v), rows);
}

static enum err read_members(struct run *r)
{
	struct db_rows rows;
	begin(r, "ii");
	for (size_t i = 0; i < r->n; i++) put(r, 0, r->changes[i]->channel_id), put(r, 1, r->actors[i].user_id);
	enum err e = ask(r, &SQL_MEMBERS, 2, &rows);
	if (e) return e;
	while (db_next(&rows)) tx_member_take(&rows, 1, &r->turns[db_i64(&rows, 0) - 1].me);
	return db_end(&rows);
}

static bool is_pair(const struct run *r, size_t i)
{
	const struct tx_channel *ch = id_map_get(&r->tx->channels, r->changes[i]->channel_id);
	return ch->there && ch->row.kind == CHANNEL_DM && ch->row.member_count == 2;
}

static enum err read_blocked(struct run *r)
{
	struct db_rows rows;
	bool any = false;
	begin(r, "ii");
	for (size_t i = 0; i < r->n; i++) {
		any |= is_pair(r, i);
		put(r, 0, is_pair(r, i) ? r->changes[i]->channel_id : -1), put(r, 1, r->actors[i].user_id);
	}
	if (!any) return OK;
	enum err e = ask(r, &SQL_BLOCKED, 2, &rows);
	if (e) return e;
	while (db_next(&rows)) r->turns[db_i64(&rows, 0) - 1].blocked = true;
	return db_end(&rows);
}

static enum err read_messages(struct run *r)
{
	struct db_rows rows;
	begin(r, "ii");
	for (size_t i = 0; i < r->places.n; i++)
		put(r, 0, r->places.p[i]->channel_id), put(r, 1, r->places.p[i]->message_id);
	enum err e = ask(r, &SQL_MESSAGES, 2, &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct place *p = r->places.p[db_i64(&rows, 0) - 1];
		p->there = true;
		p->author_id = db_i64(&rows, 1);
		p->deleted = !db_is_null(&rows, 2);
		reactions_parse(r->tx->a, db_str(&rows, 3), &p->shown);
	}
	return db_end(&rows);
}

static enum err read_own(struct run *r)
{
	struct db_rows rows;
	begin(r, "iii");
	for (size_t i = 0; i < r->givers.n; i++) {
		const struct giver *g = r->givers.p[i];
		put(r, 0, g->channel_id), put(r, 1, g->message_id), put(r, 2, g->user_id);
	}
	enum err e = ask(r, &SQL_OWN, 3, &rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct giver *g = r->givers.p[db_i64(&rows, 0) - 1];
		struct own *o = own_of(r, g, arena_str(r->tx->a, db_str(&rows, 1)));
		o->was = o->now = true;
		g->n++;
	}
	return db_end(&rows);
}

static enum err read_all(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		r->turns[i].place = place_of(r, r->changes[i]);
		r->turns[i].giver = giver_of(r, r->changes[i], r->actors[i].user_id);
	}
	enum err e = read_members(r);
	if (!e) e = read_blocked(r);
	if (!e) e = read_messages(r);
	return e ? e : read_own(r);
}

/* ---- writing */

static enum err write_columns(struct run *r, const struct sql *q, size_t n)
{
	struct db_value v[COLUMNS];
	struct db_args args = columns_end(r, n, v);
	return r->columns[0].n ? db_exec(r->tx->c, q, args, NULL) : OK;
}

/* Who has given which, as far as the table has not got it yet. */
static enum err write_own(struct run *r, bool given)
{
	begin(r, given ? "iisii" : "iisi");
	for (size_t i = 0; i < r->givers.n; i++) {
		const struct giver *g = r->givers.p[i];
		for (struct own *o = g->first; o; o = o->next) {
			if (o->now == o->was || o->now != given) continue;
			put(r, 0, g->channel_id), put(r, 1, g->message_id), put(r, 3, g->user_id);
			db_array_str(&r->columns[2], o->emoji);
			if (given) put(r, 4, o->at);
			o->was = o->now;
		}
	}
	return given ? write_columns(r, &SQL_GIVE, 5) : write_columns(r, &SQL_TAKE, 4);
}

static enum err write_changes(struct run *r)
{
	begin(r, "iiiiis");
	for (size_t i = 0; i < r->n; i++) {
		const struct event_fields *f = r->changes[i]->fields;
		if (!f) continue;
		put(r, 0, f->channel_id), put(r, 1, f->rev), put(r, 2, f->at), put(r, 3, f->message_id), put(r, 4, f->actor_id);
		db_array_str(&r->columns[5], f->data);
	}
	return write_columns(r, &SQL_CHANGES, 6);
}

static enum err write_shown(struct run *r)
{
	begin(r, "iisi");
	for (size_t i = 0; i < r->places.n; i++) {
		const struct place *p = r->places.p[i];
		if (!p->rev) continue;
		struct str text = reactions_text(r->tx->a, &p->shown);
		put(r, 0, p->channel_id), put(r, 1, p->message_id), put(r, 3, p->rev);
		db_array_str(&r->columns[2], text.p ? text : STR(""));
	}
	return write_columns(r, &SQL_SHOW, 4);
}

static enum err write_all(struct run *r)
{
	enum err e = write_own(r, false);
	if (!e) e = write_own(r, true);
	if (!e) e = write_changes(r);
	return e ? e : write_shown(r);
}

/* ---- one turn */

/* Who comes next is read from the table, which has to know of those before. It is seldom: one of the first has gone
 * where there are more than are named. */
static enum err name_next(struct run *r, struct tx_ask *q, struct reaction *x)
{
	enum err e = write_own(r, false);
	if (!e) e = write_own(r, true);
	return e ? e : react_read_first(q, x);
}

static enum err take_turn(struct run *r, struct tx_ask *q, struct turn *t)
{
	struct change *c = q->c;
	struct place *p = t->place;
	struct own *o = own_of(r, t->giver, c->text);
	bool more;
	if (!react_judge(q, &p->shown, t->giver->n, o->now)) return OK;
	struct reaction *x = react_apply(q, &p->shown, &more);
	if (!x) return ERR_INTERNAL;
	o->now = c->on, o->at = q->ch->at;
	t->giver->n += c->on ? 1 : -1;
	enum err e = more ? name_next(r, q, x) : OK;
	if (e) return e;
	react_event(q, x);
	reactions_tidy(&p->shown);
	p->rev = c->fields->rev;
	return OK;
}

static enum err run_turns(struct run *r)
{
	enum err e = OK;
	for (size_t i = 0; i < r->n && !e; i++) {
		struct turn *t = &r->turns[i];
		const struct place *p = t->place;
		struct tx_ask q;
		tx_ask_begin(&q, r->tx, r->changes[i], &r->actors[i], &t->me);
		q.permit.blocked = t->blocked;
		q.permit.message =
			p->there && t->me.member && p->message_id >= t->me.first_id && p->message_id > q.ch->row.min_id;
		q.permit.own_message = p->author_id == r->actors[i].user_id;
		q.permit.message_deleted = p->deleted;
		if (!tx_other_epoch(&q) && react_permitted(&q)) e = take_turn(r, &q, t);
	}
	return e;
}

enum err react_run(struct append_tx *tx, struct change **changes, const struct actor *actors, size_t n)
{
	struct run r = { .tx = tx, .changes = changes, .actors = actors, .n = n };
	r.turns = arena_array(tx->a, struct turn, n);
	enum err e = read_all(&r);
	if (!e) e = run_turns(&r);
	if (!e) e = write_all(&r);
	str_map_release(&r.known);
	vec_release(&r.places);
	vec_release(&r.givers);
	for (size_t i = 0; i < COLUMNS; i++) db_array_release(&r.columns[i]);
	return e;
}
