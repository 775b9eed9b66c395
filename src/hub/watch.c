#include "hub/watch.h"

#include "base/mem.h"
#include "eph/eph.h"
#include "hub/presence.h"
#include "hub/session.h"

#define GATHER_MS 20  /* from the first that is named to the question */
#define LOOK_MOST 512 /* people of one question */
#define NEVER_TOLD 255
_Static_assert(LOOK_MOST <= EPH_KEYS_MOST, "one question");

struct watched { /* somebody whom a session of this reactor watches */
	int64_t user_id;
	struct list link;     /* watching.all: those looked at longest ago first */
	struct list unseen;   /* watching.unseen, or empty */
	struct list watchers; /* struct watcher.link */
	uint8_t state;
	bool known;
};

struct watcher { /* one of a session's set */
	struct list link;
	struct watched *of;
	uint16_t at; /* its place in the set */
	uint8_t told;
};

struct watch { /* a session's set */
	struct session *session;
	struct list telling; /* watching.telling, or empty: something differs, or may */
	bool whole;          /* nothing was told yet */
	size_t n;
	struct watcher set[];
};

struct watching { /* of a reactor */
	struct hub_reactor *here;
	struct id_map people; /* user_id -> struct watched */
	struct list all, unseen, telling;
	struct timer tick, gather;
	bool looking; /* a question is on its way */
	int64_t ticked_ms, carry;
};

static struct watch *watch_of(struct watcher *w)
{
	return container_of(w - w->at, struct watch, set[0]);
}

/* ---- telling */

static bool all_known(const struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!w->set[i].of->known) return false;
	return true;
}

/* Who has blocked the watcher is never there. */
static uint8_t shown(const struct watch *w, const struct watcher *x)
{
	return person_is_blocked_by(w->session->person, x->of->user_id) ? PRESENCE_OFFLINE : x->of->state;
}

static void write_out(struct watch *w)
{
	struct presence_item items[WATCH_MOST];
	size_t n = 0;
	for (size_t i = 0; i < w->n; i++) {
		struct watcher *x = &w->set[i];
		if (!x->of->known || x->told == shown(w, x)) continue;
		x->told = shown(w, x);
		items[n++] = (struct presence_item){ x->of->user_id, (enum presence)x->told };
	}
	if (!n && !w->whole) return;
	bool whole = w->whole;
	w->whole = false;
	metric_add(w->session->here->cell, METRIC_PRESENCE_TOLD, 1);
	w->session->ops->presence(w->session, items, n, whole);
}

/* One whose session takes nothing waits for the next tick. */
static void tell(struct watching *g, struct watch *w)
{
	struct session *s = w->session;
	bool waits = w->whole && !all_known(w);
	list_del(&w->telling);
	if (waits) return;
	if (s->parked || !s->conn || conn_closing(s->conn) || !session_takes(s))
		list_add_tail(&g->telling, &w->telling);
	else
		write_out(w);
}

static void tell_all(struct watching *g)
{
	struct list now, *first;
	list_init(&now);
	while ((first = list_pop(&g->telling))) list_add_tail(&now, first);
	while ((first = list_pop(&now))) tell(g, container_of(first, struct watch, telling));
}

static void differs(struct watching *g, struct watch *w)
{
	if (list_empty(&w->telling)) list_add_tail(&g->telling, &w->telling);
}

static void set_state(struct watching *g, struct watched *p, enum presence state)
{
	if (p->known && p->state == state) return;
	p->known = true;
	p->state = (uint8_t)state;
	for (struct list *i = p->watchers.next; i != &p->watchers; i = i->next)
		differs(g, watch_of(container_of(i, struct watcher, link)));
}

void watch_judge_again(struct person *p)
{
	struct watching *g = p->here->watching;
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, person_link);
		if (s->watch) differs(g, s->watch);
	}
	tell_all(g);
	watch_wake(p->here);
}

/* ---- looking */

struct look {
	struct job job;
	struct hub_reactor *here;
	bool known;
	size_t n;
	int64_t ids[LOOK_MOST];
	uint8_t states[LOOK_MOST];
};

