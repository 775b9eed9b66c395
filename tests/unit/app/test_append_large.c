/* Channels with so many members that joins and leaves take no rev: from four on, until there are fewer than three. */
#include "rig.h"

static int64_t made;

static int64_t rev_of(struct rig *g, int64_t ch)
{
	return rig_count(g, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)ch);
}

static int64_t members(struct rig *g, int64_t ch)
{
	int64_t n =
		rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld AND left_rev IS NULL", (long long)ch);
	assert_int_equal(n, rig_count(g, "SELECT member_count FROM heads WHERE channel_id = %lld", (long long)ch));
	return n;
}

static bool large(struct rig *g, int64_t ch)
{
	return rig_count(g, "SELECT large FROM heads WHERE channel_id = %lld", (long long)ch) == 1;
}

static int64_t of(struct rig *g, const char *column, int64_t ch, int64_t who)
{
	return rig_count(g, "SELECT coalesce(%s, 0) FROM members WHERE channel_id = %lld AND user_id = %lld", column,
					 (long long)ch, (long long)who);
}

/* Made by person 2; 3, 4 and 5 have joined. */
static int64_t crowd(struct rig *g, enum channel_kind kind)
{
	char name[32];
	g->config.large_from = 4, g->config.large_until = 3;
	snprintf(name, sizeof name, "large%lld", (long long)++made);
	int64_t ch = rig_channel(g, 2, name, kind);
	for (int64_t who = 3; who <= 5; who++) {
		struct ask *q = ask_new(g, 2, CHANGE_JOIN, ch);
		q->change.user_id = who;
		must(ask_once(q));
	}
	assert_true(large(g, ch));
	return ch;
}

static bool is_size(const struct event *e, bool yes)
{
	const char *text = yes ? "\"type\":\"channel\",\"actor_id\":null,\"large\":true}" : "\"large\":false}";
	return e && e->kind == CHANGE_CHANNEL && memmem(e->json, e->json_n, text, strlen(text));
}

static void begins_and_ends(void **state)
{
	struct rig *g = *state;
	int64_t ch = crowd(g, CHANNEL_PUBLIC), rev = rev_of(g, ch);
	assert_int_equal(rev, 5); /* made, three joins, large */
	assert_true(is_size(rig_event(g, ch, 5), true));
	must(ask_once(ask_new(g, 6, CHANGE_JOIN, ch)));
	assert_int_equal(members(g, ch), 5);
	assert_int_equal(rev_of(g, ch), rev);
	for (int64_t who = 4; who <= 6; who++) must(ask_once(ask_new(g, who, CHANGE_LEAVE, ch)));
	assert_int_equal(members(g, ch), 2);
	assert_false(large(g, ch));
	assert_int_equal(rev_of(g, ch), rev + 1);
	assert_true(is_size(rig_event(g, ch, rev + 1), false));
	assert_int_equal(of(g, "left_rev", ch, 6), rev); /* who went does not see it */
	must(ask_once(ask_new(g, 6, CHANGE_JOIN, ch)));
	assert_int_equal(rev_of(g, ch), rev + 2);
	assert_int_equal(members(g, ch), 3);
	rig_check_dense(g, ch);
}

static void quiet_rows(void **state)
{
	struct rig *g = *state;
	int64_t ch = crowd(g, CHANNEL_PUBLIC);
	must(ask_once(ask_send(g, 2, ch, "one")));
	int64_t rev = rev_of(g, ch);
	struct ask *q = ask_new(g, 7, CHANGE_JOIN, ch);
	must(ask_do(q));
	assert_null(q->change.event);
	assert_int_equal(q->change.about_id, 7);
	assert_int_equal(q->change.member_count, 5);
	assert_true(q->change.user_rev > 0);
	ask_free(q);
	assert_int_equal(of(g, "joined_rev", ch, 7), rev);
	assert_int_equal(of(g, "read_id", ch, 7), 1);
	/* nothing came in between: the membership goes on as far as streams know */
	must(ask_once(ask_new(g, 7, CHANGE_LEAVE, ch)));
	assert_int_equal(of(g, "left_rev", ch, 7), rev);
	assert_int_equal(of(g, "cut_rev", ch, 7), rev);
	must(ask_once(ask_new(g, 7, CHANGE_JOIN, ch)));
	assert_int_equal(of(g, "cut_rev", ch, 7), 0);
	/* something did */
	must(ask_once(ask_new(g, 7, CHANGE_LEAVE, ch)));
	must(ask_once(ask_send(g, 2, ch, "two")));
	must(ask_once(ask_new(g, 7, CHANGE_JOIN, ch)));
	assert_int_equal(of(g, "cut_rev", ch, 7), rev);
	assert_int_equal(of(g, "joined_rev", ch, 7), rev + 1);
	assert_int_equal(of(g, "left_rev", ch, 7), 0);
	assert_int_equal(ask_once(ask_send(g, 7, ch, "three")), OK);
	rig_check_dense(g, ch);
}

