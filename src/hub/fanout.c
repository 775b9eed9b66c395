/* Fan-out by turn, not by message. What a channel gathered in one turn is joined into one run of bytes per dialect, and
 * its subscribers are walked once. Who is visited gets what waits for them in all channels that are dirty, by one
 * gathered write: one message costs one system call a subscriber, and so do many, in one channel or in several. A walk
 * is cut after 2 ms and keeps its place; what has come meanwhile joins for those not yet reached. Walks go round robin,
 * so that a small channel never waits for a large one. */
#include <assert.h>

#include "hub/local.h"
#include "hub/session.h"
#include "loop/conn.h"

#define WALK_NS 2000000
#define CLOCK_EVERY 16 /* visits between looks at the clock */
#define PARTS 16       /* channels of one visit; further ones have visits of their own */
#define AHEAD 2        /* visits between the looks at a subscription, its session and its connection */

static int64_t last_rev(const struct local *l)
{
	return l->first_rev + (int64_t)l->frames.n - 1;
}

static struct chunk *bytes_of(struct local *l, size_t i, int dialect)
{
	struct hub_reactor *hr = l->here;
	return frame_bytes(l->frames.p[i], dialect, &hr->hub->dialects[dialect], hr->dialect_state[dialect]);
}

static void joined_release(struct joined *j)
{
	chunk_unref(j->chunk);
	j->chunk = NULL;
	vec_clear(&j->begins);
}

/* All frames that the local holds, as one chunk. */
static void join(struct local *l, int dialect)
{
	struct joined *j = &l->joined[dialect];
	joined_release(j);
	j->from = l->first_rev - 1;
	j->to = last_rev(l);
	size_t n = 0;
	for (size_t i = 0; i < l->frames.n; i++) {
		vec_push(&j->begins, (uint32_t)n);
		n += bytes_of(l, i, dialect)->n;
	}
	if (l->frames.n == 1) {
		j->chunk = chunk_ref(bytes_of(l, 0, dialect));
		return;
	}
	j->chunk = chunk_create(n);
	for (size_t i = 0; i < l->frames.n; i++) {
		const struct chunk *c = bytes_of(l, i, dialect);
		__builtin_memcpy(j->chunk->p + j->begins.p[i], c->p, c->n);
	}
}

static const struct joined *joined(struct local *l, int dialect)
{
	struct joined *j = &l->joined[dialect];
	if (!j->chunk || j->from != l->first_rev - 1 || j->to != last_rev(l)) join(l, dialect);
	return j;
}

/* What one session gets at a visit. */
struct visit {
	struct session *session;
	struct iovec iov[PARTS];
	struct chunk *chunks[PARTS];
	struct frame *ends[PARTS]; /* the last ones of streams that end with this; referenced */
	int n, n_ends;
	size_t room; /* bytes it may still be given */
	bool cut;    /* there was more than that */
};

static bool has_news(const struct local *l, const struct sub *sub)
{
	return l->frames.n && sub->pos < last_rev(l);
}

static size_t end_of(const struct joined *j, size_t to)
{
	return to < j->begins.n ? j->begins.p[to] : j->chunk->n;
}

/* Everything after the subscription's position, up to the person's removal, as far as there is room, but one frame at
 * least; moves the position. */
static void take(struct visit *v, struct local *l, struct sub *sub)
{
	int64_t last = last_rev(l);
	assert(sub->pos >= l->first_rev - 1); /* nobody who is live lies before what waits here */
	if (sub->stop_rev && sub->stop_rev < last) last = sub->stop_rev;
	const struct joined *j = joined(l, v->session->dialect);
	size_t from = (size_t)(sub->pos - j->from), to = (size_t)(last - j->from);
	size_t begin = j->begins.p[from];
	while (to > from + 1 && end_of(j, to) - begin > v->room) to--, last--, v->cut = true;
	size_t end = end_of(j, to);
	v->room -= end - begin < v->room ? end - begin : v->room;
	v->chunks[v->n] = j->chunk;
	v->iov[v->n++] = (struct iovec){ j->chunk->p + begin, end - begin };
	metric_add(l->here->cell, METRIC_HUB_DELIVERED, last - sub->pos);
	sub->pos = last;
	if (sub->stop_rev == last) v->ends[v->n_ends++] = frame_ref(l->frames.p[last - l->first_rev]);
}

/* The other dirty channels of this session: by whichever list is shorter. */
static void take_others(struct visit *v, const struct local *visited)
{
	const struct session *s = v->session;
	struct hub_reactor *hr = s->here;
	if (hr->walked.n <= s->subs.n) {
		for (size_t i = 0; i < hr->walked.n && v->n < PARTS; i++) {
			struct local *l = hr->walked.p[i];
			struct sub *sub = l == visited ? NULL : session_sub(s, l->channel_id);
			if (sub && sub->local == l && has_news(l, sub) && !v->cut) take(v, l, sub);
		}
	} else {
		for (size_t i = 0; i < s->subs.n && v->n < PARTS; i++) {
			struct sub *sub = s->subs.p[i];
			if (sub->local && has_news(sub->local, sub) && !v->cut) take(v, sub->local, sub);
		}
	}
}

