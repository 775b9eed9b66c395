/* That a session is in use: noted in its row once an hour, which moves a cookie's end on, in the browser too. */
#ifndef LINNET_EDGE_TOUCH_H
#define LINNET_EDGE_TOUCH_H
#include "edge/request.h"

#define TOUCH_SLOTS 256

struct touched { /* reactor; a cache: one entry may push another out */
	struct {
		uint64_t session;
		int64_t until_ms;
	} slots[TOUCH_SLOTS];
};
/* Before the answer goes out. Nothing waits for it, and where the lane is full it is left to the next request. */
void touch(struct request *q);
/* The same for any session, when it was not noted within every_ms. */
void touch_session(struct pod *pod, struct reactor *home, const char session_id[SESSION_ID + 1], int64_t now_ms,
				   int64_t every_ms);
#endif
