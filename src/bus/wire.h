/* What travels between pods: one JSON object a publication, written here and read strictly, since anybody who reaches
 * Redis may write there. Pure.
 *
 * An event on channel:42 has channel_id, message_id where there is one, rev, type, kind, at, actor_id, user_id and
 * joined_rev where they are, and under WIRE_FRAME_MOST bytes its whole frame. News on user:7 and hints on channel:42
 * (type "hint") likewise. All begin with the pod that wrote them, and name the database and its epoch. */
#ifndef LINNET_BUS_WIRE_H
#define LINNET_BUS_WIRE_H
#include "base/buf.h"
#include "bus/bus.h"

#define WIRE_FRAME_MOST 8192
#define WIRE_MOST (WIRE_FRAME_MOST + 1024) /* bytes of a publication */
#define WIRE_TOPIC 64                      /* of a topic without its prefix, with a NUL */

struct wire {
	const char *pod;  /* its id; who wrote */
	const char *uuid; /* of the database */
};

size_t wire_topic(enum topic_kind kind, int64_t id, char out[WIRE_TOPIC]); /* "channel:42"; not for pods */
bool wire_topic_parse(struct str s, enum topic_kind *kind, int64_t *id);

void wire_put_event(struct buf *out, const struct wire *w, const struct event *e);
void wire_put_news(struct buf *out, const struct wire *w, const struct user_news *n);
/* False: too large to be sent. */
bool wire_put_hint(struct buf *out, const struct wire *w, const struct hint *h);
void wire_put_echo(struct buf *out, const struct wire *w, int64_t sent_ns); /* to oneself, by pod:ID */
bool wire_echo(struct str text, const struct wire *w, int64_t *sent_ns);

bool wire_own(struct str text, const struct wire *w); /* we wrote it: nothing to be read */
enum wire_kind {
	WIRE_MALFORMED,
	WIRE_FOREIGN /* of another database */,
	WIRE_EVENT,
	WIRE_BEHIND,
	WIRE_NEWS,
	WIRE_HINT
};
struct wire_read {
	enum wire_kind kind;
	union { /* one reference, the caller's */
		struct event *event;
		struct user_news *news;
		struct hint *hint;
		struct { /* an event without its frame, or of a kind that only a newer pod knows: read from the database */
			int64_t rev;
			uint64_t epoch;
		} behind;
	};
};
/* `kind` and `id` are the topic's on which it came, with which it must agree. */
struct wire_read wire_read(struct str text, const struct wire *w, enum topic_kind kind, int64_t id);
#endif