/* What is privileged is to be seen, and a kick is the last that its person gets. */
static void with_a_rev(void **state)
{
	struct rig *g = *state;
	int64_t ch = crowd(g, CHANNEL_PRIVATE), rev = rev_of(g, ch);
	struct ask *q = ask_new(g, 2, CHANGE_JOIN, ch);
	q->change.user_id = 8;
	must(ask_do(q));
	assert_non_null(q->change.event);
	ask_free(q);
	must(ask_once(ask_new(g, 1, CHANGE_JOIN, ch))); /* an admin adds themselves */
	assert_int_equal(rev_of(g, ch), rev + 2);
	q = ask_new(g, 2, CHANGE_KICK, ch);
	q->change.user_id = 8;
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_KICK);
	ask_free(q);
	assert_int_equal(of(g, "left_rev", ch, 8), rev + 3);
	assert_int_equal(of(g, "cut_rev", ch, 8), 0);
	for (int64_t who = 3; who <= 4; who++) {
		q = ask_new(g, 2, CHANGE_KICK, ch);
		q->change.user_id = who;
		must(ask_once(q));
	}
	assert_true(large(g, ch));
	q = ask_new(g, 2, CHANGE_KICK, ch); /* makes it small: two revs of one change */
	q->change.user_id = 5;
	must(ask_once(q));
	assert_true(is_size(rig_event(g, ch, rev_of(g, ch)), false));
	assert_int_equal(members(g, ch), 2);
	rig_check_dense(g, ch);
}

/* Of one batch each channel is told once, whoever came and went. */
static void one_hint(void **state)
{
	struct rig *g = *state;
	int64_t ch = crowd(g, CHANNEL_PUBLIC), other = crowd(g, CHANNEL_PUBLIC);
	struct ask *q[5];
	rig_hold(g);
	q[0] = ask_new(g, 10, CHANGE_JOIN, ch);
	q[1] = ask_new(g, 11, CHANGE_JOIN, ch);
	q[2] = ask_new(g, 12, CHANGE_JOIN, other);
	q[3] = ask_new(g, 10, CHANGE_LEAVE, ch);
	q[4] = ask_new(g, 5, CHANGE_LEAVE, ch);
	for (size_t i = 0; i < countof(q); i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (size_t i = 0; i < countof(q); i++) {
		ask_wait(q[i]);
		must(q[i]->change.err);
		ask_free(q[i]);
	}
	struct arena a;
	char want[256];
	arena_init(&a);
	snprintf(want, sizeof want,
			 "{\"op\":\"members\",\"channel_id\":%lld,\"joined\":[11],\"left\":[10,5],\"member_count\":4}",
			 (long long)ch);
	assert_string_equal(arena_cstr(&a, rig_hint(g, &a, ch)), want);
	snprintf(want, sizeof want,
			 "{\"op\":\"members\",\"channel_id\":%lld,\"joined\":[12],\"left\":[],\"member_count\":5}",
			 (long long)other);
	assert_string_equal(arena_cstr(&a, rig_hint(g, &a, other)), want);
	arena_release(&a);
	assert_int_equal(members(g, ch), 4);
	rig_check_dense(g, ch);
	rig_check_dense(g, other);
}

/* What comes after a leave in its own batch is not for who has left. */
static void a_leave_is_told_before_what_comes_after(void **state)
{
	struct rig *g = *state;
	int64_t ch = crowd(g, CHANNEL_PUBLIC), rev = rev_of(g, ch);
	struct ask *leave = ask_new(g, 5, CHANGE_LEAVE, ch), *topic = ask_new(g, 2, CHANGE_TOPIC, ch);
	topic->change.text = STR("without five");
	rig_hold(g);
	size_t before = g->events.n;
	must(ask_submit(leave));
	must(ask_submit(topic));
	rig_let_go(g);
	ask_wait(leave), ask_wait(topic);
	must(leave->change.err);
	must(topic->change.err);
	assert_int_equal(leave->change.left_rev, rev);
	assert_int_equal(topic->change.event->rev, rev + 1);
	ask_free(leave), ask_free(topic);
	assert_int_equal(g->events.n, before + 1);
	assert_int_equal(g->events_at_left, before);
	rig_check_dense(g, ch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_and_ends),
		cmocka_unit_test(quiet_rows),
		cmocka_unit_test(with_a_rev),
		cmocka_unit_test(one_hint),
		cmocka_unit_test(a_leave_is_told_before_what_comes_after),
	};
	return rig_main(tests, countof(tests));
}
