#include "hub/local.h"

#include <assert.h>

#include "hub/owner.h"
#include "hub/session.h"

struct local *local_get(struct hub_reactor *hr, int64_t channel_id)
{
	return id_map_get(&hr->locals, channel_id);
}

struct local *local_need(struct hub_reactor *hr, int64_t channel_id)
{
	struct local *l = local_get(hr, channel_id);
	if (l) return l;
	l = mem_new(struct local);
	l->channel_id = channel_id;
	l->here = hr;
	list_init(&l->dirty);
	id_map_put(&hr->locals, channel_id, l);
	return l;
}

/* ---- interest */

struct interest_mail {
	struct mail mail;
	int64_t channel_id;
	size_t reactor;
};

static void uninterest_arrives(struct reactor *r, struct mail *m)
{
	struct interest_mail *im = container_of(m, struct interest_mail, mail);
	struct owner *o = owner_get(hub_here(r), im->channel_id);
	if (o) owner_interest(o, im->reactor, false);
	mem_free(im);
}

/* In order with the attaches that this reactor sends: one that follows finds the interest gone and sets it again. */
static void tell_owner(struct local *l)
{
	struct hub_reactor *to = hub_owner_reactor(l->here->hub, l->channel_id);
	struct interest_mail *im = mem_new(struct interest_mail);
	im->mail.deliver = uninterest_arrives;
	im->channel_id = l->channel_id;
	im->reactor = (size_t)reactor_index(l->here->reactor);
	if (to == l->here)
		uninterest_arrives(to->reactor, &im->mail);
	else
		reactor_post(to->reactor, &im->mail);
}

static void local_free(struct local *l)
{
	id_map_take(&l->here->locals, l->channel_id);
	list_del(&l->dirty);
	fanout_forget(l);
	vec_release(&l->frames);
	vec_release(&l->subs);
	for (size_t d = 0; d < DIALECTS_MOST; d++) vec_release(&l->joined[d].begins);
	mem_free(l);
}

static void local_free_if_unused(struct local *l)
{
	if (l->subs.n || l->attaching) return;
	if (!l->here->hub->stopping) tell_owner(l);
	local_free(l);
}

void local_hold(struct hub_reactor *hr, int64_t channel_id)
{
	local_need(hr, channel_id)->attaching++;
}

void local_unhold(struct hub_reactor *hr, int64_t channel_id)
{
	struct local *l = local_get(hr, channel_id);
	l->attaching--;
	local_free_if_unused(l);
}

/* ---- a list that knows what the stream has not told yet */

struct doubt_mail {
	struct mail mail;
	int64_t channel_id;
};

static void doubt_arrives(struct reactor *r, struct mail *m)
{
	struct doubt_mail *dm = container_of(m, struct doubt_mail, mail);
	owner_doubt(hub_here(r), dm->channel_id);
	mem_free(dm);
}

void local_doubt(struct hub_reactor *hr, int64_t channel_id)
{
	struct doubt_mail *dm = mem_new(struct doubt_mail);
	dm->mail.deliver = doubt_arrives;
	dm->channel_id = channel_id;
	reactor_post(hub_owner_reactor(hr->hub, channel_id)->reactor, &dm->mail);
}

/* ---- subscribers */

void local_add(struct local *l, struct sub *s)
{
	s->local = l;
	s->state = SUB_LIVE;
	s->stop_rev = 0;
	s->at = (uint32_t)l->subs.n;
	vec_push(&l->subs, s);
}

static void place(struct local *l, uint32_t at, struct sub *s)
{
	l->subs.p[at] = s;
	s->at = at;
}

/* Keeps the walk's promise: those before walk_at were reached, those behind it were not. */
void local_remove(struct sub *s)
{
	struct local *l = s->local;
	uint32_t hole = s->at;
	if (l->walking && hole < l->walk_at) {
		uint32_t border = (uint32_t)--l->walk_at;
		place(l, hole, l->subs.p[border]);
		hole = border;
	}
	uint32_t last = (uint32_t)--l->subs.n;
	if (hole != last) place(l, hole, l->subs.p[last]);
	s->local = NULL;
	s->state = SUB_DETACHED;
	s->pos_at = 0; /* what it was given is of this history */
	if (!l->walking) local_free_if_unused(l);
}

