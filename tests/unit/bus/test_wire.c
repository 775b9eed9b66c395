#include "bus/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define UUID "01234567-89ab-4cde-8f01-23456789abcd"
#define POD "01ARZ3NDEKTSV4RRFFQ69G5FAV"
static const struct wire here = { POD, UUID }, there = { "01ARZ3NDEKTSV4RRFFQ69G5FAW", UUID };

static struct event *event_with(enum change_kind kind, const char *json)
{
	struct event *e = event_create(strlen(json));
	e->kind = kind, e->channel_id = 42, e->rev = 9, e->at = 1764100000123;
	e->epoch = 0xfedcba9876543210;
	memcpy(e->json, json, strlen(json));
	return e;
}

static void an_event_arrives_as_it_was(void **state)
{
	struct buf b;
	buf_init(&b);
	struct event *e =
		event_with(CHANGE_JOIN, "{\"op\":\"event\",\"channel_id\":42,\"rev\":9,\"x\":\",\\\"frame\\\":{}\"}");
	e->actor_id = 5, e->user_id = 6, e->joined_rev = 8;
	wire_put_event(&b, &here, e);
	assert_true(wire_own(buf_str(&b), &here));
	assert_false(wire_own(buf_str(&b), &there));
	struct wire_read x = wire_read(buf_str(&b), &there, TOPIC_CHANNEL, 42);
	assert_int_equal(x.kind, WIRE_EVENT);
	const struct event *got = x.event;
	assert_int_equal(got->kind, CHANGE_JOIN);
	assert_int_equal(got->channel_id, 42);
	assert_int_equal(got->rev, 9);
	assert_true(got->at == e->at && got->epoch == e->epoch);
	assert_int_equal(got->actor_id, 5);
	assert_int_equal(got->user_id, 6);
	assert_int_equal(got->joined_rev, 8);
	assert_int_equal(got->message_id, 0);
	assert_int_equal(got->json_n, e->json_n);
	assert_memory_equal(got->json, e->json, e->json_n);
	event_unref(x.event);
	event_unref(e);
	buf_release(&b);
}

/* What the topology promises: {channel_id, message_id}, and more. */
static void others_can_read_it(void **state)
{
	struct buf b;
	buf_init(&b);
	struct event *e = event_with(CHANGE_MESSAGE, "{\"op\":\"event\",\"channel_id\":42,\"rev\":9}");
	e->message_id = 7, e->actor_id = 3;
	wire_put_event(&b, &here, e);
	buf_add_byte(&b, 0);
	assert_string_equal(b.p,
						"{\"pod\":\"" POD "\",\"db\":\"" UUID "\",\"epoch\":\"fedcba9876543210\",\"channel_id\":42,"
						"\"message_id\":7,\"rev\":9,\"type\":\"message\",\"kind\":\"message\",\"at\":1764100000123,"
						"\"actor_id\":3,\"frame\":{\"op\":\"event\",\"channel_id\":42,\"rev\":9}}");
	event_unref(e);
	buf_release(&b);
}

static void a_large_event_is_only_said_to_be(void **state)
{
	struct buf b;
	char json[WIRE_FRAME_MOST + 100];
	buf_init(&b);
	for (size_t most = WIRE_FRAME_MOST; most <= WIRE_FRAME_MOST + 1; most++) {
		int n = snprintf(json, sizeof json, "{\"op\":\"event\",\"channel_id\":42,\"rev\":9,\"x\":\"");
		memset(json + n, 'x', most - (size_t)n - 2);
		strcpy(json + most - 2, "\"}");
		struct event *e = event_with(CHANGE_MESSAGE, json);
		b.n = 0;
		wire_put_event(&b, &here, e);
		struct wire_read x = wire_read(buf_str(&b), &there, TOPIC_CHANNEL, 42);
		assert_int_equal(x.kind, most == WIRE_FRAME_MOST ? WIRE_EVENT : WIRE_BEHIND);
		if (x.kind == WIRE_EVENT)
			event_unref(x.event);
		else
			assert_true(x.behind.rev == 9 && x.behind.epoch == e->epoch);
		event_unref(e);
	}
	buf_release(&b);
}

