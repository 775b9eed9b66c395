/* What others see of a person changes by a change of channel 0. */
#include "rig.h"
#include "store/log.h"

static struct ask *ask_person(struct rig *g, int64_t who, const struct person_patch *p)
{
	struct ask *q = ask_new(g, who, CHANGE_USER, 0);
	q->change.person = p;
	return q;
}

static bool holds(const struct event *e, const char *part)
{
	return memmem(e->json, e->json_n, part, strlen(part)) != NULL;
}

static void settling_joins_channel_0_once(void **state)
{
	struct rig *g = *state;
	const struct person_patch p = { .settle = true };
	int64_t rev = rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0");
	int64_t members = rig_number(g, "SELECT member_count FROM heads WHERE channel_id = 0");
	struct ask *q = ask_person(g, 3, &p);
	assert_int_equal(ask_do(q), OK);
	assert_int_equal(q->change.fields->rev, rev + 1);
	ask_free(q);
	assert_int_equal(rig_number(g, "SELECT member_count FROM heads WHERE channel_id = 0"), members + 1);
	assert_int_equal(rig_number(g, "SELECT changed_rev FROM users WHERE user_id = 3"), rev + 1);
	assert_int_equal(rig_number(g, "SELECT joined_rev FROM members WHERE channel_id = 0 AND user_id = 3"), rev + 1);
	assert_int_equal(rig_number(g,
								"SELECT m.user_rev - h.rev FROM members m JOIN user_heads h ON h.user_id = m.user_id "
								"WHERE m.channel_id = 0 AND m.user_id = 3"),
					 0);
	q = ask_person(g, 3, &p);
	assert_int_equal(ask_do(q), OK);
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0"), rev + 1);
	rig_check_dense(g, 0);
}