static void look_run(struct job *j, void *state)
{
	struct look *l = container_of(j, struct look, job);
	struct eph *eph = l->here->hub->eph;
	l->known = eph->ops->presences(eph, l->ids, l->n, l->states);
}

static void look_again(struct watching *g, struct watched *p)
{
	if (list_empty(&p->unseen)) list_add_tail(&g->unseen, &p->unseen);
}

/* Devices of this pod count whatever others say. Where nobody answered, what was known stays. */
static void seen(struct watching *g, const struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct watched *p = id_map_get(&g->people, l->ids[i]);
		if (!p) continue;
		enum presence own = hub_person_presence(g->here->hub, p->user_id), state = (enum presence)l->states[i];
		if (!l->known) state = p->known ? (enum presence)p->state : PRESENCE_OFFLINE;
		set_state(g, p, own > state ? own : state);
		if (!l->known) look_again(g, p); /* by the next tick */
	}
	tell_all(g);
}

static void look(struct watching *g);

static void look_done(struct job *j)
{
	struct look *l = container_of(j, struct look, job);
	struct watching *g = l->here->watching;
	g->looking = false;
	if (!l->here->hub->stopping) {
		if (j->err) l->known = false;
		seen(g, l);
		if (l->known && !list_empty(&g->unseen)) timer_set(l->here->reactor, &g->gather, GATHER_MS);
		watch_wake(l->here);
	}
	mem_free(l);
}

static void take_unseen(struct watching *g, struct look *l)
{
	struct list *first;
	while (l->n < LOOK_MOST && (first = list_pop(&g->unseen)))
		l->ids[l->n++] = container_of(first, struct watched, unseen)->user_id;
}

/* Of others there is nobody to ask where this pod is alone. */
static void look(struct watching *g)
{
	struct hub *h = g->here->hub;
	if (g->looking || list_empty(&g->unseen)) return;
	struct look *l = mem_new(struct look);
	l->here = g->here;
	take_unseen(g, l);
	metric_add(g->here->cell, METRIC_PRESENCE_LOOKS, (int64_t)l->n);
	l->job = (struct job){ .home = g->here->reactor, .run = look_run, .done = look_done };
	g->looking = true;
	l->known = !h->shared;
	if (h->shared) l->job.err = lane_submit(h->look, &l->job);
	if (!h->shared || l->job.err) look_done(&l->job);
}

static void gather_due(struct reactor *r, struct timer *t)
{
	look(container_of(t, struct watching, gather));
}

static void gather(struct watching *g)
{
	if (!g->looking && !timer_pending(&g->gather) && !g->here->hub->stopping)
		timer_set(g->here->reactor, &g->gather, GATHER_MS);
}

void watch_news(struct hub_reactor *hr, int64_t user_id)
{
	struct watching *g = hr->watching;
	struct watched *p = id_map_get(&g->people, user_id);
	if (!p) return;
	look_again(g, p);
	gather(g);
}

/* ---- in turn */

static void look_in_turn(struct watching *g, int64_t elapsed_ms)
{
	struct hub *h = g->here->hub;
	if (!h->shared) return;
	for (size_t n = presence_share(g->people.n, elapsed_ms, presence_again_ms(h->config), &g->carry); n--;) {
		struct list *first = list_pop(&g->all);
		if (!first) return; /* as many are listed as their number says: for the optimising compiler */
		list_add_tail(&g->all, first);
		look_again(g, container_of(first, struct watched, link));
	}
}

static bool idles(const struct watching *g)
{
	const struct hub_reactor *hr = g->here;
	bool turns = hr->hub->shared && (hr->n_sessions || g->people.n);
	return !turns && list_empty(&g->telling) && list_empty(&g->unseen);
}

void watch_wake(struct hub_reactor *hr)
{
	struct watching *g = hr->watching;
	if (hr->hub->stopping || timer_pending(&g->tick) || idles(g)) return;
	g->ticked_ms = reactor_now_ms(hr->reactor);
	timer_set(hr->reactor, &g->tick, PRESENCE_TICK_MS);
}

