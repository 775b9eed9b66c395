/* A refresh token is "SESSION.N.SECRET". Secret N + 1 is an HMAC over session, N + 1 and secret N, and the row holds N
 * and the hash of its token alone. So a token of an earlier N is known to be of this family because the way from it
 * leads to the present hash, and its successor can be said again, without a row for any of them. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "store/epoch.h"
#include "store/person.h"
#include "store/secret.h"
#include "store/session.h"

#define SECRET_N 43       /* 32 bytes in base64 */
#define BEHIND_MOST 10000 /* rotations in 30 days are fewer */
#define TIMES_MOST 32     /* rotations in REFRESH_AGAIN_MS */

struct token {
	struct str session_id;
	int64_t n;
	char secret[SECRET_N + 1];
};

struct family {
	int64_t user_id, n, expires_at;
	uint8_t hash[32];
	int64_t times[TIMES_MOST]; /* of the last rotations, ascending */
	size_t n_times;
	bool revoked, off;
};

static bool is_secret(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], low = c | 0x20;
		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
	}
	return s.n == SECRET_N;
}

static bool token_parse(struct str text, struct token *out)
{
	struct str n, secret;
	if (!str_split(&text, '.', &out->session_id) || !str_split(&text, '.', &n) || !str_split(&text, '.', &secret))
		return false;
	if (text.p || !ulid_valid(out->session_id) || !str_i64(n, 0, INT32_MAX, &out->n) || !is_secret(secret))
		return false;
	memcpy(out->secret, secret.p, SECRET_N);
	out->secret[SECRET_N] = 0;
	return true;
}

static void token_format(const struct token *t, char out[SECRET_TEXT])
{
	snprintf(out, SECRET_TEXT, STR_FMT ".%lld.%s", STR_ARG(t->session_id), (long long)t->n, t->secret);
}

