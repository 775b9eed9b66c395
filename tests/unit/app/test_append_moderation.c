/* Bans, silence, the last owner, the end of a channel and what is left of it. */
#include "rig.h"
#include "store/ban.h"
#include "store/history.h"
#include "store/purge.h"

#define FAR 4102444800000 /* 2100 */

static int64_t number_of_channels;

/* Of person 2, with 3 to 6 in it. */
static int64_t place(struct rig *g)
{
	char name[32];
	snprintf(name, sizeof name, "m%lld", (long long)++number_of_channels);
	int64_t ch = rig_channel(g, 2, name, CHANNEL_PUBLIC);
	for (int i = 3; i <= 6; i++) rig_join(g, i, ch);
	return ch;
}

static struct ask *about(struct rig *g, int64_t who, enum change_kind kind, int64_t ch, int64_t user)
{
	struct ask *q = ask_new(g, who, kind, ch);
	q->change.user_id = user;
	return q;
}

static struct ask *ban(struct rig *g, int64_t who, int64_t ch, int64_t user, bool on)
{
	struct ask *q = about(g, who, CHANGE_BAN, ch, user);
	q->change.on = on;
	q->change.text = STR_NONE;
	return q;
}

static enum err banned(struct rig *g, int64_t who, int64_t ch, int64_t user, bool on)
{
	return ask_once(ban(g, who, ch, user, on));
}

static struct ask *silence(struct rig *g, int64_t who, int64_t ch, int64_t user, int64_t until)
{
	struct ask *q = about(g, who, CHANGE_ROLE, ch, user);
	q->change.until = (struct change_until){ true, until };
	return q;
}

static enum err role(struct rig *g, int64_t who, int64_t ch, int64_t user, enum channel_role to)
{
	struct ask *q = about(g, who, CHANGE_ROLE, ch, user);
	q->change.role = (int)to;
	return ask_once(q);
}

static int64_t head(struct rig *g, int64_t ch)
{
	return rig_count(g, "SELECT rev FROM heads WHERE channel_id = %lld", (long long)ch);
}

static int64_t audits(struct rig *g, const char *action, int64_t ch, int64_t user)
{
	return rig_count(g, "SELECT count(*) FROM audit WHERE action = '%s' AND target = 'channel:%lld/user:%lld'", action,
					 (long long)ch, (long long)user);
}

static void says(const struct event *e, const char *what)
{
	if (!e || !memmem(e->json, e->json_n, what, strlen(what)))
		fail_msg("no %s in " STR_FMT, what, e ? (int)e->json_n : 0, e ? e->json : "");
}

static size_t bans(struct rig *g, int64_t ch)
{
	struct arena a;
	struct ban_page page;
	arena_init(&a);
	must(ban_list(g->look, &a, ch, clock_wall_ms(&clock_real), STR_NONE, 100, &page));
	arena_release(&a);
	return page.n;
}

/* A member is put out by it: the ban, then the removal, both published. */
static void a_member_is_banned(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g), before = head(g, ch);
	struct ask *q = ban(g, 2, ch, 3, true);
	q->change.until.ms = FAR, q->change.text = STR("spam");
	must(ask_do(q));
	assert_int_equal(q->change.event->kind, CHANGE_KICK);
	assert_int_equal(q->change.event->rev, before + 2);
	says(q->change.event, "\"change\":\"kick\",\"actor_id\":2,\"user_id\":3,\"reason\":\"spam\"}");
	ask_free(q);
	says(rig_event(g, ch, before + 1),
		 "\"type\":\"ban\",\"actor_id\":2,\"user_id\":3,\"banned\":true,\"until\":\"2100-01-"
		 "01T00:00:00.000Z\",\"reason\":\"spam\"}");
	assert_int_equal(audits(g, "member.ban", ch, 3), 1);
	assert_int_equal(ask_once(ask_send(g, 3, ch, "x")), ERR_NOT_MEMBER);
	assert_int_equal(ask_once(ask_new(g, 3, CHANGE_JOIN, ch)), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(about(g, 2, CHANGE_JOIN, ch, 3)), ERR_NOT_ALLOWED);
	assert_int_equal(bans(g, ch), 1);
	q = ban(g, 2, ch, 3, true); /* the same again */
	q->change.until.ms = FAR, q->change.text = STR("spam");
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	q = ban(g, 2, ch, 3, true); /* another end: one rev more */
	must(ask_do(q));
	assert_int_equal(q->change.event->rev, before + 3);
	says(q->change.event, "\"banned\":true,\"until\":null}");
	ask_free(q);
	q = ban(g, 2, ch, 3, false);
	must(ask_do(q));
	says(q->change.event, "\"type\":\"ban\",\"actor_id\":2,\"user_id\":3,\"banned\":false}");
	ask_free(q);
	q = ban(g, 2, ch, 3, false);
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	assert_int_equal(bans(g, ch), 0);
	assert_int_equal(audits(g, "member.unban", ch, 3), 1);
	rig_join(g, 3, ch);
	rig_check_dense(g, ch);
}

