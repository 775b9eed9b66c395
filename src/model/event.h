/* A change of a channel, as its readers see it: one rev, dense, ordered. Frozen once published; counted by reference
 * and shared by all threads. */
#ifndef LINNET_MODEL_EVENT_H
#define LINNET_MODEL_EVENT_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/message.h"

/* What stands in changes.kind (message rows have none), the `type` it is sent as, and whether it ends a membership.
 * C(NAME, kind in the database, type on the wire, removes, adds, carries its message) */
#define CHANGE_KINDS(C)                                                                                                \
	C(MESSAGE, "message", "message", 0, 0, 1)                                                                          \
	C(EDIT, "edit", "edit", 0, 0, 1)                                                                                   \
	C(UPDATE, "update", "update", 0, 0, 1)                                                                             \
	C(DELETE, "delete", "delete", 0, 0, 1)                                                                             \
	C(REACTION, "reaction", "reaction", 0, 0, 0)                                                                       \
	C(PIN, "pin", "pin", 0, 0, 0)                                                                                      \
	C(JOIN, "join", "member", 0, 1, 0)                                                                                 \
	C(LEAVE, "leave", "member", 1, 0, 0)                                                                               \
	C(KICK, "kick", "member", 1, 0, 0)                                                                                 \
	C(ROLE, "role", "member", 0, 0, 0)                                                                                 \
	C(BAN, "ban", "ban", 0, 0, 0)                                                                                      \
	C(TOPIC, "topic", "topic", 0, 0, 0)                                                                                \
	C(CHANNEL, "channel", "channel", 0, 0, 0)                                                                          \
	C(RETAIN, "retain", "retain", 0, 0, 0)                                                                             \
	C(DELETED, "deleted", "deleted", 0, 0, 0)                                                                          \
	C(USER, "user", "user", 0, 0, 0)                                                                                   \
	C(EMOJI, "emoji", "emoji", 0, 0, 0)                                                                                \
	C(SERVER, "server", "server", 0, 0, 0)

enum change_kind {
#define C(name, kind, type, removes, adds, carries) CHANGE_##name,
	CHANGE_KINDS(C)
#undef C
		CHANGE_KIND_COUNT
};
struct change_row {
	const char *kind, *type;
	bool removes, adds, carries;
};
const struct change_row *change_row(enum change_kind k);
bool change_kind_parse(struct str kind, enum change_kind *out);

struct chunk;
struct event {
	_Atomic uint32_t refs;
	enum change_kind kind;
	int64_t channel_id, rev, at;           /* at: the row's time under the lock, wall ms */
	int64_t actor_id, user_id, message_id; /* 0: none. user_id: whom a member or ban change is about */
	int64_t joined_rev;                    /* of a join: the rev at which membership began */
	uint64_t epoch;                        /* of the database that wrote it */
	/* The frame as JSON, whole: {"op":"event",...}; what every dialect is made from or shares. */
	uint32_t json_n;
	char json[];
};
/* Is it the last that this person gets of the channel's stream? */
bool event_ends(const struct event *e, int64_t user_id);
/* Of a `retain`, from its frame: what is at or below this rev is gone; 0 of any other. */
int64_t event_min_rev(const struct event *e);
/* From then on what is older is clipped for its readers: history became `joined`. */
bool event_clips(const struct event *e);
struct event *event_create(size_t json_n); /* one reference, zeroed but for json */
struct event *event_ref(struct event *e);
void event_unref(struct event *e);
#endif
