/* A read that failed is made again after a moment, as often as it takes: the database is away, and who waits for it
 * stays where it is. */
#include "hub/hub_reactor.h"

static void retry_due(struct reactor *r, struct timer *timer)
{
	struct retry *t = container_of(timer, struct retry, timer);
	list_del(&t->link);
	t->again(t);
}

void retry_init(struct retry *t, void (*again)(struct retry *), void (*drop)(struct retry *))
{
	list_init(&t->link);
	timer_init(&t->timer, retry_due);
	t->again = again, t->drop = drop;
}

void retry_later(struct hub_reactor *hr, struct retry *t)
{
	list_add_tail(&hr->retrying, &t->link);
	timer_set(hr->reactor, &t->timer, HUB_RETRY_MS);
}

void retry_drop_all(struct hub_reactor *hr)
{
	struct list *l;
	while ((l = list_pop(&hr->retrying))) {
		struct retry *t = container_of(l, struct retry, link);
		timer_clear(&t->timer);
		t->drop(t);
	}
}