static void a_guest_takes_a_rev_but_joins_nothing(void **state)
{
	struct rig *g = *state;
	const struct person_patch p = { .settle = true };
	int64_t members = rig_number(g, "SELECT member_count FROM heads WHERE channel_id = 0");
	rig_role(g, 4, USER_GUEST);
	assert_int_equal(ask_once(ask_person(g, 4, &p)), OK);
	assert_true(rig_number(g, "SELECT changed_rev FROM users WHERE user_id = 4") > 0);
	assert_int_equal(rig_number(g, "SELECT count(*) FROM members WHERE channel_id = 0 AND user_id = 4"), 0);
	assert_int_equal(rig_number(g, "SELECT member_count FROM heads WHERE channel_id = 0"), members);
	int64_t rev = rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0");
	assert_int_equal(ask_once(ask_person(g, 4, &p)), OK);
	assert_int_equal(rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0"), rev);
	rig_role(g, 4, USER_MEMBER);
}

static void a_profile_travels_with_its_event_not_its_row(void **state)
{
	struct rig *g = *state;
	const struct person_patch named = { .has_display_name = true, .display_name = STR("Ännie") },
							  bare = { .has_display_name = true, .display_name = STR_NONE };
	int64_t rev = rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0");
	assert_int_equal(ask_once(ask_person(g, 5, &named)), OK);
	const struct event *e = rig_event(g, 0, rev + 1);
	assert_non_null(e);
	assert_int_equal(e->kind, CHANGE_USER);
	assert_int_equal(e->user_id, 5);
	assert_true(holds(e, "\"type\":\"user\"") && holds(e, "\"user_id\":5") && holds(e, "\"display_name\":\"Ännie\""));
	assert_int_equal(rig_number(g, "SELECT count(*) FROM users WHERE user_id = 5 AND display_key = 'ännie'"), 1);
	assert_int_equal(
		rig_number(g, "SELECT count(*) FROM changes WHERE channel_id = 0 AND kind = 'user' AND data IS NULL AND "
					  "user_id = 5"),
		1);
	assert_int_equal(ask_once(ask_person(g, 5, &named)), OK); /* the same again: no rev */
	assert_int_equal(rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0"), rev + 1);
	assert_int_equal(ask_once(ask_person(g, 5, &bare)), OK);
	assert_int_equal(ask_once(ask_person(g, 5, &bare)), OK);
	assert_int_equal(rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0"), rev + 2);
	assert_int_equal(
		rig_number(g, "SELECT count(*) FROM users WHERE user_id = 5 AND display_name IS NULL AND display_key IS NULL"),
		1);
	rig_check_dense(g, 0);
}

/* Each part by itself leaves the others as they are; what changes nothing takes no rev. */
static void a_status_and_do_not_disturb_are_parts_of_the_profile(void **state)
{
	struct rig *g = *state;
	const struct person_patch all = { .has_display_name = true,
									  .display_name = STR("Zoë"),
									  .has_status = true,
									  .status = STR("at the lake"),
									  .has_disturb = true,
									  .do_not_disturb = true },
							  loud = { .has_disturb = true }, none = { .has_status = true, .status = STR_NONE },
							  quiet = { .has_disturb = true, .do_not_disturb = true };
	int64_t rev = rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0");
	assert_int_equal(ask_once(ask_person(g, 9, &all)), OK);
	assert_int_equal(ask_once(ask_person(g, 9, &all)), OK);
	assert_int_equal(ask_once(ask_person(g, 9, &quiet)), OK);
	assert_int_equal(rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0"), rev + 1);
	assert_int_equal(ask_once(ask_person(g, 9, &loud)), OK);
	const struct event *e = rig_event(g, 0, rev + 2);
	assert_true(holds(e, "\"status\":\"at the lake\"") && holds(e, "\"do_not_disturb\":false") &&
				holds(e, "\"display_name\":\"Zoë\""));
	assert_int_equal(ask_once(ask_person(g, 9, &none)), OK);
	assert_int_equal(ask_once(ask_person(g, 9, &none)), OK);
	assert_true(holds(rig_event(g, 0, rev + 3), "\"status\":null"));
	assert_int_equal(rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0"), rev + 3);
	assert_int_equal(rig_number(g, "SELECT count(*) FROM users WHERE user_id = 9 AND status IS NULL AND "
								   "do_not_disturb = 0 AND display_key = 'zoë'"),
					 1);
	rig_check_dense(g, 0);
}

/* Who missed the event reads the person as they are now. */
static void the_log_tells_of_the_present_person(void **state)
{
	struct rig *g = *state;
	const struct person_patch one = { .has_display_name = true, .display_name = STR("One") },
							  two = { .has_display_name = true, .display_name = STR("Two") };
	struct event **events;
	struct arena a;
	size_t n;
	int64_t rev = rig_number(g, "SELECT rev FROM heads WHERE channel_id = 0");
	assert_int_equal(ask_once(ask_person(g, 6, &one)), OK);
	assert_int_equal(ask_once(ask_person(g, 6, &two)), OK);
	const struct log_read q = { .channel_id = 0, .since = rev, .upto = rev + 2, .most = 10, .epoch = 1 };
	arena_init(&a);
	must(log_read(g->look, &a, &q, &events, &n));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(events[i]->rev, rev + 1 + (int64_t)i);
		assert_true(holds(events[i], "\"display_name\":\"Two\""));
		event_unref(events[i]);
	}
	arena_release(&a);
}

static void only_oneself(void **state)
{
	struct rig *g = *state;
	const struct person_patch p = { .has_display_name = true, .display_name = STR("Mallory") };
	struct ask *q = ask_person(g, 7, &p);
	q->change.user_id = 8;
	assert_int_equal(ask_do(q), ERR_NOT_ALLOWED);
	ask_free(q);
	assert_int_equal(rig_number(g, "SELECT count(*) FROM users WHERE display_name = 'Mallory'"), 0);
}

/* Who was made a guest before they were welcomed joins nothing by it. */
static void without_a_session_one_is_what_one_is(void **state)
{
	struct rig *g = *state;
	int64_t ch = rig_channel(g, 2, "default", CHANNEL_PUBLIC);
	rig_role(g, 10, USER_GUEST);
	for (int64_t who = 10; who <= 11; who++) {
		struct ask *q = ask_new(g, who, CHANGE_JOIN, ch);
		q->change.as_user = who;
		assert_int_equal(ask_once(q), who == 10 ? ERR_NOT_FOUND : OK);
	}
	rig_role(g, 10, USER_MEMBER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settling_joins_channel_0_once),
		cmocka_unit_test(a_guest_takes_a_rev_but_joins_nothing),
		cmocka_unit_test(a_profile_travels_with_its_event_not_its_row),
		cmocka_unit_test(a_status_and_do_not_disturb_are_parts_of_the_profile),
		cmocka_unit_test(the_log_tells_of_the_present_person),
		cmocka_unit_test(only_oneself),
		cmocka_unit_test(without_a_session_one_is_what_one_is),
	};
	return rig_main(tests, countof(tests));
}
