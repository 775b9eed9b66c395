#include "edge/send.h"

#include <string.h>

#include "base/id.h"
#include "codec/codec.h"

#define ATTACHMENTS 10

static void read_nonce(struct json_in *in, struct send *out)
{
	struct str nonce;
	if (json_in_str(in, "nonce", JSON_NEED, &nonce) && !uuid_parse(nonce, out->nonce))
		in->err = problem_field(in->problem, "nonce", "must be a UUID");
}

static void read_kind(struct json_in *in, struct send *out)
{
	struct str kind;
	if (json_in_str(in, "kind", JSON_MAY, &kind) && !message_kind_parse(kind, &out->kind))
		in->err = problem_field(in->problem, "kind", "must be text, action or notice");
}

/* Nobody may think that they were sent. */
static void refuse_attachments(struct json_in *in)
{
	json_t *attachments = NULL;
	if (json_in_array(in, "attachments", JSON_MAY, ATTACHMENTS, &attachments) && json_array_size(attachments) &&
		!in->err)
		in->err = problem_field(in->problem, "attachments", "must be empty: there are no files here");
}

void send_read(struct json_in *in, struct arena *a, const struct config *config, struct send *out)
{
	read_nonce(in, out);
	read_kind(in, out);
	if (json_in_str(in, "body", JSON_NEED, &out->body)) {
		out->body = arena_str(a, out->body);
		enum err e = message_body_check(a, &out->body, (size_t)config->message_body, in->problem);
		if (e && !in->err) in->err = e;
	}
	json_in_i64(in, "reply_to", JSON_MAY, 1, ID_MOST, &out->reply_to);
	json_in_i64(in, "thread_id", JSON_MAY, 1, ID_MOST, &out->thread_id);
	json_in_bool(in, "in_channel", JSON_MAY, &out->in_channel);
	if (out->in_channel && !out->thread_id && !in->err)
		in->err = problem_field(in->problem, "in_channel", "goes with a thread_id");
	refuse_attachments(in);
	send_hash(out);
}

void send_answer(struct json_out *o, const struct change *c)
{
	if (c->bare)
		codec_message_bare(o, &c->message);
	else
		codec_message(o, &c->message);
}
