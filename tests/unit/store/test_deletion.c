#include "store/deletion.h"

#include "support/both.h"

#define TOMBSTONES 2000
#define SLICE 100

#define MANY(nonce)                                                                                                    \
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "  \
	"body, created_at, deleted_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2001) "    \
	"SELECT 1, i, i, i, i, i, " nonce ", " nonce ", 7, '', 1, CASE WHEN i <= 2000 THEN 1 END FROM n"

/* Each call looks at one slice, so that whoever has the work says in between that it goes on. */
static void tombstones_are_passed_slice_by_slice(struct both *b, struct db_conn *c)
{
	struct deletion_item items[SLICE];
	struct deletion_at at = { 0 };
	size_t n, calls = 0;
	bool over = false;
	both_must(db_script(c, db_conn_kind(c) == DB_POSTGRES ? MANY("convert_to(lpad(i::text, 16, '0'), 'UTF8')")
														  : MANY("CAST(printf('%016d', i) AS BLOB)")));
	for (; calls < TOMBSTONES / SLICE; calls++) {
		both_must(deletion_messages(c, 7, &at, items, SLICE, &n, &over));
		assert_int_equal(n, 0);
		assert_false(over);
	}
	both_must(deletion_messages(c, 7, &at, items, SLICE, &n, &over));
	assert_int_equal(n, 1);
	assert_int_equal(items[0].message_id, TOMBSTONES + 1);
	assert_true(over);
	both_must(deletion_messages(c, 7, &at, items, SLICE, &n, &over));
	assert_int_equal(n, 0);
	assert_true(over);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH(tombstones_are_passed_slice_by_slice),
	};
	return both_main(cases, countof(cases));
}
