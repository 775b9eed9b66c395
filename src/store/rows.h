/* How entities are read: one list of columns each, and the function that takes them from a row. Everything that reads a
 * message, a channel or a person uses these, so that a column is added in one place.
 *
 * A statement is written as literals: { "SELECT " MESSAGE_COLUMNS " FROM messages t WHERE ...", ... }. Where the
 * dialects differ there are two lists. */
#ifndef LINNET_STORE_ROWS_H
#define LINNET_STORE_ROWS_H
#include "base/arena.h"
#include "db/db.h"
#include "model/channel.h"
#include "model/message.h"
#include "model/user.h"

/* ---- messages: of `messages t` */
#define MESSAGE_PLAIN_COLUMNS                                                                                          \
	"t.channel_id, t.message_id, t.seq, t.rev, t.changed_rev, t.body_rev, t.nonce, t.author_id, t.kind, t.body, "      \
	"t.created_at, t.edited_at, t.deleted_at, t.reply_to, t.thread_id, t.thread_seq, t.mention_all, t.pinned_at, "     \
	"t.thread_count, t.thread_last_id, t.thread_last_at, t.reactions, t.thread_last_seq, t.thread_users, t.root_count"
#define MESSAGE_MENTIONS_FROM "FROM mentions q WHERE q.channel_id = t.channel_id AND q.message_id = t.message_id"
#define MESSAGE_COLUMNS                                                                                                \
	MESSAGE_PLAIN_COLUMNS ", (SELECT string_agg(q.user_id::text, ',' ORDER BY q.user_id) " MESSAGE_MENTIONS_FROM ")"
#define MESSAGE_COLUMNS_SQLITE MESSAGE_PLAIN_COLUMNS ", (SELECT group_concat(q.user_id, ',') " MESSAGE_MENTIONS_FROM ")"
#define MESSAGE_COLUMN_COUNT 26
#define MESSAGE_PINNED_AT 17
/* The key of messages_flow (0012), `seq IS NOT NULL` beside it: the main flow past however many replies in threads. */
#define FLOW_ID "t.message_id + 0"
/* From column `at` on; strings go to the arena. */
void message_take(const struct db_rows *r, int at, struct arena *a, struct message *out);

/* ---- channels: of `heads h` joined with `channels c`, and, with `me`, `members m` of the person */
#define CHANNEL_COLUMNS                                                                                                \
	"h.channel_id, h.kind, c.name, c.topic, h.history, h.slow_mode_s, h.read_only, h.archived, c.is_default, "         \
	"h.deleted_at, h.large, h.rev, h.rev_at, h.last_id, h.last_seq, h.last_at, h.min_rev, h.member_count, c.dm_key, "  \
	"h.min_id"
#define CHANNEL_COLUMN_COUNT 20
#define CHANNEL_FROM "FROM heads h JOIN channels c ON c.channel_id = h.channel_id "
/* How often the person of `members m` is named in what is unread of the channel (`heads h`), alone or with everybody:
 * not by themselves, nor by whom they have blocked; what is said in a thread counts there. Each is counted to
 * MENTIONS_MOST among the newest MENTIONS_LOOKED, so that it costs no more whatever was written. Everything is looked
 * up from inside by scalar selects: as a join Postgres would read the whole channel for it. SQLite does not come upon
 * the indexes by itself. */
#define MENTIONS_MOST "100"
#define MENTIONS_LOOKED "1000"
#define BLOCKS(m, author)                                                                                              \
	"(SELECT count(*) FROM blocks b WHERE b.user_id = " m ".user_id AND b.blocked_id = " author ")"
#define NOT_BLOCKED(m, author)                                                                                         \
	"NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = " m ".user_id AND b.blocked_id = " author ")"
#define UNREAD_OF(t) t ".message_id > m.read_id AND " t ".message_id >= m.first_id AND " t ".message_id > h.min_id"
#define NEWEST_OF(t) "ORDER BY " t ".message_id DESC LIMIT " MENTIONS_LOOKED
#define COUNTED(from, where)                                                                                           \
	"(SELECT count(*) FROM (SELECT 1 FROM (" from ") t WHERE " where " LIMIT " MENTIONS_MOST ") z)"
#define COUNT_NAMED(indexed)                                                                                           \
	COUNTED("SELECT q.message_id, q.thread_id FROM mentions q" indexed                                                 \
			" WHERE q.user_id = m.user_id AND q.channel_id = "                                                         \
			"m.channel_id AND " UNREAD_OF("q") " " NEWEST_OF("q"),                                                     \
			"t.thread_id IS NULL AND " BLOCKS("m", "(SELECT x.author_id FROM messages x WHERE x.channel_id = "         \
												   "m.channel_id AND x.message_id = t.message_id)") " = 0")
#define COUNT_ALL(indexed)                                                                                             \
	COUNTED("SELECT x.message_id, x.author_id, x.thread_id FROM messages x" indexed " WHERE x.channel_id = "           \
			"m.channel_id AND x.mention_all = 1 AND " UNREAD_OF("x") " " NEWEST_OF("x"),                               \
			"t.thread_id IS NULL AND t.author_id <> m.user_id AND (SELECT count(*) FROM mentions q WHERE "             \
			"q.channel_id = m.channel_id AND q.message_id = t.message_id AND q.user_id = m.user_id) = 0 AND " BLOCKS(  \
				"m", "t.author_id") " = 0")
#define MENTION_COUNT "(" COUNT_NAMED("") " + " COUNT_ALL("") ")"
#define MENTION_COUNT_SQLITE                                                                                           \
	"(" COUNT_NAMED(" INDEXED BY mentions_user") " + " COUNT_ALL(" INDEXED BY messages_mention_all") ")"
#define ME_COLUMNS(mention_count)                                                                                      \
	CHANNEL_COLUMNS ", m.role, m.voice, m.read_id, m.read_seq, m.level, m.muted_until, m.hidden_at, m.first_id, "      \
					"m.joined_rev, m.user_rev, " mention_count ", m.read_at, m.cut_rev, m.silenced_until"
#define CHANNEL_ME_COLUMNS ME_COLUMNS(MENTION_COUNT)
#define CHANNEL_ME_COLUMNS_SQLITE ME_COLUMNS(MENTION_COUNT_SQLITE)
void channel_take(const struct db_rows *r, int at, struct arena *a, struct channel *out);
void channel_me_take(const struct db_rows *r, int at, struct arena *a, struct channel *out); /* with `me` behind */

/* ---- people: of `users u` */
#define USER_COLUMNS                                                                                                   \
	"u.user_id, u.username, u.display_name, u.avatar, u.role, u.bot, u.deactivated_at, u.deleted_at, u.changed_rev, "  \
	"u.status, u.do_not_disturb"
#define USER_COLUMN_COUNT 11
void user_take(const struct db_rows *r, int at, struct arena *a, struct user *out);

/* ---- many ids in one parameter: {1,2,3} for Postgres (`= ANY($1::bigint[])`), [1,2,3] for SQLite
 * (`IN (SELECT value FROM json_each($1))`) */
struct db_value ids_param(const struct db_conn *c, struct arena *a, const int64_t *ids, size_t n);
#define IDS_ANY(column, param) column " = ANY(" param "::bigint[])"
#define IDS_ANY_SQLITE(column, param) column " IN (SELECT value FROM json_each(" param "))"
#endif
