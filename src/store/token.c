#include "store/token.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/random.h"
#include "store/account.h"
#include "store/person.h"

#define ALIVE "kind = 'token' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
static const struct sql SQL_LIST = {
	"SELECT session_id, name, scopes, created_at, used_at, expires_at FROM sessions WHERE user_id = $1 AND " ALIVE
	" AND session_id < $3 ORDER BY session_id DESC LIMIT $4",
	NULL,
};
static const struct sql SQL_COUNT = { "SELECT count(*) FROM sessions WHERE user_id = $1 AND " ALIVE, NULL };
static const struct sql SQL_FORGET = {
	"DELETE FROM sessions WHERE user_id = $1 AND kind = 'token' AND (revoked_at < $2 OR expires_at < $2)", NULL
};
static const struct sql SQL_CREATE = {
	"INSERT INTO sessions (session_id, kind, user_id, secret_hash, scopes, name, scram, created_at, expires_at, "
	"used_at) "
	"VALUES ($1, 'token', $2, $3, $4, $5, $6, $7, $8, 0)",
	NULL,
};
static const struct sql SQL_LAST_SCOPES = {
	"SELECT scopes FROM sessions WHERE user_id = $1 AND kind = 'token' ORDER BY session_id DESC LIMIT 1", NULL
};
static const struct sql SQL_END = {
	"UPDATE sessions SET revoked_at = $2 WHERE session_id = $3 AND user_id = $1 AND " ALIVE, NULL
};
static const struct sql SQL_END_ALL = { "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND " ALIVE
										" RETURNING session_id",
										NULL };

/* ---- */

static void row_take(const struct db_rows *r, struct arena *a, struct token_row *out)
{
	out->id = arena_str(a, db_str(r, 0));
	out->name = arena_str(a, db_str(r, 1));
	out->scopes = (int)db_i64(r, 2);
	out->created_at = db_i64(r, 3);
	out->used_at = db_i64(r, 4);
	out->expires_at = db_i64(r, 5);
}

enum err token_list(struct db_conn *c, struct arena *a, int64_t user_id, int64_t now_ms, struct str cursor,
					size_t limit, struct token_page *out)
{
	struct db_rows rows;
	struct str before = cursor.p ? cursor : STR("8"); /* behind every ULID */
	*out = (struct token_page){ .items = arena_array(a, struct token_row, limit + 1), .next = STR_NONE };
	if (cursor.p && !ulid_valid(cursor)) return ERR_INVALID;
	enum err e = db_query(c, &SQL_LIST,
						  DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_TEXT(before), DB_I64((int64_t)limit + 1)), &rows);
	if (e) return e;
	while (db_next(&rows)) row_take(&rows, a, &out->items[out->n++]);
	if (out->n > limit) out->next = out->items[--out->n - 1].id;
	return db_end(&rows);
}

/* ---- */

void token_make(char out[SECRET_TEXT])
{
	char random[SECRET_TEXT];
	session_random(random);
	snprintf(out, SECRET_TEXT, TOKEN_PREFIX "%.43s", random);
	sodium_memzero(random, sizeof random);
}

static void hmac(const uint8_t key[32], const char *text, uint8_t out[32])
{
	crypto_auth_hmacsha256(out, (const unsigned char *)text, strlen(text), key);
}

void token_scram(struct str token, const uint8_t salt[SCRAM_SALT], uint8_t out[SCRAM_BYTES])
{
	uint8_t *stored = out + 4 + SCRAM_SALT, *server = stored + 32, salted[32], client[32];
	const uint8_t rounds[4] = { 0, 0, SCRAM_ROUNDS >> 8, SCRAM_ROUNDS & 255 };
	memcpy(out, rounds, sizeof rounds);
	memcpy(out + 4, salt, SCRAM_SALT);
	PKCS5_PBKDF2_HMAC(token.p, (int)token.n, salt, SCRAM_SALT, SCRAM_ROUNDS, EVP_sha256(), sizeof salted, salted);
	hmac(salted, "Client Key", client);
	crypto_hash_sha256(stored, client, sizeof client);
	hmac(salted, "Server Key", server);
	sodium_memzero(salted, sizeof salted);
	sodium_memzero(client, sizeof client);
}

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err token_create(struct db_conn *c, struct token_new *n)
{
	uint8_t hash[32];
	int64_t alive = 0;
	struct actor asks;
	enum err e = person_lock(c, n->user_id);
	if (!e && n->by) e = session_actor(c, n->by, n->now_ms, &asks);
	if (!e) e = db_exec(c, &SQL_FORGET, DB_ARGS(DB_I64(n->user_id), DB_I64(n->now_ms - SESSION_LIFE_MS)), NULL);
	if (!e) e = db_one(c, &SQL_COUNT, DB_ARGS(DB_I64(n->user_id), DB_I64(n->now_ms)), i64_take, &alive);
	if (!e && n->most_alive && alive >= n->most_alive) return ERR_LIMIT_REACHED;
	if (e) return e;
	struct str scram = n->scram ? (struct str){ (const char *)n->scram, SCRAM_BYTES } : STR_NONE;
	ulid_make(&random_kernel, n->now_ms, n->session_id);
	return db_exec(c, &SQL_CREATE,
				   DB_ARGS(DB_TEXT(str_of(n->session_id)), DB_I64(n->user_id),
						   DB_BYTES(session_hash(str_of(n->secret), hash)), DB_I64(n->scopes), DB_TEXT(n->name),
						   DB_BYTES(scram), DB_I64(n->now_ms), db_opt(n->expires_at)),
				   NULL);
}

enum err token_end(struct db_conn *c, int64_t user_id, struct str id, int64_t now_ms, struct sessions_ended *ended)
{
	int64_t changed = 0;
	enum err e = person_lock(c, user_id);
	if (!e) e = db_exec(c, &SQL_END, DB_ARGS(DB_I64(user_id), DB_I64(now_ms), DB_TEXT(id)), &changed);
	if (!e && !changed) return ERR_NOT_FOUND;
	if (!e) sessions_ended_note(ended, id);
	return e ? e : session_ended(c, user_id, ended);
}

enum err token_last_scopes(struct db_conn *c, int64_t user_id, int *out)
{
	int64_t scopes = 0;
	enum err e = db_one(c, &SQL_LAST_SCOPES, DB_ARGS(DB_I64(user_id)), i64_take, &scopes);
	*out = (int)scopes;
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err token_end_all(struct db_conn *c, int64_t user_id, int64_t now_ms, struct sessions_ended *ended)
{
	struct db_rows rows;
	enum err e = person_lock(c, user_id);
	if (!e) e = db_query(c, &SQL_END_ALL, DB_ARGS(DB_I64(user_id), DB_I64(now_ms)), &rows);
	if (e) return e;
	while (db_next(&rows)) sessions_ended_note(ended, db_str(&rows, 0));
	e = db_end(&rows);
	return e ? e : session_ended(c, user_id, ended);
}