static void news_arrive_as_they_were(void **state)
{
	static const char frame[] = "{\"op\":\"read\"}";
	struct buf b;
	buf_init(&b);
	struct user_news *n = user_news_create(sizeof frame - 1);
	memcpy(n->json, frame, sizeof frame - 1);
	n->user_id = 7, n->user_rev = 12, n->epoch = 1, n->list_moved = true;
	strcpy(n->revoked_session, "*");
	strcpy(n->kept_session, POD);
	n->marker_channel = 42, n->marker_at = 1764100000123, n->presence = true;
	wire_put_news(&b, &here, n);
	struct wire_read x = wire_read(buf_str(&b), &there, TOPIC_USER, 7);
	assert_int_equal(x.kind, WIRE_NEWS);
	assert_true(x.news->user_id == 7 && x.news->user_rev == 12 && x.news->epoch == 1 && x.news->list_moved);
	assert_string_equal(x.news->revoked_session, "*");
	assert_string_equal(x.news->kept_session, POD);
	assert_true(x.news->marker_channel == 42 && x.news->marker_at == 1764100000123 && x.news->presence);
	assert_int_equal(x.news->json_n, sizeof frame - 1);
	assert_memory_equal(x.news->json, frame, sizeof frame - 1);
	user_news_unref(x.news);
	user_news_unref(n);
	buf_release(&b);
}

static void news_too_large_to_be_told_are_read_again(void **state)
{
	struct buf b;
	buf_init(&b);
	struct user_news *n = user_news_create(WIRE_FRAME_MOST + 1);
	n->user_id = 7, n->epoch = 1;
	wire_put_news(&b, &here, n);
	struct wire_read x = wire_read(buf_str(&b), &there, TOPIC_USER, 7);
	assert_int_equal(x.kind, WIRE_NEWS);
	assert_true(x.news->list_moved && !x.news->json_n);
	user_news_unref(x.news);
	user_news_unref(n);
	buf_release(&b);
}

static void hints_arrive_as_they_were(void **state)
{
	struct buf b;
	buf_init(&b);
	struct hint *h = hint_create(15);
	memcpy(h->json, "{\"op\":\"typing\"}", 15);
	h->channel_id = 42, h->user_id = 3;
	assert_true(wire_put_hint(&b, &here, h));
	struct wire_read x = wire_read(buf_str(&b), &there, TOPIC_CHANNEL, 42);
	assert_int_equal(x.kind, WIRE_HINT);
	assert_true(x.hint->channel_id == 42 && x.hint->user_id == 3 && x.hint->json_n == 15);
	hint_unref(x.hint);
	hint_unref(h);
	buf_release(&b);
}

#define HEAD "{\"pod\":\"x\",\"db\":\"" UUID "\",\"epoch\":\"fedcba9876543210\","
#define FRAME ",\"frame\":{\"op\":\"event\",\"channel_id\":42,\"rev\":9}}"
#define EVENT "\"channel_id\":42,\"rev\":9,\"type\":\"message\",\"kind\":\"message\",\"at\":1"

static enum wire_kind kind_of(const char *text, enum topic_kind kind, int64_t id)
{
	struct wire_read x = wire_read(str_of(text), &here, kind, id);
	if (x.kind == WIRE_EVENT) event_unref(x.event);
	if (x.kind == WIRE_NEWS) user_news_unref(x.news);
	if (x.kind == WIRE_HINT) hint_unref(x.hint);
	return x.kind;
}

static void what_is_not_ours_is_told_apart(void **state)
{
	assert_int_equal(kind_of(HEAD EVENT FRAME, TOPIC_CHANNEL, 42), WIRE_EVENT);
	assert_int_equal(kind_of(HEAD "\"new\":[1]," EVENT FRAME, TOPIC_CHANNEL, 42), WIRE_EVENT); /* of a newer pod */
	assert_int_equal(kind_of("{\"pod\":\"x\",\"db\":\"another\"}", TOPIC_CHANNEL, 42), WIRE_FOREIGN);
	assert_int_equal(kind_of("{\"pod\":\"x\",\"db\":\"another\"," EVENT FRAME, TOPIC_CHANNEL, 42), WIRE_FOREIGN);
}

/* A pod of a newer version beside this one: that something has changed is known at once, what it was is read. */
static void a_kind_of_later_is_read_again(void **state)
{
	static const char text[] =
		HEAD "\"channel_id\":42,\"rev\":9,\"type\":\"later\",\"kind\":\"of later\",\"at\":5" FRAME;
	struct wire_read x = wire_read(str_of(text), &here, TOPIC_CHANNEL, 42);
	assert_int_equal(x.kind, WIRE_BEHIND);
	assert_int_equal(x.behind.rev, 9);
	assert_true(x.behind.epoch == 0xfedcba9876543210);
}

