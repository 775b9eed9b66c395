/* What all ephemeral state must do: this process's own, in Redis, and with a Redis that is not there. */
#include "rig.h"

#define HOUR 3600000

static void a_bucket_gives_its_burst_and_fills_again(struct eph_pod *p)
{
	const struct rate rate = { .count = 20, .per_ms = 1000, .burst = 5 }, slow = { 1, HOUR, 5 };
	int64_t retry_ms = 0;
	for (int i = 0; i < 5; i++) assert_true(eph_take(p->eph, STR("a"), &slow, &retry_ms));
	assert_true(eph_take(p->eph, STR("b"), &slow, &retry_ms));
	assert_false(eph_take(p->eph, STR("a"), &slow, &retry_ms));
	assert_true(retry_ms > HOUR - 600000 && retry_ms <= HOUR);
	int given = 0; /* five, and what comes back meanwhile */
	while (eph_take(p->eph, STR("c"), &rate, &retry_ms)) given++;
	assert_true(given >= 5 && retry_ms >= 1 && retry_ms <= 50);
	for (int64_t until = eph_now_ms() + 10000; !eph_take(p->eph, STR("c"), &rate, &retry_ms); eph_nap(retry_ms))
		assert_true(eph_now_ms() < until);
	assert_true(eph_take(p->eph, STR("a"), &(struct rate){ 0 }, &retry_ms)); /* off */
}

static void a_shared_bucket_gives_its_burst_and_fills_again(struct eph_pod *p)
{
	const struct rate rate = { .count = 10, .per_ms = 1000, .burst = 2 }, one = { 1, HOUR, 1 };
	int64_t retry_ms = 0;
	assert_true(p->eph->ops->take_shared(p->eph, STR("s"), &one, &retry_ms));
	assert_false(p->eph->ops->take_shared(p->eph, STR("s"), &one, &retry_ms));
	assert_true(retry_ms > HOUR - 60000 && retry_ms <= HOUR);
	assert_true(p->eph->ops->take_shared(p->eph, STR("t"), &rate, &retry_ms));
	assert_true(p->eph->ops->take_shared(p->eph, STR("t"), &rate, &retry_ms));
	for (int64_t until = eph_now_ms() + 10000; !p->eph->ops->take_shared(p->eph, STR("t"), &rate, &retry_ms);
		 eph_nap(retry_ms))
		assert_true(eph_now_ms() < until);
	assert_true(p->eph->ops->take_shared(p->eph, STR("s"), &(struct rate){ 0 }, &retry_ms)); /* off */
}

static void a_counter_counts_within_its_window(struct eph_pod *p)
{
	const struct eph_ops *ops = p->eph->ops;
	assert_int_equal(ops->peek(p->eph, STR("n")), 0);
	for (int i = 1; i <= 3; i++) assert_int_equal(ops->count(p->eph, STR("n"), HOUR), i);
	assert_int_equal(ops->peek(p->eph, STR("n")), 3);
	assert_int_equal(ops->peek(p->eph, STR("m")), 0);
	assert_int_equal(ops->left_ms(p->eph, STR("m")), 0);
	int64_t left = ops->left_ms(p->eph, STR("n"));
	assert_true(left > HOUR - 600000 && left <= HOUR);
	assert_int_equal(ops->count(p->eph, STR("short"), 50), 1);
	for (int64_t until = eph_now_ms() + 10000; ops->peek(p->eph, STR("short")); eph_nap(5))
		assert_true(eph_now_ms() < until);
	assert_int_equal(ops->left_ms(p->eph, STR("short")), 0);
	assert_int_equal(ops->count(p->eph, STR("short"), HOUR), 1);
}

static void forgetting_forgets_all_of_a_key(struct eph_pod *p)
{
	const struct eph_ops *ops = p->eph->ops;
	const struct rate one = { 1, HOUR, 1 };
	int64_t retry_ms;
	struct str got, key = STR("f");
	ops->count(p->eph, key, HOUR);
	ops->put(p->eph, key, STR("x"), HOUR);
	assert_true(ops->take_shared(p->eph, key, &one, &retry_ms));
	ops->forget(p->eph, key);
	assert_int_equal(ops->peek(p->eph, key), 0);
	ops->get(p->eph, &key, 1, &p->arena, &got);
	assert_null(got.p);
	assert_true(ops->take_shared(p->eph, key, &one, &retry_ms));
	ops->forget(p->eph, STR("never heard of"));
}

