/* What waits to be written, first in, first out per channel, and how the next batch is chosen from it. No locks, no
 * I/O: its owner sees to that. */
#ifndef LINNET_APP_APPEND_QUEUE_H
#define LINNET_APP_APPEND_QUEUE_H
#include "base/map.h"
#include "store/change.h"

#define APPEND_SKIPS 3 /* then a channel waits alone for whoever holds it */

struct change_list {
	struct change *first, **end;
	size_t n;
};
void change_list_init(struct change_list *l);
void change_list_add(struct change_list *l, struct change *c);
struct change *change_list_take(struct change_list *l); /* NULL: empty */

struct append_queue {
	struct change_list waiting;
	size_t bytes;
	struct id_map seen; /* channels met while a batch is chosen */
	bool no_fifo;       /* a fault switch */
};
void append_queue_init(struct append_queue *q);
void append_queue_release(struct append_queue *q);
void append_queue_add(struct append_queue *q, struct change *c);
/* Back to the front, in the order they stand in the list, which is empty afterwards. */
void append_queue_return(struct append_queue *q, struct change_list *back);

struct append_pick {
	struct change **changes; /* room for `most` */
	size_t n, most;
	bool sends; /* all are sends to the main flow; else none is */
	bool alone; /* one channel, which is waited for */
};
/* Chooses the next batch. A channel is in it with a run of its oldest changes; a batch holds sends to the main flow or
 * other changes, as its oldest one is; what takes a name goes alone. */
void append_queue_pick(struct append_queue *q, struct append_pick *p);
/* Takes out what has waited for longer, and what nobody waits for any more. */
void append_queue_drop_late(struct append_queue *q, int64_t now_ns, int64_t wait_ns, struct change_list *late);
#endif
