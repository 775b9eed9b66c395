#include "bus.h"

#include <string.h>

#include "base/mem.h"
#include "model/event.h"

#define NOTICE_NS SECOND /* its own echo is missed */
#define RETRY_NS (250 * MS)

struct topic {
	enum topic_kind kind;
	int64_t id;
	int refs;        /* each reactor subscribes for itself */
	bool registered; /* the server knows of it */
	bool confirmed;
};
struct sim_bus {
	struct bus base;
	struct bus_sink sink;
	struct redis *redis;
	char pod[8];
	VEC(struct topic) topics;
	bool dead, broken, away; /* broken: nothing goes through; away: and it is known */
	int64_t in_ns, out_ns;   /* when the last message in each direction arrives: a link keeps the order */
	int refs;                /* events that know it, and its owner */
};

static struct sim_bus *of(const struct bus *b)
{
	return container_of(b, struct sim_bus, base);
}

static void bus_unref(struct sim_bus *b)
{
	if (--b->refs) return;
	vec_release(&b->topics);
	mem_free(b);
}

static bool goes(const struct sim_bus *b)
{
	return !b->dead && !b->broken && b->redis->up;
}

static struct topic *topic_of(struct sim_bus *b, enum topic_kind kind, int64_t id)
{
	for (size_t i = 0; i < b->topics.n; i++)
		if (b->topics.p[i].kind == kind && b->topics.p[i].id == id) return &b->topics.p[i];
	return NULL;
}

/* ---- messages */

struct parcel { /* on its way */
	struct sim_bus *from, *to;
	enum topic_kind kind;
	int64_t id;
	struct event *event;
	struct user_news *news;
};

static void parcel_free(struct parcel *p)
{
	event_unref(p->event);
	user_news_unref(p->news);
	bus_unref(p->from);
	if (p->to) bus_unref(p->to);
	mem_free(p);
}

static void parcel_arrives(void *arg)
{
	struct parcel *p = arg;
	struct sim_bus *b = p->to;
	const struct topic *t = topic_of(b, p->kind, p->id);
	if (goes(b) && t && t->registered) {
		const struct event *e = p->event;
		if (p->news)
			b->sink.user(b->sink.arg, p->news);
		else if (world_chance(b->redis->world, b->redis->thin))
			b->sink.behind(b->sink.arg, e->channel_id, e->rev, e->epoch);
		else
			b->sink.event(b->sink.arg, p->event);
	}
	parcel_free(p);
}

static void send_on(const struct parcel *p, struct sim_bus *to)
{
	struct redis *r = p->from->redis;
	struct world *w = r->world;
	if (world_chance(w, r->loss)) {
		w->counts.lost++;
		return;
	}
	int64_t at = w->now_ns + world_delay(w, DELAY_BUS);
	if (!world_chance(w, r->reorder)) at = to->in_ns = at > to->in_ns ? at : to->in_ns;
	struct parcel *q = mem_dup(p, sizeof *p);
	q->to = to;
	to->refs++, q->from->refs++;
	if (q->event) event_ref(q->event);
	if (q->news) user_news_ref(q->news);
	world_at(w, at - w->now_ns, parcel_arrives, q);
}

static void parcel_at_redis(void *arg)
{
	struct parcel *p = arg;
	struct redis *r = p->from->redis;
	for (size_t i = 0; i < r->buses.n && goes(p->from); i++) {
		struct sim_bus *to = r->buses.p[i];
		const struct topic *t = topic_of(to, p->kind, p->id);
		if (t && t->registered) send_on(p, to);
	}
	parcel_free(p);
}

static void send_off(struct sim_bus *b, enum topic_kind kind, int64_t id, struct event *e, struct user_news *n)
{
	struct world *w = b->redis->world;
	int64_t at = w->now_ns + world_delay(w, DELAY_PUBLISH);
	at = b->out_ns = at > b->out_ns ? at : b->out_ns;
	struct parcel *p = mem_new(struct parcel);
	*p = (struct parcel){ b, NULL, kind, id, e ? event_ref(e) : NULL, n ? user_news_ref(n) : NULL };
	b->refs++;
	world_at(w, at - w->now_ns, parcel_at_redis, p);
}

static void sim_publish(struct bus *base, struct event *const *events, size_t n)
{
	struct sim_bus *b = of(base);
	for (size_t i = 0; i < n && !b->dead; i++) {
		struct event *e = events[i];
		trace(b->redis->world, "%s wrote %lld-r%lld %s", b->pod, (long long)e->channel_id, (long long)e->rev,
			  change_row(e->kind)->kind);
		b->sink.event(b->sink.arg, e);
		send_off(b, TOPIC_CHANNEL, e->channel_id, e, NULL);
	}
}

static void sim_publish_user(struct bus *base, struct user_news *n)
{
	struct sim_bus *b = of(base);
	if (b->dead) return;
	b->sink.user(b->sink.arg, n);
	send_off(b, TOPIC_USER, n->user_id, NULL, n);
}

static void sim_publish_hint(struct bus *base, struct hint *h) {}

/* ---- subscriptions */

struct asking {
	struct sim_bus *bus;
	enum topic_kind kind;
	int64_t id;
};

static void asking_free(struct asking *a)
{
	bus_unref(a->bus);
	mem_free(a);
}

