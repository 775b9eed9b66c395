/* Reactions: what is written, told and shown, who may, and how many. */
#include "base/id.h"
#include "codec/codec.h"
#include "rig.h"
#include "store/history.h"
#include "store/log.h"

#define THUMB "\xf0\x9f\x91\x8d"
#define HEART "\xe2\x9d\xa4"

static int64_t number_of_channels;

/* Of person 2 and the next ones, with a message of 2. */
static int64_t place(struct rig *g, enum channel_kind kind, int n_members)
{
	char name[32];
	snprintf(name, sizeof name, "r%lld", (long long)++number_of_channels);
	int64_t ch = rig_channel(g, 2, name, kind);
	for (int i = 3; i < 2 + n_members; i++) rig_join(g, i, ch);
	must(ask_once(ask_send(g, 2, ch, "one")));
	return ch;
}

static struct ask *react(struct rig *g, int64_t who, int64_t ch, int64_t id, const char *emoji, bool on)
{
	struct ask *q = ask_new(g, who, CHANGE_REACTION, ch);
	q->change.message_id = id;
	q->change.text = str_of(emoji);
	q->change.on = on;
	return q;
}

static enum err give(struct rig *g, int64_t who, int64_t ch, const char *emoji)
{
	return ask_once(react(g, who, ch, 1, emoji, true));
}

static enum err take(struct rig *g, int64_t who, int64_t ch, const char *emoji)
{
	return ask_once(react(g, who, ch, 1, emoji, false));
}

static int64_t head(struct rig *g, int64_t ch)
{
	return rig_count(g, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)ch);
}

static void shown(struct rig *g, int64_t ch, const char *want)
{
	char sql[128];
	struct arena a;
	arena_init(&a);
	snprintf(sql, sizeof sql, "SELECT reactions FROM messages WHERE channel_id = %lld AND message_id = 1",
			 (long long)ch);
	struct str s = rig_text(g, &a, sql);
	if (!str_eq(s, str_of(want))) fail_msg("it shows %.*s, not %s", STR_ARG(s), want);
	arena_release(&a);
}

static void frame_is(const struct event *e, int64_t ch, int64_t rev, int64_t who, const char *value)
{
	char want[1024], at[TIME_TEXT + 1] = "";
	time_format(e->at, at);
	snprintf(want, sizeof want,
			 "{\"op\":\"event\",\"channel_id\":%lld,\"rev\":%lld,\"at\":\"%s\",\"type\":\"reaction\",\"actor_id\":%lld,"
			 "\"message_id\":1,\"changed_rev\":%lld,%s}",
			 (long long)ch, (long long)rev, at, (long long)who, (long long)rev, value);
	if (!str_eq((struct str){ e->json, e->json_n }, str_of(want)))
		fail_msg("it is %.*s, not %s", (int)e->json_n, e->json, want);
}

static void given_and_taken_back(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 2); /* made, joined, sent: rev 3 */
	struct ask *q = react(g, 3, ch, 1, THUMB, true);
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_REACTION);
	frame_is(q->change.event, ch, 4, 3, "\"emoji\":\"" THUMB "\",\"count\":1,\"user_ids\":[3],\"given\":true");
	assert_ptr_equal(rig_event(g, ch, 4), q->change.event);
	ask_free(q);
	q = react(g, 3, ch, 1, THUMB, true); /* has been given: no rev */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	must(give(g, 2, ch, HEART));
	must(give(g, 2, ch, THUMB));
	shown(g, ch, THUMB " 2 3,2;" HEART " 1 2");
	q = react(g, 3, ch, 1, THUMB, false);
	must(ask_do(q));
	frame_is(q->change.event, ch, 7, 3, "\"emoji\":\"" THUMB "\",\"count\":1,\"user_ids\":[2],\"given\":false");
	ask_free(q);
	q = react(g, 3, ch, 1, HEART, false); /* another's */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	q = react(g, 2, ch, 1, THUMB, false);
	must(ask_do(q));
	frame_is(q->change.event, ch, 8, 2, "\"emoji\":\"" THUMB "\",\"count\":0,\"user_ids\":[],\"given\":false");
	ask_free(q);
	shown(g, ch, HEART " 1 2");
	must(take(g, 2, ch, HEART));
	shown(g, ch, "");
	assert_int_equal(head(g, ch), 9);
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM messages WHERE channel_id = %lld AND changed_rev = 9 AND rev = 3 "
							   "AND body_rev = 3 AND edited_at IS NULL AND reactions IS NULL",
							   (long long)ch),
					 1);
	assert_int_equal(rig_count(g, "SELECT count(*) FROM reactions WHERE channel_id = %lld", (long long)ch), 0);
	assert_int_equal(
		rig_count(g,
				  "SELECT count(*) FROM changes WHERE channel_id = %lld AND kind = 'reaction' AND message_id = 1 AND "
				  "user_id IS NULL AND at > 0",
				  (long long)ch),
		6);
	rig_check_dense(g, ch);
}

