/* Mails are counted in before they are posted and out when they arrive. The first that finds no room posts another one,
 * which is not counted: it arrives after those that filled the inbox, takes what was noted until then, and asks. */
#include "hub/inbox.h"

#include "base/mem.h"
#include "hub/check.h"
#include "hub/heads.h"
#include "hub/local.h"
#include "hub/owner.h"
#include "hub/person.h"
#include "hub/watch.h"

#define MISSED_MOST                                                                                                    \
	1024 /* channels and people that are remembered; with more, all that is served may have missed something */

struct missed {
	struct id_map ids[2]; /* by enum topic_kind */
	int64_t n;            /* mails that were dropped */
	bool all;
};
struct inbox {
	struct hub_reactor *to;
	_Atomic int64_t n, bytes; /* of mails on their way */
	pthread_mutex_t lock;
	/* ---- lock */
	struct missed missed;
	bool noticed; /* a mail tells the reactor of it */
};

struct hub_mail {
	struct mail mail;
	int64_t bytes;
	union {
		struct event *event;
		struct user_news *news;
		struct hint *hint;
		struct {
			int64_t id, rev;
			uint64_t epoch;
			enum topic_kind kind;
		};
	};
};

/* ---- what was missed */

static void look_at(struct hub_reactor *hr, const struct missed *missed)
{
	struct id_slot slot;
	if (missed->all) {
		heads_all(hr);
		return;
	}
	for (size_t i = 0; id_map_next(&missed->ids[TOPIC_CHANNEL], &i, &slot);) owner_doubt(hr, slot.key);
	for (size_t i = 0; id_map_next(&missed->ids[TOPIC_USER], &i, &slot);)
		person_doubt(hr, slot.key), watch_news(hr, slot.key);
}

static void missed_release(struct missed *missed)
{
	for (size_t i = 0; i < countof(missed->ids); i++) id_map_release(&missed->ids[i]);
}

static void notice_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct inbox *b = hr->inbox;
	pthread_mutex_lock(&b->lock);
	struct missed missed = b->missed;
	b->missed = (struct missed){ 0 };
	b->noticed = false;
	pthread_mutex_unlock(&b->lock);
	metric_add(hr->cell, METRIC_HUB_MISSED, missed.n);
	if (!hr->hub->stopping) look_at(hr, &missed);
	missed_release(&missed);
	mem_free(m);
}

static void note(struct missed *missed, enum topic_kind kind, int64_t id)
{
	missed->n++;
	if (missed->all || id_map_get(&missed->ids[kind], id)) return;
	missed->all = missed->ids[0].n + missed->ids[1].n >= MISSED_MOST;
	if (!missed->all) id_map_put(&missed->ids[kind], id, missed);
}

static void miss(struct hub_reactor *to, enum topic_kind kind, int64_t id)
{
	struct inbox *b = to->inbox;
	pthread_mutex_lock(&b->lock);
	bool first = !b->noticed;
	b->noticed = true;
	note(&b->missed, kind, id);
	pthread_mutex_unlock(&b->lock);
	if (!first) return;
	struct mail *m = mem_new(struct mail);
	m->deliver = notice_arrives;
	reactor_post(to->reactor, m);
}

/* ---- room */

static bool enter(struct inbox *b, int64_t bytes)
{
	const struct config *c = b->to->hub->config;
	int64_t n = atomic_fetch_add_explicit(&b->n, 1, memory_order_relaxed);
	int64_t full = atomic_fetch_add_explicit(&b->bytes, bytes, memory_order_relaxed);
	if (n < c->hub_queue && full + bytes <= c->hub_queue_bytes) return true;
	atomic_fetch_sub_explicit(&b->n, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&b->bytes, bytes, memory_order_relaxed);
	return false;
}

static void leave(struct inbox *b, int64_t bytes)
{
	atomic_fetch_sub_explicit(&b->n, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&b->bytes, bytes, memory_order_relaxed);
}

/* Of something of so many bytes; NULL: there is no room. */
static struct hub_mail *mail_for(struct hub_reactor *to, size_t bytes, void (*deliver)(struct reactor *, struct mail *))
{
	int64_t all = (int64_t)(sizeof(struct hub_mail) + bytes);
	if (!enter(to->inbox, all)) return NULL;
	struct hub_mail *hm = mem_new(struct hub_mail);
	hm->mail.deliver = deliver;
	hm->bytes = all;
	return hm;
}

static struct hub_mail *arrived(struct hub_reactor *hr, struct mail *m)
{
	struct hub_mail *hm = container_of(m, struct hub_mail, mail);
	leave(hr->inbox, hm->bytes);
	return hm;
}

