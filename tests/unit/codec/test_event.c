/* The frames as they go out, byte by byte; and that each is JSON. */
#include "codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AT 1767225600123 /* 2026-01-01T00:00:00.123Z */

static void frame(const struct event_fields *f, const char *want)
{
	struct event *e = codec_event(f);
	struct str got = { e->json, e->json_n };
	if (!str_eq(got, str_of(want))) fail_msg("got " STR_FMT "\nnot %s", STR_ARG(got), want);
	json_t *json = NULL;
	assert_int_equal(json_read(got, &json, NULL), OK);
	json_decref(json);
	assert_int_equal(e->rev, f->rev);
	assert_int_equal(e->epoch, f->epoch);
	event_unref(e);
}

static struct message sample(void)
{
	struct message m = { .channel_id = 42,
						 .message_id = 7,
						 .seq = 6,
						 .rev = 9,
						 .changed_rev = 9,
						 .body_rev = 9,
						 .author_id = 3,
						 .body = STR("a \"b\"\n"),
						 .created_at = AT };
	for (int i = 0; i < 16; i++) m.nonce[i] = (uint8_t)i;
	return m;
}

static void messages(void **state)
{
	struct message m = sample();
	struct event_fields f = { .kind = CHANGE_MESSAGE,
							  .channel_id = 42,
							  .rev = 9,
							  .at = AT,
							  .actor_id = 3,
							  .message_id = 7,
							  .epoch = 5,
							  .message = &m };
	frame(&f, "{\"op\":\"event\",\"channel_id\":42,\"rev\":9,\"at\":\"2026-01-01T00:00:00.123Z\",\"type\":\"message\","
			  "\"actor_id\":3,\"message_id\":7,\"message\":{\"channel_id\":42,\"message_id\":7,\"seq\":6,\"rev\":9,"
			  "\"changed_rev\":9,\"body_rev\":9,\"nonce\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\",\"author_id\":3,"
			  "\"kind\":\"text\",\"body\":\"a \\\"b\\\"\\n\",\"created_at\":\"2026-01-01T00:00:00.123Z\","
			  "\"mentions\":{\"user_ids\":[],\"all\":false},\"attachments\":[],\"previews\":[],\"reactions\":[]}}");
	f.kind = CHANGE_EDIT, f.message = NULL, f.rev = 12, f.changed_rev = 12;
	frame(&f, "{\"op\":\"event\",\"channel_id\":42,\"rev\":12,\"at\":\"2026-01-01T00:00:00.123Z\",\"type\":\"edit\","
			  "\"actor_id\":3,\"message_id\":7,\"changed_rev\":12}");
}

static void whole_message(void **state)
{
	int64_t ids[] = { 1, 2 };
	struct message m = sample();
	m.seq = 0, m.kind = MESSAGE_ACTION, m.edited_at = AT + 1, m.deleted_at = AT + 2, m.body = STR_NONE;
	m.reply_to = 2, m.mention_ids = ids, m.n_mentions = 2, m.mention_all = true;
	m.pinned = true, m.thread.count = 2, m.thread.last_id = 9, m.thread.last_at = AT, m.thread.user_ids[0] = 3;
	m.thread.n_users = 1, m.thread.last_seq = 5;
	struct reaction reactions[] = { { STR("\xf0\x9f\x91\x8d"), 21, { 3, 1 }, 2 },
									{ STR("1\xe2\x83\xa3"), 1, { 2 }, 1 } };
	m.reactions = (struct reactions){ reactions, 2 };
	struct buf b;
	struct json_out o;
	buf_init(&b), json_out_init(&o, &b);
	codec_message(&o, &m);
	const char *want =
		"{\"channel_id\":42,\"message_id\":7,\"seq\":null,\"rev\":9,\"changed_rev\":9,\"body_rev\":9,"
		"\"nonce\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\",\"author_id\":3,\"kind\":\"action\",\"body\":\"\","
		"\"created_at\":\"2026-01-01T00:00:00.123Z\",\"edited_at\":\"2026-01-01T00:00:00.124Z\","
		"\"deleted_at\":\"2026-01-01T00:00:00.125Z\",\"reply_to\":2,"
		"\"mentions\":{\"user_ids\":[1,2],\"all\":true},\"attachments\":[],\"previews\":[],\"reactions\":["
		"{\"emoji\":\"\xf0\x9f\x91\x8d\",\"count\":21,\"user_ids\":[3,1]},"
		"{\"emoji\":\"1\xe2\x83\xa3\",\"count\":1,\"user_ids\":[2]}],\"pinned\":true,"
		"\"thread\":{\"count\":2,\"last_id\":9,\"last_at\":\"2026-01-01T00:00:00.123Z\",\"last_seq\":5,"
		"\"user_ids\":[3]}}";
	assert_true(str_eq(buf_str(&b), str_of(want)));
	b.n = 0, json_out_init(&o, &b);
	codec_message_bare(&o, &m);
	assert_true(str_eq(buf_str(&b),
					   STR("{\"channel_id\":42,\"message_id\":7,\"nonce\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\","
						   "\"created_at\":\"2026-01-01T00:00:00.123Z\"}")));
	buf_release(&b);
}

