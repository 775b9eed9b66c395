/* What every bus must do, over the local one and over Redis. */
#include "rig.h"

static void own_publications_are_heard_before_publish_returns(struct bus_pod *p)
{
	struct event *e[3] = { bus_event(7, 1, 0), bus_event(8, 1, 0), bus_event(7, 2, 9000) };
	bus_publish(p->bus, e, 3);
	assert_int_equal(ear_count(&p->ear, TOLD_EVENT, 7), 2);
	assert_int_equal(ear_count(&p->ear, TOLD_EVENT, 8), 1);
	assert_ptr_equal(ear_wait(&p->ear, TOLD_EVENT, 7, 2).event, e[2]);
	for (size_t i = 0; i < 3; i++) event_unref(e[i]);
}

static void own_news_and_hints_are_heard_at_once(struct bus_pod *p)
{
	struct user_news *n = user_news_create(0);
	struct hint *h = hint_create(2);
	n->user_id = 5, h->channel_id = 6;
	memcpy(h->json, "{}", 2);
	bus_publish_user(p->bus, n);
	bus_publish_hint(p->bus, h);
	assert_int_equal(ear_count(&p->ear, TOLD_USER, 5), 1);
	assert_int_equal(ear_count(&p->ear, TOLD_HINT, 6), 1);
	user_news_unref(n);
	hint_unref(h);
}

static void subscriptions_are_confirmed_each(struct bus_pod *p)
{
	bus_pod_subscribe(p, TOPIC_CHANNEL, 1);
	bus_pod_subscribe(p, TOPIC_USER, 1);
	ear_wait(&p->ear, TOLD_CHANNEL, 1, 1);
	ear_wait(&p->ear, TOLD_PERSON, 1, 1);
	bus_pod_subscribe(p, TOPIC_USER, 1); /* another reactor */
	ear_wait(&p->ear, TOLD_PERSON, 1, 2);
	p->bus->ops->unsubscribe(p->bus, TOPIC_USER, 1);
	p->bus->ops->unsubscribe(p->bus, TOPIC_USER, 1);
	p->bus->ops->unsubscribe(p->bus, TOPIC_CHANNEL, 1);
	bus_pod_subscribe(p, TOPIC_CHANNEL, 1); /* before the end of it can have reached anybody */
	ear_wait(&p->ear, TOLD_CHANNEL, 1, 2);
}

static void subscribing_and_not_at_random_ends_in_what_was_wanted_last(struct bus_pod *p)
{
	size_t asked[20] = { 0 };
	for (int i = 0; i < 2000; i++) {
		int64_t id = (int64_t)random_below(&random_kernel, 20);
		if (asked[id] % 2 == 0)
			bus_pod_subscribe(p, TOPIC_CHANNEL, 100 + id);
		else
			p->bus->ops->unsubscribe(p->bus, TOPIC_CHANNEL, 100 + id);
		asked[id]++;
	}
	for (int64_t id = 0; id < 20; id++) {
		if (asked[id] % 2) p->bus->ops->unsubscribe(p->bus, TOPIC_CHANNEL, 100 + id);
		size_t before = ear_count(&p->ear, TOLD_CHANNEL, 100 + id);
		bus_pod_subscribe(p, TOPIC_CHANNEL, 100 + id);
		ear_wait(&p->ear, TOLD_CHANNEL, 100 + id, before + 1);
	}
}

struct speaker {
	struct bus_pod *p;
	int64_t channel_id;
	pthread_t thread;
};

static void *speak(void *arg)
{
	struct speaker *s = arg;
	for (int64_t rev = 1; rev <= 500; rev++) {
		bus_pod_say(s->p, s->channel_id, rev, 10);
		bus_pod_subscribe(s->p, TOPIC_USER, 1000 + rev);
		s->p->bus->ops->unsubscribe(s->p->bus, TOPIC_USER, 1000 + rev);
	}
	return NULL;
}

static void many_threads_publish_each_in_its_order(struct bus_pod *p)
{
	struct speaker s[4];
	int64_t last[4] = { 0 };
	for (size_t i = 0; i < 4; i++) {
		s[i] = (struct speaker){ .p = p, .channel_id = 40 + (int64_t)i };
		pthread_create(&s[i].thread, NULL, speak, &s[i]);
	}
	for (size_t i = 0; i < 4; i++) pthread_join(s[i].thread, NULL);
	pthread_mutex_lock(&p->ear.lock);
	for (size_t i = 0; i < p->ear.words.n; i++) {
		const struct word *w = &p->ear.words.p[i];
		if (w->told == TOLD_EVENT) assert_int_equal(w->rev, ++last[w->id - 40]);
	}
	pthread_mutex_unlock(&p->ear.lock);
	for (size_t i = 0; i < 4; i++) assert_int_equal(last[i], 500);
}

static void nothing_is_told_after_detach(struct bus_pod *p)
{
	bus_pod_subscribe(p, TOPIC_CHANNEL, 1);
	p->bus->ops->detach(p->bus);
	pthread_mutex_lock(&p->ear.lock);
	size_t before = p->ear.words.n;
	pthread_mutex_unlock(&p->ear.lock);
	p->bus->ops->unsubscribe(p->bus, TOPIC_CHANNEL, 1);
	p->bus->ops->unsubscribe(p->bus, TOPIC_CHANNEL, 2); /* never asked for */
	assert_int_equal(p->ear.words.n, before);
}

static void (*const cases[])(struct bus_pod *) = {
	own_publications_are_heard_before_publish_returns,
	own_news_and_hints_are_heard_at_once,
	subscriptions_are_confirmed_each,
	subscribing_and_not_at_random_ends_in_what_was_wanted_last,
	many_threads_publish_each_in_its_order,
	nothing_is_told_after_detach,
};

static void all(const char *url)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bus_pod p;
		bus_pod_open(&p, url);
		assert_int_equal(p.bus->ops->certain(p.bus), !url);
		cases[i](&p);
		bus_pod_close(&p);
	}
}

static void over_itself(void **state)
{
	all(NULL);
}

static void over_redis(void **state)
{
	all(redis_url(*state));
}

/* With nobody there it serves its own pod just the same. */
static void over_a_redis_that_is_not_there(void **state)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct bus_pod p;
		bus_pod_init(&p);
		bus_pod_attach(&p, "redis://127.0.0.1:1", DATABASE);
		cases[i](&p);
		bus_pod_close(&p);
	}
}

static void hush(void *arg, struct str line) {}

int main(void)
{
	struct redis_server *redis = redis_start(NULL);
	log_capture(hush, NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_itself),
		cmocka_unit_test_prestate(over_redis, redis),
		cmocka_unit_test(over_a_redis_that_is_not_there),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_destroy(redis);
	return failed;
}
