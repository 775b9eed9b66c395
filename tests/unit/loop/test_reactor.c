#include "rig.h"

#include <pthread.h>
#include <unistd.h>
#include <uv.h>

/* ---- mails */

#define SENDERS 4
#define MAILS 5000

struct numbered {
	struct mail mail;
	int sender, number;
	struct inbox *inbox;
};
struct inbox {
	struct reactor *reactor;
	int next[SENDERS];
	int got;
};
struct sender {
	struct inbox *inbox;
	int index;
	struct numbered *mails;
};

static void numbered_deliver(struct reactor *r, struct mail *m)
{
	struct numbered *n = container_of(m, struct numbered, mail);
	assert_true(reactor_here(r));
	assert_int_equal(n->number, n->inbox->next[n->sender]++);
	if (++n->inbox->got == SENDERS * MAILS) reactor_stop(r);
}

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	for (int i = 0; i < MAILS; i++) {
		s->mails[i] = (struct numbered){ { .deliver = numbered_deliver }, s->index, i, s->inbox };
		reactor_post(s->inbox->reactor, &s->mails[i].mail);
	}
	return NULL;
}

static void mails_of_each_sender_keep_their_order(void **state)
{
	struct inbox inbox = { .reactor = rig_open() };
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ &inbox, i, mem_alloc(MAILS * sizeof(struct numbered)) };
		pthread_create(&threads[i], NULL, sender_main, &senders[i]);
	}
	rig_run(inbox.reactor);
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(inbox.next[i], MAILS);
		mem_free(senders[i].mails);
	}
	rig_close(inbox.reactor);
}

struct relay {
	struct mail mail;
	int left;
	struct reactor *other;
};

static void relay_deliver(struct reactor *r, struct mail *m)
{
	struct relay *relay = container_of(m, struct relay, mail);
	if (relay->left-- == 0) {
		reactor_stop(r);
		reactor_stop(relay->other);
		return;
	}
	struct reactor *to = relay->other;
	relay->other = r;
	reactor_post(to, m);
}

static void reactors_in_threads_mail_each_other(void **state)
{
	struct reactor *a = rig_open(), *b = rig_open();
	struct relay relay = { .mail.deliver = relay_deliver, .left = 2000, .other = b };
	reactor_post(a, &relay.mail);
	reactor_start(a);
	reactor_start(b);
	reactor_join(a);
	reactor_join(b);
	assert_int_equal(relay.left, -1);
	rig_close(a);
	rig_close(b);
}

static void self_deliver(struct reactor *r, struct mail *m)
{
	struct relay *relay = container_of(m, struct relay, mail);
	if (relay->left-- > 0)
		reactor_post(r, m);
	else
		reactor_stop(r);
}

static void a_reactor_mails_itself_without_sleeping_over_it(void **state)
{
	struct reactor *r = rig_open();
	struct relay relay = { .mail.deliver = self_deliver, .left = 100 };
	reactor_post(r, &relay.mail);
	rig_run(r);
	assert_int_equal(relay.left, -1);
	rig_close(r);
}

static void count_deliver(struct reactor *r, struct mail *m)
{
	container_of(m, struct relay, mail)->left++;
}

static void mail_left_over_is_delivered_when_the_reactor_goes(void **state)
{
	struct reactor *r = rig_open();
	struct relay relay = { .mail.deliver = count_deliver };
	reactor_post(r, &relay.mail);
	rig_close(r);
	assert_int_equal(relay.left, 1);
}

/* ---- timers */

struct alarm {
	struct timer timer;
	int64_t set_ns, delay_ms;
	int *order, name;
	int fired;
};
static int fired_order[16], fired_n;

static void alarm_fire(struct reactor *r, struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);
	assert_false(timer_pending(t));
	assert_true(reactor_now_ns(r) - a->set_ns >= a->delay_ms * 1000000);
	a->fired++;
	fired_order[fired_n++] = a->name;
	if (a->name == 99) reactor_stop(r);
}

