/* Statements that have to go by an index of their own, since they run where others wait, or past rows without number.
 * They stand here so that a test explains the very words that run (tests/unit/store/test_indexed.c). */
#ifndef LINNET_STORE_INDEXED_H
#define LINNET_STORE_INDEXED_H
#include "model/channel.h"
#include "model/user.h"
#include "store/rows.h"

/* A page of messages by a key: of the channel $1, from $2 on and before or behind $3, $5 of them. messages_flow, with
 * FLOW_ID and FLOW, by which $4 asks for no replies. */
#define PAGE_SQL(columns, key, where, order)                                                                           \
	"SELECT " columns " FROM messages t WHERE t.channel_id = $1 AND " key " >= $2 AND " key where " ORDER BY " key     \
	" " order " LIMIT $5"
#define FLOW " AND t.seq IS NOT NULL AND $4 = 0"

/* messages_flow */
#define SEQ_UPTO(channel, id)                                                                                          \
	"coalesce((SELECT t.seq FROM messages t WHERE t.channel_id = " channel " AND " FLOW_ID " <= " id                   \
	" AND t.seq IS NOT NULL ORDER BY " FLOW_ID " DESC LIMIT 1), 0)"

/* messages_thread_last */
#define LAST_REPLIES                                                                                                   \
	"SELECT message_id, created_at, author_id FROM messages WHERE channel_id = $1 AND thread_id = $2 AND message_id "  \
	"<> $3 AND deleted_at IS NULL ORDER BY thread_seq + 0 DESC LIMIT $4"

/* messages_mention_all: those messages of the channel of `members m` that name everybody, the newest first, $5 of them.
 * SQLite does not come upon it by itself. */
#define ALL_NEWEST(columns, indexed, where)                                                                            \
	"SELECT " columns " FROM messages y" indexed " WHERE y.channel_id = m.channel_id AND y.mention_all = 1" where      \
	" ORDER BY y.message_id DESC LIMIT $5"

/* invites_newest, or invites_to_newest where it is said whom they are to: the newest first, below the cursor $3, $4. */
#define INVITES_IN "coalesce(i.channel_id, 0) = "
#define INVITES_BELOW "i.created_at <= $3 AND (i.created_at < $3 OR i.code > $4)"

/* users_owners. 3 is USER_OWNER: an index of some rows is found by what the statement says, not by a parameter. */
#define OTHER_OWNER(user_id)                                                                                           \
	"SELECT 1 FROM users WHERE role = 3 AND user_id <> " user_id                                                       \
	" AND deleted_at IS NULL AND deactivated_at IS NULL AND bot = 0 LIMIT 1"
_Static_assert(USER_OWNER == 3, "as users_owners has it");

/* members_owners, by `+ 0` and not by the table's own key. 2 is CHANNEL_OWNER. */
#define OTHER_CHANNEL_OWNER(channel, user_id)                                                                          \
	"SELECT 1 FROM members WHERE channel_id + 0 = " channel " AND user_id <> " user_id                                 \
	" AND role = 2 AND left_rev IS NULL LIMIT 1"
_Static_assert(CHANNEL_OWNER == 2, "as members_owners has it");

/* A page of a channel's members: by the key of members from $2 on, then each person by theirs; $3 of them. However many
 * members there are, and whatever is known of how many have what: OFFSET 0 is the fence. */
#define MEMBERS_FROM(columns, users, where)                                                                            \
	"SELECT " columns " FROM members m CROSS JOIN " users " WHERE m.channel_id = $1 AND m.left_rev IS NULL AND "       \
	"m.user_id > $2" where " ORDER BY m.user_id LIMIT $3"
#define MEMBERS_PAGE(columns, where)                                                                                   \
	MEMBERS_FROM(columns, "LATERAL (SELECT * FROM users x WHERE x.user_id = m.user_id OFFSET 0) u", where)
#define MEMBERS_PAGE_SQLITE(columns, where) MEMBERS_FROM(columns, "users u", " AND u.user_id = m.user_id" where)

/* members_user, then each head by its key. Not joined: from the side of the heads it would be a look-up for each
 * channel of the server. */
#define CHANNELS_OF(user_id, dm)                                                                                       \
	"SELECT count(*) FROM members m WHERE m.user_id = " user_id                                                        \
	" AND m.channel_id > 0 AND m.left_rev IS NULL AND (SELECT h.kind <> " dm                                           \
	" AND h.deleted_at IS NULL FROM heads h WHERE h.channel_id = m.channel_id)"

/* channels_dm_maker */
#define DMS_MADE(user_id) "SELECT count(*) FROM channels WHERE created_by = " user_id " AND dm_key IS NOT NULL"
#endif
