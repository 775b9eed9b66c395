/* Who is in a channel, what it is called, how it is made. */
#include "rig.h"

static int64_t number_of_channels;

static int64_t channel(struct rig *g, enum channel_kind kind)
{
	char name[32];
	snprintf(name, sizeof name, "c%lld", (long long)++number_of_channels);
	return rig_channel(g, 2, name, kind);
}

static struct ask *about(struct rig *g, int64_t who, enum change_kind kind, int64_t ch, int64_t user)
{
	struct ask *q = ask_new(g, who, kind, ch);
	q->change.user_id = user;
	return q;
}

static int64_t user_rev(struct rig *g, int64_t who)
{
	return rig_count(g, "SELECT rev FROM user_heads WHERE user_id = %lld", (long long)who);
}

static int64_t members(struct rig *g, int64_t ch)
{
	int64_t n =
		rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld AND left_rev IS NULL", (long long)ch);
	assert_int_equal(n, rig_count(g, "SELECT member_count FROM heads WHERE channel_id = %lld", (long long)ch));
	return n;
}

static bool says(const struct ask *q, const char *text)
{
	return q->change.event && memmem(q->change.event->json, q->change.event->json_n, text, strlen(text));
}

static void joins(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PUBLIC);
	must(ask_once(ask_send(g, 2, ch, "hello")));
	int64_t before = user_rev(g, 3);
	struct ask *q = ask_new(g, 3, CHANGE_JOIN, ch);
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_JOIN);
	assert_int_equal(q->change.event->rev, 3);
	assert_int_equal(q->change.event->joined_rev, 3);
	assert_int_equal(q->change.event->user_id, 3);
	assert_true(says(
		q,
		"\"type\":\"member\",\"change\":\"join\",\"actor_id\":3,\"user_id\":3,\"role\":\"member\",\"voice\":false}"));
	assert_int_equal(q->change.user_rev, before + 1);
	ask_free(q);
	assert_int_equal(user_rev(g, 3), before + 1);
	assert_int_equal(
		rig_count(
			g,
			"SELECT read_id * 10 + read_seq FROM members WHERE channel_id = %lld AND user_id = 3 AND joined_rev = 3 "
			"AND user_rev = %lld",
			(long long)ch, (long long)before + 1),
		11);
	pthread_mutex_lock(&g->lock);
	struct person_moved last = g->people.p[g->people.n - 1];
	pthread_mutex_unlock(&g->lock);
	assert_int_equal(last.user_id, 3);
	assert_int_equal(last.user_rev, before + 1);
	q = ask_new(g, 3, CHANGE_JOIN, ch); /* again: nothing changes */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(user_rev(g, 3), before + 1);
	assert_int_equal(members(g, ch), 2);
	rig_role(g, 9, USER_GUEST);
	assert_int_equal(ask_once(ask_new(g, 9, CHANGE_JOIN, ch)), ERR_NOT_FOUND);
	rig_role(g, 9, USER_MEMBER);
	assert_int_equal(ask_once(ask_new(g, 9, CHANGE_JOIN, 999999)), ERR_NOT_FOUND);
	rig_check_dense(g, ch);
}

static void private_ones(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PRIVATE);
	assert_int_equal(ask_once(ask_new(g, 3, CHANGE_JOIN, ch)), ERR_NOT_FOUND);
	assert_int_equal(ask_once(about(g, 3, CHANGE_JOIN, ch, 3)), ERR_NOT_FOUND);
	must(ask_once(about(g, 2, CHANGE_JOIN, ch, 3)));
	assert_int_equal(ask_once(about(g, 3, CHANGE_JOIN, ch, 4)), ERR_NOT_ALLOWED); /* no operator */
	assert_int_equal(ask_once(about(g, 2, CHANGE_JOIN, ch, 4000)), ERR_NOT_FOUND);
	rig_sql(g, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (4, 2, 1)");
	assert_int_equal(ask_once(about(g, 2, CHANGE_JOIN, ch, 4)), ERR_NOT_ALLOWED);
	rig_sql(g, "DELETE FROM blocks");
	assert_int_equal(ask_once(ask_new(g, 1, CHANGE_TOPIC, ch)),
					 ERR_NOT_MEMBER); /* an admin knows, and adds themselves */
	must(ask_once(ask_new(g, 1, CHANGE_JOIN, ch)));
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM audit WHERE action = 'member.join' AND actor_id = 1 AND target = "
							   "'channel:%lld/user:1'",
							   (long long)ch),
					 1);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM audit WHERE action = 'member.add' AND target = 'channel:%lld/user:3'",
				  (long long)ch),
		1);
	assert_int_equal(members(g, ch), 3);
	rig_check_dense(g, ch);
}

