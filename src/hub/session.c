/* The list of channels is read whole, by one statement, whenever the person's head has moved past what the session has.
 * While a session is attached to a channel only the channel's stream tells it of a removal or a rejoin: the list
 * attaches it to what is new and detaches it from what is gone, and never attaches it a second time. */
#include "hub/session.h"

#include <string.h>

#include "base/mem.h"
#include "hub/attach.h"
#include "hub/local.h"

#define RETRY_MS 100

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

static void hello_free(struct session *s)
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
	for (size_t i = 0; i < s->subs.n; i++) {
		detach(s->subs.p[i]);
		mem_free(s->subs.p[i]);
	}
	vec_release(&s->subs);
	list_del(&s->link);
	person_leave(s);
	hub_person_leave(s->here->hub, s->user_id);
	hello_free(s);
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

static struct sub *sub_add(struct session *s, int64_t channel_id)
{
	size_t at = sub_place(s, channel_id);
	struct sub *sub = mem_new(struct sub);
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
	mem_free(sub);
}

/* counted: what it replays counts for the hello's or the resume's `replay_left`. Who begins at a row's rev is behind by
 * no fault of a client, and is not reset for what others had replayed. */
static void sub_attach(struct sub *sub, int64_t known, bool counted)
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
	sub_attach(sub, CURSOR_NONE, false);
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
	if (!s->parked || s->closed) return;
	s->parked = false;
	s->resume = true; /* every channel is attached again, after the list was read */
	session_refresh(s);
}

/* ---- the list */

struct refresh {
	struct job job;
	struct session *session;
	struct arena arena;
	struct sync_list list;
	uint64_t epoch, asked;
	struct timer retry;
};

static void refresh_run(struct job *j, void *state)
{
	struct refresh *r = container_of(j, struct refresh, job);
	const struct session *s = r->session;
	j->err = sync_list(state, &r->arena, s->user_id, str_of(s->session_id), &r->list, &r->epoch);
}

