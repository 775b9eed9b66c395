/* One batch as a transaction of plain statements, the same over both databases: heads are locked (ascending, skipping
 * what others hold), everybody's session is read, people are locked (ascending), then each change is judged and
 * written, and at last each head that moved is written once. Belongs to its lane's thread. */
#ifndef LINNET_STORE_APPEND_TX_H
#define LINNET_STORE_APPEND_TX_H
#include "base/map.h"
#include "model/permit.h"
#include "store/append.h"

struct tx_channel {
	struct channel row; /* the head; name, topic and default only where they were read */
	bool there, skipped;
	bool moved;   /* took revs */
	bool counted; /* has other members, which alone moves no rev */
	int64_t at;   /* the time of what is written now: the clock under the lock, never below the last */
};
struct tx_person {
	int64_t user_id, rev;
	bool moved;
};
struct tx_member {
	bool row; /* there is a row: a member, or one who has left */
	bool member;
	enum channel_role role;
	bool voice;
	int64_t silenced_until, sent_at, first_id;
};
struct append_tx {
	struct appender *w;
	struct db_conn *c;
	struct append_batch *b;
	struct arena *a; /* of the batch */
	uint64_t epoch;
	int64_t now_ms;
	struct actor *actors; /* of each change; user_id 0: none, its err says why */
	struct id_map channels, people;
	VEC(int64_t) channel_ids; /* ascending */
	VEC(int64_t) person_ids;  /* ascending */
};

/* Runs the batch in the open transaction. What it returns is the database's fault; verdicts are in the changes. */
enum err append_tx_run(struct append_tx *tx);
void append_tx_release(struct append_tx *tx);

/* Fills tx->actors. Whose session has ended has the verdict in c->err, and no user_id. append_actor.c */
enum err tx_actors_read(struct append_tx *tx);

/* ---- for those who write one kind of change. They return the database's error; a verdict goes into c->err, before
 * anything is written. */
struct tx_ask {
	struct append_tx *tx;
	struct change *c;
	struct tx_channel *ch; /* NULL: a creation */
	const struct actor *actor;
	struct tx_member me, target;
	struct permit permit;
	struct {
		int64_t author_id;
		struct thread thread;
	} root; /* of a reply */
};
enum err write_send(struct tx_ask *q);
enum err write_edit(struct tx_ask *q);
enum err write_delete(struct tx_ask *q);
enum err write_reaction(struct tx_ask *q);
enum err write_pin(struct tx_ask *q);
enum err write_join(struct tx_ask *q);
enum err write_leave(struct tx_ask *q); /* and kick */
enum err write_role(struct tx_ask *q);
enum err write_ban(struct tx_ask *q);
enum err write_topic(struct tx_ask *q);
enum err write_channel(struct tx_ask *q);
enum err write_deleted(struct tx_ask *q);
enum err write_create(struct tx_ask *q);
enum err write_person(struct tx_ask *q);
enum err write_retain(struct tx_ask *q);
enum err write_server(struct tx_ask *q);

/* Asks permit(); false: c->err has the verdict, or there is nothing to do. */
bool tx_permitted(struct tx_ask *q, bool *audit);
enum err tx_member_read(struct append_tx *tx, int64_t channel_id, int64_t user_id, struct tx_member *out);
#define TX_MEMBER_COLUMNS "m.role, m.voice, m.silenced_until, m.sent_at, m.first_id, m.left_rev" /* of `members m` */
void tx_member_take(const struct db_rows *r, int at, struct tx_member *out);
/* What the change is judged by, but what its kind has to read for itself; c->actor_id is set. */
void tx_ask_begin(struct tx_ask *q, struct append_tx *tx, struct change *c, const struct actor *actor,
				  const struct tx_member *me);
/* Takes the channel's next rev. */
int64_t tx_rev(struct append_tx *tx, struct tx_channel *ch);
/* Moves a person's head; the rev. */
int64_t tx_person_rev(struct append_tx *tx, int64_t user_id);
/* Writes a row of `changes` at the channel's next rev, and lets the event be made from it. data: the members of a JSON
 * object, or STR_NONE. */
enum err tx_change(struct tx_ask *q, enum change_kind kind, int64_t message_id, int64_t user_id, struct str data);
/* The same in two steps: the rev and the event, the row. */
void tx_event(struct tx_ask *q, enum change_kind kind, int64_t message_id, int64_t user_id, struct str data);
enum err tx_change_write(struct tx_ask *q);
enum err tx_row_write(struct append_tx *tx, const struct event_fields *f); /* the row of an event */
enum err tx_audit(struct tx_ask *q, const char *action, struct str target, struct str before, struct str after);
/* Reads the message into the change; ERR_NOT_FOUND. */
enum err message_of_change(struct db_conn *conn, struct change *c, int64_t message_id);
void message_event(struct change *c); /* of c->message */
/* What the change names, read into it, and what permit() wants to know of it. One that the actor may not read is not
 * there. */
enum err tx_ask_message(struct tx_ask *q);
bool tx_other_epoch(struct tx_ask *q);    /* does it name a message of another history? c->err has the verdict */
enum err tx_ask_speech(struct tx_ask *q); /* has the other one of a DM blocked the actor? */
enum err tx_ask_person(struct tx_ask *q, int64_t user_id); /* are they active, and have they blocked the actor? */
/* Guests know the people of their channels only. */
enum err tx_ask_stranger(struct tx_ask *q, int64_t user_id);
/* member_count has changed: from so many on a channel is large, until it has clearly fewer. Each takes a rev. */
enum err tx_size(struct tx_ask *q);
enum err tx_ask_target(struct tx_ask *q);    /* whom it is about: who they are here, and all of tx_ask_person() */
enum err tx_ask_banned(struct tx_ask *q);    /* is that person banned from the channel? */
int64_t tx_subject(const struct tx_ask *q);  /* whom it is about, the actor or another */
struct str tx_member_name(struct tx_ask *q); /* for the audit */
enum err tx_member_remove(struct tx_ask *q, enum change_kind kind);      /* a leave or kick: rev, event and row */
enum err tx_channels_left(struct tx_ask *q, int64_t user_id, bool *out); /* may be in one more? */
/* A join or leave that takes no rev: the change says who came or went. left_rev 0: came. */
void tx_quiet(struct tx_ask *q, int64_t user_id, int64_t left_rev);
enum err tx_member_add(struct tx_ask *q, int64_t user_id, int64_t joined_rev, int64_t user_rev);
/* ---- append_thread.c: replies */
void tx_want_person(struct append_tx *tx, int64_t user_id); /* their head may move: to be locked */
/* Whose heads a reply may move: who will follow the thread and does not yet. Before people are locked. */
enum err thread_gather(struct append_tx *tx, const struct change *c, int64_t actor_id);
/* Reads the root into q->root; c->err: it cannot be answered. */
enum err thread_ask(struct tx_ask *q);
/* Numbers the reply that is about to be written at m->rev, and what its root has become by it. */
void thread_number(struct tx_ask *q, struct message *m);
enum err thread_written(struct tx_ask *q, const struct message *m); /* the root, and who follows from now on */
/* A reply is about to be deleted: the event's data, and what the root shall become. */
enum err thread_without(struct tx_ask *q, const struct message *m, struct str *data);
enum err thread_deleted(struct tx_ask *q, const struct message *m); /* and has been, at m->changed_rev */

/* Makes JSON text in the batch's arena: the inside of an object. */
struct tx_json {
	struct buf buf;
	struct json_out out;
};
void tx_json_open(struct tx_json *j);
struct str tx_json_close(struct tx_json *j, struct arena *a); /* STR_NONE when nothing was put */
#endif