static void texts_live_for_their_time(struct eph_pod *p)
{
	const struct eph_ops *ops = p->eph->ops;
	const struct str keys[] = { STR("presence:1"), STR("presence:2"), STR("presence:3") };
	struct str got[3];
	ops->put(p->eph, keys[0], STR("online"), HOUR);
	ops->put(p->eph, keys[0], STR("idle"), HOUR);
	ops->put(p->eph, keys[2], STR(""), HOUR);
	ops->get(p->eph, keys, 3, &p->arena, got);
	assert_true(str_eq(got[0], STR("idle")) && !got[1].p && got[2].p && !got[2].n);
	ops->put(p->eph, keys[1], STR("\0\r\n"), 30);
	for (int64_t until = eph_now_ms() + 10000;; eph_nap(5)) {
		ops->get(p->eph, &keys[1], 1, &p->arena, got);
		if (!got[0].p) break;
		assert_true(str_eq(got[0], STR("\0\r\n")) && eph_now_ms() < until);
	}
	ops->get(p->eph, keys, 0, &p->arena, got);
}

static void hashes_keep_their_fields(struct eph_pod *p)
{
	const struct eph_ops *ops = p->eph->ops;
	const struct str key = STR("upload:7");
	struct eph_item fields[100] = { { STR("status"), STR("uploading"), 0 }, { STR("bytes"), STR("1"), 0 } };
	assert_int_equal(ops->hash_get(p->eph, key, &p->arena).n, 0);
	ops->hash_put(p->eph, key, fields, 2, HOUR);
	fields[0] = (struct eph_item){ STR("bytes"), STR("2"), 0 };
	ops->hash_put(p->eph, key, fields, 1, HOUR);
	assert_string_equal(eph_text(p, ops->hash_get(p->eph, key, &p->arena)), "bytes=2/0 status=uploading/0");
	for (size_t i = 0; i < 100; i++)
		fields[i] = (struct eph_item){ arena_printf(&p->arena, "f%zu", i), arena_printf(&p->arena, "%zu", i), 0 };
	ops->hash_put(p->eph, STR("large"), fields, 100, HOUR);
	struct eph_items all = ops->hash_get(p->eph, STR("large"), &p->arena);
	assert_int_equal(all.n, 100);
	assert_true(str_eq(all.p[99].name, STR("f99")) && str_eq(all.p[99].value, STR("99")));
}

static void sets_have_each_member_once(struct eph_pod *p)
{
	const struct eph_ops *ops = p->eph->ops;
	const struct str key = STR("channel_members:42");
	ops->set_add(p->eph, key, STR("7"), HOUR);
	ops->set_add(p->eph, key, STR("5"), HOUR);
	ops->set_add(p->eph, key, STR("7"), HOUR);
	assert_string_equal(eph_text(p, ops->set_get(p->eph, key, &p->arena)), "5=/0 7=/0");
	ops->set_remove(p->eph, key, STR("7"));
	ops->set_remove(p->eph, key, STR("8"));
	assert_string_equal(eph_text(p, ops->set_get(p->eph, key, &p->arena)), "5=/0");
	ops->set_add(p->eph, key, STR("9"), 40); /* the whole key's time */
	for (int64_t until = eph_now_ms() + 10000; ops->set_get(p->eph, key, &p->arena).n; eph_nap(5))
		assert_true(eph_now_ms() < until);
}

