#include "hub/session.h"

#include <string.h>

#include "base/mem.h"
#include "hub/attach.h"
#include "hub/list.h"
#include "hub/local.h"
#include "hub/presence.h"
#include "hub/watch.h"

/* ---- life */

enum err session_open(struct reactor *r, const struct session_ops *ops, void *data, struct conn *conn, int dialect,
					  int64_t user_id, const char *session_id, struct session **out)
{
	struct hub_reactor *hr = hub_here(r);
	if (!hub_person_enter(hr->hub, user_id)) return ERR_LIMIT_REACHED;
	struct session *s = mem_new(struct session);
	s->here = hr;
	s->history = hr->history;
	s->epoch = hr->epoch;
	s->ops = ops;
	s->data = data;
	s->conn = conn;
	s->dialect = (uint8_t)dialect;
	s->user_id = user_id;
	memcpy(s->session_id, session_id, strnlen(session_id, SESSION_ID));
	list_add_tail(&hr->sessions, &s->link);
	hr->n_sessions++;
	person_join(hr, s);
	atomic_fetch_add_explicit(&hr->hub->sessions, 1, memory_order_relaxed);
	*out = s;
	return OK;
}

static void session_free(struct deferred *d)
{
	mem_free(container_of(d, struct session, free_later));
}

static void free_if_done(struct session *s)
{
	if (!s->closed || s->busy) return;
	if (s->here->hub->stopping) { /* its reactor may be gone already, and nobody walks over sessions any more */
		mem_free(s);
		return;
	}
	s->free_later.run = session_free;
	reactor_defer(s->here->reactor, &s->free_later);
	s->busy = 1; /* once */
}

void session_unbusy(struct session *s)
{
	s->busy--;
	free_if_done(s);
}

void session_forget_hello(struct session *s)
{
	if (!s->hello) return;
	mem_free(s->hello->cursors);
	mem_free(s->hello);
	s->hello = NULL;
}

static void detach(struct sub *sub)
{
	if (sub->state == SUB_LIVE) local_remove(sub);
	sub->gen = ++sub->session->next_gen;
	sub->state = SUB_DETACHED;
}

void session_close(struct session *s)
{
	s->closed = true;
	s->conn = NULL;
	watch_end(s);
	presence_end(s);
	for (size_t i = 0; i < s->subs.n; i++) {
		detach(s->subs.p[i]);
		slab_give(&s->here->subs, s->subs.p[i]);
	}
	vec_release(&s->subs);
	list_del(&s->link);
	s->here->n_sessions--;
	person_leave(s);
	hub_person_leave(s->here->hub, s->user_id);
	session_forget_hello(s);
	list_forget(s);
	atomic_fetch_sub_explicit(&s->here->hub->sessions, 1, memory_order_relaxed);
	free_if_done(s);
}

uint64_t session_epoch(const struct session *s)
{
	return !s->ready && s->hello && s->hello->epoch ? s->hello->epoch : s->epoch;
}

/* ---- its channels */