static void alarm_set(struct reactor *r, struct alarm *a, int name, int64_t delay_ms)
{
	*a = (struct alarm){ .name = name, .delay_ms = delay_ms };
	timer_init(&a->timer, alarm_fire);
	a->set_ns = reactor_now_ns(r);
	timer_set(r, &a->timer, delay_ms);
}

static void timers_fire_in_order_and_never_early(void **state)
{
	struct reactor *r = rig_open();
	struct alarm a[6];
	fired_n = 0;
	alarm_set(r, &a[0], 99, 90);
	alarm_set(r, &a[1], 3, 60);
	alarm_set(r, &a[2], 1, 0);
	alarm_set(r, &a[3], 2, 25);
	alarm_set(r, &a[4], 7, 5);
	alarm_set(r, &a[5], 8, 10);
	timer_clear(&a[4].timer);
	timer_clear(&a[4].timer);
	a[5].delay_ms = 40, a[5].set_ns = reactor_now_ns(r);
	timer_set(r, &a[5].timer, 40); /* moves */
	assert_false(timer_pending(&a[4].timer));
	assert_true(timer_pending(&a[5].timer));
	rig_run(r);
	assert_int_equal(fired_n, 5);
	const int want[] = { 1, 2, 8, 3, 99 };
	assert_memory_equal(fired_order, want, sizeof want);
	rig_close(r);
}

/* ---- hooks and deferred */

struct trace {
	struct reactor *reactor;
	char text[64];
};
static void trace_add(struct trace *t, char c)
{
	size_t n = strlen(t->text);
	if (n + 1 < sizeof t->text) t->text[n] = c;
}
struct traced_hook {
	struct turn_hook hook;
	struct trace *trace;
	char name;
	int more; /* turns that it asks for */
};
struct traced_deferred {
	struct deferred deferred;
	struct trace *trace;
	char name;
	struct traced_deferred *then;
};

static bool traced_run(struct reactor *r, struct turn_hook *h)
{
	struct traced_hook *t = container_of(h, struct traced_hook, hook);
	trace_add(t->trace, t->name);
	return t->more-- > 0;
}

static void traced_deferred_run(struct deferred *d)
{
	struct traced_deferred *t = container_of(d, struct traced_deferred, deferred);
	trace_add(t->trace, t->name);
	if (t->then)
		reactor_defer(t->trace->reactor, &t->then->deferred);
	else
		reactor_stop(t->trace->reactor);
}

static void hooks_run_by_rank_then_what_was_deferred(void **state)
{
	struct trace trace = { .reactor = rig_open() };
	struct traced_hook hooks[] = {
		{ { .rank = TURN_FLUSH, .run = traced_run }, &trace, 'f', 0 },
		{ { .rank = TURN_ANSWERS, .run = traced_run }, &trace, 'a', 0 },
		{ { .rank = TURN_FANOUT, .run = traced_run }, &trace, 'o', 0 },
		{ { .rank = TURN_FANOUT, .run = traced_run }, &trace, 'p', 0 },
	};
	struct traced_deferred second = { { .run = traced_deferred_run }, &trace, '2', NULL };
	struct traced_deferred first = { { .run = traced_deferred_run }, &trace, '1', &second };
	for (size_t i = 0; i < countof(hooks); i++) reactor_hook(trace.reactor, &hooks[i].hook);
	reactor_defer(trace.reactor, &first.deferred);
	rig_run(trace.reactor);
	assert_memory_equal(trace.text, "aopf1aopf2", 10);
	rig_close(trace.reactor);
}

static bool stop_when_done(struct reactor *r, struct turn_hook *h)
{
	struct traced_hook *t = container_of(h, struct traced_hook, hook);
	if (t->more-- > 0) return true;
	reactor_stop(r);
	return false;
}

static void a_hook_with_more_to_do_keeps_the_loop_awake(void **state)
{
	struct reactor *r = rig_open();
	struct traced_hook hook = { { .rank = TURN_FANOUT, .run = stop_when_done }, NULL, 0, 50 };
	reactor_hook(r, &hook.hook);
	rig_run(r); /* nothing else would wake it before the guard */
	rig_close(r);
}

/* ---- the virtual one */

