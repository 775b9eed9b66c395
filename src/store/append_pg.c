#include "store/append_pg.h"

#include <string.h>

#include "base/fault.h"
#include "base/random.h"
#include "model/mention.h"
#include "store/account.h"
#include "store/append_tx.h"

/* What linnet_send() says. */
enum verdict { WRITTEN, RETRY, RETRY_BARE, FIRST_REFUSAL = 10, EPOCH_FAULT = 24 };
static const struct refusal {
	enum err err;
	const char *field, *why;
} refusals[] = {
	{ ERR_SKIPPED, NULL, NULL },
	{ ERR_UNAUTHENTICATED, NULL, NULL },
	{ ERR_SESSION_REVOKED, NULL, NULL },
	{ ERR_SCOPE_MISSING, NULL, NULL },
	{ ERR_NOT_FOUND, NULL, NULL },
	{ ERR_NONCE_REUSED, NULL, NULL },
	{ ERR_NOT_ALLOWED, NULL, "only the server writes here" },
	{ ERR_NOT_MEMBER, NULL, NULL },
	{ ERR_NOT_ALLOWED, NULL, "the channel is archived" },
	{ ERR_NOT_ALLOWED, NULL, "you were silenced here" },
	{ ERR_NOT_ALLOWED, NULL, "the channel is read-only" },
	{ ERR_NOT_ALLOWED, NULL, NULL },
	{ ERR_RATE_LIMITED, NULL, "the channel is in slow mode" },
	{ ERR_INVALID, "thread_id", "is not written this way" },
	{ ERR_EPOCH_CHANGED, NULL, NULL },
	{ ERR_INVALID, "reply_to", "there is no such message" },
};

static const struct sql SQL_SEND = {
	"SELECT place, verdict, actor, message_id, seq, rev, at, all_named, named, retry_ms FROM linnet_send($1, $2, $3, "
	"$4, $5, "
	"$6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
	NULL,
};

/* ---- what is asked */

enum column {
	CHANNEL,
	KIND,
	REPLY,
	NONCE,
	HASH,
	BODY,
	WHO,
	SECRET,
	SESSION,
	PERSON,
	SCOPE,
	FAULT,
	ALL,
	NAMES,
	COLUMNS
};
_Static_assert(COLUMNS == APPEND_COLUMNS, "appender.columns");
_Static_assert(PERSON == WHO + CREDENTIAL_ARRAYS - 1, "credential_put()");
static const enum db_type column_types[COLUMNS] = {
	[CHANNEL] = DB_T_I64, [KIND] = DB_T_I64,  [REPLY] = DB_T_I64,    [NONCE] = DB_T_BYTES,  [HASH] = DB_T_BYTES,
	[BODY] = DB_T_TEXT,   [WHO] = DB_T_I64,   [SECRET] = DB_T_BYTES, [SESSION] = DB_T_TEXT, [PERSON] = DB_T_I64,
	[SCOPE] = DB_T_I64,   [FAULT] = DB_T_I64, [ALL] = DB_T_I64,      [NAMES] = DB_T_TEXT,
};

static struct str bytes_of(const uint8_t *p, size_t n)
{
	return (struct str){ (const char *)p, n };
}

/* The names of mentions, joined by commas, which no name has in it. */
static void put_names(struct db_array *to, struct str body)
{
	struct mentions found;
	char text[(MENTION_NAME + 1) * 50];
	size_t n = 0;
	if (!body.n || !memchr(body.p, '@', body.n)) {
		db_array_i64(&to[ALL], 0);
		db_array_str(&to[NAMES], STR(""));
		return;
	}
	mentions_find(body, &found);
	for (size_t i = 0; i < found.n; i++) {
		if (i) text[n++] = ',';
		memcpy(text + n, found.names[i], found.lengths[i]);
		n += found.lengths[i];
	}
	db_array_i64(&to[ALL], found.all);
	db_array_str(&to[NAMES], (struct str){ text, n });
}

/* With the fault switch each try is a message of its own. */
static void put_nonce(struct db_array *to, const struct appender *w, const struct send *s)
{
	unsigned char fresh[sizeof s->nonce];
	bool off = fault_on(w->config, STR("no_nonce"));
	if (off) random_kernel.bytes(&random_kernel, fresh, sizeof fresh);
	db_array_str(to, bytes_of(off ? fresh : s->nonce, sizeof fresh));
}

static void put_change(struct appender *w, const struct change *c, uint64_t epoch)
{
	struct db_array *to = w->columns;
	const struct send *s = c->send;
	bool other = s->reply_to && c->epoch && c->epoch != epoch;
	db_array_i64(&to[CHANNEL], c->channel_id);
	db_array_i64(&to[KIND], s->kind);
	db_array_i64(&to[REPLY], s->reply_to);
	put_nonce(&to[NONCE], w, s);
	db_array_str(&to[HASH], bytes_of(s->request_hash, sizeof s->request_hash));
	db_array_str(&to[BODY], s->body);
	credential_put(&to[WHO], &c->credential);
	db_array_i64(&to[SCOPE], c->need_scope);
	db_array_i64(&to[FAULT], other ? EPOCH_FAULT : 0);
	put_names(to, s->body);
}

/* ---- what is answered */

static void ids_of(struct str list, struct message *m, struct arena *a)
{
	size_t n = 1;
	if (!list.n) return;
	for (size_t i = 0; i < list.n; i++) n += list.p[i] == ',';
	m->mention_ids = arena_array(a, int64_t, n);
	for (struct str part; m->n_mentions < n && str_split(&list, ',', &part);)
		if (str_i64(part, 1, INT64_MAX, &m->mention_ids[m->n_mentions])) m->n_mentions++;
}

