/* What others publish on a pod's topics, and what others answer in Redis's place: counted or told, and the pod goes on.
 */
#include "rig.h"

#include "base/mem.h"
#include "bus/wire.h"
#include "support/liar.h"

/* ---- the log */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf log_text;

static void log_take(void *arg, struct str line)
{
	pthread_mutex_lock(&log_lock);
	buf_add_str(&log_text, line);
	buf_add_byte(&log_text, '\n');
	pthread_mutex_unlock(&log_lock);
}

static size_t log_count(const char *words)
{
	size_t n = 0;
	pthread_mutex_lock(&log_lock);
	struct str rest = buf_str(&log_text), line;
	while (log_text.n && str_split(&rest, '\n', &line)) n += memmem(line.p, line.n, words, strlen(words)) != NULL;
	pthread_mutex_unlock(&log_lock);
	return n;
}

static void log_wait(const char *words)
{
	for (int i = 0; i < 4000 && !log_count(words); i++) nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	if (!log_count(words)) fail_msg("no line with %s in\n%.*s", words, (int)log_text.n, log_text.p);
}

static int fresh_log(void **state)
{
	pthread_mutex_lock(&log_lock);
	log_text.n = 0;
	pthread_mutex_unlock(&log_lock);
	return 0;
}

/* ---- by PUBLISH */

#define HEAD "{\"pod\":\"x\",\"db\":\"" DATABASE "\",\"epoch\":\"fedcba9876543210\","

static void hears(struct bus_pod *p, struct redis_server *redis, const char *away_ms)
{
	bus_pod_init(p);
	if (away_ms) bus_pod_set(p, "LINNET_REDIS_AWAY_MS", away_ms);
	bus_pod_attach(p, redis_url(redis), DATABASE);
	ear_wait(&p->ear, TOLD_BACK, 0, 1);
	bus_pod_subscribe(p, TOPIC_CHANNEL, 1);
	bus_pod_subscribe(p, TOPIC_USER, 7);
	ear_wait(&p->ear, TOLD_CHANNEL, 1, 1);
	ear_wait(&p->ear, TOLD_PERSON, 7, 1);
}

static void publish_large(struct redis_server *redis, size_t n)
{
	redis_do(redis, "DEL large");
	redis_do(redis, "SETRANGE large %zu x", n);
	redis_do(redis, "EVAL return(redis.call('PUBLISH','channel:1',redis.call('GET','large'))) 0");
}