struct test_clock {
	struct clock clock;
	int64_t ns;
};
static int64_t test_wall(const struct clock *c)
{
	return 1700000000000 + ((const struct test_clock *)c)->ns / 1000000;
}
static int64_t test_monotonic(const struct clock *c)
{
	return ((const struct test_clock *)c)->ns;
}

static struct timer victim;
static int fired_first;
static void fire_never(struct reactor *r, struct timer *t)
{
	fail();
}
static void fire_clears_the_other(struct reactor *r, struct timer *t)
{
	timer_clear(&victim);
	fired_first++;
}

static void a_timer_cleared_by_one_of_the_same_moment_does_not_fire(void **state)
{
	struct test_clock clock = { { test_wall, test_monotonic }, 5000000 };
	struct reactor *r = reactor_create_virtual(&(struct reactor_options){ .clock = &clock.clock });
	struct timer first;
	timer_init(&first, fire_clears_the_other);
	timer_init(&victim, fire_never);
	timer_set(r, &first, 3);
	timer_set(r, &victim, 3);
	clock.ns += 3000000;
	reactor_turn(r);
	assert_int_equal(fired_first, 1);
	assert_int_equal(reactor_next_ms(r), INT64_MAX);
	reactor_destroy(r);
}

static void a_virtual_reactor_goes_by_its_clock(void **state)
{
	struct test_clock clock = { { test_wall, test_monotonic }, 5000000 };
	struct reactor *r = reactor_create_virtual(&(struct reactor_options){ .index = 3, .clock = &clock.clock });
	struct alarm a;
	fired_n = 0;
	assert_int_equal(reactor_index(r), 3);
	assert_int_equal(reactor_next_ms(r), INT64_MAX);
	alarm_set(r, &a, 1, 86400000);
	int turns = 0;
	while (reactor_next_ms(r) != INT64_MAX && ++turns < 20) {
		clock.ns = reactor_next_ms(r) * 1000000;
		assert_false(reactor_turn(r));
	}
	assert_int_equal(fired_n, 1);
	assert_int_equal(clock.ns / 1000000, 86400005);
	assert_int_equal(reactor_wall_ms(r), 1700000000000 + 86400005);
	struct relay relay = { .mail.deliver = count_deliver };
	reactor_post(r, &relay.mail);
	assert_int_equal(reactor_next_ms(r), clock.ns / 1000000);
	reactor_turn(r);
	assert_int_equal(relay.left, 1);
	reactor_destroy(r);
}

static void what_is_to_be_done_at_the_end_is_done_last(void **state)
{
	struct trace trace = { .reactor = reactor_create(&(struct reactor_options){ 0 }) };
	struct traced_deferred d[] = { { { .run = traced_deferred_run }, &trace, '1', NULL },
								   { { .run = traced_deferred_run }, &trace, '2', NULL } };
	d[0].then = d[1].then = NULL;
	reactor_set(trace.reactor, SLOT_TEST, &trace);
	assert_ptr_equal(reactor_get(trace.reactor, SLOT_TEST), &trace);
	assert_null(reactor_get(trace.reactor, SLOT_HUB));
	reactor_defer(trace.reactor, &d[1].deferred);
	reactor_run(trace.reactor); /* '2' stops it */
	assert_string_equal(trace.text, "2");
	reactor_destroy(trace.reactor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mails_of_each_sender_keep_their_order),
		cmocka_unit_test(reactors_in_threads_mail_each_other),
		cmocka_unit_test(a_reactor_mails_itself_without_sleeping_over_it),
		cmocka_unit_test(mail_left_over_is_delivered_when_the_reactor_goes),
		cmocka_unit_test(timers_fire_in_order_and_never_early),
		cmocka_unit_test(a_timer_cleared_by_one_of_the_same_moment_does_not_fire),
		cmocka_unit_test(hooks_run_by_rank_then_what_was_deferred),
		cmocka_unit_test(a_hook_with_more_to_do_keeps_the_loop_awake),
		cmocka_unit_test(a_virtual_reactor_goes_by_its_clock),
		cmocka_unit_test(what_is_to_be_done_at_the_end_is_done_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