static void who_bans_whom(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	must(role(g, 2, ch, 3, CHANNEL_OP));
	assert_int_equal(banned(g, 4, ch, 5, true), ERR_NOT_ALLOWED);
	assert_int_equal(banned(g, 3, ch, 2, true), ERR_NOT_ALLOWED); /* an owner */
	assert_int_equal(banned(g, 3, ch, 3, true), ERR_NOT_ALLOWED); /* oneself */
	assert_int_equal(banned(g, 3, ch, 1, true), ERR_NOT_ALLOWED); /* an admin of the server */
	assert_int_equal(banned(g, 3, ch, 4000, true), ERR_NOT_FOUND);
	assert_int_equal(banned(g, 9, ch, 4, true), ERR_NOT_MEMBER);
	assert_int_equal(banned(g, 2, 0, 4, true), ERR_NOT_ALLOWED);
	must(banned(g, 3, ch, 9, true)); /* who is none yet */
	assert_int_equal(ask_once(ask_new(g, 9, CHANGE_JOIN, ch)), ERR_NOT_ALLOWED);
	struct ask *q = ban(g, 2, ch, 4, true);
	q->change.until.ms = 1000;
	assert_int_equal(ask_once(q), ERR_INVALID); /* over before it began */
	g->config.bans = 2;
	must(banned(g, 2, ch, 10, true));
	assert_int_equal(banned(g, 2, ch, 11, true), ERR_LIMIT_REACHED);
	rig_sql(g, "UPDATE channel_masks SET until = 1000 WHERE user_id = 10"); /* over: it counts no more */
	must(banned(g, 2, ch, 11, true));
	rig_join(g, 10, ch);
	assert_int_equal(bans(g, ch), 2);
	g->config.bans = 1000;
	rig_check_dense(g, ch);
}

static void a_ban_ends(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	struct ask *q = ban(g, 2, ch, 3, true);
	q->change.until.ms = FAR;
	must(ask_once(q));
	assert_int_equal(ask_once(ask_new(g, 3, CHANGE_JOIN, ch)), ERR_NOT_ALLOWED);
	char sql[128];
	snprintf(sql, sizeof sql, "UPDATE channel_masks SET until = 1000 WHERE channel_id = %lld", (long long)ch);
	rig_sql(g, sql);
	assert_int_equal(bans(g, ch), 0);
	q = ban(g, 2, ch, 3, false); /* nothing to lift */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	rig_join(g, 3, ch);
	rig_check_dense(g, ch);
}

/* Ban, join and ban again in one batch are each judged by what those before it have left. */
static void in_one_batch(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g), before = head(g, ch);
	struct ask *q[] = { ban(g, 2, ch, 3, true),         ask_new(g, 3, CHANGE_JOIN, ch), ban(g, 2, ch, 3, false),
						ask_new(g, 3, CHANGE_JOIN, ch), ban(g, 2, ch, 3, true),         ban(g, 2, ch, 4, true) };
	static const enum err want[] = { OK, ERR_NOT_ALLOWED, OK, OK, OK, OK };
	rig_hold(g);
	for (size_t i = 0; i < countof(q); i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (size_t i = 0; i < countof(q); i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, want[i]);
		ask_free(q[i]);
	}
	assert_int_equal(head(g, ch), before + 2 + 1 + 1 + 2 + 2);
	rig_check_dense(g, ch);
}