static void what_nobody_of_us_wrote_is_counted(void **state)
{
	static const char *const channel[] = {
		"hello",
		"[]",
		"null",
		"{\"pod\":\"x\"}",
		"{\"pod\":{},\"db\":[]}",
		HEAD "\"channel_id\":1,\"rev\":\"5\",\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":2,\"rev\":5,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":1,\"rev\":1e300,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":1,\"rev\":5,\"type\":\"message\",\"kind\":\"message\",\"at\":1,\"frame\":7}",
		HEAD "\"channel_id\":1,\"rev\":5,\"type\":\"message\",\"kind\":\"message\",\"at\":1,\"frame\":"
			 "{\"op\":\"drain\",\"channel_id\":1,\"rev\":5}}",
		HEAD "\"channel_id\":1,\"type\":\"hint\",\"frame\":{\"op\":\"event\",\"channel_id\":1,\"rev\":5}}",
		HEAD "\"channel_id\":1,\"type\":\"hint\",\"frame\":{\"op\":[]}}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	};
	static const char *const user[] = { "{}", HEAD "\"user_id\":8}", HEAD "\"user_id\":7,\"revoked_session\":{}}",
										HEAD "\"user_id\":7,\"frame\":{\"op\":\"event\",\"channel_id\":1,\"rev\":5}}" };
	struct redis_server *redis = *state;
	struct bus_pod p;
	hears(&p, redis, NULL);
	for (size_t i = 0; i < countof(channel); i++) redis_do(redis, "PUBLISH channel:1 %s", channel[i]);
	for (size_t i = 0; i < countof(user); i++) redis_do(redis, "PUBLISH user:7 %s", user[i]);
	redis_do(redis, "EVAL return(redis.call('PUBLISH','channel:1',string.rep('{\"a\":',3000))) 0");
	publish_large(redis, 1000000);
	bus_pod_metric(&p, "linnet_bus_received_total{result=\"malformed\"} ", countof(channel) + countof(user) + 2);
	redis_do(redis, "PUBLISH channel:1 %s",
			 HEAD "\"channel_id\":1,\"rev\":6,\"type\":\"message\",\"kind\":\"message\",\"at\":1,\"frame\":"
				  "{\"op\":\"event\",\"channel_id\":1,\"rev\":6}}");
	ear_wait(&p.ear, TOLD_EVENT, 1, 1); /* it goes on, on the same links, and nothing of that reached it */
	bus_pod_metric(&p, "linnet_bus_received_total{result=\"taken\"} ", 1);
	assert_int_equal(metric_total(p.metrics, METRIC_BUS_RECEIVED_MALFORMED), countof(channel) + countof(user) + 2);
	assert_int_equal(metric_total(p.metrics, METRIC_BUS_RECEIVED), 1);
	assert_int_equal(metric_total(p.metrics, METRIC_BUS_RECONNECTS), 2);
	bus_pod_close(&p);
}

/* An echo of the pod's own, but not from it: no link that is dead looks alive by it. */
static void an_echo_from_the_future_is_none(void **state)
{
	struct redis_server *redis = *state;
	struct bus_pod p;
	hears(&p, redis, "2000");
	redis_do(redis, "PUBLISH pod:%s {\"pod\":\"%s\",\"echo\":9223372036854775807}", p.id, p.id);
	redis_do(redis, "PUBLISH pod:%s {\"pod\":\"%s\",\"echo\":-5}", p.id, p.id);
	redis_do(redis, "PUBLISH channel:1 hello");
	bus_pod_metric(&p, "linnet_bus_received_total{result=\"malformed\"} ", 1);
	redis_pause(redis);
	ear_wait(&p.ear, TOLD_AWAY, 0, 2);
	redis_resume(redis);
	ear_wait(&p.ear, TOLD_BACK, 0, 2);
	bus_pod_close(&p);
}

/* ---- by answers */

static void lie(const char *says, const char *why)
{
	struct liar_lines lines = { says, NULL };
	struct liar *liar = liar_start(&lines);
	struct bus_pod p;
	char url[64];
	fresh_log(NULL);
	snprintf(url, sizeof url, "redis://127.0.0.1:%d", liar_port(liar));
	bus_pod_init(&p);
	bus_pod_set(&p, "LINNET_REDIS_RETRY_MS", "60000");
	bus_pod_attach(&p, url, DATABASE);
	bus_pod_subscribe(&p, TOPIC_CHANNEL, 1);
	assert_int_equal(ear_count(&p.ear, TOLD_CHANNEL, 1), 1);
	log_wait(why);
	assert_int_equal(ear_count(&p.ear, TOLD_BACK, 0), 0);
	bus_pod_close(&p);
	liar_destroy(liar);
}

static void answers_that_no_redis_gives_are_told(void **state)
{
	static const char form[] = "a message of a form that was not subscribed to";
	lie("+OK\r\n", "publishing: an answer that is no number");
	lie("$2\r\nOK\r\n", "publishing: an answer that is no number");
	lie(":1\r\n", form);
	lie(":1\r\n*0\r\n", form);
	lie("*3\r\n:1\r\n:1\r\n:1\r\n", form);
	lie("*3\r\n$7\r\nmessage\r\n$-1\r\n$2\r\n{}\r\n", form);
	lie("*3\r\n$7\r\nmessage\r\n$9\r\nchannel:1\r\n$-1\r\n", form);
	lie("*2\r\n$4\r\npong\r\n$0\r\n\r\n", form);
	lie("*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nx\r\n$1\r\nx\r\n", form);
}

int main(void)
{
	struct redis_server *redis = redis_start(NULL);
	log_capture(log_take, NULL);
#define TEST(f) cmocka_unit_test_prestate_setup_teardown(f, fresh_log, NULL, redis)
	const struct CMUnitTest tests[] = {
		TEST(what_nobody_of_us_wrote_is_counted),
		TEST(an_echo_from_the_future_is_none),
		TEST(answers_that_no_redis_gives_are_told),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_release(&log_text);
	redis_destroy(redis);
	return failed;
}
