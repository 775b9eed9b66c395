#include "store/session.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/random.h"
#include "model/text.h"
#include "store/epoch.h"
#include "store/person.h"

#define ENDED_MOST 200 /* rows of ended sessions that are kept for the addresses, of one person */
#define AGENT_MOST 200 /* bytes */

static const char *const kind_names[] = {
	[SESSION_COOKIE] = "cookie", [SESSION_CLIENT] = "client", [SESSION_TOKEN] = "token"
};

void sessions_ended_release(struct sessions_ended *ended)
{
	vec_release(&ended->ids);
}

void session_random(char out[SECRET_TEXT])
{
	uint8_t bytes[32];
	random_kernel.bytes(&random_kernel, bytes, sizeof bytes);
	sodium_bin2base64(out, SECRET_TEXT, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof bytes);
}

struct str session_hash(struct str text, uint8_t out[32])
{
	crypto_hash_sha256(out, (const unsigned char *)text.p, text.n);
	return (struct str){ (const char *)out, 32 };
}

/* ---- ending */

#define ALIVE "kind <> 'token' AND revoked_at IS NULL AND expires_at > $2"
static const struct sql SQL_END = {
	"UPDATE sessions SET revoked_at = $2 WHERE session_id = $3 AND user_id = $1 AND " ALIVE, NULL
};
static const struct sql SQL_END_OTHERS = {
	"UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND session_id <> $3 AND " ALIVE " RETURNING session_id",
	NULL
};

void sessions_ended_note(struct sessions_ended *ended, struct str id)
{
	struct session_id s = { 0 };
	memcpy(s.id, id.p, id.n < SESSION_ID ? id.n : SESSION_ID);
	vec_push(&ended->ids, s);
}

enum err session_ended(struct db_conn *c, int64_t user_id, struct sessions_ended *ended)
{
	if (!ended->ids.n) return OK;
	ended->user_id = user_id;
	enum err e = person_move(c, user_id, &ended->user_rev);
	return e ? e : epoch_read(c, &ended->epoch);
}

enum err session_end(struct db_conn *c, int64_t user_id, struct str session_id, int64_t now_ms,
					 struct sessions_ended *ended)
{
	int64_t changed = 0;
	enum err e = person_lock(c, user_id);
	if (!e) e = db_exec(c, &SQL_END, DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_TEXT(session_id)), &changed);
	if (!e && !changed) return ERR_NOT_FOUND;
	if (!e) sessions_ended_note(ended, session_id);
	return e ? e : session_ended(c, user_id, ended);
}

enum err session_end_others(struct db_conn *c, int64_t user_id, struct str kept, int64_t now_ms,
							struct sessions_ended *ended)
{
	struct db_rows rows;
	if (!kept.p) kept = STR("");
	enum err e = person_lock(c, user_id);
	if (!e) e = db_query(c, &SQL_END_OTHERS, DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_TEXT(kept)), &rows);
	if (e) return e;
	while (db_next(&rows)) sessions_ended_note(ended, db_str(&rows, 0));
	e = db_end(&rows);
	return e ? e : session_ended(c, user_id, ended);
}

/* ---- making */

static const struct sql SQL_CREATE = {
	"INSERT INTO sessions (session_id, kind, user_id, secret_hash, refresh_hash, scopes, created_at, expires_at, "
	"used_at, "
	"address, agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, $10)",
	NULL,
};
#define ENDED "user_id = $1 AND kind <> 'token' AND (revoked_at < $2 OR expires_at < $2)"
static const struct sql SQL_FORGET_OLD = { "DELETE FROM sessions WHERE " ENDED, NULL };
static const struct sql SQL_FORGET_MANY = {
	"DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE " ENDED
	" ORDER BY session_id DESC OFFSET $3)",
	"DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE " ENDED
	" ORDER BY session_id DESC LIMIT -1 OFFSET $3)",
};
static const struct sql SQL_TOO_MANY = {
	"SELECT session_id FROM sessions WHERE user_id = $1 AND " ALIVE
	" ORDER BY used_at DESC, session_id DESC LIMIT 1000 "
	"OFFSET $3",
	NULL,
};

static enum err too_many(struct db_conn *c, const struct session_new *n, struct sessions_ended *ended)
{
	struct db_rows rows;
	if (!n->most_alive) return OK;
	enum err e =
		db_query(c, &SQL_TOO_MANY, DB_ARGS(DB_I64(n->user_id), DB_I64(n->now_ms), DB_I64(n->most_alive - 1)), &rows);
	if (e) return e;
	while (db_next(&rows)) sessions_ended_note(ended, db_str(&rows, 0));
	return db_end(&rows);
}

static enum err make_room(struct db_conn *c, const struct session_new *n, struct sessions_ended *ended)
{
	int64_t user_id = n->user_id, now_ms = n->now_ms;
	enum err e = person_lock(c, user_id);
	if (!e) e = db_exec(c, &SQL_FORGET_OLD, DB_ARGS(DB_I64(user_id), DB_I64(now_ms - SESSION_LIFE_MS)), NULL);
	if (!e) e = db_exec(c, &SQL_FORGET_MANY, DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_I64(ENDED_MOST)), NULL);
	if (!e) e = too_many(c, n, ended);
	for (size_t i = 0; i < ended->ids.n && !e; i++)
		e = db_exec(c, &SQL_END, DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_TEXT(str_of(ended->ids.p[i].id))), NULL);
	return e ? e : session_ended(c, user_id, ended);
}

