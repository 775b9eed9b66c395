/* Watching on hubs that are turned by hand: alone, and as two pods that share what is ephemeral. */
#include "hand.h"

#include "eph/present.h"
#include "hub/presence.h"
#include "hub/watch.h"

/* "presence! 7=online 9=idle": the whole set; without the mark what has changed */
static void say_presence(struct session *s, const struct presence_item *items, size_t n, bool whole)
{
	char text[8192];
	size_t at = (size_t)snprintf(text, sizeof text, "presence%s", whole ? "!" : "");
	for (size_t i = 0; i < n && at < sizeof text - 64; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, " %lld=%s", (long long)items[i].user_id,
							   presence_name(items[i].state));
	text[at++] = '\n';
	if (s->conn) conn_write_copy(s->conn, text, at);
}

static struct session_ops ops(void)
{
	struct session_ops o = world_ops;
	o.presence = say_presence;
	return o;
}

struct two { /* pods, one or two of them used */
	struct hand *h[2];
	struct eph *eph;
	struct session_ops ops;
};

static struct two *make(int pods, bool shared)
{
	struct two *t = mem_new(struct two);
	t->ops = ops();
	for (int i = 0; i < pods; i++) {
		t->h[i] = hand_make();
		t->h[i]->w->config.presence_ttl_ms = 4000;
		for (int64_t id = 1; id < 10; id++) make_person(t->h[i]->w, id);
	}
	t->eph = eph_local_create(&t->h[0]->clock, 10000);
	t->eph->shared = shared;
	for (int i = 0; i < pods; i++) {
		t->h[i]->w->eph = t->eph;
		t->h[i]->w->pod = i ? "there" : "here";
		hand_start(t->h[i]);
	}
	return t;
}

static void end(struct two *t)
{
	for (int i = 2; i-- > 0;)
		if (t->h[i]) hand_end(t->h[i]);
	t->eph->ops->destroy(t->eph);
	mem_free(t);
}

/* Both at the same time. */
static void pass(struct two *t, int64_t ms)
{
	for (; ms >= 0; ms--)
		for (int i = 0; i < 2; i++)
			if (t->h[i]) hand_pass(t->h[i], 0);
}

static struct client *open_on(struct two *t, int pod, int reactor, int64_t user)
{
	struct client *k = client_make(t->h[pod]->w, reactor, NULL, 0);
	k->user = user;
	k->ops = &t->ops;
	reactor_post(t->h[pod]->w->r[reactor], &k->mail);
	pass(t, 2);
	return k;
}

static void close_on(struct two *t, int pod, struct client *k)
{
	hand_close(t->h[pod], k);
}

static void watch(struct client *k, const int64_t *ids, size_t n)
{
	must(watch_set(k->session, ids, n));
}
#define WATCH(k, ...)                                                                                                  \
	do {                                                                                                               \
		static const int64_t ids_[] = { __VA_ARGS__ };                                                                 \
		watch(k, ids_, countof(ids_));                                                                                 \
	} while (0)

/* The last line about presence. */
static void expect(struct client *k, const char *line)
{
	const char *last = "", *lines = client_lines(k);
	for (const char *p = lines; (p = strstr(p, "presence")); p++) last = p;
	size_t n = strcspn(last, "\n");
	if (n != strlen(line) || memcmp(last, line, n)) fail_msg("\"%.*s\" is not \"%s\"", (int)n, last, line);
}

static void expect_told(struct client *k, size_t times)
{
	assert_int_equal(count_of(k, "presence"), times);
}