static void what_is_wrong_is_dropped(void **state)
{
	static const char *const wrong[] = {
		"",
		"}",
		"{}",
		"hello",
		"{\"pod\":\"x\"}",
		"{\"pod\":1,\"db\":\"" UUID "\"}",
		HEAD EVENT,
		HEAD EVENT FRAME "x",
		HEAD EVENT FRAME "}",
		HEAD EVENT ",\"frame\":{\"op\":\"event\",\"channel_id\":42,\"rev\":9},\"more\":1}",
		HEAD EVENT ",\"frame\":[]}",
		HEAD EVENT ",\"frame\":{\"op\":1,\"channel_id\":42,\"rev\":9}}",
		HEAD EVENT ",\"frame\":{\"op\":\"event\",\"channel_id\":43,\"rev\":9}}",
		HEAD EVENT ",\"frame\":{\"op\":\"event\",\"channel_id\":42,\"rev\":10}}",
		HEAD "\"channel_id\":43,\"rev\":9,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":0,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":-1,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":9.5,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":\"9\",\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":9,\"type\":\"message\",\"kind\":1,\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":9,\"kind\":\"of later\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":9,\"type\":\"member\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":9,\"type\":\"message\",\"kind\":\"message\"}",
		HEAD "\"channel_id\":42,\"rev\":9,\"rev\":9,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		HEAD "\"channel_id\":42,\"rev\":99999999999999999999,\"type\":\"message\",\"kind\":\"message\",\"at\":1}",
		"{\"pod\":\"x\",\"db\":\"" UUID "\",\"epoch\":\"1\"," EVENT "}",
		"{\"pod\":\"x\",\"db\":\"" UUID "\"," EVENT "}",
		HEAD "\"channel_id\":42,\"type\":\"hint\"}",
		HEAD "\"channel_id\":42,\"type\":\"message\"" FRAME,
	};
	for (size_t i = 0; i < countof(wrong); i++)
		if (kind_of(wrong[i], TOPIC_CHANNEL, 42) != WIRE_MALFORMED) fail_msg("%s was taken", wrong[i]);
	assert_int_equal(kind_of(HEAD EVENT FRAME, TOPIC_CHANNEL, 41), WIRE_MALFORMED);
	assert_int_equal(kind_of(HEAD EVENT FRAME, TOPIC_USER, 42), WIRE_MALFORMED);
	assert_int_equal(kind_of(HEAD "\"user_id\":7,\"revoked_session\":\"x\"}", TOPIC_USER, 7), WIRE_MALFORMED);
	assert_int_equal(kind_of(HEAD "\"user_id\":7,\"kept_session\":\"*\"}", TOPIC_USER, 7), WIRE_MALFORMED);
	assert_int_equal(kind_of(HEAD "\"user_id\":7,\"revoked_session\":\"*\"}", TOPIC_USER, 7), WIRE_NEWS);
}

static void topics_have_one_form(void **state)
{
	static const char *const wrong[] = {
		"channel:", "channel:x", "channel:-1", "channel:01", "user7", "pod:1", "", ":"
	};
	char text[WIRE_TOPIC];
	enum topic_kind kind;
	int64_t id;
	wire_topic(TOPIC_CHANNEL, 42, text);
	assert_string_equal(text, "channel:42");
	assert_true(wire_topic_parse(str_of(text), &kind, &id) && kind == TOPIC_CHANNEL && id == 42);
	wire_topic(TOPIC_USER, 7, text);
	assert_string_equal(text, "user:7");
	assert_true(wire_topic_parse(str_of(text), &kind, &id) && kind == TOPIC_USER && id == 7);
	assert_true(wire_topic_parse(STR("channel:0"), &kind, &id) && id == 0);
	for (size_t i = 0; i < countof(wrong); i++) assert_false(wire_topic_parse(str_of(wrong[i]), &kind, &id));
}

static void an_echo_is_known_by_its_pod(void **state)
{
	struct buf b;
	int64_t ns = 0;
	buf_init(&b);
	wire_put_echo(&b, &here, 123456789012345);
	assert_true(wire_own(buf_str(&b), &here));
	assert_true(wire_echo(buf_str(&b), &here, &ns));
	assert_int_equal(ns, 123456789012345);
	assert_false(wire_echo(buf_str(&b), &there, &ns));
	for (size_t n = 0; n < b.n; n++) assert_false(wire_echo(str_upto(buf_str(&b), n), &here, &ns));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_arrives_as_it_was),
		cmocka_unit_test(others_can_read_it),
		cmocka_unit_test(a_large_event_is_only_said_to_be),
		cmocka_unit_test(news_arrive_as_they_were),
		cmocka_unit_test(news_too_large_to_be_told_are_read_again),
		cmocka_unit_test(hints_arrive_as_they_were),
		cmocka_unit_test(what_is_not_ours_is_told_apart),
		cmocka_unit_test(a_kind_of_later_is_read_again),
		cmocka_unit_test(what_is_wrong_is_dropped),
		cmocka_unit_test(topics_have_one_form),
		cmocka_unit_test(an_echo_is_known_by_its_pod),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
