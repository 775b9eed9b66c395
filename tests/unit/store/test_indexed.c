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

int main(void)
{
	static const struct both_case cases[] = {
		BOTH(the_main_flow_has_an_index_of_its_own),
		BOTH(what_is_counted_under_a_lock_has_an_index),
	};
	return both_main(cases, countof(cases));
}
