/* Writes of one's own things, as the bus tells of them. */
#include "app/own.h"

#include "bus/bus.h"
#include "store/block.h"
#include "store/invite.h"
#include "store/own.h"
#include "store/person.h"
#include "store/setting.h"
#include "support/both.h"

struct heard {
	int n;
	int64_t user_id[8], user_rev[8];
	char frame[8][256];
};

static void hear_event(void *arg, struct event *e) {}
static void hear_hint(void *arg, struct hint *h) {}
static void hear_behind(void *arg, int64_t channel_id, int64_t rev, uint64_t epoch) {}
static void hear_subscribed(void *arg, enum topic_kind kind, int64_t id) {}
static void hear_state(void *arg, bool away) {}

static void hear_user(void *arg, struct user_news *n)
{
	struct heard *h = arg;
	assert_true(h->n < 8 && n->json_n < sizeof h->frame[0] && n->list_moved);
	h->user_id[h->n] = n->user_id;
	h->user_rev[h->n] = n->user_rev;
	memcpy(h->frame[h->n], n->json, n->json_n);
	h->frame[h->n++][n->json_n] = 0;
}

static struct bus *listen(struct heard *h)
{
	struct bus *bus = bus_local_create();
	const struct bus_sink sink = { hear_event, hear_user, hear_hint, hear_behind, hear_subscribed, hear_state, h };
	bus->ops->attach(bus, &sink);
	return bus;
}

static void end(struct bus *bus)
{
	bus->ops->detach(bus);
	bus->ops->destroy(bus);
}

static void make(struct db_conn *c, const char *name)
{
	struct person_new p = {
		.username = str_of(name), .display_name = STR_NONE, .password_hash = STR_NONE, .now_ms = 1
	};
	both_must(db_begin(c));
	both_must(person_create(c, &p));
	both_must(db_commit(c));
}

static enum err put(struct db_conn *c, struct own_write *w)
{
	struct setting_row *s = w->arg;
	s->user_rev = w->user_rev;
	return setting_write(c, w->user_id, s, 2, &w->changed);
}

static enum err set(struct db_conn *c, struct bus *bus, int64_t user_id, const char *key, struct str value)
{
	struct setting_row s = { str_of(key), value, 0 };
	struct own_write w = { .user_id = user_id, .write = put, .arg = &s };
	return own_write(c, bus, &w);
}

static void a_write_moves_the_head_once_and_tells_what_was_written(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct bus *bus = listen(&h);
	make(c, "ann");
	both_must(set(c, bus, 1, "k", STR("[1]")));
	both_must(set(c, bus, 1, "k", STR("[1]"))); /* it is so already */
	both_must(set(c, bus, 1, "j", STR_NONE));   /* it never was */
	both_must(set(c, bus, 1, "k", STR_NONE));
	assert_int_equal(h.n, 2);
	assert_string_equal(h.frame[0], "{\"op\":\"setting\",\"key\":\"k\",\"value\":[1],\"user_rev\":1}");
	assert_string_equal(h.frame[1], "{\"op\":\"setting\",\"key\":\"k\",\"user_rev\":2}");
	assert_int_equal(h.user_rev[1], 2);
	assert_int_equal(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1"), 2);
	end(bus);
}

static void what_is_refused_moves_nothing(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct bus *bus = listen(&h);
	make(c, "ann");
	both_must(set(c, bus, 1, "k", STR("1")));
	both_must(set(c, bus, 1, "l", STR("1")));
	assert_int_equal(set(c, bus, 1, "m", STR("1")), ERR_LIMIT_REACHED);
	assert_int_equal(set(c, bus, 7, "k", STR("1")), ERR_NOT_FOUND); /* there is nobody */
	assert_int_equal(h.n, 2);
	assert_int_equal(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1"), 2);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM settings"), 2);
	end(bus);
}

