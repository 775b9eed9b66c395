/* The list is read whole, by one snapshot (reading.h), whenever the person's head has moved past what the session has,
 * or something was not told. While a session is attached to a channel only the channel's stream tells it of a removal
 * or a rejoin: the list attaches it to what is new and detaches it from what is gone, and never attaches it a second
 * time.
 *
 * A client may be cut off after any frame and come back with the highest user_rev that it has read, so each frame
 * carries one up to which it has been told everything: rows go in the order in which they changed, each with its own,
 * none above a removal that a stream has still to tell. And a socket may be full after any frame: the session is
 * parked, and what it was told is seen from its subscriptions when the list is read again, so nothing of a list is kept
 * for a slow reader but the first, which is one answer. */
#include "hub/list.h"

#include <string.h>

#include "base/mem.h"
#include "hub/local.h"

struct greeting { /* a `ready` on its way */
	struct reading *reading;
	struct arena arena;
	struct ready ready;
	struct ready_place at;
};

void list_forget(struct session *s)
{
	struct greeting *g = s->greeting;
	s->greeting = NULL;
	if (!g) return;
	reading_unref(g->reading);
	arena_release(&g->arena);
	mem_free(g);
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

static void take_row(struct sub *sub, const struct channel *c)
{
	sub->joined_rev = c->me.joined_rev;
	sub->clipped = c->history == HISTORY_JOINED;
}

static bool room_for_more(struct session *s)
{
	if (session_takes(s)) return true;
	session_park(s);
	return false;
}

/* ---- what differs from what was told */

/* What has a stream hears from it: what came before the removal is still on its way. Channel 0 alone has no removals.
 */
static bool tell_gone(struct session *s, const struct sync_list *list)
{
	for (size_t i = s->subs.n; i-- > 0;) {
		const struct sub *sub = s->subs.p[i];
		if (in_list(list, sub->channel_id)) continue;
		if (sub->state != SUB_DETACHED && sub->channel_id != 0) {
			local_doubt(s->here, sub->channel_id);
			continue;
		}
		if (!room_for_more(s)) return false;
		session_gone(s, sub->channel_id);
	}
	return true;
}

/* Below the first removal that a stream has still to tell: who comes back with more would never hear of it. */
static int64_t told_upto(const struct session *s, const struct sync_list *list)
{
	int64_t upto = INT64_MAX;
	for (size_t i = 0; i < list->n_left; i++) {
		const struct sync_left *left = &list->left[i];
		if (left->user_rev <= upto && session_sub(s, left->channel_id)) upto = left->user_rev - 1;
	}
	return upto > s->user_rev ? upto : s->user_rev;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Of rows, of what is listed in a ready. */
static int64_t rows_told(const struct session *s)
{
	return s->user_rev > s->rows_rev ? s->user_rev : s->rows_rev;
}

static void tell_changed(struct session *s, const struct channel *c, int64_t upto)
{
	int64_t user_rev = least(c->me.user_rev, upto);
	if (user_rev > s->user_rev) s->user_rev = user_rev;
	s->ops->channel(s, c, s->user_rev);
}

/* The cursor was of another epoch: the client drops what it has of the channel. */
static void tell_reset(struct session *s, struct sub *sub, const struct channel *c)
{
	metric_add(s->here->cell, METRIC_HUB_RESETS, 1);
	s->ops->reset(s, c->id, c->rev, c);
	sub->pos = c->rev, sub->pos_at = 0;
	sub->tell_synced = false;
}

/* False: its socket takes no more. */
static bool tell_row(struct session *s, const struct channel *c, int64_t upto)
{
	struct sub *sub = session_sub(s, c->id);
	bool changed = !sub || c->me.user_rev > rows_told(s), moved = sub && c->me.read_at > sub->read_at;
	bool reset = sub && sub->state == SUB_DETACHED && sub->pos_at == AT_FOREIGN;
	if (!changed && !moved && !reset) return true;
	if (!room_for_more(s)) return false;
	if (reset)
		tell_reset(s, sub, c);
	else if (changed)
		tell_changed(s, c, upto);
	else
		s->ops->read(s, c);
	if (!sub) {
		sub = session_sub_add(s, c->id);
		sub->pos = c->rev;
	}
	sub->read_at = c->me.read_at;
	return true;
}

/* A membership that has ended without a change in the stream, or been ended and begun anew: what was written in between
 * is not given to them, where that can be known. False: its socket takes no more. */
static bool end_stream(struct session *s, int64_t channel_id, int64_t cut_rev, bool clipped)
{
	struct sub *sub = session_sub(s, channel_id);
	if (!cut_rev || !sub || sub->state == SUB_DETACHED || sub->joined_rev > cut_rev) return true;
	if (!room_for_more(s)) return false;
	session_stream_ends(sub, clipped ? 0 : cut_rev);
	return true;
}

static bool end_streams(struct session *s, const struct sync_list *list)
{
	for (size_t i = 0; i < list->n_left; i++)
		if (!end_stream(s, list->left[i].channel_id, list->left[i].cut_rev, false)) return false;
	for (size_t i = 0; i < list->n_channels; i++) {
		const struct channel *c = &list->channels[i];
		if (!end_stream(s, c->id, c->me.cut_rev, c->history == HISTORY_JOINED)) return false;
	}
	return true;
}

/* False: its socket takes no more. */
static bool tell_own(struct session *s, const struct own *o)
{
	if (o->user_rev <= (o->listed ? rows_told(s) : s->user_rev)) return true;
	if (!room_for_more(s)) return false;
	s->ops->own(s, o);
	s->user_rev = o->user_rev;
	return true;
}

/* All in the order of their change. What would be above `upto` is told as changed then, and again by the next list; but
 * other things than channels are told once, and wait for it. False: its socket takes no more. */
static bool tell_all(struct session *s, const struct reading *r, int64_t upto)
{
	const struct own *own = r->list.own.items, *end = own + r->list.own.n;
	for (size_t i = 0; i < r->list.n_channels; i++) {
		const struct channel *c = r->by_user_rev[i];
		for (; own < end && own->user_rev <= least(upto, c->me.user_rev); own++)
			if (!tell_own(s, own)) return false;
		if (!tell_row(s, c, upto)) return false;
	}
	for (; own < end && own->user_rev <= upto; own++)
		if (!tell_own(s, own)) return false;
	return true;
}

static void attach_all(struct session *s, const struct sync_list *list)
{
	for (size_t i = 0; i < list->n_channels && !s->parked; i++) {
		const struct channel *c = &list->channels[i];
		struct sub *sub = session_sub(s, c->id);
		if (!sub || sub->state != SUB_DETACHED) continue;
		take_row(sub, c);
		session_attach(sub, c->rev, sub->pos != c->rev);
	}
}

/* What a read has of one's own things may be a part only: the next one goes on behind it. */
static int64_t read_upto(struct session *s, const struct sync_list *list)
{
	int64_t upto = least(told_upto(s, list), list->user_rev);
	if (list->own.upto >= upto) return upto;
	s->list_wanted = true;
	return list->own.upto > s->user_rev ? list->own.upto : s->user_rev;
}

static void follow(struct session *s, const struct reading *r)
{
	const struct sync_list *list = &r->list;
	if (s->user_rev < list->own.reach) { /* who comes back gets all of it */
		s->ops->kick(s, ERR_SLOW_READER);
		return;
	}
	if (!end_streams(s, list) || !tell_gone(s, list)) return;
	int64_t upto = read_upto(s, list);
	if (!tell_all(s, r, upto)) return;
	if (upto > s->user_rev) s->user_rev = upto;
	s->list_rev = list->user_rev;
	attach_all(s, list);
}

/* ---- the first */

/* Left rows tell who was here before what has ended since; older ones have been forgotten. */
static bool wants_whole(const struct session *s, const struct sync_list *list)
{
	const struct hello *h = s->hello;
	if (h->epoch && h->epoch != s->epoch) return true;
	if (h->user_rev < list->left_reach || h->user_rev < list->own.reach) return true;
	return h->user_rev <= 0 || h->user_rev > list->user_rev;
}

/* Below what is told after it: who is cut off between them has still to hear of that. */
static int64_t ready_rev(const struct hello *h, const struct sync_list *list, bool whole)
{
	int64_t rev = list->user_rev;
	if (whole) return rev;
	for (size_t i = list->own.n; i-- > 0;) {
		const struct own *o = &list->own.items[i];
		if (!o->listed && o->user_rev > h->user_rev && o->user_rev <= rev) rev = o->user_rev - 1;
	}
	rev = least(rev, list->own.upto);
	return rev > h->user_rev ? rev : h->user_rev;
}

static void find_gone(struct greeting *g, const struct hello *h, bool whole)
{
	const struct sync_list *list = &g->reading->list;
	int64_t *gone = arena_array(&g->arena, int64_t, h->n + list->n_left + 1);
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++)
		if (!in_list(list, h->cursors[i].channel_id)) gone[n++] = h->cursors[i].channel_id;
	for (size_t i = 0; i < list->n_left && !whole; i++)
		if (list->left[i].user_rev > h->user_rev && !hello_cursor(h, list->left[i].channel_id))
			gone[n++] = list->left[i].channel_id;
	g->ready.gone = gone, g->ready.n_gone = n;
}

static void greeting_make(struct session *s, struct reading *r)
{
	struct greeting *g = mem_new(struct greeting);
	const struct sync_list *list = &r->list;
	arena_init(&g->arena);
	g->reading = reading_ref(r);
	bool whole = wants_whole(s, list);
	const struct channel **rows = arena_array(&g->arena, const struct channel *, list->n_channels + 1);
	for (size_t i = 0; i < list->n_channels; i++) {
		const struct channel *c = &list->channels[i];
		if (whole || !hello_cursor(s->hello, c->id) || c->me.user_rev > s->hello->user_rev)
			rows[g->ready.n_channels++] = c;
	}
	g->ready.list = list;
	g->ready.channels = rows;
	g->ready.epoch = s->epoch;
	g->ready.whole = whole;
	g->ready.user_rev = ready_rev(s->hello, list, whole);
	find_gone(g, s->hello, whole);
	s->greeting = g;
}

/* A cursor of another epoch goes on where the row at its rev has its time: nothing that it has seen was lost. Before
 * the first rev there is nothing to be lost. */
static int64_t cursor_time(const struct cursor *cur, bool same)
{
	return same || cur->at || !cur->rev ? cur->at : AT_FOREIGN;
}

/* Where each stream goes on. What was told of a marker is not known of a row that was not listed: it is told again. */
static void take_positions(struct session *s, const struct sync_list *list)
{
	bool same = !s->hello->epoch || s->hello->epoch == s->epoch;
	for (size_t i = 0; i < list->n_channels; i++) {
		const struct channel *c = &list->channels[i];
		const struct cursor *cur = hello_cursor(s->hello, c->id);
		struct sub *sub = session_sub_add(s, c->id);
		sub->pos = cur ? cur->rev : c->rev;
		sub->pos_at = cur ? cursor_time(cur, same) : 0;
		sub->tell_synced = cur != NULL;
	}
	for (size_t i = 0; i < s->greeting->ready.n_channels; i++) {
		const struct channel *c = s->greeting->ready.channels[i];
		session_sub(s, c->id)->read_at = c->me.read_at;
	}
}

static void greeted(struct session *s)
{
	struct reading *r = reading_ref(s->greeting->reading);
	take_positions(s, &r->list);
	s->user_rev = s->greeting->ready.user_rev;
	s->list_rev = s->rows_rev = r->list.user_rev;
	s->replay_left = s->here->hub->config->replay_events;
	s->ready = true;
	session_forget_hello(s);
	list_forget(s);
	if (s->list_least > r->list.user_rev)
		s->list_wanted = true; /* nobody is attached to what was left while it was told */
	else
		follow(s, r);
	s->list_least = 0;
	reading_unref(r);
}

/* Part by part, as the socket takes them. */
static void greet(struct session *s)
{
	struct greeting *g = s->greeting;
	do {
		if (!session_takes(s)) return;
	} while (!s->ops->ready(s, &g->ready, &g->at));
	greeted(s);
	if (s->list_wanted || s->person->heard > s->list_rev) reading_want(s);
}

void list_drained(struct session *s)
{
	if (s->greeting) greet(s);
}

/* ---- whenever it was read */

static bool is_alive(const struct session *s, const struct sync_list *list)
{
	for (size_t i = 0; i < list->n_sessions; i++)
		if (!strcmp(list->sessions[i].id, s->session_id)) return list->active && list->sessions[i].alive;
	return false;
}

void list_take(struct session *s, struct reading *r)
{
	if (s->parked || s->history != s->here->history) return; /* read again once it takes more; is being closed */
	if (!is_alive(s, &r->list)) {
		s->ops->kick(s, ERR_SESSION_REVOKED);
	} else if (r->list.user_rev < s->list_least) {
		s->list_wanted = true;
		s->list_least = 0;
	} else if (s->hello) {
		greeting_make(s, r);
		greet(s);
		return;
	} else if (r->list.user_rev < s->list_rev) {
		s->list_wanted = true; /* an older list; what hangs on the read is not lost with it */
	} else {
		follow(s, r);
	}
	if (s->person->heard > s->list_rev) s->list_wanted = true;
}

/* ---- news */

/* A list from before would attach them once more: what is being read or told is taken as older. */
void list_left(struct session *s, const struct user_news *n)
{
	if (!n->left_channel) return;
	if ((s->list_asked || s->greeting) && n->user_rev > s->list_least) s->list_least = n->user_rev;
	struct sub *sub = session_sub(s, n->left_channel);
	if (s->ready && sub && sub->state != SUB_DETACHED && sub->joined_rev <= n->left_rev)
		session_stream_ends(sub, n->left_rev);
}

/* Next after what it was told, the frame is told as it came. */
static bool tell_next(struct session *s, const struct user_news *n)
{
	if (!s->ready || s->parked) return false;
	if (n->user_rev <= s->user_rev) return true; /* the list was quicker */
	if (n->user_rev != s->user_rev + 1 || s->list_rev != s->user_rev || !room_for_more(s)) return false;
	s->ops->news(s, n);
	s->user_rev = s->list_rev = n->user_rev;
	return true;
}

/* False: the client has to be told otherwise. */
static bool tell_news(struct session *s, const struct user_news *n)
{
	if (n->user_rev) return tell_next(s, n);
	struct sub *sub = n->marker_channel ? session_sub(s, n->marker_channel) : NULL;
	if (!s->ready || s->parked || (n->marker_channel && !sub) || !room_for_more(s)) return false;
	if (sub && n->marker_at <= sub->read_at) return true; /* the list was quicker */
	if (sub) sub->read_at = n->marker_at;
	s->ops->news(s, n);
	return true;
}

void list_news(struct session *s, const struct user_news *n)
{
	if (!s->ready && !s->hello) return; /* its first list is not asked for yet */
	bool told = !n->json_n || tell_news(s, n);
	bool moved = n->list_moved && n->user_rev > s->list_rev && !s->list_asked; /* else person.heard is looked at then */
	if (!told || (moved && s->ready)) reading_want(s);
}
