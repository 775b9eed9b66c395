/* Which history of the database this pod serves. Another one begins with another epoch, or with a head below what was
 * delivered. A change is made once, under the lock, and counted; each reactor follows by itself: by a mail, or when an
 * attach from a reactor that was quicker reaches it. What was asked of the database in one history says nothing about a
 * later one: it is dropped, and never turns the pod back.
 *
 * An epoch that a read has found is not served before it is stored (settle.c): lists are read only once it is, and so
 * nobody is ready, attached, or given anything; pages of it are refused. */
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/hub_reactor.h"
#include "hub/local.h"
#include "hub/owner.h"
#include "hub/person.h"
#include "hub/reading.h"
#include "hub/session.h"
#include "hub/settle.h"

uint64_t hub_epoch(const struct hub *h)
{
	return atomic_load_explicit(&h->epoch, memory_order_acquire);
}

bool hub_settled(const struct hub *h)
{
	return !atomic_load_explicit(&h->unsettled, memory_order_acquire);
}

bool hub_serves(struct hub *h, uint64_t epoch)
{
	if (fault_on(h->config, STR("no_epoch"))) return true;
	if (epoch == hub_epoch(h)) return hub_settled(h); /* in this order: see turn_over() */
	hub_foreign(h);
	return false;
}

/* ---- following */

static void end_sessions(struct hub_reactor *hr)
{
	for (struct list *i = hr->sessions.next; i != &hr->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, link);
		session_detach(s); /* until it is closed it must not be given what comes of the new history */
		s->ops->kick(s, ERR_DRAINING);
	}
}

void hub_follow(struct hub_reactor *hr)
{
	struct hub *h = hr->hub;
	struct id_slot slot;
	pthread_mutex_lock(&h->lock);
	bool same = hr->history == h->history;
	hr->history = h->history;
	hr->epoch = hub_epoch(h);
	pthread_mutex_unlock(&h->lock);
	if (same) return;
	owner_drop_all(hr);
	end_sessions(hr);
	local_forget_all(hr);
	for (size_t i = 0; id_map_next(&hr->people, &i, &slot);) ((struct person *)slot.value)->heard = 0;
}

static void history_arrives(struct reactor *r, struct mail *m)
{
	struct hub_reactor *hr = hub_here(r);
	struct id_slot slot;
	hub_follow(hr);
	for (size_t i = 0; id_map_next(&hr->people, &i, &slot);)
		reading_next(slot.value); /* who waited for it to be stored */
	mem_free(m);
}

/* ---- changing, under the lock */

static void tell_reactors(struct hub *h)
{
	for (size_t i = 0; i < h->n; i++) {
		struct mail *m = mem_new(struct mail);
		m->deliver = history_arrives;
		reactor_post(h->r[i]->reactor, m);
	}
}

/* Whoever sees the new epoch sees as well whether it is stored. */
static void turn_over(struct hub *h, uint64_t epoch, bool stored)
{
	h->history++;
	if (!stored) atomic_store_explicit(&h->unsettled, true, memory_order_release);
	atomic_store_explicit(&h->epoch, epoch, memory_order_release);
	if (stored) atomic_store_explicit(&h->unsettled, false, memory_order_release);
	tell_reactors(h);
	if (!stored) settle_soon(h->settle);
}

static void is_stored(struct hub *h, uint64_t epoch, bool *other)
{
	*other = hub_epoch(h) != epoch;
	if (*other) {
		turn_over(h, epoch, true);
	} else if (!hub_settled(h)) {
		atomic_store_explicit(&h->unsettled, false, memory_order_release);
		tell_reactors(h);
	}
}

void hub_epoch_changed(struct hub *h, uint64_t epoch)
{
	bool other;
	pthread_mutex_lock(&h->lock);
	is_stored(h, epoch, &other);
	pthread_mutex_unlock(&h->lock);
	if (other) log_event(LOG_WARN, "hub.epoch_changed");
}

bool hub_settle(struct hub *h, uint64_t asked, uint64_t epoch)
{
	bool other = false;
	pthread_mutex_lock(&h->lock);
	bool present = h->history == asked;
	if (present) is_stored(h, epoch, &other);
	pthread_mutex_unlock(&h->lock);
	if (other) log_event(LOG_WARN, "hub.epoch_changed");
	return present;
}

/* Seen by what was asked in the history `asked`; if that has ended meanwhile, it says nothing. */
static bool turn_over_from(struct hub *h, uint64_t asked, uint64_t epoch)
{
	pthread_mutex_lock(&h->lock);
	bool present = h->history == asked;
	if (present) turn_over(h, epoch, epoch == hub_epoch(h) && hub_settled(h));
	pthread_mutex_unlock(&h->lock);
	return present;
}

void hub_went_back(struct hub_reactor *hr)
{
	if (turn_over_from(hr->hub, hr->history, hr->epoch)) log_event(LOG_ERROR, "hub.head_went_back");
}

bool hub_ours(struct hub_reactor *hr, uint64_t asked, uint64_t epoch)
{
	if (asked != hr->history) return false;
	if (epoch == hr->epoch || fault_on(hr->hub->config, STR("no_epoch"))) return true;
	if (turn_over_from(hr->hub, asked, epoch)) log_event(LOG_WARN, "hub.epoch_changed");
	return false;
}

/* ---- news of another epoch: the database is asked which one is the present */

struct probe {
	struct job job;
	struct hub *hub;
	uint64_t asked, had;
};

static void probe_run(struct job *j, void *state)
{
	struct probe *p = container_of(j, struct probe, job);
	uint64_t epoch;
	j->err = epoch_read(state, &epoch);
	if (j->err || epoch == p->had) return;
	if (turn_over_from(p->hub, p->asked, epoch)) log_event(LOG_WARN, "hub.epoch_changed");
}

static void probe_done(struct job *j) /* on the lane; a failed one is repeated by the next event */
{
	struct probe *p = container_of(j, struct probe, job);
	atomic_store(&p->hub->probing, false);
	mem_free(p);
}

void hub_foreign(struct hub *h)
{
	if (atomic_exchange(&h->probing, true)) return;
	struct probe *p = mem_new(struct probe);
	p->hub = h;
	p->job.sure = true;
	p->job.run = probe_run;
	p->job.done = probe_done;
	pthread_mutex_lock(&h->lock);
	p->asked = h->history, p->had = hub_epoch(h);
	bool taken =
		!h->closing && !lane_submit(h->sync, &p->job); /* under the lock: until it is closing there is a lane */
	pthread_mutex_unlock(&h->lock);
	if (!taken) probe_done(&p->job);
}

void hub_ask_no_more(struct hub *h)
{
	pthread_mutex_lock(&h->lock);
	h->closing = true;
	pthread_mutex_unlock(&h->lock);
}
