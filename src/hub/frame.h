/* An event put in order by its owner, with the bytes that each dialect sends for it. Frozen; made once by whoever needs
 * a dialect first, shared by all subscribers of all reactors. */
#ifndef LINNET_HUB_FRAME_H
#define LINNET_HUB_FRAME_H
#include <stdatomic.h>

#include "loop/chunk.h"
#include "model/event.h"

/* How a kind of session writes events. Dialects are rows of a table that bin hands to the hub. */
#define DIALECTS_MOST 4
struct dialect {
	const char *name;
	/* The bytes of one event, one reference. `state` is what `open` made for this reactor. */
	struct chunk *(*encode)(void *state, const struct event *e);
	void *(*open)(void);
	void (*close)(void *state);
};

struct frame {
	_Atomic uint32_t refs;
	struct event *event;
	_Atomic(struct chunk *) bytes[DIALECTS_MOST];
};
struct frame *frame_create(struct event *e); /* takes its own reference of e */
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f);
/* Its bytes in a dialect: not a new reference, lives as long as f. Any thread. */
struct chunk *frame_bytes(struct frame *f, int dialect, const struct dialect *row, void *state);
size_t frame_size(const struct frame *f); /* about, in memory: for the rings' cap */
#endif
