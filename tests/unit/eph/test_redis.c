/* Limits and counters of several pods in one Redis, and what can happen to it. */
#include "rig.h"

#include "base/mem.h"
#include "support/cert.h"
#include "support/log_lines.h"

#define HOUR 3600000

static void two(struct eph_pod p[2], struct redis_server *redis)
{
	redis_do(redis, "FLUSHALL");
	eph_pod_open(&p[0], redis_url(redis));
	eph_pod_open(&p[1], redis_url(redis));
}

static void close_two(struct eph_pod p[2])
{
	eph_pod_close(&p[0]);
	eph_pod_close(&p[1]);
}

static bool take(struct eph_pod *p, const char *key, const struct rate *rate)
{
	int64_t retry_ms;
	return eph_take(p->eph, str_of(key), rate, &retry_ms);
}

static bool take_shared(struct eph_pod *p, const char *key, const struct rate *rate)
{
	int64_t retry_ms;
	return p->eph->ops->take_shared(p->eph, str_of(key), rate, &retry_ms);
}

static int64_t count(struct eph_pod *p, const char *key)
{
	return p->eph->ops->count(p->eph, str_of(key), HOUR);
}

static int64_t peek(struct eph_pod *p, const char *key)
{
	return p->eph->ops->peek(p->eph, str_of(key));
}

/* So many tokens of one in an hour; a little of the last has come back meanwhile. */
static void wait_spent(struct redis_server *redis, const char *name, int64_t tokens)
{
	for (int i = 0; i < 4000 && atoll(redis_do(redis, "HGET %s spent", name)) < tokens * HOUR - 300000; i++) eph_nap(5);
	assert_true(atoll(redis_do(redis, "HGET %s spent", name)) >= tokens * HOUR - 300000);
}

/* What was given out on one pod is missing on the other, after its first look. */
static void a_bucket_is_shared(void **state)
{
	struct redis_server *redis = *state;
	const struct rate rate = { .count = 1, .per_ms = HOUR, .burst = 10 };
	struct eph_pod p[2];
	two(p, redis);
	for (int i = 0; i < 9; i++) assert_true(take(&p[0], "k", &rate));
	wait_spent(redis, "bucket:k", 9);
	assert_true(take(&p[1], "k", &rate)); /* the last */
	peek(&p[1], "k");                     /* its answer comes after the bucket's */
	for (int i = 0; i < 100; i++) assert_false(take(&p[1], "k", &rate));
	close_two(p);
}

static void a_bucket_told_in_the_background_is_exact_in_the_end(void **state)
{
	struct redis_server *redis = *state;
	const struct rate rate = { .count = 1, .per_ms = 1000 * (int64_t)HOUR, .burst = 1000 };
	struct eph_pod p[2];
	two(p, redis);
	for (int i = 0; i < 300; i++) assert_true(take(&p[0], "many", &rate) && take(&p[1], "many", &rate));
	for (int i = 0; i < 4000 && atoll(redis_do(redis, "HGET bucket:many spent")) / rate.per_ms < 599; i++) eph_nap(5);
	assert_int_equal((atoll(redis_do(redis, "HGET bucket:many spent")) + rate.per_ms / 2) / rate.per_ms, 600);
	close_two(p);
}

static void a_shared_take_is_exact(void **state)
{
	const struct rate rate = { .count = 1, .per_ms = HOUR, .burst = 7 };
	struct eph_pod p[2];
	int given = 0;
	two(p, *state);
	for (int i = 0; i < 20; i++) given += take_shared(&p[i % 2], "one", &rate);
	assert_int_equal(given, 7);
	close_two(p);
}