/* ---- who may */

static void refused(struct rig *g, int64_t ch, const char *how, const char *undo, enum err want)
{
	char sql[256];
	int64_t before = head(g, ch);
	snprintf(sql, sizeof sql, "UPDATE %s WHERE channel_id = %lld", how, (long long)ch);
	rig_sql(g, sql);
	assert_int_equal(give(g, 3, ch, THUMB), want);
	assert_int_equal(take(g, 3, ch, HEART), want);
	assert_int_equal(head(g, ch), before);
	snprintf(sql, sizeof sql, "UPDATE %s WHERE channel_id = %lld", undo, (long long)ch);
	rig_sql(g, sql);
}

static void who_may(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 2), secret = place(g, CHANNEL_PRIVATE, 1);
	must(give(g, 3, ch, HEART));
	assert_int_equal(give(g, 9, ch, THUMB), ERR_NOT_MEMBER);
	assert_int_equal(give(g, 9, secret, THUMB), ERR_NOT_FOUND);
	assert_int_equal(give(g, 9, 999999, THUMB), ERR_NOT_FOUND);
	assert_int_equal(give(g, 1, 0, THUMB), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(react(g, 3, ch, 2, THUMB, true)), ERR_NOT_FOUND);
	refused(g, ch, "members SET silenced_until = 9000000000000", "members SET silenced_until = NULL", ERR_NOT_ALLOWED);
	refused(g, ch, "heads SET archived = 1", "heads SET archived = 0", ERR_NOT_ALLOWED);
	refused(g, ch, "heads SET read_only = 1", "heads SET read_only = 0", ERR_NOT_ALLOWED);
	refused(g, ch, "members SET first_id = 2", "members SET first_id = 1", ERR_NOT_FOUND);
	struct ask *q = react(g, 3, ch, 1, THUMB, true);
	q->change.need_scope = SCOPE_ALL + 1;
	assert_int_equal(ask_once(q), ERR_SCOPE_MISSING);
	q = react(g, 3, ch, 1, THUMB, true);
	q->change.epoch = g->epoch.hash ^ 1;
	assert_int_equal(ask_once(q), ERR_EPOCH_CHANGED);
	q = react(g, 3, ch, 1, THUMB, true);
	q->change.epoch = g->epoch.hash;
	must(ask_once(q));
	must(ask_once(ask_new(g, 3, CHANGE_LEAVE, ch)));
	assert_int_equal(take(g, 3, ch, HEART), ERR_NOT_MEMBER);
	rig_check_dense(g, ch);
}

