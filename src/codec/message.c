#include "base/id.h"
#include "codec/codec.h"

static void put_ids(struct json_out *o, const char *name, const int64_t *ids, size_t n)
{
	json_key(o, name);
	json_open(o, '[');
	for (size_t i = 0; i < n; i++) json_put_i64(o, ids[i]);
	json_close(o, ']');
}

static void put_may(struct json_out *o, const char *name, int64_t v)
{
	if (v) json_field_i64(o, name, v);
}

static void put_nonce(struct json_out *o, const uint8_t nonce[16])
{
	char text[UUID_TEXT + 1];
	uuid_format(nonce, text);
	json_field_str(o, "nonce", (struct str){ text, UUID_TEXT });
}

static void put_mentions(struct json_out *o, const struct message *m)
{
	json_key(o, "mentions");
	json_open(o, '{');
	put_ids(o, "user_ids", m->mention_ids, m->n_mentions);
	json_field_bool(o, "all", m->mention_all);
	json_close(o, '}');
}

void codec_reaction_fields(struct json_out *o, const struct reaction *r)
{
	json_field_str(o, "emoji", r->emoji);
	json_field_i64(o, "count", r->count);
	put_ids(o, "user_ids", r->user_ids, r->n_users);
}

static void put_reactions(struct json_out *o, const struct reactions *r)
{
	json_key(o, "reactions");
	json_open(o, '[');
	for (size_t i = 0; i < r->n; i++) {
		json_open(o, '{');
		codec_reaction_fields(o, &r->items[i]);
		json_close(o, '}');
	}
	json_close(o, ']');
}

void codec_thread(struct json_out *o, const struct thread *t)
{
	json_open(o, '{');
	json_field_i64(o, "count", t->count);
	json_field_i64(o, "last_id", t->last_id);
	json_field_time(o, "last_at", t->last_at);
	json_field_i64(o, "last_seq", t->last_seq);
	put_ids(o, "user_ids", t->user_ids, t->n_users);
	json_close(o, '}');
}

void codec_root(struct json_out *o, int64_t root_id, const struct thread *t)
{
	json_key(o, "root");
	json_open(o, '{');
	json_field_i64(o, "message_id", root_id);
	if (t->count)
		json_key(o, "thread"), codec_thread(o, t);
	else
		json_field_null(o, "thread");
	json_close(o, '}');
}

void codec_message(struct json_out *o, const struct message *m)
{
	json_open(o, '{');
	json_field_i64(o, "channel_id", m->channel_id);
	json_field_i64(o, "message_id", m->message_id);
	if (m->seq)
		json_field_i64(o, "seq", m->seq);
	else
		json_field_null(o, "seq");
	json_field_i64(o, "rev", m->rev);
	json_field_i64(o, "changed_rev", m->changed_rev);
	json_field_i64(o, "body_rev", m->body_rev);
	put_nonce(o, m->nonce);
	json_field_i64(o, "author_id", m->author_id);
	json_field_text(o, "kind", message_kind_name(m->kind));
	json_field_str(o, "body", m->body.p ? m->body : STR(""));
	json_field_time(o, "created_at", m->created_at);
	if (m->edited_at) json_field_time(o, "edited_at", m->edited_at);
	if (m->deleted_at) json_field_time(o, "deleted_at", m->deleted_at);
	put_may(o, "reply_to", m->reply_to);
	put_may(o, "thread_id", m->thread_id);
	put_may(o, "thread_seq", m->thread_seq);
	put_mentions(o, m);
	json_key(o, "attachments"), json_put_raw(o, STR("[]"));
	json_key(o, "previews"), json_put_raw(o, STR("[]"));
	put_reactions(o, &m->reactions);
	if (m->pinned) json_field_bool(o, "pinned", true);
	if (m->thread.count && !m->thread_id) json_key(o, "thread"), codec_thread(o, &m->thread);
	json_close(o, '}');
}

void codec_message_bare(struct json_out *o, const struct message *m)
{
	json_open(o, '{');
	json_field_i64(o, "channel_id", m->channel_id);
	json_field_i64(o, "message_id", m->message_id);
	put_nonce(o, m->nonce);
	json_field_time(o, "created_at", m->created_at);
	json_close(o, '}');
}