static void counters_are_shared(void **state)
{
	struct redis_server *redis = *state;
	struct eph_pod p[3];
	two(p, redis);
	eph_pod_start(&p[2], redis_url(redis), "other:");
	eph_pod_until(&p[2], "linnet_eph_away", 0);
	for (int i = 1; i <= 10; i++) assert_int_equal(count(&p[i % 2], "login:name:x"), i);
	assert_int_equal(peek(&p[0], "login:name:x"), 10);
	assert_int_equal(peek(&p[1], "login:name:x"), 10);
	assert_int_equal(peek(&p[2], "login:name:x"), 0);
	p[0].eph->ops->forget(p[0].eph, STR("login:name:x"));
	assert_int_equal(peek(&p[0], "login:name:x"), 0);
	assert_int_equal(peek(&p[1], "login:name:x"), 0);
	eph_pod_close(&p[2]);
	close_two(p);
}

/* Each pod goes on with what it has seen itself; then with what Redis has. */
static void killed_and_back_empty(void **state)
{
	struct redis_server *redis = *state;
	const struct rate rate = { .count = 1, .per_ms = HOUR, .burst = 3 };
	struct eph_pod p[2];
	two(p, redis);
	count(&p[0], "n"), count(&p[0], "n"), count(&p[1], "n");
	assert_true(take(&p[0], "k", &rate) && take(&p[0], "k", &rate));
	wait_spent(redis, "bucket:k", 2);
	redis_kill(redis);
	eph_pod_until(&p[0], "linnet_eph_away", 1);
	assert_int_equal(peek(&p[0], "n"), 2);
	assert_int_equal(count(&p[0], "n"), 3);
	assert_true(take(&p[0], "k", &rate));
	assert_false(take(&p[0], "k", &rate)); /* limits stay on */
	assert_false(take_shared(&p[0], "k", &rate));
	for (int i = 0; i < 1000; i++) count(&p[0], "m"), peek(&p[0], "m"), take(&p[0], "m", &rate);
	assert_int_equal(eph_pod_number(&p[0], "linnet_eph_late_total"), 0); /* nobody waits for what is not there */
	redis_again(redis);
	eph_pod_until(&p[0], "linnet_eph_away", 0);
	eph_pod_until(&p[1], "linnet_eph_away", 0);
	assert_int_equal(peek(&p[1], "n"), 0);
	assert_int_equal(count(&p[1], "n"), 1);
	assert_int_equal(peek(&p[0], "n"), 1);
	assert_false(take(&p[0], "k", &rate)); /* what this pod gave out, it remembers */
	close_two(p);
}

static void paused(void **state)
{
	struct redis_server *redis = *state;
	const struct rate rate = { .count = 1, .per_ms = HOUR, .burst = 3 };
	struct eph_pod p[2];
	two(p, redis);
	assert_int_equal(count(&p[0], "n"), 1);
	redis_pause(redis);
	p[0].config.redis_wait_ms = 100;
	assert_int_equal(count(&p[0], "n"), 2); /* its own, after 100 ms */
	assert_int_equal(eph_pod_number(&p[0], "linnet_eph_late_total"), 1);
	for (int i = 0; i < 200; i++) peek(&p[0], "n");
	for (int i = 0; i < 200; i++) take(&p[0], "k", &rate);
	assert_false(take(&p[0], "k", &rate));
	assert_int_equal(eph_pod_number(&p[0], "linnet_eph_late_total"), 1); /* one waits in vain, not each */
	redis_resume(redis);
	for (int i = 0; i < 4000 && count(&p[1], "n") < 3; i++) eph_nap(5);
	close_two(p);
}

/* Bytes do not pile up either; what is not written there is written here. */
static void what_waits_for_a_paused_one_is_bounded(void **state)
{
	struct redis_server *redis = *state;
	struct eph_pod p;
	size_t n = 1 << 20;
	char *large = mem_alloc(n);
	struct str key = STR("large"), text;
	memset(large, 'x', n);
	eph_pod_init(&p, "");
	eph_pod_set(&p, "LINNET_REDIS_TIMEOUT_MS", "60000"); /* the link is not to be given up before the end */
	eph_pod_connect(&p, redis_url(redis));
	eph_pod_until(&p, "linnet_eph_away", 0);
	redis_pause(redis);
	for (int i = 0; i < 60; i++) p.eph->ops->put(p.eph, key, (struct str){ large, n }, HOUR);
	/* 8 MiB wait, 1 MiB and a command are the link's, and the kernel's buffers may take some more */
	assert_true(eph_pod_number(&p, "linnet_eph_dropped_total") >= 30);
	p.config.redis_wait_ms = 100;
	p.eph->ops->get(p.eph, &key, 1, &p.arena, &text);
	assert_int_equal(text.n, n);
	redis_resume(redis);
	for (int i = 0; i < 4000 && atoll(redis_do(redis, "STRLEN large")) != (int64_t)n; i++) eph_nap(5);
	for (int i = 0; i < 4000 && atoll(redis_do(redis, "GET count:after")) < 3; i++) count(&p, "after"), eph_nap(5);
	assert_true(atoll(redis_do(redis, "GET count:after")) >= 3); /* it goes on */
	eph_pod_close(&p);
	mem_free(large);
	redis_do(redis, "FLUSHALL");
}

