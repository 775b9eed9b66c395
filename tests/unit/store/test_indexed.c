#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/indexed.h"
#include "store/rows.h"
#include "support/both.h"

#define EXPLAINED(text)                                                                                                \
	{                                                                                                                  \
		"EXPLAIN " text, "EXPLAIN QUERY PLAN " text                                                                    \
	}

static bool names(struct db_conn *c, const struct sql *q, struct db_args args, const char *index)
{
	struct db_rows rows;
	bool found = false;
	both_must(db_query(c, q, args, &rows));
	while (db_next(&rows)) {
		struct str line = db_str(&rows, db_conn_kind(c) == DB_POSTGRES ? 0 : 3);
		found |= memmem(line.p, line.n, index, strlen(index)) != NULL;
	}
	both_must(db_end(&rows));
	return found;
}

/* So that however many replies in threads lie between cost nothing: on an empty table, where a plan might be made that
 * stays. */
static void the_main_flow_has_an_index_of_its_own(struct both *b, struct db_conn *c)
{
	(void)b;
	static const struct sql down = EXPLAINED(PAGE_SQL("t.body", FLOW_ID, " < $3" FLOW, "DESC"));
	static const struct sql up = EXPLAINED(PAGE_SQL("t.body", FLOW_ID, " > $3" FLOW, "ASC"));
	static const struct sql marker = EXPLAINED("SELECT " SEQ_UPTO("$1", "$2"));
	static const struct sql last = EXPLAINED(LAST_REPLIES);
	const struct db_value page[] = { DB_I64(1), DB_I64(1), DB_I64(10), DB_I64(0), DB_I64(51) };
	const struct db_args page_args = { page, countof(page) };
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "SET enable_seqscan = off; SET enable_sort = off"));
	assert_true(names(c, &down, page_args, "messages_flow"));
	assert_true(names(c, &up, page_args, "messages_flow"));
	assert_true(names(c, &marker, DB_ARGS(DB_I64(1), DB_I64(10)), "messages_flow"));
	assert_true(names(c, &last, DB_ARGS(DB_I64(1), DB_I64(2), DB_I64(7), DB_I64(100)), "messages_thread_last"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "RESET enable_seqscan; RESET enable_sort"));
}

static void what_is_counted_under_a_lock_has_an_index(struct both *b, struct db_conn *c)
{
	(void)b;
	static const struct sql owner = EXPLAINED(OTHER_OWNER("$1")), dms = EXPLAINED(DMS_MADE("$1"));
	static const struct sql channels = EXPLAINED(CHANNELS_OF("$1", "$2"));
	static const struct sql head = EXPLAINED(OTHER_CHANNEL_OWNER("$1", "$2"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "SET enable_seqscan = off"));
	assert_true(names(c, &channels, DB_ARGS(DB_I64(7), DB_I64(2)), "members_user"));
	assert_true(
		names(c, &channels, DB_ARGS(DB_I64(7), DB_I64(2)), db_conn_kind(c) == DB_POSTGRES ? "SubPlan" : "SCALAR"));
	assert_true(names(c, &head, DB_ARGS(DB_I64(7), DB_I64(8)), "members_owners"));
	assert_true(names(c, &owner, DB_ARGS(DB_I64(7)), "users_owners"));
	assert_true(names(c, &dms, DB_ARGS(DB_I64(7)), "channels_dm_maker"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "RESET enable_seqscan"));
}

static void a_page_of_members_goes_by_their_key(struct both *b, struct db_conn *c)
{
	(void)b;
	static const struct sql members = { "EXPLAIN " MEMBERS_PAGE("u.username", ""),
										"EXPLAIN QUERY PLAN " MEMBERS_PAGE_SQLITE("u.username", "") };
	const struct db_args args = DB_ARGS(DB_I64(1), DB_I64(0), DB_I64(51));
	bool pg = db_conn_kind(c) == DB_POSTGRES;
	if (pg) both_must(db_script(c, "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off"));
	assert_true(names(c, &members, args, pg ? "members_pkey" : "PRIMARY KEY (channel_id=? AND user_id>?)"));
	assert_false(names(c, &members, args, pg ? "Sort" : "TEMP B-TREE"));
	assert_true(names(c, &members, args, pg ? "users_pkey" : "SEARCH u USING INTEGER PRIMARY KEY"));
	if (pg) both_must(db_script(c, "RESET enable_seqscan; RESET enable_sort; RESET enable_bitmapscan"));
}

/* Nothing of it is a join, so nothing is read but the rows that are looked at, and what is asked of each. */
static void unread_mentions_are_looked_up_one_by_one(struct both *b, struct db_conn *c)
{
	(void)b;
	static const struct sql count = {
		"EXPLAIN SELECT " MENTION_COUNT
		" FROM members m, (SELECT 0 AS min_id) h WHERE m.channel_id = $1 AND m.user_id = $2",
		"EXPLAIN QUERY PLAN SELECT " MENTION_COUNT_SQLITE
		" FROM members m, (SELECT 0 AS min_id) h WHERE m.channel_id = $1 AND m.user_id = $2"
	};
	const struct db_args args = DB_ARGS(DB_I64(1), DB_I64(7));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "SET enable_seqscan = off; SET enable_sort = off"));
	assert_true(names(c, &count, args, "messages_mention_all"));
	if (db_conn_kind(c) == DB_SQLITE) assert_true(names(c, &count, args, "mentions_user"));
	assert_false(names(c, &count, args, "Join"));
	assert_false(names(c, &count, args, "TEMP B-TREE"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "RESET enable_seqscan; RESET enable_sort"));
}

static void invites_are_listed_by_indexes(struct both *b, struct db_conn *c)
{
	(void)b;
	static const struct sql of =
		EXPLAINED("SELECT i.code FROM invites i WHERE " INVITES_IN "$1 AND $2 = 0 AND " INVITES_BELOW
				  " ORDER BY i.created_at DESC, i.code LIMIT $5");
	static const struct sql to =
		EXPLAINED("SELECT i.code FROM invites i WHERE i.user_id = $1 AND $2 = 0 AND " INVITES_BELOW
				  " ORDER BY i.created_at DESC, i.code LIMIT $5");
	const struct db_value v[] = { DB_I64(1), DB_I64(0), DB_I64(9), DB_TEXT(STR("")), DB_I64(51) };
	const struct db_args args = { v, countof(v) };
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "SET enable_seqscan = off; SET enable_sort = off"));
	assert_true(names(c, &of, args, "invites_newest"));
	assert_true(names(c, &to, args, "invites_to_newest"));
	assert_false(names(c, &to, args, "TEMP B-TREE"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "RESET enable_seqscan; RESET enable_sort"));
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH(the_main_flow_has_an_index_of_its_own),     BOTH(a_page_of_members_goes_by_their_key),
		BOTH(unread_mentions_are_looked_up_one_by_one),  BOTH(invites_are_listed_by_indexes),
		BOTH(what_is_counted_under_a_lock_has_an_index),
	};
	return both_main(cases, countof(cases));
}