/* What a client calls itself, as text that can be shown. */
static struct str agent_text(struct str agent, char out[AGENT_MOST])
{
	size_t n = 0;
	if (!agent.p) return STR_NONE;
	while (agent.n && n < AGENT_MOST) {
		size_t step = str_utf8_step(agent);
		struct str rest = agent;
		bool shown = step && !text_hidden(text_next(&rest));
		if (n + (shown ? step : 1) > AGENT_MOST) break;
		if (shown) memcpy(out + n, agent.p, step);
		if (!shown) out[n] = '?';
		n += shown ? step : 1;
		agent = str_from(agent, step ? step : 1);
	}
	return (struct str){ out, n };
}

enum err session_create(struct db_conn *c, struct session_new *n, struct sessions_ended *ended)
{
	uint8_t hash[32];
	char agent[AGENT_MOST];
	enum err e = make_room(c, n, ended);
	if (e) return e;
	ulid_make(&random_kernel, n->now_ms, n->session_id);
	session_random(n->secret);
	if (n->kind == SESSION_CLIENT) { /* the first of its family: see refresh.c */
		char random[SECRET_TEXT];
		memcpy(random, n->secret, sizeof random);
		snprintf(n->secret, sizeof n->secret, "%s.0.%.43s", n->session_id, random);
		sodium_memzero(random, sizeof random);
	}
	struct db_value hashed = DB_BYTES(session_hash(str_of(n->secret), hash)), none = DB_BYTES(STR_NONE);
	bool cookie = n->kind == SESSION_COOKIE;
	return db_exec(c, &SQL_CREATE,
				   DB_ARGS(DB_TEXT(str_of(n->session_id)), DB_TEXT(str_of(kind_names[n->kind])), DB_I64(n->user_id),
						   cookie ? hashed : none, cookie ? none : hashed, DB_I64(SCOPE_ALL), DB_I64(n->now_ms),
						   DB_I64(n->now_ms + SESSION_LIFE_MS), DB_TEXT(n->address),
						   DB_TEXT(agent_text(n->agent, agent))),
				   NULL);
}

/* ---- reading */

static const struct sql SQL_LIST = {
	"SELECT session_id, kind, created_at, used_at, expires_at, address, agent FROM sessions WHERE user_id = $1 "
	"AND " ALIVE " AND session_id < $3 ORDER BY session_id DESC LIMIT $4",
	NULL,
};
static const struct sql SQL_ADDRESSES = {
	"SELECT address FROM sessions WHERE user_id = $1 AND kind <> 'token' AND used_at > $2 AND address IS NOT NULL "
	"ORDER BY used_at DESC LIMIT 256",
	NULL,
};

static void row_take(const struct db_rows *r, struct arena *a, struct session_row *out)
{
	out->id = arena_str(a, db_str(r, 0));
	out->kind = str_eq(db_str(r, 1), STR("client")) ? SESSION_CLIENT : SESSION_COOKIE;
	out->created_at = db_i64(r, 2);
	out->used_at = db_i64(r, 3);
	out->expires_at = db_i64(r, 4);
	out->address = arena_str(a, db_str(r, 5));
	out->agent = arena_str(a, db_str(r, 6));
}

enum err session_list(struct db_conn *c, struct arena *a, int64_t user_id, int64_t now_ms, struct str cursor,
					  size_t limit, struct session_page *out)
{
	struct db_rows rows;
	struct str before = cursor.p ? cursor : STR("8"); /* behind every ULID */
	*out = (struct session_page){ .items = arena_array(a, struct session_row, limit + 1), .next = STR_NONE };
	if (cursor.p && !ulid_valid(cursor)) return ERR_INVALID;
	enum err e = db_query(c, &SQL_LIST,
						  DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_TEXT(before), DB_I64((int64_t)limit + 1)), &rows);
	if (e) return e;
	while (db_next(&rows)) row_take(&rows, a, &out->items[out->n++]);
	if (out->n > limit) out->next = out->items[--out->n - 1].id;
	return db_end(&rows);
}

enum err session_addresses(struct db_conn *c, struct arena *a, int64_t user_id, int64_t since_ms, struct str **out,
						   size_t *n)
{
	struct db_rows rows;
	*out = arena_array(a, struct str, 256);
	*n = 0;
	enum err e = db_query(c, &SQL_ADDRESSES, DB_ARGS(DB_I64(user_id), DB_I64(since_ms)), &rows);
	if (e) return e;
	while (db_next(&rows)) (*out)[(*n)++] = arena_str(a, db_str(&rows, 0));
	return db_end(&rows);
}

/* ---- using */

static const struct sql SQL_TOUCH = {
	"UPDATE sessions SET used_at = $2, expires_at = CASE kind WHEN 'cookie' THEN $3 ELSE expires_at END "
	"WHERE session_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AND used_at <= $4",
	NULL,
};

enum err session_touch(struct db_conn *c, struct str session_id, int64_t now_ms, int64_t every_ms)
{
	return db_exec(
		c, &SQL_TOUCH,
		DB_ARGS(DB_TEXT(session_id), DB_I64(now_ms), DB_I64(now_ms + SESSION_LIFE_MS), DB_I64(now_ms - every_ms)),
		NULL);
}
