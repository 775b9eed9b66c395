/* What the append answers to a send, by either way (plain statements, or all at once in Postgres), is what the table of
 * permissions says. */
#include "../model/permit_table.h"
#include "rig.h"

#define MAKER 20   /* whose channels they are: the only other member */
#define OUTSIDE 10 /* and those that follow: one a standing */

/* A channel for each standing, with its person in it where it is within; all of them of MAKER. */
struct places {
	int64_t channels[STANDINGS];
	char all[128]; /* "12,13" */
};

static void places_make(struct rig *g, struct places *p)
{
	static const int roles[STANDINGS - 3] = { 0, 0, 0, 1, 2, 0 };
	char sql[256];
	size_t at = 0;
	for (size_t i = 0; i < STANDINGS; i++) {
		int64_t who = OUTSIDE + (int64_t)i;
		snprintf(sql, sizeof sql, "standing-%zu", i);
		p->channels[i] = rig_channel(g, MAKER, sql, CHANNEL_PUBLIC);
		at += (size_t)snprintf(p->all + at, sizeof p->all - at, "%s%lld", i ? "," : "", (long long)p->channels[i]);
		if (table_in(i)) {
			rig_join(g, who, p->channels[i]);
			snprintf(sql, sizeof sql,
					 "UPDATE members SET role = %d, voice = %d WHERE channel_id = %lld AND user_id = %lld",
					 roles[i - 3], i == 5, (long long)p->channels[i], (long long)who);
			rig_sql(g, sql);
		}
		rig_role(g, who, i == 1 || i == 3 ? USER_GUEST : i == 2 || i == 8 ? USER_ADMIN : USER_MEMBER);
	}
}

/* Puts all of them in the row's state. */
static void put_state(struct rig *g, const struct table_row *r, const struct places *p)
{
	char sql[512];
	snprintf(sql, sizeof sql,
			 "UPDATE heads SET kind = %d, archived = %d, read_only = %d, slow_mode_s = %d WHERE channel_id IN (%s)",
			 (int)r->kind, (r->state & ARCHIVED) != 0, (r->state & READ_ONLY) != 0, r->state & SLOW ? 3600 : 0, p->all);
	rig_sql(g, sql);
	snprintf(sql, sizeof sql,
			 "UPDATE members SET sent_at = (SELECT h.rev_at FROM heads h WHERE h.channel_id = members.channel_id), "
			 "silenced_until = %s WHERE channel_id IN (%s) AND user_id <> %d",
			 r->state & SILENCED ? "4102444800000" : "NULL", p->all, MAKER);
	rig_sql(g, sql);
	snprintf(sql, sizeof sql,
			 r->state & BLOCKED ? "INSERT INTO blocks (user_id, blocked_id, at) SELECT %d, user_id, 1 FROM users"
								: "DELETE FROM blocks WHERE user_id = %d",
			 MAKER);
	rig_sql(g, sql);
}

static char letter(const struct ask *q)
{
	switch (q->change.err) {
	case OK: return 'y';
	case ERR_NOT_ALLOWED: return '-';
	case ERR_NOT_MEMBER: return 'o';
	case ERR_NOT_FOUND: return 'h';
	case ERR_RATE_LIMITED: return q->change.problem.retry_after_s > 0 ? 'l' : '?';
	default: return '?';
	}
}

static char answer(struct rig *g, int64_t who, int64_t ch)
{
	struct ask *q = ask_send(g, who, ch, "may I?");
	(void)ask_do(q);
	char got = letter(q);
	assert_int_equal(q->change.event != NULL, got == 'y');
	ask_free(q);
	return got;
}

static void sends(void **state)
{
	struct rig *g = *state;
	struct places p = { 0 };
	places_make(g, &p);
	for (size_t n = 0; n < countof(table_rows); n++) {
		const struct table_row *r = &table_rows[n];
		if (r->act != SEND) continue;
		if (r->kind != CHANNEL_SERVER) put_state(g, r, &p);
		for (size_t i = 0; i < STANDINGS; i++) {
			char got = answer(g, OUTSIDE + (int64_t)i, r->kind == CHANNEL_SERVER ? 0 : p.channels[i]);
			if (got != table_answer(r, i))
				fail_msg("row %zu (kind %d, state %x), standing %zu: %c, not %c", n, r->kind, r->state, i, got,
						 table_answer(r, i));
		}
	}
	for (size_t i = 0; i < STANDINGS; i++) rig_check_dense(g, p.channels[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sends) };
	return rig_main(tests, countof(tests));
}
