/* JSON of the entities, each written in one function, the only place that knows its fields (api/openapi.yaml). */
#ifndef LINNET_CODEC_CODEC_H
#define LINNET_CODEC_CODEC_H
#include "model/channel.h"
#include "model/event.h"
#include "model/invite.h"
#include "model/message.h"
#include "model/user.h"
#include "proto/json.h"

void codec_message(struct json_out *o, const struct message *m);
void codec_message_bare(struct json_out *o, const struct message *m); /* ids, nonce and created_at: change.bare */
void codec_thread(struct json_out *o, const struct thread *t);        /* the object `thread` of a root */
/* The member `root` of an event that changes the thread of a root: as it is from its rev on. */
void codec_root(struct json_out *o, int64_t root_id, const struct thread *t);
void codec_reaction_fields(struct json_out *o, const struct reaction *r); /* of a message's, and of a reaction event */
/* The members of a `read` frame: where a marker stands. back: it may be lower than one that was told before. */
void codec_read(struct json_out *o, int64_t channel_id, const struct channel_me *me, bool back);
void codec_channel(struct json_out *o, const struct channel *c);
/* whole: also how often it may be and was used, which is for those who manage it. */
void codec_invite(struct json_out *o, const struct invite *i, bool whole);
void codec_user(struct json_out *o, const struct user *u);
void codec_user_fields(struct json_out *o, const struct user *u); /* within an object that has more */
void codec_epoch(char out[17], uint64_t epoch);                   /* hex, NUL-terminated */
bool codec_epoch_parse(struct str s, uint64_t *out);

/* The whole frame of an event. `message` NULL where the kind carries none, the message is gone, or history is `joined`
 * and the event is about an existing one. `data` is a JSON object's inside (`"topic":"x"`), the kind's own members, as
 * it stands in changes.data; empty for none. */
struct event_fields {
	enum change_kind kind;
	int64_t channel_id, rev, at, actor_id, user_id, message_id, joined_rev;
	uint64_t epoch;
	const struct message *message;
	const struct user *user; /* of a `user` change: the person as they are now; NULL: gone */
	int64_t changed_rev;     /* of the message, when it is not sent along */
	struct str data;
};
struct event *codec_event(const struct event_fields *f);                         /* one reference */
struct event *codec_event_in(struct buf *scratch, const struct event_fields *f); /* the same; scratch is overwritten */
#endif