static void direct_message(void **state)
{
	struct rig *g = *state;
	struct ask *q = ask_new(g, 2, CHANGE_CHANNEL, 0);
	q->create.kind = CHANNEL_DM, q->create.dm_key = STR("2,7");
	q->create.user_ids[0] = 2, q->create.user_ids[1] = 7, q->create.n_users = 2;
	q->change.create = &q->create;
	must(ask_do(q));
	int64_t ch = q->change.new_channel_id;
	ask_free(q);
	must(ask_once(ask_send(g, 2, ch, "one")));
	must(give(g, 7, ch, THUMB));
	rig_sql(g, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (2, 7, 1)");
	assert_int_equal(give(g, 7, ch, HEART), ERR_NOT_ALLOWED);
	must(give(g, 2, ch, HEART));
	rig_sql(g, "DELETE FROM blocks");
}

/* A tombstone has none, also when a pod of before left them beside it. */
static void tombstones(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 2);
	must(give(g, 3, ch, THUMB));
	struct ask *q = ask_new(g, 2, CHANGE_DELETE, ch);
	q->change.message_id = 1;
	must(ask_do(q));
	assert_int_equal(q->change.message.reactions.n, 0);
	assert_non_null(memmem(q->change.event->json, q->change.event->json_n, "\"reactions\":[]", 14));
	ask_free(q);
	shown(g, ch, "");
	assert_int_equal(rig_count(g, "SELECT count(*) FROM reactions WHERE channel_id = %lld", (long long)ch), 0);
	assert_int_equal(give(g, 3, ch, HEART), ERR_NOT_FOUND);
	assert_int_equal(take(g, 3, ch, THUMB), ERR_NOT_FOUND);
	char sql[128];
	snprintf(sql, sizeof sql, "UPDATE messages SET reactions = 'x 1 3' WHERE channel_id = %lld", (long long)ch);
	rig_sql(g, sql);
	struct message m;
	struct arena a;
	arena_init(&a);
	const struct actor who = { .user_id = 3, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	must(message_read(g->look, &a, &who, ch, 1, &m));
	assert_int_equal(m.reactions.n, 0);
	arena_release(&a);
}

/* An edit tells the message whole. */
static void edited(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 2);
	must(give(g, 3, ch, THUMB));
	struct ask *q = ask_new(g, 2, CHANGE_EDIT, ch);
	q->change.message_id = 1, q->change.text = STR("two");
	must(ask_do(q));
	static const char want[] = "\"reactions\":[{\"emoji\":\"" THUMB "\",\"count\":1,\"user_ids\":[3]}]";
	assert_non_null(memmem(q->change.event->json, q->change.event->json_n, want, sizeof want - 1));
	ask_free(q);
	shown(g, ch, THUMB " 1 3");
}

/* ---- how many */

static void limits(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 3);
	g->config.reaction_kinds = 3, g->config.reactions_per_person = 2;
	must(give(g, 2, ch, "a"));
	must(give(g, 2, ch, "b"));
	must(give(g, 2, ch, "b"));
	struct ask *q = react(g, 2, ch, 1, "c", true);
	assert_int_equal(ask_do(q), ERR_LIMIT_REACHED);
	assert_true(str_starts(q->change.problem.detail, STR("at most 2 ")));
	ask_free(q);
	must(give(g, 3, ch, "c"));
	q = react(g, 3, ch, 1, "d", true);
	assert_int_equal(ask_do(q), ERR_LIMIT_REACHED);
	assert_true(str_starts(q->change.problem.detail, STR("at most 3 ")));
	ask_free(q);
	must(give(g, 3, ch, "a")); /* one that is there */
	must(take(g, 3, ch, "c"));
	must(take(g, 3, ch, "c"));
	must(give(g, 3, ch, "d"));
	shown(g, ch, "a 2 2,3;b 1 2;d 1 3");
	g->config.reaction_kinds = 64, g->config.reactions_per_person = 20;
	rig_check_dense(g, ch);
}

#define MANY 25

/* One batch; the order is that of the queue. */
static void many_at_once(struct rig *g, int64_t ch, bool on)
{
	struct ask *q[MANY];
	rig_hold(g);
	for (int i = 0; i < MANY; i++) {
		q[i] = react(g, 2 + i, ch, 1, THUMB, on);
		must(ask_submit(q[i]));
	}
	rig_let_go(g);
	for (int i = 0; i < MANY; i++) {
		ask_wait(q[i]);
		must(q[i]->change.err);
		ask_free(q[i]);
	}
}