static void written(struct change *c, const struct db_rows *r)
{
	const struct send *s = c->send;
	c->message = (struct message){
		.channel_id = c->channel_id,
		.message_id = db_i64(r, 3),
		.seq = db_i64(r, 4),
		.rev = db_i64(r, 5),
		.changed_rev = db_i64(r, 5),
		.body_rev = db_i64(r, 5),
		.author_id = c->actor_id,
		.kind = s->kind,
		.body = s->body,
		.created_at = db_i64(r, 6),
		.reply_to = s->reply_to,
		.mention_all = db_i64(r, 7) != 0,
	};
	memcpy(c->message.nonce, s->nonce, sizeof s->nonce);
	ids_of(db_str(r, 8), &c->message, &c->arena);
	message_event(c);
}

static void refused(struct change *c, const struct refusal *why, int64_t retry_ms)
{
	c->err = why->err;
	if (why->field)
		problem_field(&c->problem, why->field, "%s", why->why);
	else if (why->why)
		problem_set(&c->problem, why->err, "%s", why->why);
	if (why->err == ERR_RATE_LIMITED) problem_wait(&c->problem, retry_ms);
}

static void verdict_take(struct change *c, const struct db_rows *r)
{
	int64_t v = db_i64(r, 1);
	c->err = OK, c->fields = NULL;
	c->actor_id = db_i64(r, 2);
	c->repeated = v == RETRY || v == RETRY_BARE;
	c->bare = v == RETRY_BARE;
	if (v == WRITTEN)
		written(c, r);
	else if (c->repeated)
		c->message.message_id = db_i64(r, 3);
	else
		refused(c, &refusals[v - FIRST_REFUSAL], db_i64(r, 9));
}

static enum err verdicts_take(struct append_batch *b, struct db_rows *r)
{
	enum err e = OK;
	while (db_next(r)) {
		int64_t place = db_i64(r, 0);
		if (place == -2) {
			b->epoch = (uint64_t)db_i64(r, 2);
			e = ERR_EPOCH_CHANGED;
		} else if (place == -1) {
			e = ERR_UNKNOWN_OUTCOME; /* what was sent before a lost connection has come first: settle again */
		} else {
			verdict_take(b->changes[place - 1], r);
		}
	}
	enum err end = db_end(r);
	return e ? e : end;
}

/* What was committed before is read apart: few retry. One that cannot be read now is asked again. */
static void read_retries(struct db_conn *c, struct append_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct change *k = b->changes[i];
		if (k->err || !k->repeated) continue;
		if (message_of_change(c, k, k->message.message_id)) k->err = ERR_UNAVAILABLE;
	}
}

enum err append_pg_sends(struct appender *w, struct db_conn *c, struct append_batch *b)
{
	struct db_array *to = w->columns;
	struct db_value v[5 + COLUMNS] = { DB_TEXT(str_of(w->id)), DB_I64(w->batch + 1), DB_I64(clock_wall_ms(w->clock)),
									   DB_I64((int64_t)b->epoch), DB_BOOL(b->alone) };
	struct db_rows rows;
	for (int k = 0; k < COLUMNS; k++) db_array_begin(&to[k], column_types[k]);
	for (size_t i = 0; i < b->n; i++) put_change(w, b->changes[i], b->epoch);
	for (int k = 0; k < COLUMNS; k++) v[5 + k] = db_array_end(&to[k]);
	enum err e = db_query(c, &SQL_SEND, (struct db_args){ v, countof(v) }, &rows);
	if (!e) e = verdicts_take(b, &rows);
	if (!e) read_retries(c, b);
	return e;
}

/* ---- settling */

static const struct sql SQL_SENT = {
	"SELECT t.i, m.message_id, m.author_id "
	"FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS t (channel_id, nonce, hash, who, secret, session, "
	"person, i) "
	"CROSS JOIN LATERAL (SELECT a.user_id FROM sessions a WHERE t.who = 0 AND a.session_id = t.session UNION ALL "
	"SELECT a.user_id FROM sessions a WHERE t.who > 0 AND a.secret_hash = t.secret) s "
	"JOIN messages m ON m.author_id = s.user_id AND m.nonce = t.nonce AND m.channel_id + 0 = t.channel_id "
	"WHERE m.request_hash = t.hash AND (t.who > 0 OR s.user_id = t.person)",
	NULL,
};

static enum err sent_take(struct append_batch *b, struct db_rows *rows)
{
	while (db_next(rows)) {
		struct change *c = b->changes[db_i64(rows, 0) - 1];
		c->err = OK;
		c->message.message_id = db_i64(rows, 1);
		c->actor_id = db_i64(rows, 2);
	}
	return db_end(rows);
}

enum err append_pg_sent(struct appender *w, struct db_conn *c, struct append_batch *b)
{
	struct db_array *to = w->columns;
	static const enum column wanted[] = { CHANNEL, NONCE, HASH, WHO, SECRET, SESSION, PERSON };
	struct db_value v[countof(wanted)];
	struct db_rows rows;
	for (int k = 0; k < COLUMNS; k++) db_array_begin(&to[k], column_types[k]);
	for (size_t i = 0; i < b->n; i++) {
		put_change(w, b->changes[i], b->epoch);
		b->changes[i]->err = ERR_SKIPPED;
		b->changes[i]->fields = NULL;
	}
	for (size_t k = 0; k < countof(wanted); k++) v[k] = db_array_end(&to[wanted[k]]);
	enum err e = db_query(c, &SQL_SENT, (struct db_args){ v, countof(v) }, &rows);
	if (!e) e = sent_take(b, &rows);
	for (size_t i = 0; i < b->n && !e; i++) {
		struct change *k = b->changes[i];
		if (!k->err) e = message_of_change(c, k, k->message.message_id);
		if (!k->err && !e) message_event(k);
	}
	return e;
}