/* A reply says nothing of a thread of its own, its event what the root's has become. */
static void reply(void **state)
{
	struct message m = sample();
	m.seq = 0, m.thread_id = 3, m.thread_seq = 2;
	m.thread =
		(struct thread){ .count = 1, .last_id = 7, .last_at = AT, .last_seq = 2, .user_ids = { 3 }, .n_users = 1 };
	struct event_fields f = {
		.kind = CHANGE_MESSAGE, .channel_id = 42, .rev = 9, .at = AT, .actor_id = 3, .message_id = 7, .message = &m
	};
	const char *end =
		"\"thread_id\":3,\"thread_seq\":2,\"mentions\":{\"user_ids\":[],\"all\":false},\"attachments\":[],"
		"\"previews\":[],\"reactions\":[]},\"root\":{\"message_id\":3,\"thread\":{\"count\":1,\"last_id\":7,"
		"\"last_at\":\"2026-01-01T00:00:00.123Z\",\"last_seq\":2,\"user_ids\":[3]}}}";
	struct event *e = codec_event(&f);
	assert_true(str_ends((struct str){ e->json, e->json_n }, str_of(end)));
	event_unref(e);
	f.kind = CHANGE_EDIT;
	e = codec_event(&f);
	assert_true(str_ends((struct str){ e->json, e->json_n }, STR("\"reactions\":[]}}")));
	event_unref(e);
	struct buf b;
	struct json_out o;
	buf_init(&b), json_out_init(&o, &b);
	json_open(&o, '{');
	codec_root(&o, 3, &(struct thread){ .last_seq = 2 });
	json_close(&o, '}');
	assert_true(str_eq(buf_str(&b), STR("{\"root\":{\"message_id\":3,\"thread\":null}}")));
	buf_release(&b);
}

static void members(void **state)
{
	struct event_fields f = { .kind = CHANGE_KICK,
							  .channel_id = 42,
							  .rev = 10,
							  .at = AT,
							  .actor_id = 1,
							  .user_id = 3,
							  .data = STR("\"reason\":\"spam\"") };
	frame(&f, "{\"op\":\"event\",\"channel_id\":42,\"rev\":10,\"at\":\"2026-01-01T00:00:00.123Z\",\"type\":\"member\","
			  "\"change\":\"kick\",\"actor_id\":1,\"user_id\":3,\"reason\":\"spam\"}");
	f = (struct event_fields){
		.kind = CHANGE_RETAIN, .channel_id = 42, .rev = 11, .at = AT, .data = STR("\"min_rev\":4")
	};
	frame(&f, "{\"op\":\"event\",\"channel_id\":42,\"rev\":11,\"at\":\"2026-01-01T00:00:00.123Z\",\"type\":\"retain\","
			  "\"actor_id\":null,\"min_rev\":4}");
}

static void epochs(void **state)
{
	char text[17];
	uint64_t back = 0;
	codec_epoch(text, 0x0123456789abcdefu);
	assert_string_equal(text, "0123456789abcdef");
	assert_true(codec_epoch_parse(str_of(text), &back));
	assert_true(back == 0x0123456789abcdefu);
	assert_false(codec_epoch_parse(STR("0123456789abcde"), &back));
	assert_false(codec_epoch_parse(STR("0123456789abcdeg"), &back));
	assert_false(codec_epoch_parse(STR_NONE, &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(messages), cmocka_unit_test(whole_message),
										cmocka_unit_test(members), cmocka_unit_test(reply), cmocka_unit_test(epochs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