static void ends_while_it_is_paused(void **state)
{
	struct redis_server *redis = *state;
	struct eph_pod p[2];
	two(p, redis);
	redis_pause(redis);
	for (int i = 0; i < 100; i++) p[0].eph->ops->put(p[0].eph, STR("x"), STR("y"), HOUR);
	int64_t from = eph_now_ms();
	close_two(p);
	assert_true(eph_now_ms() - from < 20000); /* it stands until it is resumed */
	redis_resume(redis);
}

static void scripts_that_were_flushed_are_loaded_again(void **state)
{
	struct redis_server *redis = *state;
	struct eph_pod p[2];
	two(p, redis);
	assert_int_equal(count(&p[0], "n"), 1);
	redis_do(redis, "SCRIPT FLUSH");
	for (int i = 0; i < 4000 && count(&p[0], "n") < 3; i++) eph_nap(5);
	for (int i = 0; i < 4000 && atoll(redis_do(redis, "GET count:n")) < 2; i++) count(&p[0], "n"), eph_nap(5);
	assert_true(atoll(redis_do(redis, "GET count:n")) >= 2);
	close_two(p);
}

struct asker {
	struct eph_pod *p;
	pthread_t thread;
};

static void *ask(void *arg)
{
	struct asker *a = arg;
	const struct rate rate = { .count = 1000, .per_ms = 1000, .burst = 100 };
	for (int i = 0; i < 300; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", i % 7);
		take(a->p, key, &rate);
		count(a->p, "all");
		a->p->eph->ops->set_add(a->p->eph, STR("set"), str_of(key), HOUR);
	}
	return NULL;
}

static void many_threads_ask_at_once(void **state)
{
	struct redis_server *redis = *state;
	struct eph_pod p[2];
	struct asker a[6];
	two(p, redis);
	for (size_t i = 0; i < 6; i++) {
		a[i].p = &p[i % 2];
		pthread_create(&a[i].thread, NULL, ask, &a[i]);
	}
	for (size_t i = 0; i < 6; i++) pthread_join(a[i].thread, NULL);
	for (int i = 0; i < 4000 && atoll(redis_do(redis, "GET count:all")) != 1800; i++) eph_nap(5);
	assert_int_equal(atoll(redis_do(redis, "GET count:all")), 1800);
	assert_int_equal(p[0].eph->ops->set_get(p[0].eph, STR("set"), &p[0].arena).n, 7);
	close_two(p);
}

static int fresh_log(void **state)
{
	log_forget();
	return 0;
}