static void many(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, MANY), before = head(g, ch);
	many_at_once(g, ch, true);
	many_at_once(g, ch, true);
	assert_int_equal(head(g, ch), before + MANY);
	shown(g, ch, THUMB " 25 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21");
	must(take(g, 24, ch, THUMB)); /* who is not named */
	shown(g, ch, THUMB " 24 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21");
	must(take(g, 5, ch, THUMB));
	shown(g, ch, THUMB " 23 2,3,4,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22");
	many_at_once(g, ch, false);
	shown(g, ch, "");
	assert_int_equal(head(g, ch), before + MANY + 2 + MANY - 2);
	rig_check_dense(g, ch);
}

/* ---- in one batch */

struct wish {
	int64_t who, ch, id;
	const char *emoji;
	bool on;
	enum err want;
	const char *value; /* of its event; NULL: there is none */
};

/* Each is judged by what those before it in the batch have left, whether one by one or all at once. */
static void in_one_batch(struct rig *g, const struct wish *w, size_t n)
{
	struct ask *q[64];
	assert_true(n <= countof(q));
	rig_hold(g);
	for (size_t i = 0; i < n; i++) {
		q[i] = react(g, w[i].who, w[i].ch, w[i].id, w[i].emoji, w[i].on);
		must(ask_submit(q[i]));
	}
	rig_let_go(g);
	for (size_t i = 0; i < n; i++) {
		ask_wait(q[i]);
		const struct event *e = q[i]->change.event;
		if (q[i]->change.err != w[i].want) fail_msg("%zu: %s", i, err_row(q[i]->change.err)->name);
		if (!e != !w[i].value) fail_msg("%zu: %s", i, e ? "an event" : "no event");
		if (e && !memmem(e->json, e->json_n, w[i].value, strlen(w[i].value)))
			fail_msg("%zu: %.*s, not %s", i, (int)e->json_n, e->json, w[i].value);
		ask_free(q[i]);
	}
}