static void write_out(struct visit *v)
{
	struct conn *c = v->session->conn;
	size_t done = conn_writev_now(c, v->iov, v->n);
	for (int i = 0; i < v->n; i++) {
		size_t n = v->iov[i].iov_len, skip = done < n ? done : n;
		done -= skip;
		if (skip < n)
			conn_write(c, v->chunks[i], (size_t)((char *)v->iov[i].iov_base - v->chunks[i]->p) + skip, n - skip);
	}
}

/* It goes on from its positions once its socket has taken what it was given. */
static void leave_rest(struct session *s)
{
	session_park(s);
	if (!conn_full(s->conn)) session_drained(s);
}

static void visit(struct local *l, struct sub *sub)
{
	struct session *s = sub->session;
	struct visit v;
	if (!has_news(l, sub) || conn_closing(s->conn)) return;
	if (!session_takes(s)) {
		session_park(s);
		return;
	}
	v.session = s, v.n = v.n_ends = 0, v.cut = false; /* the arrays are filled as far as they are used */
	v.room = conn_room(s->conn);
	take(&v, l, sub);
	if (l->here->walked.n > 1) take_others(&v, l);
	write_out(&v);
	for (int i = 0; i < v.n_ends; i++) {
		session_stream_ended(s, v.ends[i]->event);
		frame_unref(v.ends[i]);
	}
	if (v.cut) leave_rest(s);
}

static void drop_frames(struct local *l, int64_t upto)
{
	size_t n = (size_t)(upto - l->first_rev + 1);
	for (size_t i = 0; i < n; i++) frame_unref(l->frames.p[i]);
	l->frames.n -= n;
	__builtin_memmove(l->frames.p, l->frames.p + n, l->frames.n * sizeof *l->frames.p);
	l->first_rev += (int64_t)n;
	for (size_t d = 0; d < DIALECTS_MOST; d++) joined_release(&l->joined[d]);
}

void fanout_forget(struct local *l)
{
	if (l->frames.n) drop_frames(l, last_rev(l));
	l->walking = false;
	for (size_t d = 0; d < DIALECTS_MOST; d++) joined_release(&l->joined[d]);
}

/* Thousands of subscribers do not fit into the processor's caches, and the kernel's sends throw out what did: so what
 * the next visits look at is asked for ahead, one step of the chain at a time. */
static void fetch_ahead(const struct local *l, size_t at)
{
	struct sub *const *p = l->subs.p;
	if (at + 3 * AHEAD >= l->subs.n) return;
	__builtin_prefetch(p[at + 3 * AHEAD]);
	__builtin_prefetch(p[at + 2 * AHEAD]->session);
	const struct conn *c = p[at + AHEAD]->session->conn;
	if (c) conn_prefetch(c);
}

/* True when everybody has what was there when the walk began. */
static bool walk(struct local *l, int64_t until_ns)
{
	if (!l->walking) l->walking = true, l->walk_at = 0, l->walk_to = last_rev(l);
	for (unsigned n = 1; l->walk_at < l->subs.n; n++) {
		fetch_ahead(l, l->walk_at);
		visit(l, l->subs.p[l->walk_at++]);
		if (n % CLOCK_EVERY == 0 && reactor_now_ns(l->here->reactor) >= until_ns) return l->walk_at >= l->subs.n;
	}
	return true;
}

/* Held, so that none goes while its subscribers leave in the midst of it. */
static void gather_dirty(struct hub_reactor *hr)
{
	for (struct list *i = hr->dirty_locals.next; i != &hr->dirty_locals; i = i->next) {
		struct local *l = container_of(i, struct local, dirty);
		l->attaching++;
		vec_push(&hr->walked, l);
	}
}

bool fanout_run(struct hub_reactor *hr)
{
	if (list_empty(&hr->dirty_locals)) return false;
	int64_t until_ns = reactor_now_ns(hr->reactor) + WALK_NS;
	gather_dirty(hr);
	while (!list_empty(&hr->dirty_locals)) {
		struct local *l = container_of(list_pop(&hr->dirty_locals), struct local, dirty);
		bool whole = walk(l, until_ns);
		if (whole) {
			l->walking = false;
			drop_frames(l, l->walk_to);
		}
		if (!whole || l->frames.n) list_add_tail(&hr->dirty_locals, &l->dirty);
		if (reactor_now_ns(hr->reactor) >= until_ns) break;
	}
	for (size_t i = 0; i < hr->walked.n; i++) local_unhold(hr, hr->walked.p[i]->channel_id);
	vec_clear(&hr->walked);
	return !list_empty(&hr->dirty_locals);
}