/* Redis answers, but with this error: it is told once, the pod goes on with its own, and with Redis's afterwards. */
static void goes_on_without(struct redis_server *redis, const char *change, const char *back, const char *error)
{
	const struct rate rate = { .count = 1, .per_ms = HOUR, .burst = 3 };
	struct eph_pod p;
	redis_do(redis, "FLUSHALL");
	fresh_log(NULL);
	eph_pod_open(&p, redis_url(redis));
	assert_int_equal(count(&p, "n"), 1);
	redis_do(redis, "%s", change);
	assert_int_equal(count(&p, "n"), 2);
	assert_true(take(&p, "k", &rate) && take(&p, "k", &rate) && take(&p, "k", &rate));
	for (int i = 0; i < 100; i++) assert_false(take(&p, "k", &rate)); /* limits stay on */
	for (int i = 3; i < 20; i++) assert_int_equal(count(&p, "n"), i);
	assert_int_equal(log_count("eph.write_refused", error), 1);
	assert_int_equal(log_count("\"event\":", ""), 2); /* and that the link works */
	assert_int_equal(eph_pod_number(&p, "linnet_eph_away"), 1);
	redis_do(redis, "%s", back);
	assert_true(count(&p, "m") == 1 && count(&p, "m") == 2);
	log_wait("eph.write_taken", "");
	assert_int_equal(eph_pod_number(&p, "linnet_eph_away"), 0);
	assert_int_equal(atoll(redis_do(redis, "GET count:m")), 2);
	eph_pod_close(&p);
}

