/* Read markers. From sockets the last one of a person in a channel wins, and what has gathered is written once a second
 * in one transaction that need not wait for the disk (sync: Appending). Any thread. */
#ifndef LINNET_APP_MARKER_H
#define LINNET_APP_MARKER_H
#include "base/clock.h"
#include "base/err.h"
#include "bus/bus.h"
#include "loop/lane.h"
#include "store/channel.h"

struct markers;
struct markers_options {
	struct lane *write;   /* its state a struct db_conn */
	struct reactor *home; /* where the timer runs */
	struct bus *bus;
	const struct clock *clock;
	size_t most; /* markers waiting */
};
struct markers *markers_create(const struct markers_options *o);
/* Before the lane ends: writes what waits and returns when it is written, or after `ms` (< 0: however long); false: the
 * time was over. Nothing is noted any more. */
bool markers_flush(struct markers *m, int64_t ms);
void markers_destroy(struct markers *m); /* its reactor has stopped and is still there; the memory goes with it */
/* Whose, where, and how far, of which epoch. ERR_BUSY past the most. A marker that goes back, of a channel one is not
 * in, above the last message or of another epoch changes nothing. */
enum err marker_note(struct markers *m, const struct marker *marker);
/* Tells the person's devices where the marker stands. It only goes forward, and they keep the higher; unless it was put
 * back, which counts by its time. */
void marker_tell(struct bus *bus, const struct marker *m, uint64_t epoch);
#endif