static void the_whole_set_is_answered_and_then_what_changes(void **state)
{
	struct two *t = make(1, false);
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 0, 1, 3);
	WATCH(a, 3, 5, 7);
	pass(t, 30);
	expect(a, "presence! 3=online 5=offline 7=online");
	presence_set(b->session, PRESENCE_IDLE);
	pass(t, 30);
	expect(a, "presence 3=idle");
	presence_set(b->session, PRESENCE_IDLE);
	pass(t, 30);
	struct client *c = open_on(t, 0, 1, 5);
	close_on(t, 0, b);
	pass(t, 30);
	expect(a, "presence 3=offline 5=online"); /* what comes together is told together */
	expect_told(a, 3);
	watch(a, NULL, 0); /* nobody any more */
	pass(t, 5);
	expect(a, "presence!");
	close_on(t, 0, c);
	pass(t, 300);
	expect_told(a, 4);
	assert_int_equal(hub_watches(t->h[0]->w->hub), 0);
	close_on(t, 0, a);
	end(t);
}

static void block(struct two *t, bool on, int64_t user_rev)
{
	struct world *w = t->h[0]->w;
	run_sql(w, on ? "INSERT INTO blocks (user_id, blocked_id, at) VALUES (3, 7, 1)" : "DELETE FROM blocks");
	move_person(w, 7);
	tell_person(w, 7, user_rev);
	pass(t, 30);
}

static void who_has_blocked_the_watcher_is_never_there(void **state)
{
	struct two *t = make(1, false);
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 0, 1, 3), *c = open_on(t, 0, 0, 5);
	WATCH(a, 3, 5);
	WATCH(c, 3);
	pass(t, 30);
	expect(a, "presence! 3=online 5=online");
	block(t, true, 2);
	expect(a, "presence 3=offline");
	presence_set(b->session, PRESENCE_IDLE);
	pass(t, 30);
	expect(c, "presence 3=idle");
	expect_told(a, 2);
	WATCH(a, 3, 5);
	pass(t, 30);
	expect(a, "presence! 3=offline 5=online");
	block(t, false, 3);
	expect(a, "presence 3=idle");
	close_on(t, 0, a);
	close_on(t, 0, b);
	close_on(t, 0, c);
	end(t);
}

static void devices_add_up(void **state)
{
	struct two *t = make(1, false);
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 0, 0, 3), *c = open_on(t, 0, 1, 3);
	WATCH(a, 3);
	pass(t, 30);
	presence_set(b->session, PRESENCE_IDLE);
	pass(t, 30);
	expect(a, "presence! 3=online");
	presence_set(c->session, PRESENCE_IDLE);
	pass(t, 30);
	expect(a, "presence 3=idle");
	presence_set(b->session, PRESENCE_ONLINE);
	pass(t, 30);
	expect(a, "presence 3=online");
	close_on(t, 0, b);
	pass(t, 30);
	expect(a, "presence 3=idle");
	close_on(t, 0, c);
	pass(t, 30);
	expect(a, "presence 3=offline");
	close_on(t, 0, a);
	end(t);
}

/* Nobody is woken where nobody watches, and nothing is swept where nobody shares. */
static void it_costs_nothing_where_nobody_watches(void **state)
{
	struct two *t = make(1, false);
	struct client *a = open_on(t, 0, 0, 7);
	hand_pass(t->h[0], 3000);
	assert_int_equal(metric_total(t->h[0]->w->metrics, METRIC_PRESENCE_LOOKS), 0);
	assert_int_equal(metric_total(t->h[0]->w->metrics, METRIC_PRESENCE_PUTS), 0);
	assert_true(reactor_next_ms(t->h[0]->w->r[0]) - t->h[0]->now_ns / 1000000 > PRESENCE_TICK_MS);
	close_on(t, 0, a);
	end(t);
}

static void a_new_set_keeps_what_both_name_and_is_answered_whole(void **state)
{
	struct two *t = make(1, false);
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 0, 1, 3);
	WATCH(a, 3, 5);
	pass(t, 30);
	WATCH(a, 3, 8);
	pass(t, 30);
	expect(a, "presence! 3=online 8=offline");
	struct client *c = open_on(t, 0, 1, 5); /* not watched any more */
	pass(t, 30);
	expect_told(a, 2);
	assert_int_equal(hub_watches(t->h[0]->w->hub), 2);
	close_on(t, 0, a);
	assert_int_equal(hub_watches(t->h[0]->w->hub), 0);
	close_on(t, 0, b);
	close_on(t, 0, c);
	end(t);
}

