/* What the founder does to keep order: bans, silence, voice, settings, and the end of a channel. Half of the seeds have
 * it; it is drawn apart, so that the rest of a plan is what it is without. */
#ifndef LINNET_SIM_MODERATION_H
#define LINNET_SIM_MODERATION_H
#include "world.h"

struct moderation; /* one act; its end, where it has one, comes `ns` later */
struct moderation_act {
	const char *name;
	bool (*run)(struct moderation *m, bool on); /* false: nobody is there to ask for it now */
	int64_t least_ns, most_ns;                  /* 0: it stays */
};
struct moderation {
	struct world *world;
	const struct moderation_act *act;
	size_t number;
	int64_t at_ns, ns, channel_id, user_id;
};
/* `number` is the first of theirs in the plan; gives back how many there are. mask: numbers that are left out. */
size_t moderation_draw(struct world *w, size_t number, const uint64_t *mask, size_t n_mask);
void moderation_free(struct world *w);
#endif