static void tick_due(struct reactor *r, struct timer *t)
{
	struct watching *g = container_of(t, struct watching, tick);
	int64_t elapsed = reactor_now_ms(r) - g->ticked_ms;
	presence_sweep(g->here, elapsed);
	look_in_turn(g, elapsed);
	tell_all(g);
	if (!timer_pending(&g->gather)) look(g);
	watch_wake(g->here);
}

/* ---- sets */

static struct watched *need(struct watching *g, int64_t user_id)
{
	struct watched *p = id_map_get(&g->people, user_id);
	if (p) return p;
	p = mem_new(struct watched);
	p->user_id = user_id;
	list_init(&p->unseen);
	list_init(&p->watchers);
	list_add_tail(&g->all, &p->link);
	id_map_put(&g->people, user_id, p);
	look_again(g, p);
	g->here->hub->bus->ops->subscribe(g->here->hub->bus, TOPIC_USER, user_id);
	return p;
}

static void drop_if_unwatched(struct watching *g, struct watched *p)
{
	if (!list_empty(&p->watchers)) return;
	g->here->hub->bus->ops->unsubscribe(g->here->hub->bus, TOPIC_USER, p->user_id);
	id_map_take(&g->people, p->user_id);
	list_del(&p->link);
	list_del(&p->unseen);
	mem_free(p);
}

static void watch_free(struct watching *g, struct watch *w)
{
	if (!w) return;
	for (size_t i = 0; i < w->n; i++) {
		list_del(&w->set[i].link);
		drop_if_unwatched(g, w->set[i].of);
	}
	list_del(&w->telling);
	atomic_fetch_sub_explicit(&g->here->hub->watches, (int64_t)w->n, memory_order_relaxed);
	mem_free(w);
}

static struct watch *watch_make(struct watching *g, struct session *s, const int64_t *ids, size_t n)
{
	struct watch *w = mem_zalloc(sizeof *w + n * sizeof *w->set);
	w->session = s;
	w->whole = true;
	list_init(&w->telling);
	for (w->n = 0; w->n < n; w->n++) {
		struct watcher *x = &w->set[w->n];
		*x = (struct watcher){ .of = need(g, ids[w->n]), .at = (uint16_t)w->n, .told = NEVER_TOLD };
		list_add_tail(&x->of->watchers, &x->link);
	}
	differs(g, w);
	return w;
}

/* Under the cap with what is given back. */
static bool take_room(struct hub *h, struct session *s, size_t n)
{
	int64_t had = s->watch ? (int64_t)s->watch->n : 0, most = h->config->watches;
	int64_t now = atomic_fetch_add_explicit(&h->watches, (int64_t)n, memory_order_relaxed) + (int64_t)n;
	if (now - had <= most || (int64_t)n <= had) return true;
	atomic_fetch_sub_explicit(&h->watches, (int64_t)n, memory_order_relaxed);
	return false;
}

/* The old one goes last, so that whom both name stays known. */
enum err watch_set(struct session *s, const int64_t *ids, size_t n)
{
	struct watching *g = s->here->watching;
	if (!take_room(s->here->hub, s, n)) return ERR_LIMIT_REACHED;
	struct watch *old = s->watch;
	s->watch = watch_make(g, s, ids, n);
	watch_free(g, old);
	tell(g, s->watch);
	if (!list_empty(&g->unseen)) gather(g);
	watch_wake(s->here);
	if (n) return OK;
	if (list_empty(&s->watch->telling)) watch_end(s);
	return OK;
}

void watch_end(struct session *s)
{
	watch_free(s->here->watching, s->watch);
	s->watch = NULL;
}

/* ---- life */

void watch_open(struct hub_reactor *hr)
{
	struct watching *g = mem_new(struct watching);
	g->here = hr;
	list_init(&g->all);
	list_init(&g->unseen);
	list_init(&g->telling);
	timer_init(&g->tick, tick_due);
	timer_init(&g->gather, gather_due);
	hr->watching = g;
}

void watch_stop(struct hub_reactor *hr)
{
	timer_clear(&hr->watching->tick);
	timer_clear(&hr->watching->gather);
}

void watch_close(struct hub_reactor *hr)
{
	id_map_release(&hr->watching->people);
	mem_free(hr->watching);
}