static void leaves(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PRIVATE);
	must(ask_once(about(g, 2, CHANGE_JOIN, ch, 3)));
	int64_t before = user_rev(g, 3);
	struct ask *q = ask_new(g, 3, CHANGE_LEAVE, ch);
	must(ask_do(q));
	assert_true(says(q, "\"change\":\"leave\",\"actor_id\":3,\"user_id\":3}"));
	assert_int_equal(q->change.user_rev, before + 1);
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT left_rev FROM members WHERE channel_id = %lld AND user_id = 3", (long long)ch), 3);
	q = ask_new(g, 3, CHANGE_LEAVE, ch);
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(ask_once(ask_new(g, 4, CHANGE_LEAVE, ch)), ERR_NOT_FOUND);
	assert_int_equal(members(g, ch), 1);
	must(ask_once(about(g, 2, CHANGE_JOIN, ch, 3)));
	assert_int_equal(members(g, ch), 2);
	rig_check_dense(g, ch);
}

static void kicks(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PUBLIC);
	for (int i = 3; i <= 5; i++) rig_join(g, i, ch);
	assert_int_equal(ask_once(about(g, 3, CHANGE_KICK, ch, 4)), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(about(g, 2, CHANGE_KICK, ch, 2)), ERR_NOT_ALLOWED);
	int64_t before = user_rev(g, 4);
	struct ask *q = about(g, 2, CHANGE_KICK, ch, 4);
	q->change.text = STR("a \"reason\"");
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_KICK);
	assert_true(says(q, "\"change\":\"kick\",\"actor_id\":2,\"user_id\":4,\"reason\":\"a \\\"reason\\\"\"}"));
	assert_int_equal(q->change.user_rev, before + 1);
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM audit WHERE action = 'member.kick' AND target = 'channel:%lld/user:4'",
				  (long long)ch),
		1);
	q = about(g, 2, CHANGE_KICK, ch, 4); /* gone already */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(ask_once(ask_send(g, 4, ch, "x")), ERR_NOT_MEMBER);
	q = about(g, 2, CHANGE_ROLE, ch, 3);
	q->change.role = CHANNEL_OP;
	must(ask_once(q));
	assert_int_equal(ask_once(about(g, 3, CHANGE_KICK, ch, 2)), ERR_NOT_ALLOWED); /* an owner */
	must(ask_once(about(g, 3, CHANGE_KICK, ch, 5)));
	assert_int_equal(members(g, ch), 2);
	rig_check_dense(g, ch);
}

static enum err role(struct rig *g, int64_t who, int64_t ch, int64_t user, int role_, int voice)
{
	struct ask *q = about(g, who, CHANGE_ROLE, ch, user);
	q->change.role = role_, q->change.voice = voice;
	return ask_once(q);
}

static void roles(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PUBLIC);
	for (int i = 3; i <= 5; i++) rig_join(g, i, ch);
	struct ask *q = about(g, 2, CHANGE_ROLE, ch, 3);
	q->change.role = CHANNEL_OP;
	must(ask_do(q));
	assert_true(says(
		q, "\"change\":\"role\",\"actor_id\":2,\"user_id\":3,\"role\":\"op\",\"voice\":false,\"muted_until\":null}"));
	assert_int_equal(q->change.user_rev, user_rev(g, 3));
	ask_free(q);
	q = about(g, 2, CHANGE_ROLE, ch, 3);
	q->change.role = CHANNEL_OP;
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	must(role(g, 3, ch, 4, -1, 1));
	assert_int_equal(
		rig_count(g, "SELECT role * 10 + voice FROM members WHERE channel_id = %lld AND user_id = 4", (long long)ch),
		1);
	must(role(g, 3, ch, 5, CHANNEL_OP, -1));
	assert_int_equal(role(g, 3, ch, 5, CHANNEL_OWNER, -1), ERR_NOT_ALLOWED);
	assert_int_equal(role(g, 3, ch, 2, CHANNEL_MEMBER, -1), ERR_NOT_ALLOWED);
	assert_int_equal(role(g, 4, ch, 5, CHANNEL_MEMBER, -1), ERR_NOT_ALLOWED);
	assert_int_equal(role(g, 2, ch, 9, CHANNEL_OP, -1), ERR_NOT_FOUND);
	must(role(g, 2, ch, 5, CHANNEL_OWNER, -1));
	must(ask_once(ask_new(g, 5, CHANGE_LEAVE, ch)));
	rig_join(g, 5, ch); /* a role does not come back with its owner */
	assert_int_equal(rig_count(g, "SELECT role FROM members WHERE channel_id = %lld AND user_id = 5", (long long)ch),
					 CHANNEL_MEMBER);
	rig_check_dense(g, ch);
}