static void silenced(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	struct ask *q = silence(g, 2, ch, 3, FAR);
	must(ask_do(q));
	says(q->change.event,
		 "\"change\":\"role\",\"actor_id\":2,\"user_id\":3,\"role\":\"member\",\"voice\":false,\"muted_"
		 "until\":\"2100-01-01T00:00:00.000Z\"}");
	ask_free(q);
	assert_int_equal(ask_once(ask_send(g, 3, ch, "x")), ERR_NOT_ALLOWED);
	must(ask_once(ask_new(g, 3, CHANGE_LEAVE, ch))); /* to go and come back does not help */
	q = ask_new(g, 3, CHANGE_JOIN, ch);
	must(ask_do(q));
	says(q->change.event, "\"voice\":false,\"muted_until\":\"2100-");
	ask_free(q);
	assert_int_equal(ask_once(ask_send(g, 3, ch, "x")), ERR_NOT_ALLOWED);
	assert_int_equal(ask_once(silence(g, 3, ch, 3, 0)), ERR_NOT_ALLOWED);
	must(role(g, 2, ch, 3, CHANNEL_OP));
	assert_int_equal(ask_once(silence(g, 3, ch, 3, 0)), ERR_NOT_ALLOWED); /* nobody frees themselves */
	assert_int_equal(ask_once(silence(g, 3, ch, 2, FAR)), ERR_NOT_ALLOWED);
	q = silence(g, 2, ch, 3, 0);
	must(ask_do(q));
	says(q->change.event, "\"role\":\"op\",\"voice\":false,\"muted_until\":null}");
	ask_free(q);
	must(ask_once(ask_send(g, 3, ch, "free")));
	q = silence(g, 2, ch, 3, 1000); /* over already: nothing changes */
	must(ask_do(q));
	assert_null(q->change.event);
	ask_free(q);
	rig_check_dense(g, ch);
}

static void the_last_owner(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	assert_int_equal(ask_once(ask_new(g, 2, CHANGE_LEAVE, ch)), ERR_CONFLICT);
	assert_int_equal(role(g, 2, ch, 2, CHANNEL_MEMBER), ERR_CONFLICT);
	must(role(g, 2, ch, 3, CHANNEL_OWNER));
	must(role(g, 2, ch, 2, CHANNEL_MEMBER));
	assert_int_equal(ask_once(ask_new(g, 3, CHANGE_LEAVE, ch)), ERR_CONFLICT);
	rig_join(g, 1, ch); /* an admin puts out whom they like, and names another */
	must(ask_once(about(g, 1, CHANGE_KICK, ch, 3)));
	must(role(g, 1, ch, 4, CHANNEL_OWNER));
	for (int i = 5; i <= 6; i++) must(ask_once(ask_new(g, i, CHANGE_LEAVE, ch)));
	for (int i = 1; i <= 2; i++) must(ask_once(ask_new(g, i, CHANGE_LEAVE, ch)));
	must(ask_once(ask_new(g, 4, CHANGE_LEAVE, ch))); /* alone */
	rig_check_dense(g, ch);
}

static enum err end_channel(struct rig *g, int64_t who, int64_t ch)
{
	return ask_once(ask_new(g, who, CHANGE_DELETED, ch));
}

static int64_t rows_left(struct rig *g, int64_t ch)
{
	static const char *const tables[] = { "messages", "changes",       "reactions",    "mentions",
										  "members",  "message_edits", "channel_masks" };
	int64_t n = 0;
	for (size_t i = 0; i < countof(tables); i++)
		n += rig_count(g, "SELECT count(*) FROM %s WHERE channel_id = %lld", tables[i], (long long)ch);
	return n;
}

