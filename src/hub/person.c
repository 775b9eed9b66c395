#include "hub/person.h"

#include <string.h>

#include "hub/heads.h"
#include "hub/list.h"
#include "hub/reading.h"
#include "hub/session.h"
#include "hub/watch.h"

struct person *person_join(struct hub_reactor *hr, struct session *s)
{
	struct person *p = id_map_get(&hr->people, s->user_id);
	if (!p) {
		p = mem_new(struct person);
		p->user_id = s->user_id;
		p->here = hr;
		list_init(&p->sessions);
		id_map_put(&hr->people, s->user_id, p);
		hr->hub->bus->ops->subscribe(hr->hub->bus, TOPIC_USER, s->user_id);
	}
	list_add_tail(&p->sessions, &s->person_link);
	s->person = p;
	return p;
}

void person_leave(struct session *s)
{
	struct person *p = s->person;
	s->person = NULL;
	list_del(&s->person_link);
	if (!list_empty(&p->sessions)) return;
	p->here->hub->bus->ops->unsubscribe(p->here->hub->bus, TOPIC_USER, p->user_id);
	id_map_take(&p->here->people, p->user_id);
	reading_forget(p);
	vec_release(&p->blocked);
	vec_release(&p->blockers);
	mem_free(p);
}

static void heard(struct person *p, int64_t rev)
{
	if (rev > p->heard) p->heard = rev;
	if (rev > p->news) p->news = rev;
}

/* ---- blocks: no hint of whom one has blocked, no presence of who has blocked one */

static bool has_id(const int64_t *ids, size_t n, int64_t id)
{
	for (size_t lo = 0, hi = n; lo < hi;) {
		size_t mid = (lo + hi) / 2;
		if (ids[mid] == id) return true;
		if (ids[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

bool person_has_blocked(const struct person *p, int64_t user_id)
{
	return has_id(p->blocked.p, p->blocked.n, user_id);
}

bool person_is_blocked_by(const struct person *p, int64_t user_id)
{
	return has_id(p->blockers.p, p->blockers.n, user_id);
}

void person_blocks(struct person *p, const struct sync_list *l)
{
	size_t bytes = l->n_blockers * sizeof *l->blocker_ids;
	bool same = p->blockers.n == l->n_blockers && (!bytes || !memcmp(p->blockers.p, l->blocker_ids, bytes));
	vec_clear(&p->blocked);
	for (size_t i = 0; i < l->n_blocked; i++) vec_push(&p->blocked, l->blocked_ids[i]);
	if (same) return;
	vec_clear(&p->blockers);
	for (size_t i = 0; i < l->n_blockers; i++) vec_push(&p->blockers, l->blocker_ids[i]);
	watch_judge_again(p);
}

/* ---- */

void person_refute(struct person *p, int64_t user_rev)
{
	int64_t most = p->news > user_rev ? p->news : user_rev;
	if (p->heard > most) p->heard = most;
}

static bool is_revoked(const struct session *s, const struct user_news *n)
{
	if (!n->revoked_session[0]) return false;
	if (n->revoked_session[0] == '*') return strcmp(s->session_id, n->kept_session) != 0;
	return strcmp(s->session_id, n->revoked_session) == 0;
}

void person_news(struct hub_reactor *hr, struct user_news *n)
{
	struct person *p = id_map_get(&hr->people, n->user_id);
	if (!p || n->epoch != hr->epoch) return;
	if (n->list_moved) heard(p, n->user_rev);
	for (struct list *i = p->sessions.next, *next; i != &p->sessions; i = next) {
		next = i->next; /* a kick closes at the end of the turn, never here */
		struct session *s = container_of(i, struct session, person_link);
		if (is_revoked(s, n))
			s->ops->kick(s, ERR_SESSION_REVOKED);
		else
			list_left(s, n), list_news(s, n);
	}
}

/* Without a word about what has changed: a session that has ended is found by its list. */
void person_head(struct hub_reactor *hr, int64_t user_id, int64_t rev)
{
	struct person *p = id_map_get(&hr->people, user_id);
	if (!p) return;
	heard(p, rev);
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, person_link);
		if (s->ready && rev > s->list_rev && !s->list_asked) session_refresh(s);
	}
}

static int64_t markers_told(const struct session *s)
{
	int64_t sum = 0;
	for (size_t i = 0; i < s->subs.n; i++) sum += s->subs.p[i]->read_at;
	return sum;
}

void person_compare(struct hub_reactor *hr, const struct sync_person_head *head)
{
	const struct person *p = id_map_get(&hr->people, head->user_id);
	if (!p) return;
	person_head(hr, head->user_id, head->rev);
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, person_link);
		if (s->ready && head->markers > markers_told(s)) session_refresh(s);
	}
}

/* Something may have been missed. Who waits for the first list reads it; for the others that would be one of everybody
 * at once when the bus is back: their heads tell whether it is needed. */
static void doubt(struct person *p)
{
	bool any_ready = false;
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		struct session *s = container_of(i, struct session, person_link);
		s->list_wanted |= s->hello != NULL;
		any_ready |= s->ready;
	}
	if (any_ready) heads_want_person(p);
	reading_next(p);
}

void person_subscribed(struct hub_reactor *hr, int64_t user_id)
{
	struct person *p = id_map_get(&hr->people, user_id);
	if (!p) return;
	p->subscribed = true;
	doubt(p);
}

void person_doubt(struct hub_reactor *hr, int64_t user_id)
{
	struct person *p = id_map_get(&hr->people, user_id);
	if (p) doubt(p);
}

void person_unconfirmed(struct person *p)
{
	if (!p->subscribed) doubt(p);
}
