/* The frame that the devices are told is read back in the same transaction, so that it is what a device that was away
 * is told later. */
#include "app/own.h"

#include <string.h>

#include "store/epoch.h"
#include "store/own.h"
#include "store/person.h"

static void publish(struct bus *bus, int64_t user_id, int64_t user_rev, uint64_t epoch, struct str frame)
{
	struct user_news *n = user_news_create(frame.n);
	n->user_id = user_id;
	n->user_rev = user_rev;
	n->epoch = epoch;
	n->list_moved = true;
	if (frame.n) memcpy(n->json, frame.p, frame.n);
	bus_publish_user(bus, n);
	user_news_unref(n);
}

static void tell(struct bus *bus, const struct own_write *w, uint64_t epoch, const struct own_list *own)
{
	/* What a list says besides is read with it, for the hub heeds it as well. */
	struct str frame = own->n == 1 && !own->items[0].listed ? own->items[0].frame : STR("");
	publish(bus, w->user_id, w->user_rev, epoch, frame);
	if (w->other_id) publish(bus, w->other_id, w->other_rev, epoch, STR(""));
}

/* People ascending. */
static enum err move(struct db_conn *c, struct own_write *w)
{
	bool first = w->other_id && w->other_id < w->user_id;
	enum err e = first ? person_move(c, w->other_id, &w->other_rev) : OK;
	if (!e) e = person_move(c, w->user_id, &w->user_rev);
	if (!e && w->other_id && !first) e = person_move(c, w->other_id, &w->other_rev);
	return e;
}

enum err own_write(struct db_conn *c, struct bus *bus, struct own_write *w)
{
	struct arena a;
	struct own_list own = { 0 };
	uint64_t epoch = 0;
	enum err e = db_begin(c);
	if (e) return e;
	arena_init(&a);
	e = epoch_read(c, &epoch);
	if (!e) e = move(c, w);
	if (!e) e = w->write(c, w);
	if (!e && w->changed) e = own_read(c, &a, w->user_id, w->user_rev - 1, &own);
	if (!e && w->changed)
		e = db_commit(c);
	else
		db_rollback(c);
	if (!e && w->changed) tell(bus, w, epoch, &own);
	arena_release(&a);
	return e;
}