static void a_pod_watches_no_more_than_it_may(void **state)
{
	static const int64_t ids[] = { 1, 2, 3, 4, 5 };
	struct two *t = make(1, false);
	t->h[0]->w->config.watches = 4;
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 0, 1, 3);
	assert_int_equal(watch_set(a->session, ids, 5), ERR_LIMIT_REACHED);
	watch(a, ids, 3);
	assert_int_equal(watch_set(b->session, ids, 2), ERR_LIMIT_REACHED);
	watch(b, ids, 1);
	watch(a, ids + 2, 3); /* what it gives back counts */
	assert_int_equal(watch_set(a->session, ids, 4), ERR_LIMIT_REACHED);
	pass(t, 30);
	expect(a, "presence! 3=online 4=offline 5=offline"); /* the old set stays */
	assert_int_equal(hub_watches(t->h[0]->w->hub), 4);
	close_on(t, 0, a);
	close_on(t, 0, b);
	end(t);
}

/* Nothing is queued for who does not read: once they do, they hear how it is. */
static void who_reads_slowly_hears_the_last_of_it(void **state)
{
	struct two *t = make(1, false);
	struct client *b = open_on(t, 0, 1, 3), *a = client_make(t->h[0]->w, 0, NULL, 0);
	char fill[6000];
	memset(fill, 'x', sizeof fill);
	fill[sizeof fill - 1] = '\n';
	a->soft = 4096, a->ops = &t->ops;
	reactor_post(t->h[0]->w->r[0], &a->mail);
	pass(t, 3);
	conn_pair_window(a->far, 1024);
	WATCH(a, 3);
	pass(t, 30);
	conn_pause(a->far);
	conn_write_copy(a->near, fill, sizeof fill);
	for (int i = 0; i < 5; i++) {
		presence_set(b->session, i % 2 ? PRESENCE_ONLINE : PRESENCE_IDLE);
		pass(t, 150);
	}
	expect_told(a, 1);
	conn_resume(a->far);
	pass(t, 300);
	expect(a, "presence 3=idle");
	expect_told(a, 2);
	close_on(t, 0, a);
	close_on(t, 0, b);
	end(t);
}

/* ---- two pods. Their buses do not reach each other: what is seen is seen by looking. */

static int64_t ttl(struct two *t)
{
	return t->h[0]->w->config.presence_ttl_ms;
}

static void another_pods_people_are_seen_within_a_look(void **state)
{
	struct two *t = make(2, true);
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 1, 1, 3);
	WATCH(a, 3, 5);
	pass(t, 30);
	expect(a, "presence! 3=online 5=offline");
	presence_set(b->session, PRESENCE_IDLE);
	pass(t, ttl(t) / 4 + 2 * PRESENCE_TICK_MS);
	expect(a, "presence 3=idle");
	struct client *c = open_on(t, 0, 1, 3);
	pass(t, 30);
	expect(a, "presence 3=online"); /* news of this pod's own: at once */
	close_on(t, 0, c);
	pass(t, 30);
	expect(a, "presence 3=idle");
	close_on(t, 1, b);
	pass(t, ttl(t) / 4 + 2 * PRESENCE_TICK_MS);
	expect(a, "presence 3=offline");
	close_on(t, 0, a);
	end(t);
}