static void confirmed(void *arg)
{
	struct asking *a = arg;
	struct topic *t = topic_of(a->bus, a->kind, a->id);
	if (t && !a->bus->dead && (goes(a->bus) || a->bus->away)) {
		t->confirmed = true;
		a->bus->sink.subscribed(a->bus->sink.arg, a->kind, a->id);
	}
	asking_free(a);
}

static void registered(void *arg)
{
	struct asking *a = arg;
	struct topic *t = topic_of(a->bus, a->kind, a->id);
	if (!t || !goes(a->bus)) {
		a->bus->broken |= !goes(a->bus); /* that is noticed, and then it is asked again */
		asking_free(a);
		return;
	}
	t->registered = true;
	int64_t at = a->bus->redis->world->now_ns + world_delay(a->bus->redis->world, DELAY_SUB);
	at = a->bus->in_ns = at > a->bus->in_ns ? at : a->bus->in_ns;
	world_at(a->bus->redis->world, at - a->bus->redis->world->now_ns, confirmed, a);
}

static void topic_ask(struct sim_bus *b, enum topic_kind kind, int64_t id)
{
	struct asking *a = mem_new(struct asking);
	*a = (struct asking){ b, kind, id };
	b->refs++;
	struct world *w = b->redis->world;
	world_at(w, world_delay(w, DELAY_SUB), b->away ? confirmed : registered, a);
}

static void sim_subscribe(struct bus *base, enum topic_kind kind, int64_t id)
{
	struct sim_bus *b = of(base);
	struct topic *had = topic_of(b, kind, id);
	const struct topic t = { .kind = kind, .id = id, .refs = 1 };
	if (had)
		had->refs++;
	else
		vec_push(&b->topics, t);
	topic_ask(b, kind, id);
}

static void sim_unsubscribe(struct bus *base, enum topic_kind kind, int64_t id)
{
	struct sim_bus *b = of(base);
	struct topic *t = topic_of(b, kind, id);
	if (t && !--t->refs) vec_drop_swap(&b->topics, (size_t)(t - b->topics.p));
}

/* ---- the link: known to be lost within a second; then tried again four times a second */

static void link_back(struct sim_bus *b)
{
	b->broken = b->away = false;
	b->sink.state(b->sink.arg, false);
	for (size_t i = 0; i < b->topics.n; i++) topic_ask(b, b->topics.p[i].kind, b->topics.p[i].id);
}

/* Nobody is kept waiting for a bus that is not there. */
static void link_lost(struct sim_bus *b)
{
	b->away = true;
	b->sink.state(b->sink.arg, true);
	for (size_t i = 0; i < b->topics.n; i++) {
		struct topic *t = &b->topics.p[i];
		t->registered = false;
		if (!t->confirmed) topic_ask(b, t->kind, t->id);
	}
}

static void link_watch(void *arg)
{
	struct sim_bus *b = arg;
	if (b->dead) {
		bus_unref(b);
		return;
	}
	if (b->away && b->redis->up)
		link_back(b);
	else if (!b->away && (b->broken || !b->redis->up))
		link_lost(b);
	world_at(b->redis->world, b->away ? RETRY_NS : NOTICE_NS, link_watch, b);
}

void sim_bus_half_open(struct bus *base)
{
	of(base)->broken = true;
}

void sim_bus_kill(struct bus *base)
{
	struct sim_bus *b = of(base);
	struct redis *r = b->redis;
	b->dead = true;
	for (size_t i = 0; i < r->buses.n; i++)
		if (r->buses.p[i] == b) {
			for (size_t k = i + 1; k < r->buses.n; k++) r->buses.p[k - 1] = r->buses.p[k];
			r->buses.n--;
		}
}

/* ---- making */

static void sim_attach(struct bus *base, const struct bus_sink *sink)
{
	struct sim_bus *b = of(base);
	b->sink = *sink;
	b->away = true; /* until it is connected */
	b->sink.state(b->sink.arg, true);
}

static bool sim_certain(const struct bus *base)
{
	return false;
}

static void sim_destroy(struct bus *base)
{
	sim_bus_kill(base);
	bus_unref(of(base));
}

static const struct bus_ops sim_ops = {
	.attach = sim_attach,
	.publish = sim_publish,
	.publish_user = sim_publish_user,
	.publish_hint = sim_publish_hint,
	.subscribe = sim_subscribe,
	.unsubscribe = sim_unsubscribe,
	.certain = sim_certain,
	.detach = sim_bus_kill,
	.destroy = sim_destroy,
};

struct bus *sim_bus_create(struct redis *r, const char *pod)
{
	struct sim_bus *b = mem_new(struct sim_bus);
	b->base.ops = &sim_ops;
	b->redis = r;
	b->refs = 2;
	memcpy(b->pod, pod, strnlen(pod, sizeof b->pod - 1));
	vec_push(&r->buses, b);
	world_at(r->world, world_between(r->world, 0, RETRY_NS), link_watch, b);
	return &b->base;
}

struct redis *redis_create(struct world *w)
{
	struct redis *r = mem_new(struct redis);
	r->world = w;
	r->up = true;
	return r;
}

void redis_down(struct redis *r)
{
	r->up = false;
	for (size_t i = 0; i < r->buses.n; i++) {
		struct sim_bus *b = r->buses.p[i];
		b->broken = true; /* also when it comes back before anybody notices: its subscriptions are gone */
		for (size_t k = 0; k < b->topics.n; k++) b->topics.p[k].registered = false;
	}
}

void redis_destroy(struct redis *r)
{
	vec_release(&r->buses);
	mem_free(r);
}
