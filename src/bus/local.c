/* The bus of one process: whoever subscribes is told at once, every delivery is certain. */
#include <stdatomic.h>

#include "base/mem.h"
#include "bus/bus.h"

struct bus_local {
	struct bus base;
	struct bus_sink sink;
};

static void local_attach(struct bus *b, const struct bus_sink *sink)
{
	container_of(b, struct bus_local, base)->sink = *sink;
}

static void local_publish(struct bus *b, struct event *const *events, size_t n)
{
	const struct bus_sink *sink = &container_of(b, struct bus_local, base)->sink;
	for (size_t i = 0; sink->event && i < n; i++) sink->event(sink->arg, events[i]);
}

static void local_publish_user(struct bus *b, struct user_news *n)
{
	const struct bus_sink *sink = &container_of(b, struct bus_local, base)->sink;
	if (sink->user) sink->user(sink->arg, n);
}

static void local_publish_hint(struct bus *b, struct hint *h)
{
	const struct bus_sink *sink = &container_of(b, struct bus_local, base)->sink;
	if (sink->hint) sink->hint(sink->arg, h);
}

static void local_subscribe(struct bus *b, enum topic_kind kind, int64_t id)
{
	const struct bus_sink *sink = &container_of(b, struct bus_local, base)->sink;
	if (sink->subscribed) sink->subscribed(sink->arg, kind, id);
}

static void local_unsubscribe(struct bus *b, enum topic_kind kind, int64_t id) {}

static bool local_certain(const struct bus *b)
{
	return true;
}

static void local_detach(struct bus *b)
{
	container_of(b, struct bus_local, base)->sink = (struct bus_sink){ 0 };
}

static void local_destroy(struct bus *b)
{
	mem_free(container_of(b, struct bus_local, base));
}

static const struct bus_ops local_ops = {
	.attach = local_attach,
	.publish = local_publish,
	.publish_user = local_publish_user,
	.publish_hint = local_publish_hint,
	.subscribe = local_subscribe,
	.unsubscribe = local_unsubscribe,
	.certain = local_certain,
	.detach = local_detach,
	.destroy = local_destroy,
};

struct bus *bus_local_create(void)
{
	struct bus_local *b = mem_new(struct bus_local);
	b->base.ops = &local_ops;
	return &b->base;
}
