#include "codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(struct buf *b, const char *want)
{
	if (!str_eq(buf_str(b), str_of(want))) fail_msg("got " STR_FMT "\nnot %s", STR_ARG(buf_str(b)), want);
	buf_release(b);
}

static void channels(void **state)
{
	struct buf b;
	struct json_out o;
	struct channel c = { .id = 4,
						 .kind = CHANNEL_PUBLIC,
						 .name = STR("general"),
						 .topic = STR(""),
						 .slow_mode_s = 5,
						 .rev = 3,
						 .rev_at = 1767225600000,
						 .last_id = 2,
						 .last_seq = 1,
						 .last_at = 1767225600000,
						 .member_count = 2,
						 .is_default = true };
	buf_init(&b), json_out_init(&o, &b);
	codec_channel(&o, &c);
	expect(
		&b,
		"{\"id\":4,\"kind\":\"public\",\"name\":\"general\",\"topic\":\"\",\"history\":\"all\",\"slow_mode_s\":5,"
		"\"read_only\":false,\"archived\":false,\"default\":true,\"large\":false,\"rev\":3,"
		"\"rev_at\":\"2026-01-01T00:00:00.000Z\",\"last_id\":2,\"last_seq\":1,\"last_at\":\"2026-01-01T00:00:00.000Z\","
		"\"member_count\":2}");
	c = (struct channel){
		.id = 5,
		.kind = CHANNEL_DM,
		.user_ids = { 1, 2 },
		.n_users = 2,
		.has_me = true,
		.history = HISTORY_JOINED,
		.me = { .role = CHANNEL_OWNER, .read_id = 1, .read_seq = 1, .level = LEVEL_NONE, .hidden = true, .first_id = 1 }
	};
	buf_init(&b), json_out_init(&o, &b);
	codec_channel(&o, &c);
	expect(&b,
		   "{\"id\":5,\"kind\":\"dm\",\"name\":null,\"topic\":null,\"history\":\"joined\",\"slow_mode_s\":0,"
		   "\"read_only\":false,\"archived\":false,\"default\":false,\"large\":false,\"rev\":0,\"rev_at\":null,\"last_"
		   "id\":0,"
		   "\"last_seq\":0,\"last_at\":null,\"member_count\":0,\"user_ids\":[1,2],\"me\":{\"role\":\"owner\",\"voice\":"
		   "false,"
		   "\"read_id\":1,\"read_seq\":1,\"mention_count\":0,\"level\":\"none\",\"muted_until\":null,\"silenced_"
		   "until\":null,\"hidden\":true,"
		   "\"first_id\":1}}");
}

static void users(void **state)
{
	struct buf b;
	struct json_out o;
	struct user u = {
		.id = 9, .username = STR("bob"), .role = USER_ADMIN, .bot = true, .changed_rev = 3, .do_not_disturb = true
	};
	buf_init(&b), json_out_init(&o, &b);
	codec_user(&o, &u);
	expect(&b, "{\"id\":9,\"username\":\"bob\",\"display_name\":null,\"avatar\":null,\"role\":\"admin\",\"bot\":true,"
			   "\"deactivated\":false,\"deleted\":false,\"changed_rev\":3,\"status\":null,\"do_not_disturb\":true}");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(channels), cmocka_unit_test(users) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