static void one_after_the_other(void **state)
{
	struct rig *g = *state;
	int64_t a = place(g, CHANNEL_PUBLIC, 3), b = place(g, CHANNEL_PUBLIC, 2), secret = place(g, CHANNEL_PRIVATE, 1);
	struct ask *dm = ask_new(g, 2, CHANGE_CHANNEL, 0);
	dm->create.kind = CHANNEL_DM, dm->create.dm_key = STR("2,8");
	dm->create.user_ids[0] = 2, dm->create.user_ids[1] = 8, dm->create.n_users = 2;
	dm->change.create = &dm->create;
	must(ask_do(dm));
	int64_t d = dm->change.new_channel_id;
	ask_free(dm);
	must(ask_once(ask_send(g, 2, d, "one")));
	must(ask_once(ask_send(g, 3, a, "two")));
	must(ask_once(ask_send(g, 3, a, "three")));
	struct ask *gone = ask_new(g, 3, CHANGE_DELETE, a);
	gone->change.message_id = 3;
	must(ask_once(gone));
	must(give(g, 4, a, "z"));
	rig_sql(g, "INSERT INTO blocks (user_id, blocked_id, at) VALUES (2, 8, 1)");
	g->config.reaction_kinds = 3, g->config.reactions_per_person = 2;
	const struct wish wishes[] = {
		{ 2, a, 1, "x", true, OK, "\"emoji\":\"x\",\"count\":1,\"user_ids\":[2],\"given\":true" },
		{ 3, a, 1, "x", true, OK, "\"count\":2,\"user_ids\":[2,3]" },
		{ 3, a, 1, "x", true, OK, NULL },
		{ 2, a, 1, "x", false, OK, "\"count\":1,\"user_ids\":[3],\"given\":false" },
		{ 2, a, 1, "x", false, OK, NULL },
		{ 2, a, 1, "x", true, OK, "\"count\":2,\"user_ids\":[3,2]" },
		{ 9, a, 1, "x", true, ERR_NOT_MEMBER, NULL },
		{ 9, secret, 1, "x", true, ERR_NOT_FOUND, NULL },
		{ 9, 999999, 1, "x", true, ERR_NOT_FOUND, NULL },
		{ 3, a, 3, "x", true, ERR_NOT_FOUND, NULL },
		{ 3, a, 4, "x", true, ERR_NOT_FOUND, NULL },
		{ 3, a, 2, "x", true, OK, "\"count\":1,\"user_ids\":[3]" },
		{ 2, b, 1, "x", true, OK, "\"count\":1,\"user_ids\":[2]" },
		{ 2, b, 1, "x", false, OK, "\"count\":0,\"user_ids\":[]" },
		{ 4, a, 1, "z", false, OK, "\"emoji\":\"z\",\"count\":0" },
		{ 4, a, 1, "z", true, OK, "\"emoji\":\"z\",\"count\":1" },
		{ 2, a, 1, "y", true, OK, "\"emoji\":\"y\",\"count\":1" },
		{ 2, a, 1, "z", true, ERR_LIMIT_REACHED, NULL },
		{ 3, a, 1, "w", true, ERR_LIMIT_REACHED, NULL },
		{ 8, d, 1, "x", true, ERR_NOT_ALLOWED, NULL },
		{ 2, d, 1, "x", true, OK, "\"count\":1,\"user_ids\":[2]" },
		{ 1, 0, 1, "x", true, ERR_NOT_ALLOWED, NULL },
	};
	int64_t before = head(g, a);
	in_one_batch(g, wishes, countof(wishes));
	g->config.reaction_kinds = 64, g->config.reactions_per_person = 20;
	rig_sql(g, "DELETE FROM blocks");
	assert_int_equal(head(g, a), before + 8);
	shown(g, a, "x 2 3,2;z 1 4;y 1 2");
	shown(g, b, "");
	shown(g, d, "x 1 2");
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM messages m WHERE channel_id = %lld AND changed_rev = (SELECT "
							   "max(c.rev) FROM changes c WHERE c.channel_id = m.channel_id AND c.message_id = "
							   "m.message_id AND c.kind = 'reaction')",
							   (long long)a),
					 2);
	assert_int_equal(rig_count(g, "SELECT count(*) FROM reactions WHERE channel_id = %lld", (long long)a), 5);
	rig_check_dense(g, a), rig_check_dense(g, b), rig_check_dense(g, d);
}

/* What else happens to the message in between is seen by those that come after it. */
static void among_others(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 4), before = head(g, ch);
	struct ask *q[7];
	q[0] = react(g, 3, ch, 1, "x", true), q[1] = react(g, 4, ch, 1, "x", true);
	q[2] = ask_new(g, 2, CHANGE_KICK, ch), q[2]->change.user_id = 4;
	q[3] = react(g, 4, ch, 1, "x", false), q[4] = react(g, 5, ch, 1, "x", true);
	q[5] = ask_new(g, 2, CHANGE_DELETE, ch), q[5]->change.message_id = 1;
	q[6] = react(g, 3, ch, 1, "x", false);
	rig_hold(g);
	for (size_t i = 0; i < countof(q); i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (size_t i = 0; i < countof(q); i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, i == 3 ? ERR_NOT_MEMBER : i == 6 ? ERR_NOT_FOUND : OK);
		if (i == 4) assert_non_null(memmem(q[i]->change.event->json, q[i]->change.event->json_n, "[3,4,5]", 7));
		ask_free(q[i]);
	}
	shown(g, ch, "");
	assert_int_equal(head(g, ch), before + 5);
	rig_check_dense(g, ch);
}

/* ---- what readers get */

