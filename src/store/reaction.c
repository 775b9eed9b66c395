#include "store/reaction.h"

#include "base/vec.h"
#include "store/rows.h"

#define MINE_FROM "SELECT r.message_id, r.emoji FROM reactions r WHERE r.channel_id = $1 AND r.user_id = $2 AND "
#define MINE_ORDER " ORDER BY r.message_id, r.emoji"
static const struct sql SQL_MINE = {
	MINE_FROM IDS_ANY("r.message_id", "$3") MINE_ORDER,
	MINE_FROM IDS_ANY_SQLITE("r.message_id", "$3") MINE_ORDER,
};
#define GIVERS(users, where)                                                                                           \
	"SELECT r.at, " USER_COLUMNS " FROM reactions r CROSS JOIN " users " WHERE r.channel_id = $1 AND r.message_id = "  \
	"$2 AND r.emoji = $3 AND r.user_id > $4" where " ORDER BY r.user_id LIMIT $5"
static const struct sql SQL_GIVERS = {
	GIVERS("LATERAL (SELECT * FROM users x WHERE x.user_id = r.user_id OFFSET 0) u", ""),
	GIVERS("users u", " AND u.user_id = r.user_id"),
};

enum err reactions_mine(struct db_conn *c, struct arena *a, int64_t channel_id, int64_t user_id, const int64_t *ids,
						size_t n, struct own_reaction **out, size_t *n_out)
{
	VEC(struct own_reaction) found = { 0 };
	struct db_rows rows;
	*out = NULL, *n_out = 0;
	enum err e = db_query(c, &SQL_MINE, DB_ARGS(DB_I64(channel_id), DB_I64(user_id), ids_param(c, a, ids, n)), &rows);
	if (e) return e;
	while (db_next(&rows)) {
		const struct own_reaction own = { db_i64(&rows, 0), arena_str(a, db_str(&rows, 1)) };
		vec_push(&found, own);
	}
	*out = arena_array(a, struct own_reaction, found.n + 1);
	for (size_t i = 0; i < found.n; i++) (*out)[i] = found.p[i];
	*n_out = found.n;
	vec_release(&found);
	return db_end(&rows);
}

enum err reaction_givers(struct db_conn *c, struct arena *a, const struct reaction_query *q, struct given_page *out)
{
	struct db_rows rows;
	int64_t after = 0;
	*out = (struct given_page){ .items = arena_array(a, struct given, q->limit + 1), .next = STR_NONE };
	if (q->cursor.p && !str_i64(q->cursor, 1, INT64_MAX, &after)) return ERR_INVALID;
	enum err e = db_query(c, &SQL_GIVERS,
						  DB_ARGS(DB_I64(q->channel_id), DB_I64(q->message_id), DB_TEXT(q->emoji), DB_I64(after),
								  DB_I64((int64_t)q->limit + 1)),
						  &rows);
	if (e) return e;
	for (; db_next(&rows) && out->n <= q->limit; out->n++) {
		out->items[out->n].at = db_i64(&rows, 0);
		user_take(&rows, 1, a, &out->items[out->n].user);
	}
	if (out->n > q->limit) out->next = arena_printf(a, "%lld", (long long)out->items[--out->n - 1].user.id);
	return db_end(&rows);
}