/* Of what was taken back the last are kept, and how far they reach. */
static void what_was_taken_back_is_kept_for_a_while(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct own_list own;
	struct bus *bus = listen(&h);
	int64_t reach;
	make(c, "ann");
	for (int i = 0; i <= SETTINGS_TAKEN_BACK; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", i);
		both_must(set(c, bus, 1, key, STR("1")));
		both_must(set(c, bus, 1, key, STR_NONE));
		h.n = 0;
	}
	both_must(settings_reach(c, 1, &reach));
	assert_int_equal(reach, 2);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM settings WHERE key <> ''"), SETTINGS_TAKEN_BACK);
	both_must(own_read(c, &b->arena, 1, 2, &own));
	assert_true(own.n == OWN_MOST && own.reach == 2 && own.items[0].user_rev == 4);
	end(bus);
}

static enum err end_invite(struct db_conn *c, struct own_write *w)
{
	w->changed = true;
	return invite_ended(c, w->user_id, str_of(w->arg), w->user_rev);
}

/* They share how far back the rows reach, which never falls. */
static void invites_that_are_over_are_told_for_a_while(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct own_list own;
	struct bus *bus = listen(&h);
	int64_t reach;
	make(c, "ann");
	for (int i = 0; i <= INVITES_ENDED; i++) {
		struct own_write w = { .user_id = 1, .write = end_invite, .arg = (char[]){ "c0de" } };
		both_must(own_write(c, bus, &w));
		h.n = 0;
	}
	assert_string_equal(h.frame[0], "{\"op\":\"invite\",\"code\":\"c0de\",\"user_rev\":201}");
	both_must(settings_reach(c, 1, &reach));
	assert_int_equal(reach, 1);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM ended_invites"), INVITES_ENDED);
	both_must(own_read(c, &b->arena, 1, 1, &own));
	assert_true(own.n == OWN_MOST && own.reach == 1 && own.items[0].user_rev == 2);
	both_must(settings_reach_raise(c, 1, 100));
	both_must(settings_reach_raise(c, 1, 99));
	both_must(settings_reach(c, 1, &reach));
	assert_int_equal(reach, 100);
	end(bus);
}

static enum err block(struct db_conn *c, struct own_write *w)
{
	const struct block b = { w->user_id, w->other_id, w->user_rev, 1, 10 };
	return block_set(c, &b, &w->changed);
}

/* Theirs says whose presence they do not see; what one is oneself is read with the list. */
static void a_block_moves_both_heads_and_carries_no_frame(struct both *b, struct db_conn *c)
{
	struct heard h = { 0 };
	struct bus *bus = listen(&h);
	make(c, "ann");
	make(c, "bob");
	make(c, "cid");
	for (int64_t other = 1; other <= 3; other += 2) {
		struct own_write w = { .user_id = 2, .other_id = other, .write = block };
		both_must(own_write(c, bus, &w));
		assert_true(w.changed);
		both_must(own_write(c, bus, &w));
		assert_false(w.changed);
	}
	assert_int_equal(h.n, 4);
	for (int i = 0; i < 4; i++) assert_string_equal(h.frame[i], "");
	assert_int_equal(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 1"), 1);
	assert_int_equal(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 2"), 2);
	assert_int_equal(both_number(b, c, "SELECT user_rev FROM users WHERE user_id = 2"), 2);
	struct own_write w = { .user_id = 2, .other_id = 9, .write = block };
	assert_int_equal(own_write(c, bus, &w), ERR_NOT_FOUND);
	assert_int_equal(both_number(b, c, "SELECT rev FROM user_heads WHERE user_id = 2"), 2);
	end(bus);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(a_write_moves_the_head_once_and_tells_what_was_written),
		BOTH_FRESH(what_is_refused_moves_nothing),
		BOTH_FRESH(what_was_taken_back_is_kept_for_a_while),
		BOTH_FRESH(invites_that_are_over_are_told_for_a_while),
		BOTH_FRESH(a_block_moves_both_heads_and_carries_no_frame),
	};
	return both_main(cases, countof(cases));
}
