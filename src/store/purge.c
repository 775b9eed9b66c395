#include "store/purge.h"

#include "base/vec.h"

/* One that another process is emptying is not waited for. */
static const struct sql SQL_DUE = {
	"SELECT channel_id FROM ended_channels WHERE at <= $1 ORDER BY at, channel_id LIMIT 1 FOR UPDATE SKIP LOCKED",
	"SELECT channel_id FROM ended_channels WHERE at <= $1 ORDER BY at, channel_id LIMIT 1",
};
static const struct sql SQL_DONE = { "DELETE FROM ended_channels WHERE channel_id = $1", NULL };

/* Every table that has rows of a channel, with the rest of its key. The last entry of the log stays: it says that the
 * channel was deleted to whoever has to heal up to it. */
#define ROWS(table, key, which)                                                                                        \
	{                                                                                                                  \
		"DELETE FROM " table " WHERE channel_id = $1 AND (" key ") IN (SELECT " key " FROM " table                     \
		" WHERE channel_id = $1" which " LIMIT $2)",                                                                   \
			NULL                                                                                                       \
	}
static const struct sql rows_of[] = {
	ROWS("mentions", "message_id, user_id", ""),
	ROWS("reactions", "message_id, emoji, user_id", ""),
	ROWS("message_edits", "message_id, rev", ""),
	ROWS("thread_follows", "thread_id, user_id", ""),
	ROWS("search_leaves", "lo, first_gram", ""),
	ROWS("search_segments", "lo", ""),
	ROWS("search_channels", "channel_id", ""),
	ROWS("messages", "message_id", ""),
	ROWS("changes", "rev", " AND kind <> 'deleted'"),
	ROWS("channel_masks", "kind, mask, user_id", ""),
	ROWS("invites", "code", ""),
	ROWS("followers", "name", ""),
	ROWS("members", "user_id", ""),
};

static void id_take(const struct db_rows *r, void *arg)
{
	*(int64_t *)arg = db_i64(r, 0);
}

enum err purge_turn(struct db_conn *c, struct purge *p)
{
	p->channel_id = p->gone = 0;
	enum err e = db_one(c, &SQL_DUE, DB_ARGS(DB_I64(p->before_ms)), id_take, &p->channel_id);
	if (e) return e == ERR_NOT_FOUND ? OK : e;
	for (size_t i = 0; i < countof(rows_of) && !e && p->gone < p->most; i++) {
		int64_t n = 0;
		e = db_exec(c, &rows_of[i], DB_ARGS(DB_I64(p->channel_id), DB_I64(p->most - p->gone)), &n);
		p->gone += n;
	}
	if (!e && p->gone < p->most) e = db_exec(c, &SQL_DONE, DB_ARGS(DB_I64(p->channel_id)), NULL);
	return e;
}
