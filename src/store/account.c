#include "store/account.h"

#include <string.h>

#include "model/user.h"

#define ACTOR                                                                                                          \
	"SELECT s.session_id, s.kind, s.user_id, s.scopes, s.expires_at, s.revoked_at, u.role, u.bot, u.deactivated_at, "  \
	"u.deleted_at, s.used_at FROM sessions s JOIN users u ON u.user_id = s.user_id WHERE "
static const struct sql SQL_BY_SECRET = { ACTOR "s.secret_hash = $1 AND s.kind = $2", NULL };
static const struct sql SQL_BY_ID = { ACTOR "s.session_id = $1 AND s.user_id = $2", NULL };

static enum session_kind kind_of(struct str s)
{
	return str_eq(s, STR("token")) ? SESSION_TOKEN : str_eq(s, STR("client")) ? SESSION_CLIENT : SESSION_COOKIE;
}

struct found {
	struct actor *actor;
	bool revoked, off;
};

static void actor_take(const struct db_rows *r, void *arg)
{
	struct found *f = arg;
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

enum err session_actor(struct db_conn *c, const struct credential *cred, int64_t now_ms, struct actor *out)
{
	struct found f = { .actor = out };
	*out = (struct actor){ 0 };
	enum err e = look_up(c, cred, &f);
	if (e == ERR_NOT_FOUND) e = ERR_UNAUTHENTICATED;
	if (!e && f.revoked) e = ERR_SESSION_REVOKED;
	if (!e && (f.off || (out->expires_at && out->expires_at <= now_ms))) e = ERR_UNAUTHENTICATED;
	if (e) *out = (struct actor){ 0 }; /* nobody acts by a session that has ended */
	return e;
}