static size_t sub_place(const struct session *s, int64_t channel_id)
{
	size_t lo = 0, hi = s->subs.n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->subs.p[mid]->channel_id < channel_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct sub *session_sub(const struct session *s, int64_t channel_id)
{
	size_t at = sub_place(s, channel_id);
	return at < s->subs.n && s->subs.p[at]->channel_id == channel_id ? s->subs.p[at] : NULL;
}

struct sub *session_sub_add(struct session *s, int64_t channel_id)
{
	size_t at = sub_place(s, channel_id);
	struct sub *sub = slab_take(&s->here->subs);
	sub->session = s;
	sub->channel_id = channel_id;
	sub->pos = CURSOR_NONE;
	vec_push(&s->subs, sub);
	memmove(s->subs.p + at + 1, s->subs.p + at, (s->subs.n - 1 - at) * sizeof *s->subs.p);
	s->subs.p[at] = sub;
	return sub;
}

static void sub_drop(struct session *s, struct sub *sub)
{
	detach(sub);
	size_t at = sub_place(s, sub->channel_id);
	memmove(s->subs.p + at, s->subs.p + at + 1, (s->subs.n - 1 - at) * sizeof *s->subs.p);
	s->subs.n--;
	slab_give(&s->here->subs, sub);
}

void session_attach(struct sub *sub, int64_t known, bool counted)
{
	struct session *s = sub->session;
	struct attach *a = mem_new(struct attach);
	a->home = s->here;
	a->history = s->history;
	a->session = s;
	a->channel_id = sub->channel_id;
	a->user_id = s->user_id;
	a->gen = sub->gen = ++s->next_gen;
	a->cursor = sub->pos, a->cursor_at = sub->pos_at;
	a->known = known;
	a->counted = counted;
	a->joined_rev = sub->joined_rev, a->clipped = sub->clipped;
	sub->state = SUB_ATTACHING;
	attach_begin(a);
}

void session_reattach(struct sub *sub)
{
	detach(sub);
	session_attach(sub, CURSOR_NONE, false);
}

/* ---- streams */

struct chunk *session_bytes(const struct session *s, struct frame *f)
{
	return frame_bytes(f, s->dialect, &s->here->hub->dialects[s->dialect], s->here->dialect_state[s->dialect]);
}

struct chunk *session_encode(const struct session *s, const struct event *e)
{
	return s->here->hub->dialects[s->dialect].encode(s->here->dialect_state[s->dialect], e);
}

bool session_takes(struct session *s)
{
	if (!conn_full(s->conn)) return true;
	conn_flush(s->conn);
	return conn_idle_out(s->conn);
}

bool session_give(struct sub *sub, const struct event *e, struct chunk *bytes)
{
	struct session *s = sub->session;
	if (s->closed || s->parked) return false;
	if (!session_takes(s)) {
		session_park(s);
		return false;
	}
	conn_write(s->conn, bytes, 0, bytes->n);
	sub->pos = e->rev;
	metric_add(s->here->cell, METRIC_HUB_DELIVERED, 1);
	if (!event_ends(e, s->user_id) || e->rev <= sub->joined_rev) return true;
	session_stream_ended(s, e);
	return false;
}

void session_stream_ended(struct session *s, const struct event *e)
{
	session_gone(s, e->channel_id);
	if (e->kind != CHANGE_DELETED) session_refresh(s); /* the list may know of a rejoin */
}

void session_stream_ends(struct sub *sub, int64_t rev)
{
	struct session *s = sub->session;
	int64_t channel_id = sub->channel_id;
	local_doubt(s->here, channel_id);
	if (sub->state == SUB_LIVE && sub->pos < rev) {
		if (!sub->stop_rev || sub->stop_rev > rev) sub->stop_rev = rev;
		return;
	}
	session_gone(s, channel_id);
	session_refresh(s);
}

void session_gone(struct session *s, int64_t channel_id)
{
	struct sub *sub = session_sub(s, channel_id);
	if (!sub) return;
	sub_drop(s, sub);
	s->ops->gone(s, channel_id, s->user_rev);
}

void session_detach(struct session *s)
{
	for (size_t i = 0; i < s->subs.n; i++) detach(s->subs.p[i]);
}

void session_park(struct session *s)
{
	if (s->parked) return;
	s->parked = true;
	metric_add(s->here->cell, METRIC_HUB_PARKED, 1);
	session_detach(s);
}

void session_drained(struct session *s)
{
	if (s->closed) return;
	list_drained(s);
	if (!s->parked) return;
	s->parked = false;
	s->replay_left = s->here->hub->config->replay_events;
	session_refresh(s); /* every channel is attached again, after the list was read */
}

void session_refresh(struct session *s)
{
	if (!s->closed && !s->here->hub->stopping) reading_want(s);
}

/* The list is read once the bus has confirmed that news of the person arrive: before that, some could be missed. */
void session_hello(struct session *s, const struct hello *h)
{
	s->greeted = true;
	presence_begin(s);
	s->hello = mem_dup(h, sizeof *h);
	s->hello->cursors = h->n ? mem_dup(h->cursors, h->n * sizeof *h->cursors) : NULL;
	reading_want(s);
}
