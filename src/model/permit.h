/* Who may change what in a channel: one pure function decides, everything that writes asks it. What it needs to know
 * was read under the channel's lock. (The vectorised sends of Postgres say the same of sends in SQL; one suite of tests
 * holds the two together.) */
#ifndef LINNET_MODEL_PERMIT_H
#define LINNET_MODEL_PERMIT_H
#include "model/channel.h"
#include "model/event.h"
#include "model/user.h"

struct permit {
	enum change_kind kind; /* CHANGE_MESSAGE: send; JOIN: by oneself or, when `other`, an add; ... */
	bool creates;          /* a new channel, or a DM when `dm` */
	bool dm;
	bool strangers; /* whom it is about, or one of a DM's people, shares no channel with the actor, a guest */
	const struct actor *actor;
	int need_scope;                /* enum scope; 0: none */
	const struct channel *channel; /* NULL: there is none */
	bool left;                     /* the actor has been in it */
	bool member;                   /* the actor is in it, with this role and voice: */
	enum channel_role role;
	bool voice;
	int64_t silenced_until; /* by a moderator; 0: not */
	/* whom it is about */
	bool other;   /* not the actor */
	bool person;  /* exists, and is not deactivated */
	bool blocked; /* who is concerned (the person, the other one of a DM) has blocked the actor */
	bool invited; /* CHANGE_JOIN by oneself: with an invite that lets in */
	bool banned;  /* the person, or who joins, is banned from the channel now */
	bool target_admin, target_member;
	enum channel_role target_role, new_role; /* new_role: CHANGE_ROLE */
	bool last_owner;                         /* nobody else owns the channel */
	bool silences;                           /* CHANGE_ROLE: puts to silence, or lifts it */
	bool on;                                 /* CHANGE_BAN: bans; else lifts */
	/* the message: edit, delete, reaction, pin */
	bool message, own_message, message_deleted; /* message: there is one that the actor may see */
	/* send */
	int64_t now_ms, slow_at; /* slow_at: when the actor last sent in slow mode; 0: never */
	bool sets_default;       /* CHANGE_CHANNEL: touches what new accounts join */
	bool is_default;         /* CHANGE_DELETED: new accounts join it */
};
struct permit_answer {
	enum err err;
	bool nothing;     /* allowed, and already so: nothing changes */
	bool audit;       /* a privileged act: leaves a row in the audit */
	const char *why;  /* for the client; NULL: the code says it all */
	int64_t retry_ms; /* ERR_RATE_LIMITED */
};
struct permit_answer permit(const struct permit *p);
/* A member says something that is not kept: is typing. */
struct permit_answer permit_speak(const struct permit *p);
/* The actor invites somebody here, or to the server (channel NULL): by name, or whoever has the link. */
struct permit_answer permit_invite(const struct permit *p, bool by_name);
/* The actor, who is in the channel, reads what the message said before. */
struct permit_answer permit_history(const struct permit *p);
bool permit_operates(const struct permit *p); /* op or owner of the channel, or an admin of the server who is in it */
#endif