static void deleted(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	must(ask_once(ask_send(g, 3, ch, "before")));
	must(role(g, 2, ch, 3, CHANNEL_OP));
	assert_int_equal(end_channel(g, 3, ch), ERR_NOT_ALLOWED);
	assert_int_equal(end_channel(g, 9, ch), ERR_NOT_MEMBER);
	assert_int_equal(end_channel(g, 2, 0), ERR_NOT_ALLOWED);
	struct ask *end = ask_new(g, 2, CHANGE_DELETED, ch), *after = ask_send(g, 3, ch, "too late");
	rig_hold(g);
	must(ask_submit(end));
	rig_let_go(g);
	ask_wait(end);
	must(end->change.err);
	assert_int_equal(end->change.event->rev, head(g, ch));
	says(end->change.event, "\"type\":\"deleted\",\"actor_id\":2}");
	assert_int_equal(ask_do(after), ERR_NOT_FOUND);
	ask_free(after), ask_free(end);
	assert_int_equal(end_channel(g, 2, ch), ERR_NOT_FOUND);
	assert_int_equal(ask_once(ask_new(g, 9, CHANGE_JOIN, ch)), ERR_NOT_FOUND);
	assert_int_equal(rig_count(g,
							   "SELECT count(*) FROM audit WHERE action = 'channel.delete' AND target = 'channel:%lld'",
							   (long long)ch),
					 1);
	char name[32];
	snprintf(name, sizeof name, "m%lld", (long long)number_of_channels);
	assert_true(rig_channel(g, 4, name, CHANNEL_PUBLIC) != ch); /* its name is free */
	rig_check_dense(g, ch);
}

/* What follows the end in the same batch finds no channel any more. */
static void deleted_amid_a_batch(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	struct ask *q[] = { ask_new(g, 2, CHANGE_DELETED, ch), ask_new(g, 9, CHANGE_JOIN, ch), ban(g, 2, ch, 3, true),
						ask_new(g, 2, CHANGE_DELETED, ch) };
	rig_hold(g);
	for (size_t i = 0; i < countof(q); i++) must(ask_submit(q[i]));
	rig_let_go(g);
	for (size_t i = 0; i < countof(q); i++) {
		ask_wait(q[i]);
		assert_int_equal(q[i]->change.err, i ? ERR_NOT_FOUND : OK);
		ask_free(q[i]);
	}
	rig_check_dense(g, ch);
}

static int64_t purge(struct rig *g, int64_t before_ms, int64_t most, int64_t *gone)
{
	struct purge p = { .before_ms = before_ms, .most = most };
	must(db_begin(g->look));
	must(purge_turn(g->look, &p));
	must(db_commit(g->look));
	*gone = p.gone;
	return p.channel_id;
}

static void its_rows_go(void **state)
{
	struct rig *g = *state;
	int64_t gone, at;
	while (purge(g, FAR, 1000, &gone))
		; /* of the tests before */
	int64_t ch = place(g), other = place(g);
	for (int i = 0; i < 5; i++)
		must(ask_once(ask_send(g, 3, ch, "hello @p4"))), must(ask_once(ask_send(g, 3, other, "x")));
	must(banned(g, 2, ch, 9, true));
	int64_t members = rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld", (long long)other);
	must(end_channel(g, 2, ch));
	at = rig_count(g, "SELECT deleted_at FROM heads WHERE channel_id = %lld", (long long)ch);
	int64_t n = rows_left(g, ch) - 1; /* the log's last entry stays */
	assert_true(n > 12);
	assert_int_equal(purge(g, at - 1, 10, &gone), 0); /* not yet */
	int64_t turns = 0;
	for (; purge(g, at, 4, &gone) == ch; turns++) assert_true(gone <= 4), n -= gone;
	assert_int_equal(n, 0);
	assert_true(turns >= 3);
	assert_int_equal(rows_left(g, ch), 1);
	assert_int_equal(
		rig_count(g, "SELECT count(*) FROM changes WHERE channel_id = %lld AND kind = 'deleted'", (long long)ch), 1);
	assert_int_equal(rig_count(g, "SELECT count(*) FROM heads WHERE channel_id = %lld", (long long)ch), 1);
	assert_int_equal(rig_count(g, "SELECT count(*) FROM messages WHERE channel_id = %lld", (long long)other), 5);
	assert_int_equal(rig_count(g, "SELECT count(*) FROM members WHERE channel_id = %lld", (long long)other), members);
	rig_check_dense(g, other);
}