static void one_that_is_full_or_a_replica_or_takes_rights_away(void **state)
{
	struct redis_server *redis = *state;
	goes_on_without(redis, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM command not allowed");
	goes_on_without(redis, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY");
	goes_on_without(redis, "ACL SETUSER default -evalsha", "ACL SETUSER default +evalsha", "NOPERM");
}

/* What Redis has said is remembered, also of the others: a count that was full stays so. */
static void counts_of_others_stay_when_redis_dies(void **state)
{
	struct redis_server *redis = *state;
	struct eph_pod p[2];
	two(p, redis);
	assert_int_equal(count(&p[0], "n"), 1);
	for (int i = 2; i <= 20; i++) assert_int_equal(count(&p[1], "n"), i);
	assert_int_equal(peek(&p[0], "n"), 20);
	redis_kill(redis);
	eph_pod_until(&p[0], "linnet_eph_away", 1);
	eph_pod_until(&p[1], "linnet_eph_away", 1);
	assert_int_equal(peek(&p[0], "n"), 20);
	assert_int_equal(count(&p[1], "n"), 21);
	redis_again(redis);
	close_two(p);
}

/* All that a link can be told at once: the user of docs/running.md with its rights and no more, over TLS, in another
 * database, behind a prefix. */
static void a_user_over_tls_in_another_database_behind_a_prefix(void **state)
{
	struct cert cert;
	cert_make(&cert);
	const struct redis_setup setup = { .password = "s3cret", .tls_cert = cert.cert, .tls_key = cert.key };
	struct redis_server *redis = redis_start(&setup);
	const struct rate rate = { .count = 1, .per_ms = HOUR, .burst = 2 };
	struct eph_pod p;
	char url[128];
	redis_do(
		redis,
		"ACL SETUSER linnet on >pa:ss@word resetchannels &lin:channel:* &lin:user:* &lin:pod:* ~lin:* +publish "
		"+subscribe +unsubscribe +script|load +evalsha +time +hmget +hset +hgetall +pexpire +pttl +incr +get +mget "
		"+set +del +sadd +srem +smembers +zadd +zrem +zrangebyscore +zremrangebyscore +select");
	snprintf(url, sizeof url, "rediss://linnet:pa%%3Ass%%40word@127.0.0.1:%d/3", redis_tls_port(redis));
	eph_pod_init(&p, "lin:");
	eph_pod_set(&p, "LINNET_REDIS_CA", cert.cert);
	eph_pod_connect(&p, url);
	eph_pod_until(&p, "linnet_eph_away", 0);
	assert_true(count(&p, "n") == 1 && count(&p, "n") == 2 && peek(&p, "n") == 2);
	assert_true(take_shared(&p, "k", &rate) && take_shared(&p, "k", &rate));
	assert_false(take_shared(&p, "k", &rate));
	p.eph->ops->set_add(p.eph, STR("s"), STR("member"), HOUR);
	p.eph->ops->scored_put(p.eph, STR("z"), STR("member"), 5, HOUR);
	p.eph->ops->hash_put(p.eph, STR("h"), &(struct eph_item){ STR("name"), STR("value"), 0 }, 1, HOUR);
	p.eph->ops->put(p.eph, STR("v"), STR("text"), HOUR);
	assert_string_equal(eph_text(&p, p.eph->ops->set_get(p.eph, STR("s"), &p.arena)), "member=/0");
	assert_string_equal(eph_text(&p, p.eph->ops->scored_get(p.eph, STR("z"), 1, &p.arena)), "member=/5");
	assert_string_equal(eph_text(&p, p.eph->ops->hash_get(p.eph, STR("h"), &p.arena)), "name=value/0");
	struct str text, key = STR("v");
	p.eph->ops->get(p.eph, &key, 1, &p.arena, &text);
	assert_true(str_eq(text, STR("text")));
	p.eph->ops->set_remove(p.eph, STR("s"), STR("member"));
	p.eph->ops->scored_remove(p.eph, STR("z"), STR("member"));
	assert_int_equal(p.eph->ops->set_get(p.eph, STR("s"), &p.arena).n, 0);
	assert_int_equal(p.eph->ops->scored_get(p.eph, STR("z"), 1, &p.arena).n, 0);
	assert_int_equal(log_count("eph.write_refused", ""), 0);
	assert_string_equal(redis_do(redis, "DBSIZE"), "0");
	redis_do(redis, "SELECT 3");
	assert_string_equal(redis_do(redis, "DBSIZE"), "4");
	assert_string_equal(redis_do(redis, "EXISTS lin:bucket:k lin:count:n lin:h lin:v"), "4");
	p.eph->ops->forget(p.eph, STR("n"));
	assert_int_equal(peek(&p, "n"), 0);
	assert_string_equal(redis_do(redis, "EXISTS lin:count:n"), "0");
	eph_pod_close(&p);
	redis_destroy(redis);
	cert_remove(&cert);
}

static void a_user_without_a_right_is_said_once(void **state)
{
	struct redis_server *redis = *state;
	char url[96];
	struct eph_pod p;
	redis_do(redis, "ACL SETUSER noscript on >pass ~* +@all -script");
	snprintf(url, sizeof url, "redis://noscript:pass@127.0.0.1:%d", redis_port(redis));
	eph_pod_start(&p, url, "");
	log_wait("redis.link_failed", "NOPERM");
	eph_nap(500); /* what would be a tight loop makes itself seen */
	assert_int_equal(log_count("redis.link_failed", "NOPERM"), 1);
	assert_int_equal(count(&p, "n"), 1);
	eph_pod_close(&p);
	redis_do(redis, "ACL SETUSER enough on >pass ~* resetchannels +script|load +evalsha +time +hmget +hset +pexpire "
					"+pttl +incr +get "
					"+mget +set +del +hgetall +sadd +srem +smembers +zadd +zrem +zrangebyscore +zremrangebyscore");
	snprintf(url, sizeof url, "redis://enough:pass@127.0.0.1:%d", redis_port(redis));
	eph_pod_open(&p, url);
	assert_true(count(&p, "acl") == 1 && peek(&p, "acl") == 1);
	assert_true(take_shared(&p, "acl", &(struct rate){ 1, HOUR, 1 }));
	eph_pod_close(&p);
}

int main(void)
{
	struct redis_server *redis = redis_start(NULL);
	log_capture(log_take, NULL);
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, fresh_log, NULL, redis)
	const struct CMUnitTest tests[] = {
		TEST(a_bucket_is_shared),
		TEST(a_bucket_told_in_the_background_is_exact_in_the_end),
		TEST(a_shared_take_is_exact),
		TEST(counters_are_shared),
		TEST(killed_and_back_empty),
		TEST(paused),
		TEST(what_waits_for_a_paused_one_is_bounded),
		TEST(ends_while_it_is_paused),
		TEST(scripts_that_were_flushed_are_loaded_again),
		TEST(many_threads_ask_at_once),
		TEST(a_user_without_a_right_is_said_once),
		TEST(one_that_is_full_or_a_replica_or_takes_rights_away),
		TEST(counts_of_others_stay_when_redis_dies),
		TEST(a_user_over_tls_in_another_database_behind_a_prefix),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_release(&log_text);
	redis_destroy(redis);
	return failed;
}
