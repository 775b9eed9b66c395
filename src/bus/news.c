#include "base/mem.h"
#include "bus/bus.h"

struct user_news *user_news_create(size_t json_n)
{
	struct user_news *n = mem_zalloc(sizeof *n + json_n);
	atomic_init(&n->refs, 1);
	n->json_n = (uint32_t)json_n;
	return n;
}

struct user_news *user_news_ref(struct user_news *n)
{
	atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
	return n;
}

void user_news_unref(struct user_news *n)
{
	if (n && atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) == 1) mem_free(n);
}

struct hint *hint_create(size_t json_n)
{
	struct hint *h = mem_zalloc(sizeof *h + json_n);
	atomic_init(&h->refs, 1);
	h->json_n = (uint32_t)json_n;
	return h;
}

struct hint *hint_ref(struct hint *h)
{
	atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
	return h;
}

void hint_unref(struct hint *h)
{
	if (h && atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) == 1) mem_free(h);
}
