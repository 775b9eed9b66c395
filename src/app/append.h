/* The append queue: everything that moves a rev goes through it (sync: Appending). Changes of any channels that are waiting
 * are written in one transaction and one fsync; each gets its own verdict. Per channel first in, first out.
 *
 * Batches are jobs of a lane of one thread (SQLite has one writer, whose lane serves other writing use cases between
 * batches); while one is being written the next gathers.
 *
 * A change is submitted from a reactor; `done` comes back there, after the commit. It is never cancelled. */
#ifndef LINNET_APP_APPEND_H
#define LINNET_APP_APPEND_H
#include "base/config.h"
#include "base/metrics.h"
#include "bus/bus.h"
#include "db/db.h"
#include "loop/lane.h"
#include "loop/reactor.h"
#include "model/channel.h"
#include "model/message.h"
#include "model/user.h"
#include "store/epoch.h"

/* CHANGE_MESSAGE: send. CHANGE_EDIT, CHANGE_DELETE: message_id (+ body, if_body_rev). CHANGE_JOIN: actor == user: join; else
 * the actor adds the user. CHANGE_LEAVE, CHANGE_KICK (reason in text), CHANGE_ROLE (role, voice), CHANGE_TOPIC (text),
 * CHANGE_CHANNEL (name / flags). Creation of a channel or DM is APPEND_CREATE. */
struct channel_create {
	int kind;               /* enum channel_kind */
	struct str name, name_key, topic, dm_key;
	int history;
	bool is_default;
	int64_t user_ids[DM_PEOPLE];
	size_t n_users;         /* members made with it: the actor first; a DM all its people */
};
struct change {
	/* in; strings live until `done` */
	enum change_kind kind;
	const struct channel_create *create; /* not NULL: a creation (kind CHANGE_CHANNEL); alone in its transaction */
	int64_t channel_id;
	struct credential credential;        /* judged under the lock, by the session's row */
	int need_scope;                      /* enum scope */
	int64_t user_id;                     /* whom it is about (join, leave, kick, role); 0: the actor */
	const struct send *send;
	int64_t message_id, if_body_rev;     /* if_body_rev 0: whatever */
	uint64_t epoch;                      /* of the history that message_id belongs to; 0: the present */
	struct str text;                     /* the new body, topic, name or the kick's reason */
	struct str text_key;                 /* of a name */
	int64_t mention_ids[MESSAGE_MENTIONS]; /* of an edit's body */
	size_t n_mentions;
	bool mention_all;
	int role, voice;                     /* CHANGE_ROLE: enum channel_role; -1: as it is */
	struct str address, request_id;      /* for the audit */
	/* out */
	enum err err;
	struct problem problem;              /* its arena is `arena` */
	struct arena arena;                  /* inited by append_submit, released by its owner after `done` */
	struct event *event;                 /* NULL: nothing changed (or a retry); owned by the change until done returns */
	struct message message;              /* of send, edit, delete: as it is now; in `arena` */
	bool repeated;                       /* a retry: answered from what was there */
	bool bare;                           /* a retry by one who is no member any more: ids, nonce and created_at only */
	int64_t actor_id, new_channel_id, user_rev;
	uint64_t now_epoch;
	/* plumbing */
	struct mail mail;
	struct change *next;
	struct reactor *home;
	void (*done)(struct change *c);      /* on home; owns c */
	size_t bytes;
	int64_t queued_ns;
	int skips;
};

struct append;
struct append_options {
	const struct config *config;
	struct lane *lane; /* of one thread, whose state is the struct db_conn (DB_APPEND; SQLite: the write lane) */
	struct bus *bus;
	const struct clock *clock;
	struct metrics *metrics;
	/* another epoch was found by a batch; any thread */
	void (*epoch_changed)(void *arg, uint64_t epoch);
	void *arg;
};
struct append *append_create(const struct append_options *o, const struct epoch *epoch);
/* Takes no more, writes what waits (bounded by append_wait_ms), joins. */
void append_destroy(struct append *a);
/* ERR_BUSY: the queue is full, or stopping; c stays the caller's. Else `done` will come. home, done and the input are set. */
enum err append_submit(struct append *a, struct change *c);
void append_epoch(struct append *a, uint64_t epoch); /* what was queued before is failed with ERR_UNAVAILABLE, not written */
void append_drain(struct append *a);                 /* returns when nothing waits or is being written; blocks */
struct append_state { size_t waiting, bytes; int64_t oldest_ms; };
struct append_state append_state(struct append *a);
#endif
