/* A link to who is no Redis, and one whose name nobody resolves. */
#include "redis/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
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

static int fresh_log(void **state)
{
	pthread_mutex_lock(&log_lock);
	log_text.n = 0;
	pthread_mutex_unlock(&log_lock);
	return 0;
}

/* ---- a link on a reactor of its own */
struct end {
	struct reactor *reactor;
	struct redis_address address;
	struct redis_link_options o;
	struct redis_link *link;
	struct mail begin, stop;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* lock */
	size_t ready, lost, answers, unanswered, pushes;
	size_t first_answers, first_unanswered; /* when it was first lost: by now it may have been again */
	int type;                               /* of the last answer */
};

static void note(struct end *e, size_t *what)
{
	pthread_mutex_lock(&e->lock);
	++*what;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static void wait_for(struct end *e, const size_t *what, size_t n)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 20;
	pthread_mutex_lock(&e->lock);
	while (*what < n)
		if (pthread_cond_timedwait(&e->changed, &e->lock, &until) == ETIMEDOUT) break;
	size_t got = *what;
	pthread_mutex_unlock(&e->lock);
	if (got < n) fail_msg("%zu instead of %zu; the log:\n%.*s", got, n, (int)log_text.n, log_text.p);
}

static void answered(void *arg, const struct redisReply *reply, int64_t took_ns)
{
	struct end *e = arg;
	if (reply) e->type = reply->type;
	note(e, reply ? &e->answers : &e->unanswered);
}

static void on_ready(struct redis_link *l)
{
	struct end *e = redis_link_data(l);
	redis_link_send(l, (const struct str[]){ STR("PING") }, 1, answered, e);
	note(e, &e->ready);
}

static void on_lost(struct redis_link *l)
{
	struct end *e = redis_link_data(l);
	pthread_mutex_lock(&e->lock);
	if (!e->lost) e->first_answers = e->answers, e->first_unanswered = e->unanswered;
	pthread_mutex_unlock(&e->lock);
	note(e, &e->lost);
}

static void on_push(struct redis_link *l, const struct redisReply *reply)
{
	struct end *e = redis_link_data(l);
	note(e, &e->pushes);
}

static void on_stopped(struct redis_link *l)
{
	reactor_stop(((struct end *)redis_link_data(l))->reactor);
}

static void begin_arrives(struct reactor *r, struct mail *m)
{
	struct end *e = container_of(m, struct end, begin);
	e->link = redis_link_create(&e->o);
}

static void stop_arrives(struct reactor *r, struct mail *m)
{
	redis_link_stop(container_of(m, struct end, stop)->link);
}

static const struct redis_link_handler handler = {
	.ready = on_ready, .lost = on_lost, .push = on_push, .stopped = on_stopped
};

static void end_open(struct end *e, const char *host, int port, bool subscriber, resolve_lookup lookup)
{
	memset(e, 0, sizeof *e);
	e->address = (struct redis_address){ .host = host, .port = port, .user = STR_NONE, .password = STR_NONE };
	e->o = (struct redis_link_options){ .address = &e->address,
										.random = &random_kernel,
										.name = "test",
										.timeout_ms = 30000,
										.retry_ms = 60000,
										.queue_most = 1 << 20,
										.answer_most = 1 << 20,
										.subscriber = subscriber,
										.lookup = lookup,
										.handler = &handler,
										.data = e };
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	e->begin.deliver = begin_arrives, e->stop.deliver = stop_arrives;
	e->reactor = e->o.reactor = reactor_create(&(struct reactor_options){ .index = 900 });
	conn_layer_open(e->reactor, 65536);
	reactor_post(e->reactor, &e->begin);
	reactor_start(e->reactor);
}

static void end_close(struct end *e)
{
	reactor_post(e->reactor, &e->stop);
	reactor_join(e->reactor);
	conn_layer_close(e->reactor);
	reactor_destroy(e->reactor);
	redis_link_destroy(e->link);
	pthread_mutex_destroy(&e->lock);
	pthread_cond_destroy(&e->changed);
}

/* ---- who answers, but is no Redis */

/* The link is given up for this reason, told once; who asked is told once. */
static void is_given_up(struct liar_lines lines, bool subscriber, size_t answers, const char *why)
{
	struct end e;
	char words[128];
	struct liar *liar = liar_start(&lines);
	fresh_log(NULL);
	end_open(&e, "127.0.0.1", liar_port(liar), subscriber, NULL);
	wait_for(&e, &e.lost, 1);
	assert_int_equal(e.first_answers, answers);
	assert_int_equal(e.first_unanswered, subscriber || answers ? 0 : 1);
	end_close(&e);
	snprintf(words, sizeof words, "\"why\":\"%s\"", why);
	if (log_count(words) < 1) fail_msg("not given up for %s but:\n%.*s", why, (int)log_text.n, log_text.p);
	assert_int_equal(log_count("redis.link_failed"), 1);
	liar_destroy(liar);
}

