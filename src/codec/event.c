/* The frame is written once into a buffer that the caller may keep for the next one, then copied into the event. */
#include <string.h>

#include "codec/codec.h"

static void put_data(struct json_out *o, struct str data)
{
	if (!data.n) return;
	if (o->comma) buf_add_byte(o->buf, ',');
	buf_add_str(o->buf, data);
	o->comma = true;
}

static bool is_member(enum change_kind k)
{
	return k == CHANGE_JOIN || k == CHANGE_LEAVE || k == CHANGE_KICK || k == CHANGE_ROLE;
}

static void put_frame(struct json_out *o, const struct event_fields *f)
{
	const struct change_row *row = change_row(f->kind);
	json_open(o, '{');
	json_field_text(o, "op", "event");
	json_field_i64(o, "channel_id", f->channel_id);
	json_field_i64(o, "rev", f->rev);
	json_field_time(o, "at", f->at);
	json_field_text(o, "type", row->type);
	if (is_member(f->kind)) json_field_text(o, "change", row->kind);
	if (f->actor_id)
		json_field_i64(o, "actor_id", f->actor_id);
	else
		json_field_null(o, "actor_id");
	if (f->user_id) json_field_i64(o, "user_id", f->user_id);
	if (f->message_id) json_field_i64(o, "message_id", f->message_id);
	if (f->message && row->carries)
		json_key(o, "message"), codec_message(o, f->message);
	else if (f->message_id && f->changed_rev)
		json_field_i64(o, "changed_rev", f->changed_rev);
	if (f->kind == CHANGE_MESSAGE && f->message && f->message->thread_id)
		codec_root(o, f->message->thread_id, &f->message->thread);
	if (f->user) json_key(o, "user"), codec_user(o, f->user);
	put_data(o, f->data);
	json_close(o, '}');
}

struct event *codec_event_in(struct buf *scratch, const struct event_fields *f)
{
	struct json_out o;
	scratch->n = 0;
	json_out_init(&o, scratch);
	put_frame(&o, f);
	struct event *e = event_create(scratch->n);
	e->kind = f->kind;
	e->channel_id = f->channel_id, e->rev = f->rev, e->at = f->at;
	e->actor_id = f->actor_id, e->user_id = f->user_id, e->message_id = f->message_id;
	e->joined_rev = f->joined_rev;
	e->epoch = f->epoch;
	memcpy(e->json, scratch->p, scratch->n);
	return e;
}

struct event *codec_event(const struct event_fields *f)
{
	struct buf scratch;
	buf_init(&scratch);
	struct event *e = codec_event_in(&scratch, f);
	buf_release(&scratch);
	return e;
}
