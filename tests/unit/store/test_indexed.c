#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/indexed.h"
#include "store/rows.h"
#include "support/both.h"

/* What is explained has no parameters: a value stands in their place. */
#define EXPLAINED(text)                                                                                                \
	{                                                                                                                  \
		"EXPLAIN " text, "EXPLAIN QUERY PLAN " text                                                                    \
	}

static bool names(struct db_conn *c, const struct sql *q, const char *index)
{
	struct db_rows rows;
	bool found = false;
	both_must(db_query(c, q, DB_NO_ARGS, &rows));
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
#define FLOW_PAGE                                                                                                      \
	"SELECT t.body FROM messages t WHERE t.channel_id = 1 AND " FLOW_ID " >= 1 AND " FLOW_ID                           \
	" < 10 AND t.seq IS NOT NULL ORDER BY " FLOW_ID " DESC LIMIT 51"
#define LAST                                                                                                           \
	"SELECT author_id FROM messages WHERE channel_id = 1 AND thread_id = 2 AND message_id <> 7 AND deleted_at IS "     \
	"NULL "
	static const struct sql page = { "EXPLAIN " FLOW_PAGE, "EXPLAIN QUERY PLAN " FLOW_PAGE };
	static const struct sql last = { "EXPLAIN " LAST "ORDER BY thread_seq + 0 DESC LIMIT 100",
									 "EXPLAIN QUERY PLAN " LAST "ORDER BY thread_seq + 0 DESC LIMIT 100" };
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "SET enable_seqscan = off; SET enable_sort = off"));
	assert_true(names(c, &page, "messages_flow"));
	assert_true(names(c, &last, "messages_thread_last"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "RESET enable_seqscan; RESET enable_sort"));
}

static void what_is_counted_under_a_lock_has_an_index(struct both *b, struct db_conn *c)
{
	(void)b;
	static const struct sql owner = EXPLAINED(OTHER_OWNER("7")), dms = EXPLAINED(DMS_MADE("7"));
	if (db_conn_kind(c) == DB_POSTGRES) both_must(db_script(c, "SET enable_seqscan = off"));
	assert_true(names(c, &owner, "users_owners"));
	assert_true(names(c, &dms, "channels_dm_maker"));
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
