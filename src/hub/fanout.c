/* Fan-out by turn, not by message. What a channel gathered in one turn is joined into one run of bytes per dialect, and
 * its subscribers are walked once: one with nothing queued is written straight from it, others queue a reference to
 * their part. Written straight only when one channel alone is dirty in this turn: else one gathered write a connection
 * is cheaper. A walk is cut after 2 ms and keeps its place; what has come meanwhile joins for those not yet reached.
 * Walks go round robin, so that a small channel never waits for a large one. */
#include "hub/local.h"
#include "hub/session.h"
#include "loop/conn.h"

#define WALK_NS 2000000
#define CLOCK_EVERY 16 /* deliveries between looks at the clock */

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

static void write_part(struct conn *c, struct chunk *chunk, size_t at, size_t n, bool straight)
{
	if (straight) {
		size_t done = conn_write_now(c, chunk->p + at, n);
		at += done, n -= done;
	}
	if (n) conn_write(c, chunk, at, n);
}

static void deliver(struct local *l, struct sub *sub, bool straight)
{
	struct session *s = sub->session;
	int64_t last = last_rev(l);
	if (sub->stop_rev && sub->stop_rev < last) last = sub->stop_rev;
	if (sub->pos >= last || conn_closing(s->conn)) return;
	if (conn_full(s->conn)) {
		session_park(s);
		return;
	}
	const struct joined *j = joined(l, s->dialect);
	size_t from = (size_t)(sub->pos - j->from);
	size_t to = (size_t)(last - j->from);
	size_t begin = j->begins.p[from], end = to < j->begins.n ? j->begins.p[to] : j->chunk->n;
	write_part(s->conn, j->chunk, begin, end - begin, straight);
	metric_add(l->here->cell, METRIC_HUB_DELIVERED, last - sub->pos);
	sub->pos = last;
	if (sub->stop_rev == last) {
		session_gone(s, l->channel_id);
		session_refresh(s);
	}
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
	for (size_t d = 0; d < DIALECTS_MOST; d++) joined_release(&l->joined[d]);
}

/* True when everybody has what was there when the walk began. */
static bool walk(struct local *l, int64_t until_ns, bool straight)
{
	if (!l->walking) l->walking = true, l->walk_at = 0, l->walk_to = last_rev(l);
	for (unsigned n = 1; l->walk_at < l->subs.n; n++) {
		struct sub *sub = l->subs.p[l->walk_at++];
		deliver(l, sub, straight);
		if (n % CLOCK_EVERY == 0 && reactor_now_ns(l->here->reactor) >= until_ns) return l->walk_at >= l->subs.n;
	}
	return true;
}

bool fanout_run(struct hub_reactor *hr)
{
	if (list_empty(&hr->dirty_locals)) return false;
	int64_t until_ns = reactor_now_ns(hr->reactor) + WALK_NS;
	bool straight = hr->dirty_locals.next->next == &hr->dirty_locals;
	while (!list_empty(&hr->dirty_locals)) {
		struct local *l = container_of(list_pop(&hr->dirty_locals), struct local, dirty);
		bool whole = walk(l, until_ns, straight);
		if (whole) {
			l->walking = false;
			drop_frames(l, l->walk_to);
		}
		if (!whole || l->frames.n)
			list_add_tail(&hr->dirty_locals, &l->dirty);
		else if (!l->subs.n)
			local_hold(hr, l->channel_id), local_unhold(hr, l->channel_id); /* the last one left in the walk */
		if (reactor_now_ns(hr->reactor) >= until_ns) break;
	}
	return !list_empty(&hr->dirty_locals);
}