static void lies_end_the_link(void **state)
{
	static const struct {
		struct liar_lines lines;
		size_t answers;
		const char *why;
	} lies[] = {
		{ { "HTTP/1.1 400 Bad Request\r\n", NULL }, 0, "this is not the protocol of Redis" },
		{ { "+OK\r\n+OK\r\n", NULL }, 1, "an answer to nothing: is this Redis?" },
		{ { "*2147483647\r\n", ":1\r\n" }, 0, "an array of too many elements" },
		{ { "*1\r\n", "*1\r\n" }, 0, "an array in an array" },
		{ { "$2000000000\r\n", "x" }, 0, "an answer is too long" },
		{ { "+", "x" }, 0, "a line is too long" },
	};
	for (size_t i = 0; i < countof(lies); i++) is_given_up(lies[i].lines, false, lies[i].answers, lies[i].why);
}

/* They are pushed, so there is nothing that one could be an answer to. */
static void lies_end_a_subscriber_too(void **state)
{
	is_given_up((struct liar_lines){ "*3\r\n", "*3\r\n" }, true, 0, "an array in an array");
	is_given_up((struct liar_lines){ "*100000\r\n", NULL }, true, 0, "an array of too many elements");
	is_given_up((struct liar_lines){ "*3\r\n$7\r\nmessage\r\n$9\r\nchannel:1\r\n$1000000000\r\n", "{}" }, true, 0,
				"an answer is too long");
}

/* ---- names */

/* A resolver whose name servers are dead: it answers when the test lets it. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int asked, answering, answered;
} servers = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0 };

static int look_up(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	assert_string_equal(host, "redis.example");
	pthread_mutex_lock(&servers.lock);
	servers.asked++;
	pthread_cond_broadcast(&servers.changed);
	while (!servers.answering) pthread_cond_wait(&servers.changed, &servers.lock);
	pthread_mutex_unlock(&servers.lock);
	int e = getaddrinfo("127.0.0.1", service, hints, list);
	pthread_mutex_lock(&servers.lock);
	servers.answered++;
	pthread_cond_broadcast(&servers.changed);
	pthread_mutex_unlock(&servers.lock);
	return e;
}

static void servers_wait(const int *what, int n)
{
	pthread_mutex_lock(&servers.lock);
	while (*what < n) pthread_cond_wait(&servers.changed, &servers.lock);
	pthread_mutex_unlock(&servers.lock);
}

static void servers_answer(int answering)
{
	pthread_mutex_lock(&servers.lock);
	servers.answering = answering;
	pthread_cond_broadcast(&servers.changed);
	pthread_mutex_unlock(&servers.lock);
}

/* It ends while its name is being looked up, and the answer finds nobody: before there is any, and at the same time. */
static void ends_while_nobody_resolves_its_name(void **state)
{
	struct end e;
	end_open(&e, "redis.example", 1, false, look_up);
	servers_wait(&servers.asked, 1);
	end_close(&e); /* would wait for ever */
	assert_int_equal(servers.answered, 0);
	assert_int_equal(log_count("redis."), 0);
	servers_answer(1);
	servers_wait(&servers.answered, 1);
	for (int i = 2; i <= 50; i++) {
		servers_answer(0);
		end_open(&e, "redis.example", 1, false, look_up);
		servers_wait(&servers.asked, i);
		servers_answer(1);
		end_close(&e);
		servers_wait(&servers.answered, i);
	}
}

static void connects_once_its_name_is_resolved(void **state)
{
	struct end e;
	struct liar *liar = liar_start(&(struct liar_lines){ "+PONG\r\n", NULL });
	servers_answer(0);
	int before = servers.asked;
	end_open(&e, "redis.example", liar_port(liar), false, look_up);
	servers_wait(&servers.asked, before + 1);
	servers_answer(1);
	wait_for(&e, &e.answers, 1);
	assert_int_equal(e.type, REDIS_REPLY_STATUS);
	end_close(&e);
	liar_destroy(liar);
}

int main(void)
{
	log_capture(log_take, NULL);
#define TEST(f) cmocka_unit_test_setup(f, fresh_log)
	const struct CMUnitTest tests[] = {
		TEST(lies_end_the_link),
		TEST(lies_end_a_subscriber_too),
		TEST(ends_while_nobody_resolves_its_name),
		TEST(connects_once_its_name_is_resolved),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_release(&log_text);
	return failed;
}
