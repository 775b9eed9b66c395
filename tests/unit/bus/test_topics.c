/* Subscriptions that come and go while Redis answers nothing: what is on its way to it is bounded, the rest waits. */
#include "rig.h"

#include "support/proxy.h"

#define TOPICS 5000
#define ON_ITS_WAY 1000 /* at most, of coming and going together */

static int64_t channels(struct redis_server *redis)
{
	return atoll(redis_do(redis, "EVAL return(#redis.call('PUBSUB','CHANNELS','channel:*')) 0"));
}

static void until(struct redis_server *redis, int64_t n)
{
	for (int i = 0; i < 4000 && channels(redis) != n; i++) nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	assert_int_equal(channels(redis), n);
}

/* Redis hears all that is sent, but its answers come to nobody. */
static void mute(struct proxy *proxy, struct bus_pod *p)
{
	proxy_deafen(proxy);
	bus_pod_say(p, 1, 1, 0); /* for what may be on its way back */
}

static void many_leave_while_redis_answers_nothing(void **state)
{
	struct redis_server *redis = *state;
	struct proxy *proxy = proxy_start(redis_port(redis));
	struct bus_pod p;
	char url[64];
	snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy_port(proxy));
	bus_pod_open(&p, url);
	for (int64_t id = 1; id <= TOPICS; id++) bus_pod_subscribe(&p, TOPIC_CHANNEL, id);
	for (int64_t id = 1; id <= TOPICS; id++) ear_wait(&p.ear, TOLD_CHANNEL, id, 1);
	until(redis, TOPICS);
	mute(proxy, &p);
	for (int64_t id = 1; id <= TOPICS; id++) p.bus->ops->unsubscribe(p.bus, TOPIC_CHANNEL, id);
	until(redis, TOPICS - ON_ITS_WAY);
	for (int64_t id = 1; id <= 100; id++) bus_pod_subscribe(&p, TOPIC_CHANNEL, TOPICS + id); /* wait as well */
	bus_pod_say(&p, 1, 2, 0);
	nanosleep(&(struct timespec){ 0, 300000000 }, NULL); /* what would go on makes itself seen */
	assert_int_equal(channels(redis), TOPICS - ON_ITS_WAY);
	redis_do(redis, "CLIENT KILL TYPE pubsub"); /* on new links only what is wanted */
	proxy_cut_clients(proxy);
	ear_wait(&p.ear, TOLD_BACK, 0, 2);
	until(redis, 100);
	for (int64_t id = 1; id <= 100; id++) ear_wait(&p.ear, TOLD_CHANNEL, TOPICS + id, 1);
	for (int64_t id = 1; id <= 100; id++) p.bus->ops->unsubscribe(p.bus, TOPIC_CHANNEL, TOPICS + id);
	until(redis, 0);
	bus_pod_close(&p);
	proxy_destroy(proxy);
}

static void comes_again(void *arg, int64_t channel_id)
{
	if (channel_id == 2) bus_pod_subscribe(arg, TOPIC_CHANNEL, 1);
}

/* Left before Redis had confirmed it, and wanted again after that, while the UNSUBSCRIBE still waits. */
static void one_is_confirmed_while_nobody_wants_it(void **state)
{
	struct redis_server *redis = *state;
	struct proxy *proxy = proxy_start(redis_port(redis));
	struct bus_pod p;
	char url[64];
	snprintf(url, sizeof url, "redis://127.0.0.1:%d", proxy_port(proxy));
	bus_pod_open(&p, url);
	p.ear.confirmed = comes_again, p.ear.arg = &p;
	proxy_hold_answers(proxy, true);
	for (int64_t id = 1; id <= ON_ITS_WAY; id++) bus_pod_subscribe(&p, TOPIC_CHANNEL, id);
	until(redis, ON_ITS_WAY);
	p.bus->ops->unsubscribe(p.bus, TOPIC_CHANNEL, 1); /* waits, since as much as may be is on its way */
	proxy_hold_answers(proxy, false);
	ear_wait(&p.ear, TOLD_CHANNEL, ON_ITS_WAY, 1);
	ear_wait(&p.ear, TOLD_CHANNEL, 1, 1);
	until(redis, ON_ITS_WAY);
	redis_do(redis, "CLIENT KILL TYPE pubsub");
	ear_wait(&p.ear, TOLD_BACK, 0, 2); /* which is said only with all that is wanted */
	ear_wait(&p.ear, TOLD_CHANNEL, 1, 2);
	bus_pod_close(&p);
	proxy_destroy(proxy);
}

/* In several commands, the next ones when the first were answered. */
static void many_leave_and_come_again(void **state)
{
	struct redis_server *redis = *state;
	struct bus_pod p;
	bus_pod_open(&p, redis_url(redis));
	for (int64_t id = 1; id <= TOPICS; id++) bus_pod_subscribe(&p, TOPIC_CHANNEL, id);
	until(redis, TOPICS);
	for (int64_t id = 1; id <= TOPICS; id++) p.bus->ops->unsubscribe(p.bus, TOPIC_CHANNEL, id);
	for (int64_t id = 1; id <= TOPICS; id += 5) bus_pod_subscribe(&p, TOPIC_CHANNEL, id);
	until(redis, TOPICS / 5);
	for (int64_t id = 1; id <= TOPICS; id += 5) ear_wait(&p.ear, TOLD_CHANNEL, id, 1);
	assert_int_equal(metric_total(p.metrics, METRIC_BUS_RECONNECTS), 2); /* the same links all the time */
	bus_pod_close(&p);
}

int main(void)
{
	struct redis_server *redis = redis_start(NULL);
#define TEST(f) cmocka_unit_test_prestate(f, redis)
	const struct CMUnitTest tests[] = {
		TEST(many_leave_while_redis_answers_nothing),
		TEST(one_is_confirmed_while_nobody_wants_it),
		TEST(many_leave_and_come_again),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_destroy(redis);
	return failed;
}
