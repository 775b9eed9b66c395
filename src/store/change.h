/* One change of a channel on its way through the append: what is asked, the verdict, and what came of it. */
#ifndef LINNET_STORE_CHANGE_H
#define LINNET_STORE_CHANGE_H
#include "codec/codec.h"
#include "loop/reactor.h"
#include "model/channel.h"
#include "model/message.h"
#include "model/user.h"

/* CHANGE_MESSAGE: send. CHANGE_EDIT, CHANGE_DELETE: message_id (+ body, if_body_rev). CHANGE_REACTION: message_id, text
 * (the emoji, as emoji_check() leaves it), on. CHANGE_PIN: message_id, on. CHANGE_JOIN: actor == user: join;
 * else the actor adds the user. CHANGE_LEAVE, CHANGE_KICK (reason in text), CHANGE_ROLE (role, voice, until),
 * CHANGE_BAN (on, until, reason in text), CHANGE_TOPIC (text), CHANGE_CHANNEL (name / flags), CHANGE_DELETED. Creation
 * of a channel or DM: `create`. */
struct channel_create {
	int kind; /* enum channel_kind */
	struct str name, name_key, topic, dm_key;
	int history;
	bool is_default;
	int64_t user_ids[DM_PEOPLE];
	size_t n_users; /* members made with it: the actor first; a DM all its people */
};
/* Flags of CHANGE_CHANNEL; -1: as it is. */
struct channel_patch {
	int64_t slow_mode_s;
	int read_only, archived, is_default;
	int make_private; /* 1; a private channel never becomes public again */
	int history;      /* HISTORY_JOINED; what was clipped never becomes open again */
};
#define CHANNEL_PATCH_NONE ((struct channel_patch){ -1, -1, -1, -1, -1, -1 })

struct change_until { /* CHANGE_ROLE: a silence; CHANGE_BAN: its end */
	bool given;
	int64_t ms; /* 0: none: no silence, a ban without an end */
};

/* What others see of a person: CHANGE_USER, of channel 0 and person `user_id`. */
struct person_patch {
	bool settle; /* a new account: a member of channel 0 from now on, unless a guest */
	bool has_display_name;
	struct str display_name; /* STR_NONE: none any more */
	bool has_status;
	struct str status; /* likewise */
	bool has_disturb, do_not_disturb;
	/* what admins change of others */
	bool has_role, has_username, has_deactivated, deactivated;
	enum user_role role;
	struct str username; /* checked */
	bool deletes;        /* the account: its row is emptied, and what is left is done by app/leaver.h */
	bool messages;       /* likewise its messages */
};

/* CHANGE_SERVER, of channel 0. */
struct server_patch {
	struct str name; /* STR_NONE: as it is */
	bool has_registration;
	struct str registration; /* STR_NONE: as where nothing is set */
};

struct change {
	/* in; strings live until `done` */
	enum change_kind kind;
	const struct channel_create *create; /* not NULL: a creation (kind CHANGE_CHANNEL); alone in its transaction */
	int64_t channel_id;
	struct credential credential; /* judged under the lock, by the session's row */
	int need_scope;               /* enum scope */
	int64_t as_user;              /* for one who cannot act yet, or any more: no session is looked for */
	int64_t user_id;              /* whom it is about (join, leave, kick, role); 0: the actor */
	const struct send *send;
	int64_t message_id, if_body_rev; /* if_body_rev 0: whatever */
	uint64_t epoch;                  /* of the history that message_id belongs to; 0: the present */
	struct str text;                 /* the new body, emoji, topic, name or the kick's reason */
	struct str invite;               /* CHANGE_JOIN by oneself: by this code; STR_NONE: without */
	bool by_server;                  /* by nobody: there is no credential, and nothing is asked of permit() */
	int64_t upto_rev, upto_ms;       /* CHANGE_RETAIN: this and all below go, when it is not of after upto_ms */
	bool on;                         /* CHANGE_REACTION, CHANGE_PIN: given, pinned; else taken back */
	struct str text_key;             /* of a name */
	int role, voice;                 /* CHANGE_ROLE: enum channel_role; -1: as it is */
	struct change_until until;
	const struct channel_patch *patch; /* CHANGE_CHANNEL: flags; NULL: only the name */
	const struct person_patch *person; /* CHANGE_USER */
	const struct server_patch *server; /* CHANGE_SERVER */
	struct str address, request_id;    /* for the audit */
	/* out */
	enum err err;
	struct problem problem;      /* its arena is `arena` */
	struct arena arena;          /* inited (zero) before append_submit, may hold the input; released by its owner */
	struct event_fields *fields; /* what the event is made from, in `arena` or `own_fields`; NULL: no event */
	struct event_fields *before; /* of a change of two revs (a ban that removes): the first of them; NULL: of one */
	struct event *before_event;  /* of that; owned as the next one */
	struct event *event;         /* NULL: nothing changed (or a retry); owned by the change until done returns */
	struct message message;      /* of send, edit, delete: as it is now; in `arena` */
	bool repeated;               /* a retry, or a DM that was there: answered from what was there */
	bool bare;                   /* a retry by one who is no member any more: ids, nonce and created_at only */
	bool quiet;                  /* a join or leave of a large channel: took no rev, and is told by a hint */
	int64_t about_id;            /* quiet: who came or went, */
	int64_t left_rev;            /* the head's rev when they went; 0: they came, */
	int64_t member_count;        /* and how many there are now */
	struct event_fields *also;   /* a second event behind `fields`: the channel became large, or small again */
	struct event *also_event;
	int64_t actor_id, new_channel_id, user_rev;
	uint64_t now_epoch;
	/* plumbing */
	struct mail mail;
	struct change *next;
	struct reactor *home;
	void (*done)(struct change *c); /* on home; owns c */
	size_t bytes;
	int64_t queued_ns;
	int skips; /* how often its channel was held elsewhere */
	/* Becomes true when nobody waits any more: dropped, unless a batch has taken it. The owner's; NULL: somebody will.
	 */
	const _Atomic bool *gone;
	struct event_fields own_fields, also_fields;
};
#endif
