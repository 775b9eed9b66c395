#include "hub/present.h"

#include "eph/present.h"
#include "hub/owner.h"

#define AUTHORS_MOST 64 /* of one channel in one sweep, the last ones */
#define SWEEP_MOST 2000 /* of all channels of a reactor */

/* From the newest back to what the last sweep has seen, each once. */
static size_t authors(const struct owner *o, int64_t *ids)
{
	size_t n = 0;
	for (int64_t rev = o->last; rev > o->present_rev && n < AUTHORS_MOST; rev--) {
		const struct frame *f = owner_ring(o, rev);
		if (!f) break;
		if (f->event->kind != CHANGE_MESSAGE || !f->event->actor_id) continue;
		bool there = false;
		for (size_t i = 0; i < n && !there; i++) there = ids[i] == f->event->actor_id;
		if (!there) ids[n++] = f->event->actor_id;
	}
	return n;
}

void present_sweep(struct hub_reactor *hr)
{
	const struct hub *h = hr->hub;
	struct id_slot slot;
	int64_t ids[AUTHORS_MOST];
	size_t budget = SWEEP_MOST;
	if (!h->eph) return;
	for (size_t at = 0; budget && id_map_next(&hr->owners, &at, &slot);) {
		struct owner *o = slot.value;
		if (!o->open || o->present_rev == o->last) continue;
		size_t n = authors(o, ids);
		o->present_rev = o->last;
		for (size_t i = 0; i < n && budget; i++, budget--)
			eph_present(h->eph, o->channel_id, ids[i], h->config->presence_ttl_ms);
	}
}