/* From `joined` on nobody reads what was before their present membership, nor is shown it by what happens to it. */
static void clipped(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	must(ask_once(ask_send(g, 2, ch, "of old")));
	rig_join(g, 9, ch);
	must(ask_once(ask_send(g, 2, ch, "of late")));
	struct ask *q = ask_new(g, 2, CHANGE_CHANNEL, ch);
	q->patch = CHANNEL_PATCH_NONE, q->patch.history = HISTORY_JOINED, q->change.patch = &q->patch;
	must(ask_do(q));
	says(q->change.event, "\"history\":\"joined\"}");
	assert_true(event_clips(q->change.event));
	ask_free(q);
	assert_int_equal(
		rig_count(g, "SELECT first_id FROM members WHERE channel_id = %lld AND user_id = 9", (long long)ch), 2);
	assert_int_equal(
		rig_count(g, "SELECT first_id FROM members WHERE channel_id = %lld AND user_id = 3", (long long)ch), 1);
	q = ask_new(g, 9, CHANGE_REACTION, ch);
	q->change.message_id = 1, q->change.text = STR("👍"), q->change.on = true;
	assert_int_equal(ask_once(q), ERR_NOT_FOUND);
	q = ask_send(g, 9, ch, "quoting");
	q->send.reply_to = 1;
	assert_int_equal(ask_once(q), ERR_INVALID);
	q = ask_new(g, 2, CHANGE_EDIT, ch);
	q->change.message_id = 1, q->change.text = STR("of old, edited");
	must(ask_do(q));
	assert_false(memmem(q->change.event->json, q->change.event->json_n, "edited\"", 7));
	ask_free(q);
	q = ask_new(g, 2, CHANGE_CHANNEL, ch);
	q->patch = CHANNEL_PATCH_NONE, q->patch.history = HISTORY_ALL, q->change.patch = &q->patch;
	assert_int_equal(ask_once(q), ERR_INVALID);
	rig_check_dense(g, ch);
}

static struct ask *dm(struct rig *g, int64_t who, int64_t with)
{
	struct ask *q = ask_new(g, who, CHANGE_CHANNEL, 0);
	q->create.kind = CHANNEL_DM;
	q->create.user_ids[q->create.n_users++] = with;
	q->change.create = &q->create;
	return q;
}

/* A guest writes to those whom they share a channel with, and learns of nobody else. */
static void dms_of_guests(void **state)
{
	struct rig *g = *state;
	int64_t ch = place(g);
	rig_join(g, 30, ch);
	rig_role(g, 30, USER_GUEST);
	assert_int_equal(ask_once(dm(g, 30, 31)), ERR_NOT_FOUND);
	must(ask_once(dm(g, 30, 4)));
	must(end_channel(g, 2, ch)); /* what they shared is gone: what was begun goes on */
	must(ask_once(dm(g, 30, 4)));
	assert_int_equal(ask_once(dm(g, 30, 5)), ERR_NOT_FOUND);
	must(ask_once(dm(g, 31, 30)));
	rig_role(g, 30, USER_MEMBER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_banned),
		cmocka_unit_test(who_bans_whom),
		cmocka_unit_test(a_ban_ends),
		cmocka_unit_test(in_one_batch),
		cmocka_unit_test(silenced),
		cmocka_unit_test(the_last_owner),
		cmocka_unit_test(deleted),
		cmocka_unit_test(deleted_amid_a_batch),
		cmocka_unit_test(its_rows_go),
		cmocka_unit_test(clipped),
		cmocka_unit_test(dms_of_guests),
	};
	return rig_main(tests, countof(tests));
}