static enum err topic(struct rig *g, int64_t who, int64_t ch, const char *text, const char *want)
{
	struct ask *q = ask_new(g, who, CHANGE_TOPIC, ch);
	q->change.text = str_of(text);
	enum err e = ask_do(q);
	if (!e && (want == NULL) != (q->change.event == NULL)) fail_msg("an event where there should be none, or none");
	if (!e && want && !says(q, want))
		fail_msg("no %s in " STR_FMT, want, (int)q->change.event->json_n, q->change.event->json);
	ask_free(q);
	return e;
}

static void topics(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PUBLIC);
	rig_join(g, 3, ch);
	must(topic(g, 2, ch, "news", "\"type\":\"topic\",\"actor_id\":2,\"topic\":\"news\"}"));
	must(topic(g, 2, ch, "news", NULL));
	must(topic(g, 2, ch, "", "\"topic\":\"\"}"));
	assert_int_equal(topic(g, 3, ch, "mine", NULL), ERR_NOT_ALLOWED);
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM channels WHERE channel_id = %lld AND topic = '' AND topic_by = 2",
							   (long long)ch),
					 1);
	rig_check_dense(g, ch);
}

static struct ask *patch(struct rig *g, int64_t who, int64_t ch)
{
	struct ask *q = ask_new(g, who, CHANGE_CHANNEL, ch);
	q->patch = CHANNEL_PATCH_NONE;
	q->change.patch = &q->patch;
	return q;
}

static void flags(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PUBLIC), other = channel(g, CHANNEL_PUBLIC);
	rig_join(g, 1, ch);
	struct ask *q = patch(g, 2, ch);
	q->patch.read_only = 1, q->patch.slow_mode_s = 5, q->patch.archived = 0;
	q->change.text = q->change.text_key = STR("renamed");
	must(ask_do(q));
	assert_true(
		says(q, "\"type\":\"channel\",\"actor_id\":2,\"name\":\"renamed\",\"slow_mode_s\":5,\"read_only\":true}"));
	ask_free(q);
	q = patch(g, 2, ch);
	q->patch.read_only = 1;
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	q = ask_new(g, 2, CHANGE_CHANNEL, other);
	q->change.text = STR("Renamed"), q->change.text_key = STR("renamed");
	assert_int_equal(ask_once(q), ERR_NAME_TAKEN);
	q = ask_new(g, 2, CHANGE_CHANNEL, ch); /* its own name written otherwise */
	q->change.text = STR("Renamed"), q->change.text_key = STR("renamed");
	must(ask_once(q));
	q = patch(g, 2, ch);
	q->patch.is_default = 1;
	assert_int_equal(ask_once(q), ERR_NOT_ALLOWED);
	q = patch(g, 1, ch);
	q->patch.is_default = 1, q->patch.make_private = 1;
	assert_int_equal(ask_once(q), ERR_CONFLICT); /* what all join is open to all */
	q = patch(g, 1, ch);
	q->patch.is_default = 1;
	must(ask_once(q));
	q = patch(g, 1, ch);
	q->patch.make_private = 1;
	assert_int_equal(ask_once(q), ERR_CONFLICT);
	q = patch(g, 1, ch);
	q->patch.is_default = 0, q->patch.make_private = 1;
	must(ask_once(q));
	q = patch(g, 1, ch);
	q->patch.is_default = 1;
	assert_int_equal(ask_once(q), ERR_CONFLICT);
	q = patch(g, 1, ch);
	q->patch.make_private = 0;
	assert_int_equal(ask_once(q), ERR_INVALID);
	assert_int_equal(
		rig_count(
			g,
			"SELECT count(*) FROM channels c JOIN heads h ON h.channel_id = c.channel_id WHERE c.channel_id = %lld "
			"AND name = 'Renamed' AND is_default = 0 AND h.kind = 1 AND read_only = 1 AND slow_mode_s = 5",
			(long long)ch),
		1);
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM audit WHERE action = 'channel.update' AND target = 'channel:%lld'",
							   (long long)ch),
					 4);
	rig_check_dense(g, ch);
	rig_check_dense(g, other);
}

