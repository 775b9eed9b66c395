/* Pins: what is written and told, who may, how many, and the list of them. */
#include "codec/codec.h"
#include "rig.h"
#include "store/history.h"

static int64_t number_of_channels;

/* Of person 2, its owner, and 3, with n messages of 3. */
static int64_t place(struct rig *g, int n)
{
	char name[32];
	snprintf(name, sizeof name, "p%lld", (long long)++number_of_channels);
	int64_t ch = rig_channel(g, 2, name, CHANNEL_PUBLIC);
	rig_join(g, 3, ch);
	for (int i = 0; i < n; i++) must(ask_once(ask_send(g, 3, ch, "text")));
	return ch;
}

static struct ask *pin(struct rig *g, int64_t who, int64_t ch, int64_t id, bool on)
{
	struct ask *q = ask_new(g, who, CHANGE_PIN, ch);
	q->change.message_id = id, q->change.on = on;
	return q;
}

static int64_t head(struct rig *g, int64_t ch)
{
	return rig_count(g, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)ch);
}

static bool says(const struct event *e, const char *what)
{
	return memmem(e->json, e->json_n, what, strlen(what)) != NULL;
}

static void pinned_and_unpinned(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, 1); /* made, joined, sent: rev 3 */
	struct ask *q = pin(g, 2, ch, 1, true);
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_PIN);
	assert_true(
		says(q->change.event, "\"type\":\"pin\",\"actor_id\":2,\"message_id\":1,\"changed_rev\":4,\"pinned\":true}"));
	ask_free(q);
	q = pin(g, 1, 0, 1, true);
	assert_int_equal(ask_once(q), ERR_NOT_ALLOWED);
	q = pin(g, 2, ch, 1, true); /* is pinned */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT pinned_by FROM messages WHERE channel_id = %lld AND pinned_at > 0 AND changed_rev = 4",
				  (long long)ch),
		2);
	q = pin(g, 2, ch, 1, false);
	must(ask_do(q));
	assert_true(says(q->change.event, "\"changed_rev\":5,\"pinned\":false}"));
	ask_free(q);
	must(ask_once(pin(g, 2, ch, 1, false)));
	assert_int_equal(head(g, ch), 5);
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM messages WHERE channel_id = %lld AND pinned_at IS NULL AND "
							   "pinned_by IS NULL AND body_rev = 3",
							   (long long)ch),
					 1);
	rig_check_dense(g, ch);
}

static void who_may(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, 2), before = head(g, ch);
	assert_int_equal(ask_once(pin(g, 3, ch, 1, true)), ERR_NOT_ALLOWED); /* its author, no operator */
	assert_int_equal(ask_once(pin(g, 9, ch, 1, true)), ERR_NOT_MEMBER);
	assert_int_equal(ask_once(pin(g, 2, ch, 3, true)), ERR_NOT_FOUND);
	struct ask *q = pin(g, 2, ch, 1, true);
	q->change.epoch = g->epoch.hash ^ 1;
	assert_int_equal(ask_once(q), ERR_EPOCH_CHANGED);
	assert_int_equal(head(g, ch), before);
	must(ask_once(pin(g, 2, ch, 1, true)));
	q = ask_new(g, 3, CHANGE_DELETE, ch);
	q->change.message_id = 1;
	must(ask_do(q));
	assert_false(says(q->change.event, "\"pinned\""));
	ask_free(q);
	assert_int_equal(ask_once(pin(g, 2, ch, 1, false)), ERR_NOT_FOUND);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM messages WHERE channel_id = %lld AND pinned_at IS NOT NULL", (long long)ch),
		0);
	q = ask_new(g, 2, CHANGE_CHANNEL, 0);
	q->create.kind = CHANNEL_DM, q->create.dm_key = STR("2,9");
	q->create.user_ids[0] = 2, q->create.user_ids[1] = 9, q->create.n_users = 2;
	q->change.create = &q->create;
	must(ask_do(q));
	int64_t dm = q->change.new_channel_id;
	ask_free(q);
	must(ask_once(ask_send(g, 2, dm, "one")));
	must(ask_once(pin(g, 9, dm, 1, true)));
	rig_check_dense(g, ch);
}

