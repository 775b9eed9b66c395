/* Who may do what in a channel, to be read: a row for each act, kind of channel and state, a letter for each standing
 * of who asks. Outside it: a member of the server, a guest, an admin. In it: a guest, a plain member, one with voice,
 * an operator, an owner, and an admin of the server who is a plain member.
 *
 *   y yes   u yes, and the audit keeps it   n yes, but nothing changes
 *   - not_allowed   o not_member   h not_found   l rate_limited   c conflict */
#ifndef LINNET_TESTS_PERMIT_TABLE_H
#define LINNET_TESTS_PERMIT_TABLE_H
#include "model/channel.h"

enum act {
	SEND,
	EDIT,
	EDIT_OF_ANOTHER,
	DELETE,
	DELETE_OF_ANOTHER,
	REACT,
	PIN,
	JOIN,
	ADD,
	LEAVE,
	KICK,
	MAKE_OP,
	MAKE_OWNER,
	STEP_DOWN, /* oneself, to a plain member */
	SILENCE,
	SILENCE_ONESELF,
	BAN,
	BAN_ONESELF,
	UNBAN,
	TOPIC,
	SETTINGS,
	SET_DEFAULT,
	DELETE_CHANNEL
};
enum state {
	ARCHIVED = 1 << 0,
	READ_ONLY = 1 << 1,
	SLOW = 1 << 2,        /* and who asks has just sent */
	SILENCED = 1 << 3,    /* who asks is */
	BLOCKED = 1 << 4,     /* by whom it is about */
	BANNED = 1 << 5,      /* whom it is about, or who joins */
	IN = 1 << 6,          /* whom it is about is a member, */
	OWNS = 1 << 7,        /* an owner, */
	RULES = 1 << 8,       /* an admin of the server */
	LAST = 1 << 9,        /* an owner who asks is the only one */
	IS_DEFAULT = 1 << 10, /* new accounts join it */
};
#define STANDINGS 9
struct table_row {
	enum act act;
	enum channel_kind kind;
	unsigned state;
	const char *answers; /* of those outside, then of those within */
};
#define PUBLIC CHANNEL_PUBLIC
#define PRIVATE CHANNEL_PRIVATE
#define DM CHANNEL_DM
#define SERVER CHANNEL_SERVER

