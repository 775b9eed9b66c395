#include "hub/frame.h"

#include "base/mem.h"

struct frame *frame_create(struct event *e)
{
	struct frame *f = mem_new(struct frame);
	atomic_init(&f->refs, 1);
	f->event = event_ref(e);
	return f;
}

struct frame *frame_ref(struct frame *f)
{
	atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
	return f;
}

void frame_unref(struct frame *f)
{
	if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1) return;
	for (size_t i = 0; i < DIALECTS_MOST; i++) chunk_unref(atomic_load_explicit(&f->bytes[i], memory_order_relaxed));
	event_unref(f->event);
	mem_free(f);
}

struct chunk *frame_bytes(struct frame *f, int dialect, const struct dialect *row, void *state)
{
	struct chunk *have = atomic_load_explicit(&f->bytes[dialect], memory_order_acquire);
	if (have) return have;
	struct chunk *made = row->encode(state, f->event), *none = NULL;
	if (atomic_compare_exchange_strong_explicit(&f->bytes[dialect], &none, made, memory_order_acq_rel,
												memory_order_acquire))
		return made;
	chunk_unref(made); /* another reactor was quicker */
	return none;
}

size_t frame_size(const struct frame *f)
{
	return sizeof *f + sizeof *f->event + 2 * (size_t)f->event->json_n;
}