/* A pod that stands still says nothing any more: its devices are forgotten. */
static void a_pod_that_died_is_forgotten_within_the_time(void **state)
{
	struct two *t = make(2, true);
	struct client *a = open_on(t, 0, 0, 7), *b = open_on(t, 1, 0, 3), *c = open_on(t, 1, 1, 5),
				  *d = open_on(t, 0, 1, 5);
	WATCH(a, 3, 5);
	presence_set(d->session, PRESENCE_IDLE);
	pass(t, 30);
	expect(a, "presence! 3=online 5=online");
	pass(t, 5 * ttl(t) / 2); /* put again and again */
	expect_told(a, 1);
	hand_pass(t->h[0], ttl(t)); /* only one pod lives on */
	assert_true(has(a, "3=offline"));
	assert_true(has(a, "5=idle")); /* who has a device here, too, is what that says */
	t->h[1]->now_ns = t->h[0]->now_ns;
	pass(t, ttl(t) / 2); /* it stood still, no more: within a look it is there again */
	assert_true(has(a, "presence 3=online"));
	close_on(t, 1, b);
	close_on(t, 1, c);
	close_on(t, 0, a);
	close_on(t, 0, d);
	end(t);
}

/* ---- who wrote lately */

static void authors_are_put_among_those_present(void **state)
{
	struct two *t = make(1, false);
	struct world *w = t->h[0]->w;
	struct arena a;
	int64_t channel = channel_of(w, 0);
	char key[48];
	make_channel(w, channel);
	enter_channel(w, channel, 7);
	struct client *k = open_on(t, 0, 1, 7);
	int64_t rev = write_change(w, channel, "topic", 0);
	publish(w, channel, rev, CHANGE_MESSAGE, 0);
	pass(t, 5);
	assert_true(has(k, line_of("event", channel, rev)));
	arena_init(&a);
	struct str name = eph_present_key(channel, key);
	assert_int_equal(t->eph->ops->set_get(t->eph, name, &a).n, 0);
	hand_skip(t->h[0], 10000); /* the hub sweeps */
	struct eph_items items = t->eph->ops->set_get(t->eph, name, &a);
	assert_int_equal(items.n, 1);
	assert_true(str_eq(items.p[0].name, STR("1")));
	hand_skip(t->h[0], 10000); /* nobody wrote again */
	assert_int_equal(t->eph->ops->set_get(t->eph, name, &a).n, 0);
	arena_release(&a);
	close_on(t, 0, k);
	end(t);
}

/* ---- what is due */

static void everything_has_its_turn_within_the_time(void **state)
{
	static const size_t counts[] = { 1, 2, 3, 7, 100, 12345 };
	for (size_t i = 0; i < countof(counts); i++) {
		int64_t carry = 0, sum = 0;
		for (int k = 0; k < 10; k++) {
			size_t n = presence_share(counts[i], 100, 1000, &carry);
			assert_true(n <= counts[i] / 10 + 1);
			sum += (int64_t)n;
		}
		assert_int_equal(sum, counts[i]);
	}
	int64_t carry = 0;
	assert_int_equal(presence_share(10, 1000000, 1000, &carry), 10); /* a long sleep: each once */
	assert_int_equal(presence_share(0, 1000, 1000, &carry), 0);
	for (int k = 0; k < 9; k++) assert_int_equal(presence_share(1, 100, 1000, &carry), 0);
	assert_int_equal(presence_share(1, 100, 1000, &carry), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_set_is_answered_and_then_what_changes),
		cmocka_unit_test(who_has_blocked_the_watcher_is_never_there),
		cmocka_unit_test(devices_add_up),
		cmocka_unit_test(it_costs_nothing_where_nobody_watches),
		cmocka_unit_test(a_new_set_keeps_what_both_name_and_is_answered_whole),
		cmocka_unit_test(a_pod_watches_no_more_than_it_may),
		cmocka_unit_test(who_reads_slowly_hears_the_last_of_it),
		cmocka_unit_test(another_pods_people_are_seen_within_a_look),
		cmocka_unit_test(a_pod_that_died_is_forgotten_within_the_time),
		cmocka_unit_test(authors_are_put_among_those_present),
		cmocka_unit_test(everything_has_its_turn_within_the_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