static const struct table_row table_rows[] = {
	/*                                                    member guest admin | guest member voice op owner admin */
	{ SEND, PUBLIC, 0, "oho yyyyyy" },
	{ SEND, PUBLIC, ARCHIVED, "oho ------" },
	{ SEND, PUBLIC, READ_ONLY, "oho --yyyy" },
	{ SEND, PUBLIC, SLOW, "oho lllyyy" },
	{ SEND, PUBLIC, SLOW | READ_ONLY, "oho --lyyy" },
	{ SEND, PUBLIC, SILENCED, "oho ------" },
	{ SEND, PUBLIC, SILENCED | SLOW, "oho ------" },
	{ SEND, PUBLIC, BLOCKED, "oho yyyyyy" },
	{ SEND, PRIVATE, 0, "hho yyyyyy" },
	{ SEND, PRIVATE, ARCHIVED, "hho ------" },
	{ SEND, PRIVATE, READ_ONLY, "hho --yyyy" },
	{ SEND, PRIVATE, SLOW, "hho lllyyy" },
	{ SEND, PRIVATE, SILENCED, "hho ------" },
	{ SEND, DM, 0, "hhh yyyyyy" },
	{ SEND, DM, BLOCKED, "hhh ------" },
	{ SEND, SERVER, 0, "-h- h-----" },

	{ EDIT, PUBLIC, 0, "oho yyyyyy" },
	{ EDIT, PUBLIC, ARCHIVED, "oho ------" },
	{ EDIT, PUBLIC, READ_ONLY, "oho --yyyy" },
	{ EDIT, PUBLIC, SLOW, "oho yyyyyy" },
	{ EDIT, PUBLIC, SILENCED, "oho ------" },
	{ EDIT, PRIVATE, 0, "hho yyyyyy" },
	{ EDIT, DM, BLOCKED, "hhh ------" },
	{ EDIT_OF_ANOTHER, PUBLIC, 0, "oho ------" },
	{ EDIT_OF_ANOTHER, DM, 0, "hhh ------" },

	{ DELETE, PUBLIC, 0, "oho yyyyyy" },
	{ DELETE, PUBLIC, ARCHIVED | READ_ONLY | SILENCED, "oho yyyyyy" },
	{ DELETE, DM, BLOCKED, "hhh yyyyyy" },
	{ DELETE_OF_ANOTHER, PUBLIC, 0, "oho ---uuu" },
	{ DELETE_OF_ANOTHER, PUBLIC, ARCHIVED, "oho ---uuu" },
	{ DELETE_OF_ANOTHER, PRIVATE, 0, "hho ---uuu" },
	{ DELETE_OF_ANOTHER, DM, 0, "hhh ------" },

	{ REACT, PUBLIC, 0, "oho yyyyyy" },
	{ REACT, PUBLIC, ARCHIVED, "oho ------" },
	{ REACT, PUBLIC, READ_ONLY, "oho --yyyy" },
	{ REACT, PUBLIC, SLOW, "oho yyyyyy" },
	{ REACT, PUBLIC, SILENCED, "oho ------" },
	{ REACT, DM, BLOCKED, "hhh ------" },

	{ PIN, PUBLIC, 0, "oho ---yyy" },
	{ PIN, PUBLIC, ARCHIVED, "oho ------" },
	{ PIN, PUBLIC, READ_ONLY, "oho ---yyy" },
	{ PIN, PUBLIC, SILENCED, "oho ------" },
	{ PIN, PRIVATE, 0, "hho ---yyy" },
	{ PIN, DM, 0, "hhh yyyyyy" },
	{ PIN, DM, BLOCKED, "hhh ------" },

	{ JOIN, PUBLIC, 0, "yhy nnnnnn" },
	{ JOIN, PUBLIC, ARCHIVED | READ_ONLY, "yhy nnnnnn" },
	{ JOIN, PUBLIC, SILENCED, "yhy nnnnnn" },
	{ JOIN, PUBLIC, BANNED, "-h- nnnnnn" },
	{ JOIN, PRIVATE, 0, "hhu nnnnnn" },
	{ JOIN, PRIVATE, BANNED, "hh- nnnnnn" },
	{ JOIN, DM, 0, "hhh nnnnnn" },

	{ ADD, PUBLIC, 0, "oho ---uuu" },
	{ ADD, PUBLIC, IN, "oho ---nnn" },
	{ ADD, PUBLIC, BLOCKED, "oho ------" },
	{ ADD, PUBLIC, BANNED, "oho ------" },
	{ ADD, PRIVATE, 0, "hho ---uuu" },
	{ ADD, DM, 0, "hhh ------" },

	{ LEAVE, PUBLIC, 0, "nhn yyyyyy" },
	{ LEAVE, PUBLIC, SILENCED, "nhn yyyyyy" },
	{ LEAVE, PUBLIC, LAST, "nhn yyyycy" },
	{ LEAVE, PRIVATE, 0, "hhn yyyyyy" },
	{ LEAVE, DM, 0, "hhh ------" },

	{ KICK, PUBLIC, 0, "oho ---nnn" },
	{ KICK, PUBLIC, IN, "oho ---uuu" },
	{ KICK, PUBLIC, IN | ARCHIVED, "oho ---uuu" },
	{ KICK, PUBLIC, IN | OWNS, "oho ----uu" },
	{ KICK, PUBLIC, IN | RULES, "oho -----u" },
	{ KICK, PUBLIC, RULES, "oho ---nnn" },
	{ KICK, PRIVATE, IN, "hho ---uuu" },
	{ KICK, DM, IN, "hhh ------" },

	{ MAKE_OP, PUBLIC, 0, "oho ---hhh" },
	{ MAKE_OP, PUBLIC, IN, "oho ---uuu" },
	{ MAKE_OP, PUBLIC, IN | OWNS, "oho ----uu" },
	{ MAKE_OP, PUBLIC, IN | RULES, "oho ---uuu" },
	{ MAKE_OWNER, PUBLIC, IN, "oho ----uu" },
	{ MAKE_OP, DM, IN, "hhh ------" },
	{ STEP_DOWN, PUBLIC, 0, "oho ---uuu" },
	{ STEP_DOWN, PUBLIC, LAST, "oho ---ucu" },

	{ SILENCE, PUBLIC, 0, "oho ---hhh" },
	{ SILENCE, PUBLIC, IN, "oho ---uuu" },
	{ SILENCE, PUBLIC, IN | OWNS, "oho ----uu" },
	{ SILENCE, PUBLIC, IN | RULES, "oho -----u" },
	{ SILENCE, PRIVATE, IN, "hho ---uuu" },
	{ SILENCE, DM, IN, "hhh ------" },
	{ SILENCE_ONESELF, PUBLIC, 0, "oho ------" },

	{ BAN, PUBLIC, 0, "oho ---uuu" },
	{ BAN, PUBLIC, IN, "oho ---uuu" },
	{ BAN, PUBLIC, IN | ARCHIVED | READ_ONLY, "oho ---uuu" },
	{ BAN, PUBLIC, BANNED, "oho ---uuu" },
	{ BAN, PUBLIC, IN | OWNS, "oho ----uu" },
	{ BAN, PUBLIC, IN | RULES, "oho -----u" },
	{ BAN, PUBLIC, RULES, "oho -----u" },
	{ BAN, PRIVATE, 0, "hho ---uuu" },
	{ BAN, DM, IN, "hhh ------" },
	{ BAN_ONESELF, PUBLIC, 0, "oho ------" },
	{ UNBAN, PUBLIC, BANNED, "oho ---uuu" },
	{ UNBAN, PUBLIC, 0, "oho ---nnn" },
	{ UNBAN, PRIVATE, BANNED, "hho ---uuu" },

	{ TOPIC, PUBLIC, 0, "oho ---yyy" },
	{ TOPIC, PUBLIC, ARCHIVED, "oho ---yyy" },
	{ TOPIC, PRIVATE, 0, "hho ---yyy" },
	{ TOPIC, DM, 0, "hhh ------" },
	{ SETTINGS, PUBLIC, 0, "oho ---uuu" },
	{ SETTINGS, PUBLIC, ARCHIVED, "oho ---uuu" },
	{ SETTINGS, PRIVATE, 0, "hho ---uuu" },
	{ SETTINGS, DM, 0, "hhh ------" },
	{ SETTINGS, SERVER, 0, "-h- h-----" },
	{ SET_DEFAULT, PUBLIC, 0, "oho -----u" },

	{ DELETE_CHANNEL, PUBLIC, 0, "oho ----uu" },
	{ DELETE_CHANNEL, PUBLIC, ARCHIVED, "oho ----uu" },
	{ DELETE_CHANNEL, PUBLIC, IS_DEFAULT, "oho ----cc" },
	{ DELETE_CHANNEL, PRIVATE, 0, "hho ----uu" },
	{ DELETE_CHANNEL, DM, 0, "hhh ------" },
	{ DELETE_CHANNEL, SERVER, 0, "-h- h-----" },
};

/* Of the i-th standing. */
static inline bool table_in(size_t i)
{
	return i >= 3;
}
static inline char table_answer(const struct table_row *r, size_t i)
{
	return r->answers[table_in(i) ? i + 1 : i]; /* a blank lies between */
}
#endif
