/* Read markers from sockets: the last one of a person in a channel wins, and what has gathered is written once a second in
 * one transaction that need not wait for the disk (sync: Appending). Any thread. */
#ifndef LINNET_APP_MARKER_H
#define LINNET_APP_MARKER_H
#include "base/err.h"
#include "bus/bus.h"
#include "loop/lane.h"

struct markers;
/* `write` is the lane for writes, its state a struct db_conn; the timer runs on `home`. At most `most` markers wait. */
struct markers *markers_create(struct lane *write, struct reactor *home, struct bus *bus, size_t most);
void markers_destroy(struct markers *m); /* writes what waits */
/* ERR_BUSY past the most. A marker that goes back, of a channel one is not in, or above the last message changes nothing. */
enum err marker_note(struct markers *m, int64_t user_id, int64_t channel_id, int64_t message_id);
#endif
