/* What an operator's command leaves for the server beside it. */
#include "store/told.h"

#include "app/admin.h"
#include "support/both.h"

static void make(struct both *b, struct db_conn *c)
{
	struct problem problem;
	problem_init(&problem, &b->arena);
	const struct admin_people p = { .count = 2, .prefix = STR("p"), .role = USER_OWNER, .clock = &clock_real };
	both_must(admin_create_people(c, &p, &problem));
	both_must(moves_forget_told(c));
}

static void tell(struct db_conn *c, int64_t user_id, int64_t channel_id)
{
	both_must(db_begin(c));
	both_must(user_id ? moves_tell_person(c, user_id) : moves_tell_channel(c, channel_id));
	both_must(db_commit(c));
}

static void each_check_hears_what_is_new(struct both *b, struct db_conn *c)
{
	struct moment prev = { 0 };
	struct moves m;
	if (db_conn_kind(c) != DB_SQLITE) return;
	make(b, c);
	both_must(moves_told(c, &b->arena, &prev, &m));
	assert_true(m.known && m.n == 0 && m.now.epoch);
	prev = m.now;
	tell(c, 2, 0);
	tell(c, 0, 0);
	tell(c, 0, 1);
	both_must(
		db_script(c, "UPDATE user_heads SET rev = 7 WHERE user_id = 2; UPDATE heads SET rev = 9 WHERE channel_id = 1"));
	both_must(moves_told(c, &b->arena, &prev, &m));
	assert_int_equal(m.n, 3);
	assert_true(m.rows[0].user_id == 2 && m.rows[0].rev == 7); /* as it is now */
	assert_true(m.rows[1].user_id == 0 && m.rows[1].channel_id == 0 && m.rows[1].rev == 2);
	assert_true(m.rows[2].channel_id == 1 && m.rows[2].rev == 9);
	prev = m.now;
	both_must(moves_told(c, &b->arena, &prev, &m));
	assert_int_equal(m.n, 0);
	tell(c, 1, 0);
	both_must(moves_told(c, &b->arena, &prev, &m));
	assert_int_equal(m.n, 1);
	both_must(moves_forget_told(c));
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM moves"), 0);
}

/* There the heads that move have rows of their own. */
static void in_postgres_nothing_is_told(struct both *b, struct db_conn *c)
{
	if (db_conn_kind(c) == DB_SQLITE) return;
	make(b, c);
	int64_t rows = both_number(b, c, "SELECT count(*) FROM moves");
	tell(c, 2, 0);
	tell(c, 0, 1);
	both_must(moves_forget_told(c));
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM moves"), rows);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(each_check_hears_what_is_new),
		BOTH_FRESH(in_postgres_nothing_is_told),
	};
	return both_main(cases, countof(cases));
}
