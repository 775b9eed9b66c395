/* One statement finds people for all: by beginnings, by ids, by channel, each where it is asked for, and with a guest
 * only among those of common channels. */
#include "base/buf.h"
#include "store/person.h"
#include "store/rows.h"

#define FIND_FROM                                                                                                      \
	"SELECT " USER_COLUMNS " FROM users u WHERE u.username > $1 AND ($2 = '' OR (u.deleted_at IS NULL AND "            \
	"(u.username LIKE $3 ESCAPE '!' OR u.display_key LIKE $3 ESCAPE '!'))) AND ($4 < 0 OR EXISTS (SELECT 1 FROM "      \
	"members m WHERE m.channel_id = $4 AND m.user_id = u.user_id AND m.left_rev IS NULL)) AND ($5 = 0 OR u.user_id = " \
	"$5 OR EXISTS (SELECT 1 FROM members mine JOIN members m ON m.channel_id = mine.channel_id WHERE mine.user_id = "  \
	"$5 "                                                                                                              \
	"AND mine.left_rev IS NULL AND m.user_id = u.user_id AND m.left_rev IS NULL)) AND "
#define FIND_ORDER " ORDER BY u.username LIMIT $7"
static const struct sql SQL_IDS = {
	FIND_FROM IDS_ANY("u.user_id", "$6") FIND_ORDER,
	FIND_FROM IDS_ANY_SQLITE("u.user_id", "$6") FIND_ORDER,
};
static const struct sql SQL_ALL = { FIND_FROM "$6 = '' AND u.deleted_at IS NULL" FIND_ORDER, NULL };

static bool is_cursor(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
	}
	return s.n >= 2 && s.n <= 32;
}

/* What begins so, as a pattern of LIKE. */
static struct str beginning(struct arena *a, struct str q)
{
	struct buf b;
	buf_init(&b);
	for (size_t i = 0; i < q.n; i++) {
		if (q.p[i] == '%' || q.p[i] == '_' || q.p[i] == '!') buf_add_byte(&b, '!');
		buf_add_byte(&b, q.p[i]);
	}
	buf_add_byte(&b, '%');
	struct str s = arena_str(a, buf_str(&b));
	buf_release(&b);
	return s;
}

enum err people_find(struct db_conn *c, struct arena *a, const struct people_query *q, struct people_page *out)
{
	struct db_rows rows;
	struct str after = q->cursor.p ? q->cursor : STR(""), begins = q->q.p ? q->q : STR("");
	bool guest = q->who->role == USER_GUEST;
	*out = (struct people_page){ .items = arena_array(a, struct user, q->limit + 1), .next = STR_NONE };
	if (q->cursor.p && !is_cursor(q->cursor)) return ERR_INVALID;
	struct db_value ids = q->ids ? ids_param(c, a, q->ids, q->n_ids) : DB_TEXT(STR(""));
	enum err e = db_query(c, q->ids ? &SQL_IDS : &SQL_ALL,
						  DB_ARGS(DB_TEXT(after), DB_TEXT(begins), DB_TEXT(beginning(a, begins)), DB_I64(q->channel_id),
								  DB_I64(guest ? q->who->user_id : 0), ids, DB_I64((int64_t)q->limit + 1)),
						  &rows);
	if (e) return e;
	while (db_next(&rows)) user_take(&rows, 0, a, &out->items[out->n++]);
	if (out->n > q->limit) out->next = out->items[--out->n - 1].username;
	return db_end(&rows);
}
