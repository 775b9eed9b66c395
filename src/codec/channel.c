#include "codec/codec.h"

static void put_me(struct json_out *o, const struct channel_me *me)
{
	json_key(o, "me");
	json_open(o, '{');
	json_field_text(o, "role", channel_role_name(me->role));
	json_field_bool(o, "voice", me->voice);
	json_field_i64(o, "read_id", me->read_id);
	json_field_i64(o, "read_seq", me->read_seq);
	json_field_i64(o, "mention_count", me->mention_count);
	json_field_text(o, "level", notify_level_name(me->level));
	json_field_time(o, "muted_until", me->muted_until);
	json_field_time(o, "silenced_until", me->silenced_until);
	json_field_bool(o, "hidden", me->hidden);
	json_field_i64(o, "first_id", me->first_id);
	json_close(o, '}');
}

static void put_people(struct json_out *o, const struct channel *c)
{
	json_key(o, "user_ids");
	json_open(o, '[');
	for (size_t i = 0; i < c->n_users; i++) json_put_i64(o, c->user_ids[i]);
	json_close(o, ']');
}

void codec_channel(struct json_out *o, const struct channel *c)
{
	json_open(o, '{');
	json_field_i64(o, "id", c->id);
	json_field_text(o, "kind", channel_kind_name(c->kind));
	json_field_str(o, "name", c->name);
	json_field_str(o, "topic", c->topic);
	json_field_text(o, "history", channel_history_name(c->history));
	json_field_i64(o, "slow_mode_s", c->slow_mode_s);
	json_field_bool(o, "read_only", c->read_only);
	json_field_bool(o, "archived", c->archived);
	json_field_bool(o, "default", c->is_default);
	json_field_bool(o, "large", c->large);
	json_field_i64(o, "rev", c->rev);
	json_field_time(o, "rev_at", c->rev_at);
	json_field_i64(o, "last_id", c->last_id);
	json_field_i64(o, "last_seq", c->last_seq);
	json_field_time(o, "last_at", c->last_at);
	json_field_i64(o, "member_count", c->member_count);
	if (c->kind == CHANNEL_DM) put_people(o, c);
	if (c->has_me) put_me(o, &c->me);
	json_close(o, '}');
}

void codec_read(struct json_out *o, int64_t channel_id, const struct channel_me *me, bool back)
{
	json_field_i64(o, "channel_id", channel_id);
	json_field_i64(o, "read_id", me->read_id);
	json_field_i64(o, "read_seq", me->read_seq);
	json_field_i64(o, "mention_count", me->mention_count);
	json_field_time(o, "at", me->read_at);
	if (back) json_field_bool(o, "unread", true);
}