/* A device by its expiry: those of a dead pod are forgotten. */
static void scored_members_are_forgotten_below_a_score(struct eph_pod *p)
{
	const struct eph_ops *ops = p->eph->ops;
	const struct str key = STR("presence_devices:1");
	const int64_t at = 1764100000000;
	ops->scored_put(p->eph, key, STR("b"), at + 1, HOUR);
	ops->scored_put(p->eph, key, STR("a"), at + 1, HOUR);
	ops->scored_put(p->eph, key, STR("c"), at, HOUR);
	ops->scored_put(p->eph, key, STR("d"), at + 7, HOUR);
	ops->scored_put(p->eph, key, STR("d"), at + 2, HOUR);
	assert_string_equal(eph_text(p, ops->scored_get(p->eph, key, at + 1, &p->arena)),
						"a=/1764100000001 b=/1764100000001 d=/1764100000002");
	assert_int_equal(ops->scored_get(p->eph, key, 0, &p->arena).n, 3); /* c is gone */
	ops->scored_remove(p->eph, key, STR("a"));
	assert_int_equal(ops->scored_get(p->eph, key, 0, &p->arena).n, 2);
	assert_int_equal(ops->scored_get(p->eph, STR("nobody"), 0, &p->arena).n, 0);
}

/* ---- presence: where it can be shared */

static void devices_come_to_the_best_of_them(struct eph_pod *p)
{
	assert_int_equal(eph_presence(p, 7), PRESENCE_OFFLINE);
	assert_int_equal(eph_put_device(p, 7, "a-1", PRESENCE_IDLE, HOUR), EPH_CHANGED);
	assert_int_equal(eph_presence(p, 7), PRESENCE_IDLE);
	assert_int_equal(eph_put_device(p, 7, "a-2", PRESENCE_ONLINE, HOUR), EPH_CHANGED);
	assert_int_equal(eph_put_device(p, 7, "b-1", PRESENCE_ONLINE, HOUR), EPH_SAME);
	assert_int_equal(eph_put_device(p, 7, "a-2", PRESENCE_IDLE, HOUR), EPH_SAME);
	assert_int_equal(eph_presence(p, 7), PRESENCE_ONLINE);
	assert_int_equal(eph_put_device(p, 7, "b-1", PRESENCE_ONLINE, HOUR), EPH_SAME); /* again */
	assert_int_equal(eph_put_device(p, 7, "b-1", PRESENCE_OFFLINE, HOUR), EPH_CHANGED);
	assert_int_equal(eph_presence(p, 7), PRESENCE_IDLE);
	assert_int_equal(eph_put_device(p, 7, "b-1", PRESENCE_OFFLINE, HOUR), EPH_SAME);
	assert_int_equal(eph_put_device(p, 7, "a-1", PRESENCE_OFFLINE, HOUR), EPH_SAME);
	assert_int_equal(eph_put_device(p, 7, "a-2", PRESENCE_OFFLINE, HOUR), EPH_CHANGED);
	assert_int_equal(eph_presence(p, 7), PRESENCE_OFFLINE);
}

static void a_device_that_is_not_put_again_is_forgotten(struct eph_pod *p)
{
	assert_int_equal(eph_put_device(p, 8, "dead-1", PRESENCE_ONLINE, 60), EPH_CHANGED);
	for (int64_t until = eph_now_ms() + 10000;; eph_nap(5)) {
		eph_put_device(p, 8, "b-1", PRESENCE_IDLE, HOUR); /* as its pod does from time to time */
		if (eph_presence(p, 8) == PRESENCE_IDLE) break;
		assert_true(eph_now_ms() < until);
	}
	/* Also when nobody of the person's is left who would look. */
	eph_put_device(p, 9, "dead-2", PRESENCE_ONLINE, 60);
	for (int64_t until = eph_now_ms() + 10000; eph_presence(p, 9); eph_nap(5)) assert_true(eph_now_ms() < until);
}

static void many_are_looked_at_at_once(struct eph_pod *p)
{
	int64_t ids[EPH_KEYS_MOST];
	uint8_t states[EPH_KEYS_MOST];
	for (int64_t i = 0; i < EPH_KEYS_MOST; i++) ids[i] = 1000 + i;
	eph_put_device(p, 1000, "a-3", PRESENCE_ONLINE, HOUR);
	eph_put_device(p, 1000 + EPH_KEYS_MOST - 1, "a-4", PRESENCE_IDLE, HOUR);
	assert_true(p->eph->ops->presences(p->eph, ids, EPH_KEYS_MOST, states));
	for (size_t i = 1; i < EPH_KEYS_MOST - 1; i++) assert_int_equal(states[i], PRESENCE_OFFLINE);
	assert_int_equal(states[0], PRESENCE_ONLINE);
	assert_int_equal(states[EPH_KEYS_MOST - 1], PRESENCE_IDLE);
	assert_true(p->eph->ops->presences(p->eph, ids, 0, states));
}

