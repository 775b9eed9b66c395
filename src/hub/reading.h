/* Reading a person's list of channels, for those of their sessions on this reactor that want it: one read at a time,
 * with a pause between two (LINNET_LIST_PAUSE_MS, and nine times as long as the read took), so that a head which moves
 * all the time, as others can make it, costs a tenth of a thread at most. A hello alone does not wait for the pause.
 * What is wanted while a read is under way is read once more. reactor; frozen once it was read */
#ifndef LINNET_HUB_READING_H
#define LINNET_HUB_READING_H
#include "hub/person.h"
#include "store/sync.h"

struct session;

struct reading { /* counted: a session that is still being told keeps it */
	struct job job;
	uint32_t refs;
	struct hub_reactor *here;
	struct person *person; /* holds a reference until the pause is over; NULL: it is, or they have left */
	struct timer pause;    /* behind it, before the next; then it is only kept for that */
	bool over, failed;
	struct arena arena;
	struct sync_list list;
	const struct channel **by_user_rev; /* list.channels, in the order in which their own parts changed */
	uint64_t epoch, asked;
	int64_t began_ns;
};
/* Session's reactor: it is told by list_take(), from one that begins after this call. */
void reading_want(struct session *s);
/* Begins one if somebody waits for it and none is under way: after whoever could not take one can again. */
void reading_next(struct person *p);
struct reading *reading_ref(struct reading *r);
void reading_unref(struct reading *r);
/* The person's sessions have gone, or the hub stops: nothing will be begun. */
void reading_forget(struct person *p);
#endif
