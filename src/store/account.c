#include "store/account.h"

#include <string.h>

#include "model/user.h"

#define ACTOR_COLUMNS                                                                                                  \
	"s.session_id, s.kind, s.user_id, s.scopes, s.expires_at, s.revoked_at, u.role, u.bot, u.deactivated_at, "         \
	"u.deleted_at, s.used_at"
#define ACTOR_COLUMN_COUNT 11
#define ACTOR "SELECT " ACTOR_COLUMNS " FROM sessions s JOIN users u ON u.user_id = s.user_id WHERE "
static const struct sql SQL_BY_SECRET = { ACTOR "s.secret_hash = $1 AND s.kind = $2", NULL };
static const struct sql SQL_BY_ID = { ACTOR "s.session_id = $1 AND s.user_id = $2", NULL };

/* Each by the key that its kind of credential has. */
#define SESSION_COLUMNS "x.session_id, x.kind, x.user_id, x.scopes, x.expires_at, x.revoked_at, x.used_at"
static const struct sql SQL_ALL = {
	"SELECT " ACTOR_COLUMNS ", t.i FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS t (who, secret, session, person, i) "
	"CROSS JOIN LATERAL (SELECT " SESSION_COLUMNS " FROM sessions x WHERE t.who = 0 AND x.session_id = t.session AND "
	"x.user_id = t.person UNION ALL SELECT " SESSION_COLUMNS " FROM sessions x WHERE t.who > 0 AND x.secret_hash = "
	"t.secret AND x.kind = CASE t.who WHEN 1 THEN 'cookie' ELSE 'token' END) s JOIN users u ON u.user_id = s.user_id",
	NULL,
};

static enum session_kind kind_of(struct str s)
{
	return str_eq(s, STR("token")) ? SESSION_TOKEN : str_eq(s, STR("client")) ? SESSION_CLIENT : SESSION_COOKIE;
}

struct found {
	struct actor *actor;
	bool there, revoked, off;
};

static void actor_take(const struct db_rows *r, void *arg)
{
	struct found *f = arg;
	f->there = true;
	struct str id = str_upto(db_str(r, 0), SESSION_ID);
	memcpy(f->actor->session_id, id.p, id.n);
	f->actor->session_kind = kind_of(db_str(r, 1));
	f->actor->user_id = db_i64(r, 2);
	f->actor->scopes = (int)db_i64(r, 3);
	f->actor->expires_at = db_i64(r, 4);
	f->revoked = !db_is_null(r, 5);
	f->actor->role = (enum user_role)db_i64(r, 6);
	f->actor->bot = db_i64(r, 7) != 0;
	f->off = !db_is_null(r, 8) || !db_is_null(r, 9);
	f->actor->used_at = db_i64(r, 10);
}

static enum err look_up(struct db_conn *c, const struct credential *cred, struct found *f)
{
	struct str hash = { (const char *)cred->hash, sizeof cred->hash };
	switch (cred->kind) {
	case CREDENTIAL_COOKIE:
		return db_one(c, &SQL_BY_SECRET, DB_ARGS(DB_BYTES(hash), DB_TEXT(STR("cookie"))), actor_take, f);
	case CREDENTIAL_TOKEN:
		return db_one(c, &SQL_BY_SECRET, DB_ARGS(DB_BYTES(hash), DB_TEXT(STR("token"))), actor_take, f);
	case CREDENTIAL_JWT:
		return db_one(c, &SQL_BY_ID, DB_ARGS(DB_TEXT(str_of(cred->session_id)), DB_I64(cred->user_id)), actor_take, f);
	case CREDENTIAL_NONE: break;
	}
	return ERR_UNAUTHENTICATED;
}

/* Nobody acts by a session that has ended. */
static enum err verdict(const struct found *f, int64_t now_ms)
{
	enum err e = f->there ? OK : ERR_UNAUTHENTICATED;
	if (!e && f->revoked) e = ERR_SESSION_REVOKED;
	if (!e && (f->off || (f->actor->expires_at && f->actor->expires_at <= now_ms))) e = ERR_UNAUTHENTICATED;
	if (e) *f->actor = (struct actor){ 0 };
	return e;
}

enum err session_actor(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out)
{
	struct found f = { .actor = out };
	*out = (struct actor){ 0 };
	enum err e = look_up(c, cred, &f);
	return e && e != ERR_NOT_FOUND && e != ERR_UNAUTHENTICATED ? e : verdict(&f, now_ms);
}

void credential_put(struct db_array to[CREDENTIAL_ARRAYS], const struct credential *k)
{
	bool secret = k->kind == CREDENTIAL_COOKIE || k->kind == CREDENTIAL_TOKEN;
	struct str hash = { (const char *)k->hash, sizeof k->hash };
	db_array_i64(&to[0], k->kind == CREDENTIAL_COOKIE ? 1 : k->kind == CREDENTIAL_TOKEN ? 2 : 0);
	db_array_str(&to[1], secret ? hash : STR(""));
	db_array_str(&to[2], k->kind == CREDENTIAL_JWT ? str_of(k->session_id) : STR(""));
	db_array_i64(&to[3], k->kind == CREDENTIAL_JWT ? k->user_id : 0);
}

static enum err read_found(struct db_conn *c, struct db_array to[CREDENTIAL_ARRAYS], struct found *found)
{
	struct db_value v[CREDENTIAL_ARRAYS];
	struct db_rows rows;
	for (size_t i = 0; i < CREDENTIAL_ARRAYS; i++) v[i] = db_array_end(&to[i]);
	enum err e = db_query(c, &SQL_ALL, (struct db_args){ v, CREDENTIAL_ARRAYS }, &rows);
	if (e) return e;
	while (db_next(&rows)) actor_take(&rows, &found[db_i64(&rows, ACTOR_COLUMN_COUNT) - 1]);
	return db_end(&rows);
}

enum err session_actors(struct db_conn *c, struct arena *a, const struct credential *const *creds, size_t n,
						int64_t now_ms, struct actor *out, enum err *verdicts)
{
	static const enum db_type types[CREDENTIAL_ARRAYS] = { DB_T_I64, DB_T_BYTES, DB_T_TEXT, DB_T_I64 };
	struct db_array to[CREDENTIAL_ARRAYS] = { 0 };
	struct found *found = arena_array(a, struct found, n + 1);
	for (size_t i = 0; i < CREDENTIAL_ARRAYS; i++) db_array_begin(&to[i], types[i]);
	for (size_t i = 0; i < n; i++) {
		credential_put(to, creds[i]);
		found[i].actor = &out[i];
		out[i] = (struct actor){ 0 };
	}
	enum err e = read_found(c, to, found);
	for (size_t i = 0; i < n && !e; i++) verdicts[i] = verdict(&found[i], now_ms);
	for (size_t i = 0; i < CREDENTIAL_ARRAYS; i++) db_array_release(&to[i]);
	return e;
}
