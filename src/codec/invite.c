#include "codec/codec.h"

static void put_channel(struct json_out *o, const struct channel *c)
{
	json_key(o, "channel");
	json_open(o, '{');
	json_field_i64(o, "id", c->id);
	json_field_text(o, "kind", channel_kind_name(c->kind));
	json_field_str(o, "name", c->name);
	json_field_str(o, "topic", c->topic);
	json_field_i64(o, "member_count", c->member_count);
	json_close(o, '}');
}

static void put_inviter(struct json_out *o, const struct user *u)
{
	json_key(o, "inviter");
	json_open(o, '{');
	json_field_i64(o, "id", u->id);
	json_field_str(o, "username", u->username);
	json_field_str(o, "display_name", u->display_name);
	json_field_str(o, "avatar", u->avatar);
	json_close(o, '}');
}

void codec_invite(struct json_out *o, const struct invite *i, bool whole)
{
	json_open(o, '{');
	json_field_str(o, "code", i->code);
	if (i->channel_id)
		put_channel(o, &i->channel);
	else
		json_field_null(o, "channel");
	put_inviter(o, &i->inviter);
	if (i->user_id)
		json_field_i64(o, "user_id", i->user_id);
	else
		json_field_null(o, "user_id");
	json_field_bool(o, "guest", i->guest);
	json_field_time(o, "created_at", i->created_at);
	json_field_time(o, "expires_at", i->expires_at);
	if (whole) {
		json_field_i64(o, "max_uses", i->max_uses);
		json_field_i64(o, "uses", i->uses);
	}
	json_close(o, '}');
}