/* The log says again what was told, byte by byte, whatever has come since; clipped or not. */
static void replayed(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 3), n_seen = 0;
	must(give(g, 3, ch, THUMB));
	must(give(g, 4, ch, THUMB));
	must(take(g, 3, ch, THUMB));
	for (int clipped = 0; clipped < 2; clipped++) {
		struct arena a;
		struct event **events;
		size_t n;
		arena_init(&a);
		const struct log_read q = { ch, 0, head(g, ch), 100, clipped, g->epoch.hash };
		must(log_read(g->look, &a, &q, &events, &n));
		assert_int_equal(n, head(g, ch));
		for (size_t i = 0; i < n; i++) {
			const struct event *told = rig_event(g, ch, events[i]->rev);
			if (events[i]->kind == CHANGE_REACTION) {
				assert_int_equal(events[i]->json_n, told->json_n);
				assert_memory_equal(events[i]->json, told->json, told->json_n);
				n_seen++;
			}
			event_unref(events[i]);
		}
		arena_release(&a);
	}
	assert_int_equal(n_seen, 6);
}

static void read_page(struct rig *g, int64_t who, int64_t ch, struct arena *a, struct page *p)
{
	const struct actor actor = { .user_id = who, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	const struct page_query q = { .channel_id = ch, .kind = PAGE_LAST, .limit = 50 };
	must(page_read(g->look, a, &actor, &q, p));
}

static void paged(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 4);
	struct arena a;
	struct page p;
	arena_init(&a);
	must(ask_once(ask_send(g, 2, ch, "two")));
	read_page(g, 2, ch, &a, &p);
	assert_int_equal(p.n_mine, 0);
	page_release(&p);
	must(ask_once(react(g, 5, ch, 2, THUMB, true)));
	must(give(g, 3, ch, THUMB));
	must(give(g, 3, ch, HEART));
	must(give(g, 4, ch, HEART));
	read_page(g, 3, ch, &a, &p);
	assert_int_equal(p.n, 2);
	assert_int_equal(p.items[0].reactions.n, 2);
	assert_int_equal(p.items[0].reactions.items[1].count, 2);
	assert_int_equal(p.items[1].reactions.items[0].user_ids[0], 5);
	assert_int_equal(p.n_mine, 2);
	for (size_t i = 0; i < p.n_mine; i++) assert_int_equal(p.mine[i].message_id, 1);
	assert_true(str_eq(p.mine[0].emoji, STR(HEART)));
	assert_true(str_eq(p.mine[1].emoji, STR(THUMB)));
	assert_int_equal(p.n_users, 4); /* who reacted is named */
	page_release(&p);
	arena_release(&a);
}

static void givers(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g, CHANNEL_PUBLIC, 5), last = 0, n = 0;
	struct reaction_query q = { .channel_id = ch, .message_id = 1, .emoji = STR(THUMB), .limit = 2 };
	struct given_page p;
	struct arena a;
	arena_init(&a);
	for (int64_t who = 6; who >= 2; who--) must(give(g, who, ch, THUMB));
	must(give(g, 3, ch, HEART));
	do {
		must(reaction_givers(g->look, &a, &q, &p));
		for (size_t i = 0; i < p.n; i++, n++) {
			assert_true(p.items[i].user.id > last && p.items[i].at > 0);
			last = p.items[i].user.id;
		}
		assert_true(p.next.p ? p.n == 2 : p.n == 1);
		q.cursor = p.next;
	} while (p.next.p);
	assert_int_equal(n, 5);
	q.cursor = STR("x"), q.emoji = STR("y");
	assert_int_equal(reaction_givers(g->look, &a, &q, &p), ERR_INVALID);
	q.cursor = STR_NONE;
	must(reaction_givers(g->look, &a, &q, &p));
	assert_int_equal(p.n, 0);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_and_taken_back),
		cmocka_unit_test(who_may),
		cmocka_unit_test(direct_message),
		cmocka_unit_test(tombstones),
		cmocka_unit_test(edited),
		cmocka_unit_test(limits),
		cmocka_unit_test(many),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(among_others),
		cmocka_unit_test(replayed),
		cmocka_unit_test(paged),
		cmocka_unit_test(givers),
	};
	return rig_main(tests, countof(tests));
}