static void token_next(const uint8_t key[SECRET_BYTES], struct token *t)
{
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	char text[SECRET_TEXT];
	crypto_auth_hmacsha256_state h;
	t->n++;
	token_format(t, text);
	crypto_auth_hmacsha256_init(&h, key, SECRET_BYTES);
	crypto_auth_hmacsha256_update(&h, (const unsigned char *)text, strlen(text));
	crypto_auth_hmacsha256_final(&h, mac);
	sodium_bin2base64(t->secret, sizeof t->secret, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(text, sizeof text);
}

static bool is_present(const struct token *t, const struct family *f)
{
	char text[SECRET_TEXT];
	uint8_t hash[32];
	token_format(t, text);
	session_hash(str_of(text), hash);
	return sodium_memcmp(hash, f->hash, sizeof hash) == 0;
}

/* Does the way from this token lead to the present one? */
static bool is_of_family(const uint8_t key[SECRET_BYTES], const struct token *t, const struct family *f)
{
	struct token at = *t;
	if (t->n > f->n || f->n - t->n > BEHIND_MOST) return false;
	while (at.n < f->n) token_next(key, &at);
	return is_present(&at, f);
}

/* ---- the row */

static const struct sql SQL_OWNER = { "SELECT user_id FROM sessions WHERE session_id = $1 AND kind = 'client'", NULL };
static const struct sql SQL_FAMILY = {
	"SELECT s.user_id, s.refresh_hash, s.refresh_n, s.refresh_times, s.expires_at, s.revoked_at, u.deactivated_at, "
	"u.deleted_at FROM sessions s JOIN users u ON u.user_id = s.user_id WHERE s.session_id = $1 AND s.kind = 'client'",
	NULL,
};
static const struct sql SQL_ROTATE = {
	"UPDATE sessions SET refresh_hash = $2, refresh_n = $3, refresh_times = $4, used_at = $5, expires_at = $6 "
	"WHERE session_id = $1",
	NULL,
};

static void owner_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static void family_take(const struct db_rows *r, void *arg)
{
	struct family *f = arg;
	struct str hash = db_str(r, 1), times = db_str(r, 3), part;
	*f = (struct family){ .user_id = db_i64(r, 0), .n = db_i64(r, 2), .expires_at = db_i64(r, 4) };
	if (hash.n == sizeof f->hash) memcpy(f->hash, hash.p, hash.n);
	while (times.p && f->n_times < TIMES_MOST && str_split(&times, ',', &part))
		if (str_i64(part, 0, INT64_MAX, &f->times[f->n_times])) f->n_times++;
	f->revoked = !db_is_null(r, 5);
	f->off = !db_is_null(r, 6) || !db_is_null(r, 7);
}

/* The lock on the person keeps two who refresh at once apart. */
static enum err family_read(struct db_conn *c, const struct token *t, struct family *f)
{
	int64_t user_id;
	enum err e = db_one(c, &SQL_OWNER, DB_ARGS(DB_TEXT(t->session_id)), owner_take, &user_id);
	if (!e) e = person_lock(c, user_id);
	if (!e) e = db_one(c, &SQL_FAMILY, DB_ARGS(DB_TEXT(t->session_id)), family_take, f);
	return e == ERR_NOT_FOUND ? ERR_UNAUTHENTICATED : e;
}

static void forget_times(struct family *f, int64_t now_ms)
{
	size_t old = 0;
	while (old < f->n_times && f->times[old] <= now_ms - REFRESH_AGAIN_MS) old++;
	f->n_times -= old;
	memmove(f->times, f->times + old, f->n_times * sizeof *f->times);
}

static enum err rotate(struct db_conn *c, struct family *f, const struct token *next, int64_t now_ms)
{
	char text[SECRET_TEXT];
	uint8_t hash[32];
	struct buf times;
	buf_init(&times);
	f->times[f->n_times++] = now_ms;
	for (size_t i = 0; i < f->n_times; i++) buf_printf(&times, "%s%lld", i ? "," : "", (long long)f->times[i]);
	token_format(next, text);
	enum err e = db_exec(c, &SQL_ROTATE,
						 DB_ARGS(DB_TEXT(next->session_id), DB_BYTES(session_hash(str_of(text), hash)), DB_I64(next->n),
								 DB_TEXT(buf_str(&times)), DB_I64(now_ms), DB_I64(now_ms + SESSION_LIFE_MS)),
						 NULL);
	buf_release(&times);
	return e;
}

/* ---- */

/* A token whose successor's successor is out may still be shown by who lost an answer, but not for long. */
static bool is_reused(const struct family *f, int64_t behind)
{
	return behind > 1 && (size_t)behind > f->n_times;
}

static enum err refresh(struct db_conn *c, struct token *t, struct family *f, int64_t now_ms, struct refreshed *out,
						struct sessions_ended *ended)
{
	uint8_t key[SECRET_BYTES];
	enum err e = secret_get(c, STR("refresh"), now_ms, key);
	if (e) return e;
	int64_t behind = f->n - t->n;
	if (!is_of_family(key, t, f) || f->off || f->expires_at <= now_ms) return ERR_UNAUTHENTICATED;
	if (f->revoked) return ERR_SESSION_REVOKED;
	forget_times(f, now_ms);
	if (is_reused(f, behind)) {
		e = session_end(c, f->user_id, t->session_id, now_ms, ended);
		return e ? e : ERR_SESSION_REVOKED;
	}
	token_next(key, t);
	token_format(t, out->secret);
	if (behind > 0) return OK;
	if (f->n_times < TIMES_MOST) return rotate(c, f, t, now_ms);
	out->retry_ms = f->times[0] + REFRESH_AGAIN_MS - now_ms;
	return ERR_RATE_LIMITED;
}

enum err session_rotate(struct db_conn *c, struct str token, int64_t now_ms, struct refreshed *out,
						struct sessions_ended *ended)
{
	struct token t;
	struct family f;
	*out = (struct refreshed){ 0 };
	if (!token_parse(token, &t)) return ERR_UNAUTHENTICATED;
	enum err e = family_read(c, &t, &f);
	if (e) return e;
	out->user_id = f.user_id;
	memcpy(out->session_id, t.session_id.p, SESSION_ID);
	return refresh(c, &t, &f, now_ms, out, ended);
}
