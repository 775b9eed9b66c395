/* A Redis in trouble: what an operator reads of it, line by line, and that the pods go on. */
#include "rig.h"

#include "support/log_lines.h"

static void log_lines(const char *a, const char *b, size_t n)
{
	if (log_count(a, b) != n) fail_msg("not %zu lines with %s and %s in\n%.*s", n, a, b, (int)log_text.n, log_text.p);
}

static int fresh_log(void **state)
{
	log_forget();
	return 0;
}

static void open_quiet(struct bus_pod *p, struct redis_server *redis)
{
	bus_pod_open(p, redis_url(redis));
	bus_pod_subscribe(p, TOPIC_CHANNEL, 1);
	ear_wait(&p->ear, TOLD_CHANNEL, 1, 1);
	log_wait("redis.link_works", "subscribe");
	fresh_log(NULL);
}

/* Each link says why it is not there, each reason once; what follows from another's loss is not told as a reason. */
static void killed_for_a_while(void **state)
{
	struct redis_server *redis = *state;
	struct bus_pod p;
	open_quiet(&p, redis);
	redis_kill(redis);
	log_wait("\"link\":\"publish\"", "no connection could be made");
	log_wait("\"link\":\"subscribe\"", "no connection could be made");
	nanosleep(&(struct timespec){ 0, 500000000 }, NULL); /* more tries, not one more line */
	log_lines("bus.link_lost", "\"why\":\"no connection\"", 1);
	log_lines("no connection could be made", "", 2);
	size_t lines = log_count("redis.link_failed", "Redis closed the connection") +
				   log_count("redis.link_failed", "the connection was reset"); /* with something unread */
	assert_true(lines >= 1 && lines <= 2);
	log_lines("redis.link_failed", "", lines + 2);
	redis_again(redis);
	log_wait("redis.link_works", "\"link\":\"publish\"");
	log_wait("redis.link_works", "\"link\":\"subscribe\"");
	log_lines("bus.link_back", "", 1);
	log_lines("bus.link_lost", "", 1);
	log_lines("redis.link_works", "", 2);
	bus_pod_close(&p);
}

/* What is published is kept nowhere, so neither a Redis without room nor a replica is in the way. */
static void one_that_takes_no_writes_delivers(void **state)
{
	static const char *const changes[] = { "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "REPLICAOF 127.0.0.1 1",
										   "REPLICAOF NO ONE" };
	struct redis_server *redis = *state;
	struct bus_pod p[2];
	open_quiet(&p[0], redis);
	open_quiet(&p[1], redis);
	for (int64_t i = 0; i < 4; i++) {
		redis_do(redis, "%s", changes[i]);
		bus_pod_say(&p[0], 1, i + 1, 100);
		ear_wait(&p[1].ear, TOLD_EVENT, 1, (size_t)i + 1);
	}
	log_lines("\"level\":\"warn\"", "", 0);
	log_lines("\"level\":\"error\"", "", 0);
	bus_pod_close(&p[0]);
	bus_pod_close(&p[1]);
}

/* Rights that are taken away while it runs: Redis hangs up on who listens where they may not any more. */
static void rights_are_taken_away_and_given_back(void **state)
{
	struct redis_server *redis = *state;
	struct bus_pod p;
	open_quiet(&p, redis);
	redis_do(redis, "ACL SETUSER default resetchannels &pod:* &user:*");
	log_wait("redis.link_failed", "subscribing: NOPERM");
	ear_wait(&p.ear, TOLD_AWAY, 0, 2);
	bus_pod_say(&p, 1, 1, 0); /* its own hear of it all the same */
	ear_wait(&p.ear, TOLD_EVENT, 1, 1);
	redis_do(redis, "ACL SETUSER default allchannels");
	ear_wait(&p.ear, TOLD_BACK, 0, 2);
	ear_wait(&p.ear, TOLD_CHANNEL, 1, 2);
	log_lines("subscribing: NOPERM", "", 1);
	bus_pod_close(&p);
}

static void one_with_too_many_clients_says_so(void **state)
{
	struct redis_server *redis = *state;
	struct bus_pod p;
	redis_do(redis, "CONFIG SET maxclients 1"); /* the test's own */
	bus_pod_init(&p);
	bus_pod_attach(&p, redis_url(redis), DATABASE);
	log_wait("\"link\":\"publish\"", "max number of clients reached");
	redis_do(redis, "CONFIG SET maxclients 10000");
	ear_wait(&p.ear, TOLD_BACK, 0, 1);
	assert_true(log_count("\"link\":\"publish\"", "max number of clients reached") <=
				2); /* asked for something, or not */
	log_lines("is this Redis?", "", 0);
	bus_pod_close(&p);
}

int main(void)
{
	struct redis_server *redis = redis_start(NULL);
	log_capture(log_take, NULL);
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, fresh_log, NULL, redis)
	const struct CMUnitTest tests[] = {
		TEST(killed_for_a_while),
		TEST(one_that_takes_no_writes_delivers),
		TEST(rights_are_taken_away_and_given_back),
		TEST(one_with_too_many_clients_says_so),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_release(&log_text);
	redis_destroy(redis);
	return failed;
}
