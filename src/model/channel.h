/* A channel or direct message, and one person's own part of it. */
#ifndef LINNET_MODEL_CHANNEL_H
#define LINNET_MODEL_CHANNEL_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum channel_kind { CHANNEL_PUBLIC, CHANNEL_PRIVATE, CHANNEL_DM, CHANNEL_SERVER /* channel 0 */, CHANNEL_KINDS };
enum channel_history { HISTORY_ALL, HISTORY_JOINED };
enum channel_role { CHANNEL_MEMBER, CHANNEL_OP, CHANNEL_OWNER };
enum notify_level { LEVEL_DEFAULT, LEVEL_ALL, LEVEL_MENTIONS, LEVEL_NONE };
const char *channel_kind_name(enum channel_kind k);
const char *channel_history_name(enum channel_history h);
const char *channel_role_name(enum channel_role r);
const char *notify_level_name(enum notify_level l);
bool channel_history_parse(struct str s, enum channel_history *out);
bool channel_role_parse(struct str s, enum channel_role *out);
bool notify_level_parse(struct str s, enum notify_level *out);

#define DM_PEOPLE 10
#define CHANNEL_NAME_MOST 64  /* characters, and twice as many bytes */
#define CHANNEL_LINE_MOST 390 /* bytes of a topic or a reason */
#define SLOW_MODE_MOST 21600  /* seconds */

struct channel_me { /* one's own part */
	enum channel_role role;
	bool voice;
	int64_t read_id, read_seq, mention_count;
	int64_t read_at; /* goes up with each move of the marker */
	enum notify_level level;
	int64_t muted_until;    /* by oneself: no notifications */
	int64_t silenced_until; /* by a moderator: may not write */
	bool hidden;
	int64_t first_id; /* history: joined: the first message one may read; else 1 */
	int64_t joined_rev, user_rev;
	int64_t cut_rev; /* an earlier membership ended at this rev, without a change of its own; 0: none did */
};
struct channel {
	int64_t id;
	enum channel_kind kind;
	struct str name, topic; /* STR_NONE for a DM */
	enum channel_history history;
	int64_t slow_mode_s;
	bool read_only, archived, is_default, deleted, large;
	int64_t rev, rev_at, last_id, last_seq, last_at, min_rev, min_id, member_count;
	int64_t user_ids[DM_PEOPLE]; /* of a DM, ascending */
	size_t n_users;
	struct channel_me me; /* when has_me */
	bool has_me;
};

/* NFC and case-folded into *key; the name as given (NFC) into *name. ERR_INVALID with the field's fault. */
enum err channel_name_check(struct arena *a, struct str given, struct str *name, struct str *key, struct problem *p);
/* A topic, or a reason: one line, CHANNEL_LINE_MOST; faults are those of `field`. */
enum err channel_line_check(struct arena *a, const char *field, struct str *line, struct problem *p);
enum err channel_topic_check(struct arena *a, struct str *topic, struct problem *p);
/* Sorts and removes doubles; writes the unique key "3,7,12". ERR_INVALID over DM_PEOPLE. */
enum err dm_key(struct arena *a, int64_t *user_ids, size_t *n, struct str *key, struct problem *p);
#endif