/* ---- frames */

static void mark(struct sub *s, const struct event *e)
{
	if (s->pos < e->rev && (!s->stop_rev || e->rev < s->stop_rev) && e->rev > s->joined_rev) s->stop_rev = e->rev;
}

static void mark_removed(struct local *l, const struct event *e)
{
	struct person *p = id_map_get(&l->here->people, e->user_id);
	if (!p) return;
	for (struct list *i = p->sessions.next; i != &p->sessions; i = i->next) {
		struct sub *s = session_sub(container_of(i, struct session, person_link), l->channel_id);
		if (s && s->state == SUB_LIVE) mark(s, e);
	}
}

/* The channel's last: it ends everybody's stream. */
static void mark_all(struct local *l, const struct event *e)
{
	for (size_t i = 0; i < l->subs.n; i++) mark(l->subs.p[i], e);
}

void local_frames(struct hub_reactor *hr, int64_t channel_id, struct frame *const *frames, size_t n)
{
	struct local *l = local_get(hr, channel_id);
	if (!l) return;
	if (!l->subs
			 .n) { /* whoever comes begins behind these, and what waited for those who left would lie before a hole */
		fanout_forget(l);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const struct event *e = frames[i]->event;
		assert(!l->frames.n || e->rev == l->first_rev + (int64_t)l->frames.n);
		if (!l->frames.n) l->first_rev = e->rev;
		vec_push(&l->frames, frame_ref(frames[i]));
		if (e->kind == CHANGE_DELETED)
			mark_all(l, e);
		else if (change_row(e->kind)->removes)
			mark_removed(l, e);
	}
	if (list_empty(&l->dirty)) list_add_tail(&hr->dirty_locals, &l->dirty);
}

void local_hint(struct hub_reactor *hr, const struct hint *h)
{
	const struct local *l = local_get(hr, h->channel_id);
	for (size_t i = 0; l && i < l->subs.n; i++) {
		struct session *s = l->subs.p[i]->session;
		if (s->user_id == h->user_id || person_has_blocked(s->person, h->user_id)) continue;
		if (conn_idle_out(s->conn)) s->ops->hint(s, h);
	}
}

/* ---- an owner overtaken by retention */

struct reattach_mail {
	struct mail mail;
	int64_t channel_id, head;
};

/* Those who are past `head` by a snapshot stay; what waits here is from before the hole, and nobody's any more. */
static void reattach(struct hub_reactor *hr, int64_t channel_id, int64_t head)
{
	struct local *l = local_get(hr, channel_id);
	if (!l || hr->hub->stopping) return;
	l->attaching++; /* stays while its subscribers leave */
	for (size_t i = l->subs.n; i-- > 0;)
		if (l->subs.p[i]->pos < head) session_reattach(l->subs.p[i]);
	fanout_forget(l);
	local_unhold(hr, channel_id);
}

static void reattach_arrives(struct reactor *r, struct mail *m)
{
	struct reattach_mail *rm = container_of(m, struct reattach_mail, mail);
	reattach(hub_here(r), rm->channel_id, rm->head);
	mem_free(rm);
}

/* Before the owner's next frames, which go to its own reactor without a mail. */
void local_reattach(struct hub_reactor *from, struct hub_reactor *to, int64_t channel_id, int64_t head)
{
	if (from == to) {
		reattach(to, channel_id, head);
		return;
	}
	struct reattach_mail *rm = mem_new(struct reattach_mail);
	rm->mail.deliver = reattach_arrives;
	rm->channel_id = channel_id;
	rm->head = head;
	reactor_post(to->reactor, &rm->mail);
}

void local_forget_all(struct hub_reactor *hr)
{
	struct id_slot slot;
	for (size_t i = 0; id_map_next(&hr->locals, &i, &slot);) fanout_forget(slot.value);
}

void local_drop_all(struct hub_reactor *hr) /* without subscribers: at the hub's end */
{
	struct id_slot slot;
	size_t i = 0;
	while (id_map_next(&hr->locals, &i, &slot)) {
		local_free(slot.value);
		i = 0;
	}
}
