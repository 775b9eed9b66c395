/* A channel on one reactor: its subscribers there, and the frames that not all of them were given yet. Frames of one
 * turn are joined into one chunk, and the subscribers are walked once (fanout.c). reactor */
#ifndef LINNET_HUB_LOCAL_H
#define LINNET_HUB_LOCAL_H
#include "hub/hub_reactor.h"

struct session;

#define AT_FOREIGN ((int64_t)-1) /* pos_at of a position in another history: no row has this time */

enum sub_state { SUB_DETACHED, SUB_ATTACHING, SUB_LIVE };
struct sub { /* one session in one channel */
	struct session *session;
	struct local *local; /* while live */
	int64_t channel_id;
	int64_t pos; /* the last rev given; CURSOR_NONE: none yet */
	int64_t joined_rev;
	union {
		int64_t stop_rev; /* live: the rev at which this person's stream ends; 0: none */
		int64_t
			pos_at; /* not live: the time of pos as the client knows it, until it was compared; 0: nothing to compare */
	};
	int64_t read_at; /* of the person's marker as it was told */
	union {
		uint32_t gen; /* not live: of attaching */
		uint32_t at;  /* live: in local->subs */
	};
	uint8_t state;
	bool clipped;
	bool tell_synced; /* the client named a cursor: it hears when the replay is over */
};
_Static_assert(sizeof(struct sub) <= 64, "there is one for each channel of each session");

struct joined { /* frames (from, to] as one run of bytes */
	struct chunk *chunk;
	int64_t from, to;
	VEC(uint32_t) begins; /* of rev from + 1 + i */
};
struct local {
	int64_t channel_id;
	struct hub_reactor *here;
	VEC(struct sub *) subs;
	VEC(struct frame *) frames; /* dense: first_rev + i */
	int64_t first_rev;
	size_t walk_at; /* subscribers before it have everything up to walk_to */
	int64_t walk_to;
	bool walking;
	struct joined joined[DIALECTS_MOST];
	size_t attaching; /* attaches under way: keep the owner's interest */
	struct list dirty;
};
struct local *local_get(struct hub_reactor *hr, int64_t channel_id);
struct local *local_need(struct hub_reactor *hr, int64_t channel_id);
void local_add(struct local *l, struct sub *s);
void local_remove(struct sub *s);
void local_hold(struct hub_reactor *hr, int64_t channel_id); /* an attach begins */
void local_unhold(struct hub_reactor *hr,
				  int64_t channel_id); /* it ended; with the last of all the local goes and the owner hears */
/* Somebody's list says that they are out of it, which the stream has not told yet: the owner looks whether it has
 * missed something. */
void local_doubt(struct hub_reactor *hr, int64_t channel_id);
/* Ordered frames from the owner; takes its own references. */
void local_frames(struct hub_reactor *hr, int64_t channel_id, struct frame *const *frames, size_t n);
void local_hint(struct hub_reactor *hr, const struct hint *h); /* to who reads fast enough; else it is lost */
/* On the owner's reactor: subscribers below `head` attach anew from their positions, membership included. */
void local_reattach(struct hub_reactor *from, struct hub_reactor *to, int64_t channel_id, int64_t head);
void local_forget_all(struct hub_reactor *hr); /* what waits for subscribers is of a history that has ended */
void local_drop_all(struct hub_reactor *hr);

/* fanout.c: walks what is dirty, at most 2 ms; true when there is more. */
bool fanout_run(struct hub_reactor *hr);
void fanout_forget(struct local *l); /* frees joined chunks and frames; ends its walk */
#endif