static const struct cursor *hello_cursor(const struct hello *h, int64_t channel_id)
{
	for (size_t lo = 0, hi = h->n; lo < hi;) {
		size_t mid = (lo + hi) / 2;
		if (h->cursors[mid].channel_id == channel_id) return &h->cursors[mid];
		if (h->cursors[mid].channel_id < channel_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static bool in_list(const struct sync_list *list, int64_t channel_id)
{
	for (size_t lo = 0, hi = list->n_channels; lo < hi;) { /* ascending */
		size_t mid = (lo + hi) / 2;
		if (list->channels[mid].id == channel_id) return true;
		if (list->channels[mid].id < channel_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static struct sub *sub_of(struct session *s, const struct channel *c)
{
	struct sub *sub = session_sub(s, c->id);
	if (!sub) sub = sub_add(s, c->id);
	sub->joined_rev = c->me.joined_rev;
	sub->clipped = c->history == HISTORY_JOINED;
	return sub;
}

static void say_ready(struct session *s, struct refresh *r, const struct hello *h, bool whole)
{
	const struct sync_list *list = &r->list;
	const struct channel **rows = arena_array(&r->arena, const struct channel *, list->n_channels + 1);
	int64_t *gone = arena_array(&r->arena, int64_t, h->n + 1);
	struct ready ready = { .list = list, .channels = rows, .gone = gone, .epoch = s->here->epoch };
	for (size_t i = 0; i < list->n_channels; i++) {
		const struct channel *c = &list->channels[i];
		if (whole || !hello_cursor(h, c->id) || c->me.user_rev > h->user_rev) rows[ready.n_channels++] = c;
	}
	for (size_t i = 0; i < h->n; i++)
		if (!in_list(list, h->cursors[i].channel_id)) gone[ready.n_gone++] = h->cursors[i].channel_id;
	s->ready = true;
	s->user_rev = list->user_rev;
	s->ops->ready(s, &ready);
}

/* The cursor was of another epoch: the client drops what it has of the channel. */
static void reset_by_list(struct session *s, struct sub *sub, const struct channel *c)
{
	metric_add(s->here->cell, METRIC_HUB_RESETS, 1);
	sub->pos = c->rev, sub->pos_at = 0;
	sub->tell_synced = false;
	s->ops->reset(s, c->id, c->rev, c);
}

/* A cursor of another epoch goes on where the row at its rev has its time: nothing that it has seen was lost. Before
 * the first rev there is nothing to be lost. */
static int64_t cursor_time(const struct cursor *cur, bool same)
{
	return same || cur->at || !cur->rev ? cur->at : AT_FOREIGN;
}

/* The first list: says ready, then attaches to every channel: from the client's cursor, else from the row's rev. */
static void greet(struct session *s, struct refresh *r)
{
	struct hello *h = s->hello;
	s->hello = NULL;
	const struct sync_list *list = &r->list;
	bool same = !h->epoch || h->epoch == s->here->epoch;
	say_ready(s, r, h, !same || h->user_rev <= 0 || h->user_rev > list->user_rev);
	s->replay_left = s->here->hub->config->replay_events;
	for (size_t i = 0; i < list->n_channels; i++) { /* every position first: a slow reader is parked at them */
		const struct cursor *cur = hello_cursor(h, list->channels[i].id);
		struct sub *sub = sub_of(s, &list->channels[i]);
		sub->pos = cur ? cur->rev : list->channels[i].rev;
		sub->pos_at = cur ? cursor_time(cur, same) : 0;
		sub->tell_synced = cur != NULL;
	}
	for (size_t i = 0; i < list->n_channels && !s->closed && !s->parked; i++) {
		const struct channel *c = &list->channels[i];
		struct sub *sub = session_sub(s, c->id);
		if (!sub || sub->state != SUB_DETACHED) continue;
		if (!session_takes(s))
			session_park(s);
		else if (sub->pos_at == AT_FOREIGN)
			reset_by_list(s, sub, c);
		if (!s->parked) sub_attach(sub, c->rev, sub->tell_synced);
	}
	mem_free(h->cursors);
	mem_free(h);
}

/* What has a stream hears from it: what came before the removal is still on its way. Channel 0 alone has no removals.
 */
static void follow_gone(struct session *s, const struct sync_list *list)
{
	for (size_t i = s->subs.n; i-- > 0;) {
		const struct sub *sub = s->subs.p[i];
		if (in_list(list, sub->channel_id)) continue;
		if (sub->state == SUB_DETACHED || sub->channel_id == 0)
			session_gone(s, sub->channel_id);
		else
			local_doubt(s->here, sub->channel_id);
	}
}

static void follow(struct session *s, const struct sync_list *list, int64_t before)
{
	bool resume = s->resume;
	s->resume = false;
	if (resume) s->replay_left = s->here->hub->config->replay_events;
	follow_gone(s, list);
	for (size_t i = 0; i < list->n_channels && !s->parked && !s->closed; i++) {
		const struct channel *c = &list->channels[i];
		bool fresh = !session_sub(s, c->id);
		if (fresh || c->me.user_rev > before) s->ops->channel(s, c, list->user_rev);
		if (!fresh && !resume) continue;
		struct sub *sub = sub_of(s, c);
		if (sub->state != SUB_DETACHED) continue;
		if (sub->pos == CURSOR_NONE) sub->pos = c->rev;
		sub_attach(sub, c->rev, !fresh);
	}
}

static void refresh_start(struct session *s);

static void refresh_apply(struct session *s, struct refresh *r)
{
	if (!r->list.active) {
		s->ops->kick(s, ERR_SESSION_REVOKED);
	} else if (s->hello) {
		greet(s, r);
	} else if (r->list.user_rev < s->user_rev) {
		s->refresh_again = true; /* an older list; what hangs on the read is not lost with it */
	} else {
		int64_t before = s->user_rev;
		s->user_rev = r->list.user_rev;
		follow(s, &r->list, before);
	}
	if (!s->closed && s->person->heard > s->user_rev) s->refresh_again = true;
}

static void refresh_free(struct refresh *r)
{
	arena_release(&r->arena);
	mem_free(r);
}

static void refresh_retry(struct reactor *reactor, struct timer *t)
{
	struct refresh *r = container_of(t, struct refresh, retry);
	struct session *s = r->session;
	s->refreshing = false;
	if (!s->closed) refresh_start(s);
	refresh_free(r);
	session_unbusy(s);
}

static void refresh_done(struct job *j)
{
	struct refresh *r = container_of(j, struct refresh, job);
	struct session *s = r->session;
	if (!s->closed && j->err && !s->here->hub->stopping) {
		timer_set(s->here->reactor, &r->retry, RETRY_MS);
		return;
	}
	s->refreshing = false;
	if (!s->closed && !s->here->hub->stopping && hub_ours(s->here, r->asked, r->epoch)) {
		refresh_apply(s, r);
		if (s->refresh_again && !s->closed) refresh_start(s);
	}
	refresh_free(r);
	session_unbusy(s);
}

static void refresh_start(struct session *s)
{
	struct refresh *r = mem_new(struct refresh);
	arena_init(&r->arena);
	timer_init(&r->retry, refresh_retry);
	r->session = s;
	r->asked = s->here->history;
	s->busy++;
	s->refreshing = true;
	s->refresh_again = false;
	r->job.home = s->here->reactor;
	r->job.sure = true;
	r->job.run = refresh_run;
	r->job.done = refresh_done;
	if (lane_submit(s->here->hub->sync, &r->job)) timer_set(s->here->reactor, &r->retry, RETRY_MS);
}

void session_refresh(struct session *s)
{
	if (s->closed || s->here->hub->stopping) return;
	if (s->refreshing)
		s->refresh_again = true;
	else
		refresh_start(s);
}

/* The list is read once the bus has confirmed that news of the person arrive: before that, some could be missed. */
void session_hello(struct session *s, const struct hello *h)
{
	s->greeted = true;
	s->hello = mem_dup(h, sizeof *h);
	s->hello->cursors = h->n ? mem_dup(h->cursors, h->n * sizeof *h->cursors) : NULL;
	if (s->person->subscribed || s->here->away) session_refresh(s);
}
