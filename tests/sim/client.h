/* A client as the design wants it: one cursor a channel, a cache that merges by the higher changed_rev, an outbox that
 * is sent until it is answered, and messages of the last hour sent again when the database went back. */
#ifndef LINNET_SIM_CLIENT_H
#define LINNET_SIM_CLIENT_H
#include "link.h"
#include "model/event.h"
#include "world.h"

#define BODY_TEXT 32
#define REACTIONS_TEXT 64
#define VALUE_TEXT 192
#define THREAD_TEXT 64

struct held { /* a message in the cache */
	int64_t message_id, rev, changed_rev, author_id, nonce;
	bool deleted;
	char body[BODY_TEXT];
	char reactions[REACTIONS_TEXT];
	bool pinned;
	int64_t thread_id;        /* of a reply */
	char thread[THREAD_TEXT]; /* of a root: `2 9 2 3,1`: count, last_id, last_seq, user_ids */
	int64_t outdated;         /* it has changed at this rev, and is being read again; 0: it is as of changed_rev */
};
struct letter {         /* a message of one's own */
	int64_t nonce, rev; /* rev: as acknowledged */
	int64_t root;       /* a reply to the message of this nonce; 0: to none */
	int64_t was;        /* its rev, acknowledged before it is sent again */
	int64_t written_ms; /* by the wall clock */
	int64_t sent_ns;    /* last try; 0: none */
	int64_t again_ns;   /* not before */
	int64_t doubt_ns;   /* when a try was last left unanswered; 0: never */
	bool waiting;       /* for an answer */
	int tries;
};
struct early {        /* an event about a message; kept when it came while a page was on its way */
	struct held held; /* message_id 0: it carried none */
	bool is_new;
	int64_t rev, message_id;
	char value[VALUE_TEXT]; /* of a reaction, a pin, a root's thread */
};
struct shelf { /* what a client has of one channel */
	bool has;  /* it is in it, with a cursor */
	int64_t rev, at;
	uint64_t epoch; /* in which all of it is known to stand; another one is told before each channel is compared */
	VEC(struct held) cache;
	bool has_page;
	int64_t low;      /* the lowest message id of the page; 0: it was empty */
	int64_t page_rev; /* of the snapshot */
	bool paging;
	int asking;       /* requests on their way */
	int64_t page_gen; /* another one: what is on its way is not wanted any more */
	VEC(struct early) early;
	VEC(struct letter) outbox;
	VEC(struct letter) acked;
	VEC(int64_t) written; /* nonces in the order in which they were written down */
	VEC(int64_t) refused;
};
struct client {
	struct world *world;
	int index;
	int64_t user_id;
	struct link *link;
	bool ready, slow;
	int pipeline; /* letters of one channel that it sends at once */
	uint64_t epoch;
	int64_t user_rev;
	int64_t name; /* one's own: link_name() */
	struct shelf shelves[CHANNELS];
};
struct client *client_create(struct world *w, int index, int64_t user_id);
void client_free(struct client *k);
int64_t client_user(const struct client *k);

/* ---- the user */
void client_say(struct client *k, int64_t channel_id);
void client_command(struct client *k, enum change_kind kind, int64_t channel_id,
					int64_t user_id);                                /* of members, topic */
bool client_moderate(struct client *k, struct request *r);           /* numbers it; false: it is not connected */
void client_edit(struct client *k, int64_t channel_id, bool remove); /* one of one's own messages */
void client_pin(struct client *k, int64_t channel_id, bool on);
void client_react(struct client *k, int64_t channel_id, bool on); /* to any */
void client_cut(struct client *k);
void client_slow(struct client *k, bool slow);

/* ---- its link's */
void client_frame(struct client *k, struct link *l, const struct wire *h, const char *payload, size_t n);
void client_lost(struct client *k, struct link *l);

/* ---- shelf.c */
const struct held *shelf_held(const struct shelf *s, int64_t message_id); /* NULL */
void shelf_told(struct client *k, int slot, const struct early *e);
void shelf_page_came(struct client *k, int slot); /* what came before it is applied to it */
void held_reactions(struct held *m, const char *message_json);
void thread_text(const char *thread_json, char out[THREAD_TEXT]); /* of `"thread":{...` or `"thread":null` */
#endif
