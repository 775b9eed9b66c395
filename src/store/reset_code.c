#include "store/reset_code.h"

static const struct sql SQL_MAKE = {
	"INSERT INTO reset_codes (code_hash, user_id, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)", NULL
};
static const struct sql SQL_FIND = {
	"SELECT r.user_id FROM reset_codes r JOIN users u ON u.user_id = r.user_id WHERE r.code_hash = $1 AND r.expires_at "
	"> "
	"$2 AND u.deleted_at IS NULL AND u.deactivated_at IS NULL",
	NULL,
};
static const struct sql SQL_END = { "DELETE FROM reset_codes WHERE user_id = $1", NULL };

static void i64_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err reset_code_make(struct db_conn *c, struct reset_code *r)
{
	uint8_t hash[32];
	session_random(r->text);
	r->expires_at = r->now_ms + RESET_CODE_MS;
	enum err e = reset_codes_end(c, r->user_id);
	if (e) return e;
	return db_exec(c, &SQL_MAKE,
				   DB_ARGS(DB_BYTES(session_hash(str_of(r->text), hash)), DB_I64(r->user_id), DB_I64(r->created_by),
						   DB_I64(r->now_ms), DB_I64(r->expires_at)),
				   NULL);
}

enum err reset_code_find(struct db_conn *c, struct str text, int64_t now_ms, int64_t *user_id)
{
	uint8_t hash[32];
	return db_one(c, &SQL_FIND, DB_ARGS(DB_BYTES(session_hash(text, hash)), DB_I64(now_ms)), i64_take, user_id);
}

enum err reset_codes_end(struct db_conn *c, int64_t user_id)
{
	return db_exec(c, &SQL_END, DB_ARGS(DB_I64(user_id)), NULL);
}
