/* Pods that hear each other through a real Redis, and what can happen to it. */
#include "rig.h"

#include "bus/wire.h"
#include "support/cert.h"
#include "support/log_lines.h"

struct world {
	struct redis_server *redis;
	struct cert cert;
};

static int fresh_log(void **state)
{
	log_forget();
	return 0;
}

static struct redis_server *redis_of(void **state)
{
	return ((struct world *)*state)->redis;
}

static void two(struct bus_pod p[2], const char *url)
{
	bus_pod_open(&p[0], url);
	bus_pod_open(&p[1], url);
}

static void close_two(struct bus_pod p[2])
{
	bus_pod_close(&p[0]);
	bus_pod_close(&p[1]);
}

static void hears(struct bus_pod *p, int64_t channel_id)
{
	size_t before = ear_count(&p->ear, TOLD_CHANNEL, channel_id);
	bus_pod_subscribe(p, TOPIC_CHANNEL, channel_id);
	ear_wait(&p->ear, TOLD_CHANNEL, channel_id, before + 1);
}

/* Until Redis knows of so many who hear this topic. */
static void numsub(struct redis_server *redis, const char *topic, int n)
{
	char want[160];
	snprintf(want, sizeof want, "%s %d", topic, n);
	for (int i = 0; i < 4000; i++) {
		if (!strcmp(redis_do(redis, "PUBSUB NUMSUB %s", topic), want)) return;
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	fail_msg("not %s but %s", want, redis_do(redis, "PUBSUB NUMSUB %s", topic));
}

/* ---- between pods */

static void events_news_and_hints_reach_the_others_once(void **state)
{
	struct bus_pod p[2];
	two(p, redis_url(redis_of(state)));
	hears(&p[0], 1);
	hears(&p[1], 1);
	bus_pod_subscribe(&p[1], TOPIC_USER, 7);
	ear_wait(&p[1].ear, TOLD_PERSON, 7, 1);
	for (int64_t rev = 1; rev <= 1000; rev++) bus_pod_say(&p[0], 1, rev, (size_t)rev % 300);
	bus_pod_say(&p[0], 1, 1001, 20000);
	struct user_news *n = user_news_create(0);
	n->user_id = 7, n->user_rev = 3, n->epoch = 2, n->list_moved = true;
	bus_publish_user(p[0].bus, n);
	struct hint *h = hint_create(15);
	memcpy(h->json, "{\"op\":\"typing\"}", 15);
	h->channel_id = 1, h->user_id = 7;
	bus_publish_hint(p[0].bus, h);

	ear_wait(&p[1].ear, TOLD_HINT, 1, 1);
	struct word news = ear_wait(&p[1].ear, TOLD_USER, 7, 1);
	assert_true(news.rev == 3 && news.epoch == 2 && news.news->list_moved);
	struct word behind = ear_wait(&p[1].ear, TOLD_BEHIND, 1, 1);
	assert_true(behind.rev == 1001 && behind.epoch == 0xfeedfacecafe0001);
	bus_pod_metric(&p[0], "linnet_bus_received_total{result=\"own\"} ", 1002);
	int64_t rev = 0;
	for (size_t i = 0; i < p[1].ear.words.n; i++) {
		const struct word *w = &p[1].ear.words.p[i];
		if (w->told != TOLD_EVENT) continue;
		rev++;
		struct event *e = bus_event(1, rev, (size_t)rev % 300);
		assert_int_equal(w->rev, rev);
		assert_int_equal(w->event->json_n, e->json_n);
		assert_memory_equal(w->event->json, e->json, e->json_n);
		event_unref(e);
	}
	assert_int_equal(rev, 1000);
	assert_int_equal(ear_count(&p[0].ear, TOLD_EVENT, 1), 1001); /* its own, not a second time */
	assert_int_equal(ear_count(&p[0].ear, TOLD_BEHIND, 1), 0);
	assert_int_equal(ear_count(&p[0].ear, TOLD_HINT, 1), 1);
	user_news_unref(n);
	hint_unref(h);
	close_two(p);
}

static void a_pod_hears_only_what_somebody_on_it_wants(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p[2];
	two(p, redis_url(redis));
	hears(&p[1], 2);
	hears(&p[1], 2); /* another reactor */
	hears(&p[1], 3);
	numsub(redis, "channel:2", 1);
	p[1].bus->ops->unsubscribe(p[1].bus, TOPIC_CHANNEL, 2);
	bus_pod_say(&p[0], 2, 1, 0);
	ear_wait(&p[1].ear, TOLD_EVENT, 2, 1);
	p[1].bus->ops->unsubscribe(p[1].bus, TOPIC_CHANNEL, 2);
	numsub(redis, "channel:2", 0);
	bus_pod_say(&p[0], 2, 2, 0);
	bus_pod_say(&p[0], 3, 1, 0);
	ear_wait(&p[1].ear, TOLD_EVENT, 3, 1);
	assert_int_equal(ear_count(&p[1].ear, TOLD_EVENT, 2), 1);
	close_two(p);
	numsub(redis, "channel:3", 0);
}

static void other_databases_and_garbage_are_counted_and_dropped(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p[2];
	bus_pod_open(&p[0], redis_url(redis));
	bus_pod_init(&p[1]);
	bus_pod_attach(&p[1], redis_url(redis), "11111111-2222-4333-8444-555555555555");
	ear_wait(&p[1].ear, TOLD_BACK, 0, 1);
	hears(&p[1], 1);
	bus_pod_say(&p[0], 1, 1, 0);
	bus_pod_metric(&p[1], "linnet_bus_received_total{result=\"foreign\"} ", 1);
	redis_do(redis, "PUBLISH channel:1 hello");
	redis_do(redis, "PUBLISH channel:1 {\"pod\":\"x\"}");
	redis_do(redis, "PUBLISH pod:%s {\"pod\":\"x\",\"echo\":1}", p[1].id);
	bus_pod_metric(&p[1], "linnet_bus_received_total{result=\"malformed\"} ", 2);
	bus_pod_say(&p[1], 1, 1, 0);
	assert_int_equal(ear_count(&p[1].ear, TOLD_EVENT, 1), 1);
	close_two(p);
}

static void prefixes_keep_deployments_apart(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p[3];
	for (size_t i = 0; i < 3; i++) {
		bus_pod_init(&p[i]);
		bus_pod_set(&p[i], "REDIS_PREFIX", i == 2 ? "b:" : "a:");
		bus_pod_attach(&p[i], redis_url(redis), DATABASE);
		ear_wait(&p[i].ear, TOLD_BACK, 0, 1);
		hears(&p[i], 1);
	}
	numsub(redis, "a:channel:1", 2);
	numsub(redis, "b:channel:1", 1);
	bus_pod_say(&p[0], 1, 1, 0);
	ear_wait(&p[1].ear, TOLD_EVENT, 1, 1);
	bus_pod_say(&p[2], 1, 2, 0);
	bus_pod_metric(&p[2], "linnet_bus_received_total{result=\"own\"} ", 1);
	assert_int_equal(ear_wait(&p[2].ear, TOLD_EVENT, 1, 1).rev, 2);
	assert_int_equal(ear_count(&p[1].ear, TOLD_EVENT, 1), 1);
	for (size_t i = 0; i < 3; i++) bus_pod_close(&p[i]);
}

static void the_database_number_is_chosen_and_does_not_matter(void **state)
{
	char url[64];
	struct bus_pod p[2];
	int port = redis_port(redis_of(state));
	snprintf(url, sizeof url, "redis://127.0.0.1:%d/3", port);
	bus_pod_open(&p[0], redis_url(redis_of(state)));
	bus_pod_open(&p[1], url);
	assert_non_null(strstr(redis_do(redis_of(state), "CLIENT LIST"), " db=3 "));
	hears(&p[1], 1);
	bus_pod_say(&p[0], 1, 1, 0);
	ear_wait(&p[1].ear, TOLD_EVENT, 1, 1);
	close_two(p);
	snprintf(url, sizeof url, "redis://127.0.0.1:%d/99", port);
	bus_pod_init(&p[0]);
	bus_pod_attach(&p[0], url, DATABASE);
	log_wait("redis.link_failed", "DB index is out of range");
	bus_pod_close(&p[0]);
}

static void a_name_is_resolved(void **state)
{
	char url[64];
	struct bus_pod p;
	snprintf(url, sizeof url, "redis://localhost:%d/0", redis_port(redis_of(state)));
	bus_pod_open(&p, url);
	bus_pod_close(&p);
	bus_pod_init(&p);
	bus_pod_attach(&p, "redis://no-such-host.invalid/0", DATABASE);
	log_wait("redis.link_failed", "could not be resolved");
	bus_pod_close(&p);
}

/* ---- what can happen to Redis */

static void killed_and_back_empty(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p[2];
	two(p, redis_url(redis));
	for (int64_t id = 1; id <= 3000; id++) bus_pod_subscribe(&p[1], TOPIC_CHANNEL, id);
	for (int64_t id = 1; id <= 3000; id++) ear_wait(&p[1].ear, TOLD_CHANNEL, id, 1);
	redis_kill(redis);
	ear_wait(&p[0].ear, TOLD_AWAY, 0, 2); /* it also began so */
	ear_wait(&p[1].ear, TOLD_AWAY, 0, 2);
	log_wait("bus.link_lost", "");
	bus_pod_say(&p[0], 1, 1, 0);
	assert_int_equal(ear_count(&p[0].ear, TOLD_EVENT, 1), 1);
	bus_pod_subscribe(&p[1], TOPIC_CHANNEL, 5000);
	assert_int_equal(ear_count(&p[1].ear, TOLD_CHANNEL, 5000), 1); /* at once */
	bus_pod_metric(&p[0], "linnet_bus_dropped_total ", 1);
	bus_pod_metric(&p[0], "linnet_bus_away ", 1);
	p[1].bus->ops->unsubscribe(p[1].bus, TOPIC_CHANNEL, 3000);
	redis_again(redis);
	ear_wait(&p[0].ear, TOLD_BACK, 0, 2);
	ear_wait(&p[1].ear, TOLD_BACK, 0, 2);
	for (int64_t id = 1; id < 3000; id++) /* again, before it counts as back */
		if (ear_count(&p[1].ear, TOLD_CHANNEL, id) != 2)
			fail_msg("%lld was told %zu times", (long long)id, ear_count(&p[1].ear, TOLD_CHANNEL, id));
	assert_int_equal(ear_count(&p[1].ear, TOLD_CHANNEL, 5000), 2);
	assert_int_equal(ear_count(&p[1].ear, TOLD_CHANNEL, 3000), 1);
	bus_pod_say(&p[0], 5000, 1, 0);
	ear_wait(&p[1].ear, TOLD_EVENT, 5000, 1);
	close_two(p);
}

/* Its sockets are open, and it answers nothing. */
static void paused(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p;
	bus_pod_init(&p);
	bus_pod_set(&p, "LINNET_REDIS_AWAY_MS", "2000");
	bus_pod_set(&p, "LINNET_REDIS_TIMEOUT_MS", "60000");
	bus_pod_set(&p, "LINNET_REDIS_QUEUE", "100");
	bus_pod_attach(&p, redis_url(redis), DATABASE);
	ear_wait(&p.ear, TOLD_BACK, 0, 1);
	hears(&p, 1);
	redis_pause(redis);
	bus_pod_subscribe(&p, TOPIC_CHANNEL, 2); /* does not hang: confirmed once Redis is known to be away */
	ear_wait(&p.ear, TOLD_CHANNEL, 2, 1);
	ear_wait(&p.ear, TOLD_AWAY, 0, 2);
	for (int64_t rev = 1; rev <= 10000; rev++) bus_pod_say(&p, 1, rev, 1000);
	assert_int_equal(ear_count(&p.ear, TOLD_EVENT, 1), 10000);
	bus_pod_metric(&p, "linnet_bus_dropped_total ", 1);
	bus_pod_metric(&p, "linnet_bus_waiting ", 100);
	bus_pod_subscribe(&p, TOPIC_CHANNEL, 3);
	assert_int_equal(ear_count(&p.ear, TOLD_CHANNEL, 3), 1);
	redis_resume(redis);
	ear_wait(&p.ear, TOLD_BACK, 0, 2);
	ear_wait(&p.ear, TOLD_CHANNEL, 2, 2); /* by Redis as well */
	ear_wait(&p.ear, TOLD_CHANNEL, 3, 2);
	bus_pod_metric(&p, "linnet_bus_connects_total ", 2);
	assert_int_equal(metric_total(p.metrics, METRIC_BUS_RECONNECTS), 2); /* the same links */
	bus_pod_close(&p);
}

/* As behind a cable that was cut: the links are given up, and found again. */
static void paused_for_long(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p;
	bus_pod_init(&p);
	bus_pod_set(&p, "LINNET_REDIS_AWAY_MS", "2000");
	bus_pod_set(&p, "LINNET_REDIS_TIMEOUT_MS", "2100");
	bus_pod_attach(&p, redis_url(redis), DATABASE);
	ear_wait(&p.ear, TOLD_BACK, 0, 1);
	hears(&p, 1);
	redis_pause(redis);
	ear_wait(&p.ear, TOLD_AWAY, 0, 2);
	log_wait("redis.link_failed", "within the time allowed");
	redis_resume(redis);
	ear_wait(&p.ear, TOLD_BACK, 0, 2);
	ear_wait(&p.ear, TOLD_CHANNEL, 1, 2);
	bus_pod_close(&p);
}

static void ends_while_it_is_paused(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p;
	bus_pod_open(&p, redis_url(redis));
	hears(&p, 1);
	redis_pause(redis);
	for (int64_t rev = 1; rev <= 1000; rev++) bus_pod_say(&p, 1, rev, 5000);
	int64_t from_ns = clock_monotonic_ns(&clock_real);
	p.bus->ops->detach(p.bus);
	assert_true(clock_monotonic_ns(&clock_real) - from_ns < 20000000000); /* it stands until it is resumed */
	bus_pod_close(&p);
	redis_resume(redis);
}

/* What was published before the end is sent. */
static void ends_with_what_was_published(void **state)
{
	struct redis_server *redis = redis_of(state);
	struct bus_pod p[2];
	two(p, redis_url(redis));
	hears(&p[1], 1);
	for (int64_t rev = 1; rev <= 1000; rev++) bus_pod_say(&p[0], 1, rev, 100);
	bus_pod_close(&p[0]);
	ear_wait(&p[1].ear, TOLD_EVENT, 1, 1000);
	bus_pod_close(&p[1]);
}

/* ---- who may come in */

static int64_t connections(struct redis_server *redis)
{
	const char *at = strstr(redis_do(redis, "INFO stats"), "total_connections_received:");
	assert_non_null(at);
	return atoll(at + strlen("total_connections_received:"));
}

/* Refused with these words, told once, and tried again without haste. early: it may be there until the topic is asked
 * for, which a busy machine does later than the links come up. */
static void refused(struct redis_server *redis, const char *url, const char *words, bool early)
{
	struct bus_pod p;
	char quoted[64];
	bus_pod_init(&p);
	int64_t before = connections(redis);
	bus_pod_attach(&p, url, DATABASE);
	bus_pod_subscribe(&p, TOPIC_CHANNEL, 77); /* nobody is kept waiting */
	ear_wait(&p.ear, TOLD_CHANNEL, 77, 1);
	log_wait("redis.link_failed", words);
	size_t there = ear_count(&p.ear, TOLD_BACK, 0);
	assert_in_range(there, 0, early);
	nanosleep(&(struct timespec){ 1, 0 }, NULL); /* what would be a tight loop makes itself seen */
	assert_true(connections(redis) - before < 20);
	snprintf(quoted, sizeof quoted, "%s", words);
	assert_true(log_count("redis.link_failed", quoted) <= 2); /* by each link */
	assert_int_equal(ear_count(&p.ear, TOLD_BACK, 0), there);
	bus_pod_close(&p);
}

static void a_wrong_password_is_said_and_not_hammered(void **state)
{
	const struct redis_setup setup = { .password = "right" };
	struct redis_server *redis = redis_start(&setup);
	char url[96];
	struct bus_pod p;
	bus_pod_open(&p, redis_url(redis));
	bus_pod_close(&p);
	snprintf(url, sizeof url, "redis://:wrong@127.0.0.1:%d", redis_port(redis));
	refused(redis, url, "WRONGPASS", false);
	snprintf(url, sizeof url, "redis://127.0.0.1:%d", redis_port(redis));
	refused(redis, url, "NOAUTH", false);
	pthread_mutex_lock(&log_lock);
	assert_null(memmem(log_text.p, log_text.n, "wrong@", 6));
	pthread_mutex_unlock(&log_lock);
	redis_destroy(redis);
}

static void a_user_without_a_right_is_said_and_not_hammered(void **state)
{
	struct redis_server *redis = redis_of(state);
	char url[96];
	struct bus_pod p;
	int port = redis_port(redis);
	redis_do(redis,
			 "ACL SETUSER whole on >pass resetchannels &channel:* &user:* &pod:* +publish +subscribe +unsubscribe");
	snprintf(url, sizeof url, "redis://whole:pass@127.0.0.1:%d", port);
	bus_pod_open(&p, url);
	hears(&p, 1);
	bus_pod_close(&p);
	redis_do(redis, "ACL SETUSER deaf on >pass resetchannels &channel:* &user:* &pod:* +publish");
	snprintf(url, sizeof url, "redis://deaf:pass@127.0.0.1:%d", port);
	refused(redis, url, "subscribing: NOPERM", false);
	fresh_log(state);
	redis_do(redis, "ACL SETUSER mute on >pass resetchannels &channel:* &user:* &pod:* +subscribe");
	snprintf(url, sizeof url, "redis://mute:pass@127.0.0.1:%d", port);
	refused(redis, url, "publishing: NOPERM", false);
	fresh_log(state);
	redis_do(redis, "ACL SETUSER some on >pass resetchannels &user:* &pod:* +publish +subscribe");
	snprintf(url, sizeof url, "redis://some:pass@127.0.0.1:%d", port);
	refused(redis, url, "subscribing: NOPERM", true);
}

/* It may subscribe, but not publish there: the others heal; this one says so once. */
static void a_refused_publication_is_said_once(void **state)
{
	struct redis_server *redis = redis_of(state);
	char url[96];
	struct bus_pod p;
	redis_do(redis, "ACL SETUSER half on >pass resetchannels &pod:* +publish +subscribe");
	snprintf(url, sizeof url, "redis://half:pass@127.0.0.1:%d", redis_port(redis));
	bus_pod_open(&p, url);
	for (int64_t rev = 1; rev <= 100; rev++) bus_pod_say(&p, 1, rev, 0);
	bus_pod_metric(&p, "linnet_bus_dropped_total ", 100);
	assert_int_equal(log_count("bus.publish_refused", "NOPERM"), 1);
	bus_pod_close(&p);
}

static void over_tls(void **state)
{
	struct world *w = *state;
	const struct redis_setup setup = { .password = "s3cret", .tls_cert = w->cert.cert, .tls_key = w->cert.key };
	struct redis_server *redis = redis_start(&setup);
	char url[96];
	struct bus_pod p[2];
	bus_pod_open(&p[0], redis_url(redis));
	snprintf(url, sizeof url, "rediss://:s3cret@127.0.0.1:%d", redis_tls_port(redis));
	bus_pod_init(&p[1]);
	bus_pod_set(&p[1], "LINNET_REDIS_CA", w->cert.cert);
	bus_pod_attach(&p[1], url, DATABASE);
	ear_wait(&p[1].ear, TOLD_BACK, 0, 1);
	hears(&p[1], 1);
	hears(&p[0], 2);
	for (int64_t rev = 1; rev <= 200; rev++) bus_pod_say(&p[0], 1, rev, 7000), bus_pod_say(&p[1], 2, rev, 7000);
	ear_wait(&p[1].ear, TOLD_EVENT, 1, 200);
	ear_wait(&p[0].ear, TOLD_EVENT, 2, 200);
	close_two(p);
	bus_pod_init(&p[0]); /* without the authority that signed it */
	bus_pod_attach(&p[0], url, DATABASE);
	log_wait("redis.link_failed", "TLS could not be agreed on");
	bus_pod_close(&p[0]);
	redis_destroy(redis);
}

static void no_bus_without_its_authorities(void **state)
{
	struct bus_pod p;
	bus_pod_init(&p);
	bus_pod_set(&p, "LINNET_REDIS_CA", "/nowhere/ca.pem");
	assert_true(redis_address_parse(STR("rediss://127.0.0.1"), &p.config.arena, &p.address));
	assert_null(bus_redis_create(&(struct bus_redis_options){ .config = &p.config,
															  .address = &p.address,
															  .pod = p.id,
															  .uuid = DATABASE,
															  .random = &random_kernel,
															  .metrics = p.metrics }));
	metrics_destroy(p.metrics);
	config_release(&p.config);
}

int main(void)
{
	struct world w = { .redis = redis_start(NULL) };
	cert_make(&w.cert);
	log_capture(log_take, NULL);
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, fresh_log, NULL, &w)
	const struct CMUnitTest tests[] = {
		TEST(events_news_and_hints_reach_the_others_once),
		TEST(a_pod_hears_only_what_somebody_on_it_wants),
		TEST(other_databases_and_garbage_are_counted_and_dropped),
		TEST(prefixes_keep_deployments_apart),
		TEST(the_database_number_is_chosen_and_does_not_matter),
		TEST(a_name_is_resolved),
		TEST(killed_and_back_empty),
		TEST(paused),
		TEST(paused_for_long),
		TEST(ends_while_it_is_paused),
		TEST(ends_with_what_was_published),
		TEST(a_wrong_password_is_said_and_not_hammered),
		TEST(a_user_without_a_right_is_said_and_not_hammered),
		TEST(a_refused_publication_is_said_once),
		TEST(over_tls),
		TEST(no_bus_without_its_authorities),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_release(&log_text);
	cert_remove(&w.cert);
	redis_destroy(w.redis);
	return failed;
}
