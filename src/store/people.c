/* People by what is asked for: each way is a statement of its own, with an index of its own; a guest sees only those of
 * common channels. */
#include "store/channel.h"
#include "store/person.h"
#include "store/rows.h"

#define COLUMNS "SELECT " USER_COLUMNS " FROM "
#define AFTER_SEEN                                                                                                     \
	"u.username > $1 AND ($2 = 0 OR u.user_id = $2 OR EXISTS (SELECT 1 FROM members mine JOIN members m ON "           \
	"m.channel_id = mine.channel_id LEFT JOIN heads h ON h.channel_id = m.channel_id WHERE mine.user_id = $2 AND "     \
	"mine.left_rev IS NULL AND m.user_id = u.user_id AND m.left_rev IS NULL AND h.deleted_at IS NULL))"
#define ORDER " ORDER BY u.username LIMIT $3"
#define BEGINS                                                                                                         \
	" AND ($4 = '' OR (u.deleted_at IS NULL AND (substr(u.username, 1, length($4)) = $4 OR "                           \
	"substr(u.display_key, 1, length($4)) = $4)))"

static const struct sql SQL_ALL = {
	COLUMNS "users u WHERE u.username > $1 AND u.deleted_at IS NULL ORDER BY u.username LIMIT $2", NULL
};

/* All that begin with $4 lie from $4 to $5, in the order of their bytes. */
#define BETWEEN(c)                                                                                                     \
	"users u WHERE " AFTER_SEEN " AND u.deleted_at IS NULL AND u.user_id IN (SELECT b.user_id FROM users b WHERE "     \
	"b.username" c " >= $4 AND b.username" c " < $5 UNION SELECT d.user_id FROM users d WHERE d.display_key" c         \
	" >= $4 AND d.display_key" c " < $5)" ORDER
static const struct sql SQL_BEGINS = { COLUMNS BETWEEN(" COLLATE \"C\""), COLUMNS BETWEEN("") };

#define OF_IDS                                                                                                         \
	AFTER_SEEN BEGINS                                                                                                  \
		" AND ($5 < 0 OR EXISTS (SELECT 1 FROM members c WHERE c.channel_id = $5 AND c.user_id = u.user_id AND "       \
		"c.left_rev IS NULL))" ORDER
static const struct sql SQL_IDS = {
	COLUMNS "users u WHERE " IDS_ANY("u.user_id", "$6") " AND " OF_IDS,
	COLUMNS "users u WHERE " IDS_ANY_SQLITE("u.user_id", "$6") " AND " OF_IDS,
};

/* Whom the guest $1 may know of, by id from $2 on: as many of each channel as of the page, $3, whatever they are
 * together. */
#define GUEST_PAGE(members)                                                                                            \
	"(SELECT k.user_id FROM members mine CROSS JOIN " members                                                          \
	" WHERE mine.user_id = $1 AND mine.left_rev IS NULL AND (SELECT h.deleted_at FROM heads h WHERE h.channel_id = "   \
	"mine.channel_id) IS NULL UNION SELECT $1::bigint WHERE $1::bigint > $2) k CROSS JOIN "
#define GUEST_CHANNEL                                                                                                  \
	"(SELECT m.user_id FROM members m WHERE m.channel_id = mine.channel_id AND m.left_rev IS NULL AND m.user_id > $2 " \
	"ORDER BY m.user_id LIMIT $3)"
#define GUEST_ORDER " ORDER BY k.user_id LIMIT $3"
static const struct sql SQL_GUEST = {
	COLUMNS GUEST_PAGE("LATERAL " GUEST_CHANNEL
					   " k") "LATERAL (SELECT * FROM users x WHERE x.user_id = k.user_id OFFSET 0) u" GUEST_ORDER,
	COLUMNS GUEST_PAGE(
		"members k ON k.channel_id = mine.channel_id AND k.user_id IN " GUEST_CHANNEL) "users u ON "
																					   "u.user_id = "
																					   "k.user_id" GUEST_ORDER,
};

static bool is_cursor(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_') return false;
	}
	return s.n >= 2 && s.n <= 32;
}

static enum err ask(struct db_conn *c, struct arena *a, const struct people_query *q, struct db_rows *rows)
{
	struct db_value after = DB_TEXT(q->cursor.p ? q->cursor : STR("")), begins = DB_TEXT(q->q.p ? q->q : STR("")),
					guest = DB_I64(q->who->role == USER_GUEST ? q->who->user_id : 0),
					limit = DB_I64((int64_t)q->limit + 1), channel = DB_I64(q->channel_id);
	if (q->ids)
		return db_query(c, &SQL_IDS, DB_ARGS(after, guest, limit, begins, channel, ids_param(c, a, q->ids, q->n_ids)),
						rows);
	if (!q->q.n) return db_query(c, &SQL_ALL, DB_ARGS(after, limit), rows);
	struct str last =
		arena_printf(a, STR_FMT "\xF4\x8F\xBF\xBF", STR_ARG(q->q)); /* no character comes after this one */
	return db_query(c, &SQL_BEGINS, DB_ARGS(after, guest, limit, begins, DB_TEXT(last)), rows);
}

/* By name all of them would be read for each page. Whose account was deleted goes from the channel a little later. */
static enum err of_channel(struct db_conn *c, struct arena *a, const struct people_query *q, struct people_page *out)
{
	struct member_page page;
	bool named = q->large && q->q.n;
	enum err e = named ? member_list_named(c, a, q->channel_id, q->q, q->cursor, q->limit, &page)
					   : member_list(c, a, q->channel_id, NULL, q->q, q->cursor, q->limit, &page);
	for (size_t i = 0; !e && i < page.n; i++)
		if (!page.items[i].user.deleted) out->items[out->n++] = page.items[i].user;
	if (!e) out->next = page.next;
	return e;
}

/* As a channel's: of all the server's people a guest may know of few. */
static enum err of_guest(struct db_conn *c, struct arena *a, const struct people_query *q, struct people_page *out)
{
	struct db_rows rows;
	int64_t after = 0, last = 0;
	size_t n = 0;
	if (q->cursor.p && !str_i64(q->cursor, 0, INT64_MAX, &after)) return ERR_INVALID;
	enum err e =
		db_query(c, &SQL_GUEST, DB_ARGS(DB_I64(q->who->user_id), DB_I64(after), DB_I64((int64_t)q->limit + 1)), &rows);
	if (e) return e;
	for (; db_next(&rows); n++) {
		struct user *u = &out->items[out->n];
		if (n == q->limit) {
			out->next = arena_printf(a, "%lld", (long long)last);
			continue;
		}
		user_take(&rows, 0, a, u);
		last = u->id;
		if (!u->deleted) out->n++;
	}
	return db_end(&rows);
}

enum err people_find(struct db_conn *c, struct arena *a, const struct people_query *q, struct people_page *out)
{
	struct db_rows rows;
	*out = (struct people_page){ .items = arena_array(a, struct user, q->limit + 1), .next = STR_NONE };
	if (q->channel_id >= 0 && !q->ids) return of_channel(c, a, q, out);
	if (q->who->role == USER_GUEST && !q->ids && !q->q.n) return of_guest(c, a, q, out);
	if (q->cursor.p && !is_cursor(q->cursor)) return ERR_INVALID;
	enum err e = ask(c, a, q, &rows);
	if (e) return e;
	while (db_next(&rows)) user_take(&rows, 0, a, &out->items[out->n++]);
	if (out->n > q->limit) out->next = out->items[--out->n - 1].username;
	return db_end(&rows);
}