static void (*const presence_cases[])(struct eph_pod *) = {
	devices_come_to_the_best_of_them,
	a_device_that_is_not_put_again_is_forgotten,
	many_are_looked_at_at_once,
};

static void presence(const char *url)
{
	struct eph_pod p;
	eph_pod_start(&p, url, "linnet:");
	if (url) eph_pod_until(&p, "linnet_eph_away", 0);
	assert_true(p.eph->shared == (url != NULL));
	for (size_t i = 0; i < sizeof presence_cases / sizeof presence_cases[0]; i++) presence_cases[i](&p);
	eph_pod_close(&p);
}

static void presence_over_itself(void **state)
{
	presence(NULL);
}

static void presence_over_redis(void **state)
{
	redis_do(*state, "FLUSHALL");
	presence(redis_url(*state));
	assert_string_equal(redis_do(*state, "GET linnet:presence:1000"), "online");
	assert_string_equal(redis_do(*state, "GET linnet:presence:8"), "idle");
	assert_string_equal(redis_do(*state, "ZRANGE linnet:presence_devices:8 0 -1"), "b-1:idle");
	assert_string_equal(redis_do(*state, "EXISTS linnet:presence:7 linnet:presence_devices:7"), "0");
	assert_true(atoll(redis_do(*state, "PTTL linnet:presence:8")) > HOUR - 60000);
	assert_true(atoll(redis_do(*state, "PTTL linnet:presence_devices:8")) > HOUR - 60000);
}

/* Nobody is there but who is here, which the hub knows; and nobody waits. */
static void presence_over_a_redis_that_is_not_there(void **state)
{
	struct eph_pod p;
	eph_pod_start(&p, "redis://127.0.0.1:1", "");
	for (int i = 0; i < 100; i++) {
		assert_int_equal(eph_put_device(&p, 7, "a-1", PRESENCE_ONLINE, HOUR), EPH_UNKNOWN);
		assert_int_equal(eph_presence(&p, 7), PRESENCE_OFFLINE);
	}
	assert_int_equal(eph_pod_number(&p, "linnet_eph_late_total"), 0);
	eph_pod_close(&p);
}

static void (*const cases[])(struct eph_pod *) = {
	a_bucket_gives_its_burst_and_fills_again,
	a_shared_bucket_gives_its_burst_and_fills_again,
	a_counter_counts_within_its_window,
	forgetting_forgets_all_of_a_key,
	texts_live_for_their_time,
	hashes_keep_their_fields,
	sets_have_each_member_once,
	scored_members_are_forgotten_below_a_score,
};

static void all(const char *url, bool there)
{
	struct eph_pod p;
	eph_pod_start(&p, url, "linnet:");
	if (there) eph_pod_until(&p, "linnet_eph_away", 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) cases[i](&p);
	assert_true(!there || eph_pod_number(&p, "linnet_eph_late_total") >= 0);
	eph_pod_close(&p);
}

static void over_itself(void **state)
{
	all(NULL, false);
}

static void over_redis(void **state)
{
	all(redis_url(*state), true);
	assert_string_equal(redis_do(*state, "HGETALL linnet:upload:7"), "status uploading bytes 2");
	assert_string_equal(redis_do(*state, "GET linnet:presence:1"), "idle");
	assert_string_equal(redis_do(*state, "GET linnet:count:n"), "3");
	assert_true(atoll(redis_do(*state, "PTTL linnet:count:n")) > 0);
	assert_true(atoll(redis_do(*state, "PTTL linnet:upload:7")) > 0);
}

static void over_a_redis_that_is_not_there(void **state)
{
	all("redis://127.0.0.1:1", false);
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
		cmocka_unit_test(presence_over_itself),
		cmocka_unit_test_prestate(presence_over_redis, redis),
		cmocka_unit_test(presence_over_a_redis_that_is_not_there),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	redis_destroy(redis);
	return failed;
}