static void limit(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, 3);
	g->config.pins = 2;
	must(ask_once(pin(g, 2, ch, 1, true)));
	must(ask_once(pin(g, 2, ch, 2, true)));
	must(ask_once(pin(g, 2, ch, 2, true)));
	struct ask *q = pin(g, 2, ch, 3, true);
	assert_int_equal(ask_do(q), ERR_LIMIT_REACHED);
	assert_true(str_starts(q->change.problem.detail, STR("at most 2 ")));
	ask_free(q);
	must(ask_once(pin(g, 2, ch, 1, false)));
	must(ask_once(pin(g, 2, ch, 3, true)));
	g->config.pins = 100;
	rig_check_dense(g, ch);
}

/* ---- the list */

static size_t walk(struct rig *g, int64_t who, int64_t ch, size_t limit, int64_t *ids)
{
	const struct actor actor = { .user_id = who, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	struct pins_query q = { .channel_id = ch, .cursor = STR_NONE, .limit = limit };
	struct pins p;
	struct arena a;
	size_t n = 0;
	arena_init(&a);
	do {
		must(pins_read(g->look, &a, &actor, &q, &p));
		assert_true(p.next.p ? p.page.n == limit : p.page.n <= limit);
		for (size_t i = 0; i < p.page.n; i++) {
			assert_int_equal(p.pins[i].user_id, 2);
			assert_true(p.pins[i].at > 0 && p.page.items[i].pinned);
			ids[n++] = p.page.items[i].message_id;
		}
		assert_int_equal(p.page.n_users, p.page.n ? 2 : 0); /* who has written and who has pinned */
		q.cursor = p.next;
	} while (p.next.p);
	arena_release(&a);
	return n;
}

static void listed(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, 6), ids[8];
	static const int order[] = { 4, 2, 6, 1, 5 };
	assert_int_equal(walk(g, 3, ch, 2, ids), 0);
	for (size_t i = 0; i < countof(order); i++) must(ask_once(pin(g, 2, ch, order[i], true)));
	/* of one moment: by their ids */
	assert_true(rig_count(g, "SELECT count(DISTINCT pinned_at) FROM messages WHERE channel_id = %lld", (long long)ch) >=
				1);
	char sql[160];
	for (size_t i = 0; i < countof(order); i++) {
		snprintf(sql, sizeof sql, "UPDATE messages SET pinned_at = %d WHERE channel_id = %lld AND message_id = %d",
				 1000 + (int)i / 2, (long long)ch, order[i]);
		rig_sql(g, sql);
	}
	static const int64_t want[] = { 5, 6, 1, 4, 2 };
	for (size_t most = 1; most <= 5; most++) {
		assert_int_equal(walk(g, 3, ch, most, ids), 5);
		assert_memory_equal(ids, want, sizeof want);
	}
	snprintf(sql, sizeof sql,
			 "UPDATE members SET first_id = 5 WHERE channel_id = %lld AND user_id = 3; UPDATE heads SET history = 1 "
			 "WHERE channel_id = %lld",
			 (long long)ch, (long long)ch);
	rig_sql(g, sql);
	assert_int_equal(walk(g, 3, ch, 2, ids), 2);
	assert_int_equal(ids[0] * 10 + ids[1], 56);
	const struct actor who = { .user_id = 3, .role = USER_MEMBER, .scopes = SCOPE_ALL },
					   other = { .user_id = 9, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	static const char *const cursors[] = { "", "x", "1", "1-", "-1", "0-1", "1-x", "1-2-3" };
	struct arena a;
	struct pins p;
	arena_init(&a);
	for (size_t i = 0; i < countof(cursors); i++) {
		const struct pins_query q = { ch, str_of(cursors[i]), 2 };
		assert_int_equal(pins_read(g->look, &a, &who, &q, &p), ERR_INVALID);
	}
	const struct pins_query q = { ch, STR_NONE, 2 };
	assert_int_equal(pins_read(g->look, &a, &other, &q, &p), ERR_NOT_MEMBER);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pinned_and_unpinned), cmocka_unit_test(who_may),
										cmocka_unit_test(limit), cmocka_unit_test(listed) };
	return rig_main(tests, countof(tests));
}
