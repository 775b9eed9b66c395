/* A message as everybody sees it: ids, never names, the same for every reader. Strings live where the maker says. */
#ifndef LINNET_MODEL_MESSAGE_H
#define LINNET_MODEL_MESSAGE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/reaction.h"
#include "model/thread.h"

enum message_kind { MESSAGE_TEXT, MESSAGE_ACTION, MESSAGE_NOTICE, MESSAGE_KINDS };
const char *message_kind_name(enum message_kind k);
bool message_kind_parse(struct str s, enum message_kind *out);

#define MESSAGE_MENTIONS 50

struct message {
	int64_t channel_id, message_id, seq /* 0: outside the main flow */, rev, changed_rev, body_rev;
	uint8_t nonce[16];
	int64_t author_id;
	enum message_kind kind;
	struct str body;                           /* empty once deleted */
	int64_t created_at, edited_at, deleted_at; /* wall ms; 0: never */
	int64_t reply_to, thread_id, thread_seq;   /* 0: none */
	int64_t *mention_ids;
	size_t n_mentions;
	bool mention_all;
	struct reactions reactions;
	bool pinned;
	struct thread thread; /* of a root. Of a reply: what its root's had become by it */
};

/* What a client asks to send, before it is judged. Whom it mentions is found when it is written (model/mention.h). */
struct send {
	int64_t channel_id;
	uint8_t nonce[16];
	enum message_kind kind;
	struct str body;
	int64_t reply_to, thread_id;
	bool in_channel;
	uint8_t request_hash[16]; /* of all above: another request under the same nonce is refused */
};
/* UTF-8 without controls but tab and newline, not blank, within `most` bytes. CRLF becomes LF. The body may be
 * rewritten in the arena. ERR_INVALID or ERR_TOO_LARGE with the field's fault. */
enum err message_body_check(struct arena *a, struct str *body, size_t most, struct problem *p);
void send_hash(struct send *s); /* fills request_hash */
#endif