static struct ask *creation(struct rig *g, int64_t who, const char *name)
{
	struct ask *q = ask_new(g, who, CHANGE_CHANNEL, 0);
	q->create.kind = CHANNEL_PUBLIC;
	q->create.name = q->create.name_key = str_of(name);
	q->change.create = &q->create;
	return q;
}

static void creations(void **state)
{
	struct rig *g = *state;
	int64_t before = user_rev(g, 7);
	struct ask *q = creation(g, 7, "made");
	q->create.topic = STR("about");
	must(ask_do(q));
	int64_t ch = q->change.new_channel_id;
	assert_true(ch > 0);
	assert_int_equal(q->change.event->channel_id, ch);
	assert_int_equal(q->change.event->rev, 1);
	assert_true(says(q, "\"type\":\"channel\",\"actor_id\":7,\"created\":true,\"kind\":\"public\",\"name\":\"made\"}"));
	assert_int_equal(q->change.user_rev, before + 1);
	ask_free(q);
	assert_int_equal(rig_count(g, "SELECT role FROM members WHERE channel_id = %lld AND user_id = 7 AND joined_rev = 1",
							   (long long)ch),
					 CHANNEL_OWNER);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM channels WHERE channel_id = %lld AND topic = 'about' AND created_by = 7",
				  (long long)ch),
		1);
	assert_int_equal(members(g, ch), 1);
	assert_int_equal(ask_once(creation(g, 8, "made")), ERR_NAME_TAKEN);
	rig_role(g, 8, USER_GUEST);
	assert_int_equal(ask_once(creation(g, 8, "by a guest")), ERR_NOT_ALLOWED);
	rig_role(g, 8, USER_MEMBER);
	q = creation(g, 8, "for all");
	q->create.is_default = true;
	assert_int_equal(ask_once(q), ERR_NOT_ALLOWED);
	struct ask *two[2] = { creation(g, 8, "twin"), creation(g, 9, "twin") }; /* at once: one */
	rig_hold(g);
	must(ask_submit(two[0])), must(ask_submit(two[1]));
	rig_let_go(g);
	ask_wait(two[0]), ask_wait(two[1]);
	assert_int_equal(two[0]->change.err, OK);
	assert_int_equal(two[1]->change.err, ERR_NAME_TAKEN);
	ask_free(two[0]), ask_free(two[1]);
	rig_check_dense(g, ch);
}

static struct ask *dm(struct rig *g, int64_t who, size_t n, const int64_t *ids)
{
	static char keys[64][64];
	static size_t used;
	struct ask *q = ask_new(g, who, CHANGE_CHANNEL, 0);
	char *key = keys[used++ % 64];
	int at = 0;
	q->create.kind = CHANNEL_DM;
	for (size_t i = 0; i < n; i++) {
		q->create.user_ids[i] = ids[i];
		at += sprintf(key + at, "%s%lld", i ? "," : "", (long long)ids[i]);
	}
	q->create.n_users = n;
	q->create.dm_key = (struct str){ key, (size_t)at };
	q->change.create = &q->create;
	return q;
}