/* ---- what comes, on any thread */

static void event_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct hub_mail *hm = arrived(hr, m);
	owner_event(hr, hm->event);
	event_unref(hm->event);
	mem_free(hm);
}

static void sink_event(void *arg, struct event *e)
{
	struct hub *h = arg;
	struct hub_reactor *to = hub_owner_reactor(h, e->channel_id);
	struct hub_mail *hm = mail_for(to, sizeof *e + e->json_n, event_arrives);
	if (hm) {
		hm->event = event_ref(e);
		reactor_post(to->reactor, &hm->mail);
	} else {
		miss(to, TOPIC_CHANNEL, e->channel_id);
	}
	if (e->epoch != hub_epoch(h)) hub_foreign(h);
}

static void news_arrive(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct hub_mail *hm = arrived(hr, m);
	if (hm->news->presence)
		watch_news(hr, hm->news->user_id);
	else
		person_news(hr, hm->news);
	user_news_unref(hm->news);
	mem_free(hm);
}

static void sink_user(void *arg, struct user_news *n)
{
	struct hub *h = arg;
	for (size_t i = 0; i < h->n; i++) {
		struct hub_mail *hm = mail_for(h->r[i], sizeof *n + n->json_n, news_arrive);
		if (!hm) {
			miss(h->r[i], TOPIC_USER, n->user_id);
			continue;
		}
		hm->news = user_news_ref(n);
		reactor_post(h->r[i]->reactor, &hm->mail);
	}
	if (n->epoch != hub_epoch(h)) hub_foreign(h);
}

static void hint_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct hub_mail *hm = arrived(hr, m);
	local_hint(hr, hm->hint);
	hint_unref(hm->hint);
	mem_free(hm);
}

static void sink_hint(void *arg, struct hint *n)
{
	struct hub *h = arg;
	for (size_t i = 0; i < h->n; i++) {
		struct hub_mail *hm = mail_for(h->r[i], sizeof *n + n->json_n, hint_arrives);
		if (!hm) continue;
		hm->hint = hint_ref(n);
		reactor_post(h->r[i]->reactor, &hm->mail);
	}
}

static void behind_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct hub_mail *hm = arrived(hr, m);
	struct owner *o = owner_get(hr, hm->id);
	if (o && hm->epoch == hr->epoch) owner_behind(o, hm->rev);
	mem_free(hm);
}

static void sink_behind(void *arg, int64_t channel_id, int64_t rev, uint64_t epoch)
{
	struct hub *h = arg;
	struct hub_reactor *to = hub_owner_reactor(h, channel_id);
	struct hub_mail *hm = mail_for(to, 0, behind_arrives);
	if (hm) {
		hm->id = channel_id, hm->rev = rev, hm->epoch = epoch;
		reactor_post(to->reactor, &hm->mail);
	} else {
		miss(to, TOPIC_CHANNEL, channel_id);
	}
	if (epoch != hub_epoch(h)) hub_foreign(h);
}

/* ---- subscriptions: no more than there are topics, and never dropped */

static void subscribed_arrives(struct reactor *r, struct mail *m)
{
	struct hub_mail *hm = container_of(m, struct hub_mail, mail);
	if (hm->kind == TOPIC_CHANNEL)
		owner_subscribed(hub_here(r), hm->id);
	else
		person_subscribed(hub_here(r), hm->id), watch_news(hub_here(r), hm->id);
	mem_free(hm);
}

static void sink_subscribed(void *arg, enum topic_kind kind, int64_t id)
{
	struct hub *h = arg;
	size_t owner = hub_owner_index(h, id);
	for (size_t i = 0; i < h->n; i++) {
		if (kind == TOPIC_POD || (kind == TOPIC_CHANNEL && i != owner)) continue;
		struct hub_mail *hm = mem_new(struct hub_mail);
		hm->mail.deliver = subscribed_arrives;
		hm->kind = kind, hm->id = id;
		reactor_post(h->r[i]->reactor, &hm->mail);
	}
}

static void sink_state(void *arg, bool away)
{
	heads_away(arg, away);
}

struct bus_sink inbox_sink(struct hub *h)
{
	return (struct bus_sink){ sink_event, sink_user, sink_hint, sink_behind, sink_subscribed, sink_state, h };
}

/* ---- life */

struct inbox *inbox_create(struct hub_reactor *hr)
{
	struct inbox *b = mem_new(struct inbox);
	b->to = hr;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void inbox_destroy(struct inbox *b)
{
	missed_release(&b->missed);
	pthread_mutex_destroy(&b->lock);
	mem_free(b);
}
