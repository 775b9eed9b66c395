#include "store/deletion.h"

#include <string.h>

#include "model/channel.h"

#define FIRST "SELECT user_id FROM deletions WHERE taken_until < $1 ORDER BY at, user_id LIMIT 1"
static const struct sql SQL_TAKE = {
	"UPDATE deletions SET taken_until = $2 WHERE user_id = (" FIRST
	" FOR UPDATE SKIP LOCKED) RETURNING user_id, messages",
	"UPDATE deletions SET taken_until = $2 WHERE user_id = (" FIRST ") RETURNING user_id, messages",
};
static const struct sql SQL_ANY = { "SELECT count(*) FROM (" FIRST ") t", NULL };
static const struct sql SQL_KEEP = { "UPDATE deletions SET taken_until = $2 WHERE user_id = $1", NULL };
static const struct sql SQL_OVER = { "DELETE FROM deletions WHERE user_id = $1", NULL };
/* By the index of nonces, which begins with the author. */
static const struct sql SQL_MESSAGES = {
	"SELECT channel_id, message_id, nonce, deleted_at FROM messages WHERE author_id = $1 AND (nonce, channel_id) > "
	"($2, "
	"$3) ORDER BY nonce, channel_id LIMIT $4",
	NULL,
};
static const struct sql SQL_CHANNELS = {
	"SELECT m.channel_id FROM members m JOIN heads h ON h.channel_id = m.channel_id WHERE m.user_id = $1 AND "
	"m.left_rev IS NULL AND m.channel_id > $2 AND h.kind <> $3 AND h.deleted_at IS NULL ORDER BY m.channel_id LIMIT $4",
	NULL,
};

static void count_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

static void deletion_read(const struct db_rows *r, void *arg)
{
	struct deletion *d = arg;
	d->user_id = db_i64(r, 0);
	d->messages = db_i64(r, 1) != 0;
}

/* Nearly always there is none, and nothing is locked to find that. */
enum err deletion_take(struct db_conn *c, int64_t now_ms, int64_t until_ms, struct deletion *out)
{
	int64_t any = 0;
	enum err e = db_one(c, &SQL_ANY, DB_ARGS(DB_I64(now_ms)), count_take, &any);
	if (e || !any) return e ? e : ERR_NOT_FOUND;
	return db_one(c, &SQL_TAKE, DB_ARGS(DB_I64(now_ms), DB_I64(until_ms)), deletion_read, out);
}

enum err deletion_keep(struct db_conn *c, int64_t user_id, int64_t until_ms)
{
	return db_exec(c, &SQL_KEEP, DB_ARGS(DB_I64(user_id), DB_I64(until_ms)), NULL);
}

enum err deletion_over(struct db_conn *c, int64_t user_id)
{
	return db_exec(c, &SQL_OVER, DB_ARGS(DB_I64(user_id)), NULL);
}

enum err deletion_messages(struct db_conn *c, int64_t user_id, struct deletion_at *at, struct deletion_item *items,
						   size_t most, size_t *n, bool *over)
{
	struct db_rows rows;
	struct str nonce = { (const char *)at->nonce, at->begun ? sizeof at->nonce : 0 };
	size_t seen = 0;
	*n = 0, *over = false;
	enum err e = db_query(
		c, &SQL_MESSAGES,
		DB_ARGS(DB_I64(user_id), DB_BYTES(nonce), DB_I64(at->begun ? at->channel_id : -1), DB_I64((int64_t)most)),
		&rows);
	if (e) return e;
	while (db_next(&rows)) {
		struct str its = db_str(&rows, 2);
		at->begun = true;
		at->channel_id = db_i64(&rows, 0);
		memset(at->nonce, 0, sizeof at->nonce);
		memcpy(at->nonce, its.p, its.n < sizeof at->nonce ? its.n : sizeof at->nonce);
		seen++;
		if (db_is_null(&rows, 3)) items[(*n)++] = (struct deletion_item){ at->channel_id, db_i64(&rows, 1) };
	}
	*over = seen < most;
	return db_end(&rows);
}

enum err deletion_channels(struct db_conn *c, int64_t user_id, struct deletion_at *at, struct deletion_item *items,
						   size_t most, size_t *n)
{
	struct db_rows rows;
	*n = 0;
	enum err e = db_query(
		c, &SQL_CHANNELS,
		DB_ARGS(DB_I64(user_id), DB_I64(at->begun ? at->channel_id : 0), DB_I64(CHANNEL_DM), DB_I64((int64_t)most)),
		&rows);
	if (e) return e;
	while (db_next(&rows)) {
		items[*n] = (struct deletion_item){ db_i64(&rows, 0), 0 };
		at->begun = true;
		at->channel_id = items[(*n)++].channel_id;
	}
	return db_end(&rows);
}