static void direct(void **state)
{
	struct rig *g = *state;
	const int64_t pair[] = { 11, 12 }, self[] = { 11 }, odd[] = { 11, 4000 }, three[] = { 11, 12, 13 };
	struct ask *q = dm(g, 11, 2, pair);
	must(ask_do(q));
	int64_t ch = q->change.new_channel_id;
	assert_false(q->change.repeated);
	ask_free(q);
	assert_int_equal(members(g, ch), 2);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld AND hidden_at IS NOT NULL AND user_id = 12",
				  (long long)ch),
		1);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld AND hidden_at IS NOT NULL", (long long)ch),
		1);
	int64_t before = user_rev(g, 12);
	q = dm(g, 12, 2, pair); /* the other one: the same, shown */
	must(ask_do(q));
	assert_true(q->change.repeated);
	assert_null(q->change.event);
	assert_int_equal(q->change.new_channel_id, ch);
	assert_int_equal(q->change.user_rev, before + 1);
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld AND hidden_at IS NOT NULL", (long long)ch),
		0);
	must(ask_once(dm(g, 11, 1, self)));
	assert_int_equal(ask_once(dm(g, 11, 2, odd)), ERR_NOT_FOUND);
	q = dm(g, 14, 2, pair); /* who makes it is one of its people: another one, of three */
	must(ask_do(q));
	assert_int_not_equal(q->change.new_channel_id, ch);
	ask_free(q);
	assert_int_equal(ask_once(ask_new(g, 11, CHANGE_LEAVE, ch)), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(about(g, 11, CHANGE_JOIN, ch, 13)), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(ask_new(g, 1, CHANGE_JOIN, ch)), ERR_NOT_FOUND); /* admins never */
	assert_int_equal(ask_once(ask_send(g, 1, ch, "x")), ERR_NOT_FOUND);
	must(ask_once(ask_send(g, 11, ch, "x")));
	rig_sql(g, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (12, 11, 1)");
	assert_int_equal(ask_once(ask_send(g, 11, ch, "x")), ERR_NOT_ALLOWED);
	must(ask_once(ask_send(g, 12, ch, "x")));
	must(ask_once(dm(g, 11, 2, pair))); /* may be opened, not made anew */
	assert_int_equal(ask_once(dm(g, 11, 3, three)), ERR_NOT_ALLOWED);
	rig_sql(g, "DELETE FROM blocks");
	must(ask_once(dm(g, 11, 3, three)));
	rig_check_dense(g, ch);
}

static void limits(void **state)
{
	struct rig *g = *state;
	int64_t ch = channel(g, CHANNEL_PUBLIC);
#define MANY "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT 1000000 + i"
	rig_sql(g, "INSERT INTO heads (channel_id, kind) " MANY ", 0 FROM n");
	rig_sql(g, "INSERT INTO members (channel_id, user_id, joined_rev, joined_at) " MANY ", 40, 1, 1 FROM n");
	assert_int_equal(ask_once(ask_new(g, 40, CHANGE_JOIN, ch)), ERR_LIMIT_REACHED);
	assert_int_equal(ask_once(creation(g, 40, "one more")), ERR_LIMIT_REACHED);
	rig_sql(g, "DELETE FROM members WHERE channel_id > 1000000");
	rig_sql(g, "DELETE FROM heads WHERE channel_id > 1000000");
	must(ask_once(ask_new(g, 40, CHANGE_JOIN, ch)));
}

/* They cannot be refused, nor left: whoever makes them uses up nobody's room but their own. */
static void direct_messages_count_for_their_maker(void **state)
{
	struct rig *g = *state;
	int64_t before = g->config.channels_per_person, ch = channel(g, CHANNEL_PUBLIC);
	const int64_t with[][2] = { { 31, 32 }, { 31, 33 }, { 31, 34 } }, own[] = { 31, 35 };
	g->config.channels_per_person = 2;
	must(ask_once(dm(g, 30, 2, with[0])));
	must(ask_once(dm(g, 30, 2, with[1])));
	assert_int_equal(ask_once(dm(g, 30, 2, with[2])), ERR_LIMIT_REACHED);
	must(ask_once(dm(g, 30, 2, with[1]))); /* what is there is opened */
	must(ask_once(ask_new(g, 31, CHANGE_JOIN, ch)));
	must(ask_once(creation(g, 31, "roomy")));
	assert_int_equal(ask_once(creation(g, 31, "full")), ERR_LIMIT_REACHED);
	must(ask_once(dm(g, 31, 1, own)));
	must(ask_once(dm(g, 31, 2, own)));
	assert_int_equal(ask_once(dm(g, 31, 1, &with[2][1])), ERR_LIMIT_REACHED);
	must(ask_once(ask_new(g, 30, CHANGE_JOIN, ch)));
	g->config.channels_per_person = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins),
		cmocka_unit_test(private_ones),
		cmocka_unit_test(leaves),
		cmocka_unit_test(kicks),
		cmocka_unit_test(roles),
		cmocka_unit_test(topics),
		cmocka_unit_test(flags),
		cmocka_unit_test(creations),
		cmocka_unit_test(direct),
		cmocka_unit_test(limits),
		cmocka_unit_test(direct_messages_count_for_their_maker),
	};
	return rig_main(tests, countof(tests));
}
