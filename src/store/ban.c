#include "store/ban.h"

#include "store/rows.h"

static const struct sql SQL_BANS = {
	"SELECT " USER_COLUMNS ", b.actor_id, b.at, b.until, b.reason FROM channel_masks b JOIN users u ON u.user_id = "
	"b.user_id WHERE b.channel_id = $1 AND b.kind = 'b' AND b.mask = '' AND b.user_id > $2 AND (b.until IS NULL OR "
	"b.until > $3) ORDER BY b.user_id LIMIT $4",
	NULL,
};

static void ban_take(const struct db_rows *r, struct arena *a, struct ban *b)
{
	user_take(r, 0, a, &b->user);
	b->actor_id = db_i64(r, USER_COLUMN_COUNT);
	b->at = db_i64(r, USER_COLUMN_COUNT + 1);
	b->until = db_i64(r, USER_COLUMN_COUNT + 2);
	b->reason = arena_str(a, db_str(r, USER_COLUMN_COUNT + 3));
}

enum err ban_list(struct db_conn *c, struct arena *a, int64_t channel_id, int64_t now_ms, struct str cursor,
				  size_t limit, struct ban_page *out)
{
	struct db_rows rows;
	int64_t after = 0;
	*out = (struct ban_page){ .items = arena_array(a, struct ban, limit + 1), .next = STR_NONE };
	if (cursor.p && !str_i64(cursor, 0, INT64_MAX, &after)) return ERR_INVALID;
	enum err e = db_query(
		c, &SQL_BANS, DB_ARGS(DB_I64(channel_id), DB_I64(after), DB_I64(now_ms), DB_I64((int64_t)limit + 1)), &rows);
	if (e) return e;
	while (db_next(&rows)) ban_take(&rows, a, &out->items[out->n++]);
	if (out->n > limit) out->next = arena_printf(a, "%lld", (long long)out->items[--out->n - 1].user.id);
	return db_end(&rows);
}
