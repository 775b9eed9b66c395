#include "hub/attach.h"

#include "base/fault.h"
#include "base/mem.h"
#include "hub/local.h"
#include "hub/owner.h"
#include "hub/session.h"
#include "store/sync.h"

#define SNAPSHOT_CHANNELS 200 /* of one job */

/* ---- the session's side: asking */

static void end(struct attach *a);

static void ask_arrives(struct reactor *r, struct mail *m)
{
	struct attach *a = container_of(m, struct attach, mail);
	struct hub_reactor *hr = hub_here(r);
	if (hr->hub->stopping) {
		end(a);
		return;
	}
	if (a->history > hr->history) hub_follow(hr); /* the session's reactor was quicker */
	if (a->history != hr->history) {
		attach_lost(a);
		return;
	}
	struct owner *o = owner_need(hr, a->channel_id);
	o->unused_since_ms = o->n_interested ? 0 : reactor_now_ms(r);
	if (o->open)
		attach_try(o, a);
	else
		list_add_tail(&o->waiting, &a->link);
}

static void ask(struct attach *a)
{
	struct hub_reactor *to = hub_owner_reactor(a->home->hub, a->channel_id);
	a->mail.deliver = ask_arrives;
	if (to == a->home)
		ask_arrives(to->reactor, &a->mail);
	else
		reactor_post(to->reactor, &a->mail);
}

void attach_begin(struct attach *a)
{
	list_init(&a->link);
	a->session->busy++;
	local_hold(a->home, a->channel_id);
	ask(a);
}

static void forget_events(struct attach *a)
{
	for (size_t i = 0; i < a->n_events; i++) event_unref(a->events[i]);
	mem_free(a->events);
	a->events = NULL, a->n_events = 0;
}

static void forget_frames(struct attach *a)
{
	for (size_t i = 0; i < a->n_frames; i++) frame_unref(a->frames[i]);
	mem_free(a->frames);
	a->frames = NULL, a->n_frames = 0;
}

/* ---- what the owner keeps for it, and who waits for it */

/* When everybody comes back at once, one is sent for a snapshot, and who comes meanwhile from there or from later waits
 * for what it brings: as many snapshots as people would make each of them later, and more people come meanwhile. Who
 * was not served by it goes for one of their own. */
static bool follows(const struct owner *o, const struct attach *a)
{
	if (!o->led || a->alone || a->known == CURSOR_NONE || a->cursor < o->led_from) return false;
	if (a->cursor < o->min_rev || o->last - a->cursor > (int64_t)o->here->hub->config->ring_events) return false;
	return !owner_covers(o, a->cursor) || (a->cursor_at && !owner_time(o, a->cursor));
}

static void lead(struct owner *o, struct attach *a)
{
	if (o->led || a->cursor == CURSOR_NONE) return;
	a->leads = o->led = true;
	o->led_from = a->cursor;
}

static void lead_no_more(struct owner *o, struct attach *a)
{
	struct list *l;
	if (!a->leads) return;
	a->leads = o->led = false;
	while ((l = list_pop(&o->followers))) attach_try(o, container_of(l, struct attach, link));
}

static void unpin(struct hub_reactor *hr, struct attach *a)
{
	struct owner *o = owner_get(hr, a->channel_id);
	bool pinned = a->pinned && o && o->gen == a->pin_gen;
	a->pinned = false;
	if (pinned) owner_unpin(o, a->pin_rev);
	if (pinned) lead_no_more(o, a);
	a->leads = false; /* of an owner that has gone, too */
}

static void pin(struct owner *o, struct attach *a)
{
	a->pinned = true, a->pin_gen = o->gen, a->pin_rev = o->last;
	owner_pin(o);
	a->alone = true;
	lead(o, a);
}

static void unpin_arrives(struct reactor *r, struct mail *m)
{
	struct attach *a = container_of(m, struct attach, mail);
	unpin(hub_here(r), a);
	mem_free(a);
}

/* Of one that ends far from its owner: `a` itself carries the news. */
static void free_unpinned(struct attach *a)
{
	struct hub_reactor *to = hub_owner_reactor(a->home->hub, a->channel_id);
	a->mail.deliver = unpin_arrives;
	if (to == a->home)
		unpin_arrives(to->reactor, &a->mail);
	else
		reactor_post(to->reactor, &a->mail);
}

static void end(struct attach *a)
{
	struct session *s = a->session;
	local_unhold(a->home, a->channel_id);
	forget_frames(a);
	forget_events(a);
	if (a->pinned && !a->home->hub->stopping)
		free_unpinned(a);
	else
		mem_free(a);
	session_unbusy(s);
}

static struct sub *wanted(const struct attach *a) /* NULL: detached meanwhile */
{
	struct sub *sub = session_sub(a->session, a->channel_id);
	return sub && sub->state == SUB_ATTACHING && sub->gen == a->gen ? sub : NULL;
}

/* ---- the owner's side */

static void answer_arrives(struct reactor *r, struct mail *m);

static void answer(struct owner *o, struct attach *a)
{
	struct hub_reactor *here = o->here;
	a->mail.deliver = answer_arrives;
	if (here == a->home)
		answer_arrives(here->reactor, &a->mail);
	else
		reactor_post(a->home->reactor, &a->mail);
}

void attach_lost(struct attach *a)
{
	a->lost = true;
	a->mail.deliver = answer_arrives;
	reactor_post(a->home->reactor, &a->mail);
}

/* The first rev after the membership was known that ends this person's stream: a replay over it would end there. */
static int64_t removed_after(const struct owner *o, const struct attach *a)
{
	int64_t first = o->last - (int64_t)o->ring_n + 1;
	for (int64_t rev = a->known + 1 > first ? a->known + 1 : first; rev <= o->last; rev++) {
		if (event_ends(owner_ring(o, rev)->event, a->user_id)) return rev;
	}
	return 0;
}

static bool same_history(const struct owner *o, const struct attach *a)
{
	return !a->cursor_at || owner_time(o, a->cursor) == a->cursor_at;
}

static bool ring_serves(const struct owner *o, const struct attach *a)
{
	if (a->known == CURSOR_NONE || a->cursor == CURSOR_NONE || !owner_covers(o, a->cursor)) return false;
	int64_t least = a->known < a->cursor ? a->known : a->cursor;
	if (!owner_covers(o, least) && a->known < o->last) return false;
	if (a->clipped && a->cursor < a->joined_rev) return false; /* the snapshot resets it */
	if (a->cursor < o->min_rev || !same_history(o, a)) return false;
	int64_t removed = removed_after(o, a);
	return !removed || removed > a->cursor;
}

static void take_ring(struct owner *o, struct attach *a)
{
	a->n_frames = (size_t)(o->last - a->cursor);
	a->frames = a->n_frames ? mem_alloc(a->n_frames * sizeof *a->frames) : NULL;
	for (size_t i = 0; i < a->n_frames; i++) a->frames[i] = frame_ref(owner_ring(o, a->cursor + 1 + (int64_t)i));
}

void attach_try(struct owner *o, struct attach *a)
{
	owner_recall(o, a->events, a->n_events, a->events_at);
	forget_events(a);
	/* Position and membership are of one snapshot, and the owner is not past it: it supplies what follows. */
	bool exact = a->known == a->cursor && a->cursor != CURSOR_NONE && a->cursor >= o->last && !a->cursor_at;
	bool blind = fault_on(o->here->hub->config, STR("no_barrier")); /* goes live wherever the owner is */
	a->by_ring = exact || blind || ring_serves(o, a);
	if (a->by_ring) {
		if (!exact && !blind) take_ring(o, a);
		a->reached = exact ? a->cursor : o->last;
		owner_interest(o, (size_t)reactor_index(a->home->reactor), true);
		if (exact) owner_behind(o, a->cursor);
	}
	unpin(o->here, a); /* it has what it came back for */
	if (!a->by_ring && follows(o, a)) {
		a->alone = true;
		list_add_tail(&o->followers, &a->link);
		return;
	}
	if (!a->by_ring) pin(o, a);
	answer(o, a);
}

/* ---- the session's side: answers */

/* Takes `n` events off what the hello may still replay. */
static bool replay_fits(const struct attach *a, size_t n)
{
	if (!a->counted) return true;
	if ((int64_t)n > a->session->replay_left) return false;
	a->session->replay_left -= (int64_t)n;
	return true;
}

static void go_live(struct attach *a, struct sub *sub)
{
	bool going = true;
	sub->pos_at = 0; /* the owner has compared it */
	for (size_t i = 0; going && i < a->n_frames; i++) {
		struct frame *f = a->frames[i];
		going = session_give(sub, f->event, session_bytes(a->session, f));
		metric_add(a->home->cell, METRIC_HUB_REPLAYED, going);
	}
	if (!going || !wanted(a)) return;
	sub->pos = a->reached;
	local_add(local_need(a->home, a->channel_id), sub);
	if (sub->tell_synced) a->session->ops->synced(a->session, a->channel_id, sub->pos);
	sub->tell_synced = false;
}

static void to_snapshot(struct attach *a)
{
	forget_frames(a);
	vec_push(&a->home->snapshots, a);
}

static void answer_arrives(struct reactor *r, struct mail *m)
{
	struct attach *a = container_of(m, struct attach, mail);
	struct sub *sub = wanted(a);
	if (!sub || a->home->hub->stopping || (!a->lost && a->history != a->home->history)) {
		end(a);
	} else if (a->lost) {
		hub_follow(a->home);
		if (a->history != a->home->history) { /* the session is being closed */
			end(a);
			return;
		}
		a->lost = false;
		forget_frames(a);
		ask(a);
	} else if (a->by_ring && replay_fits(a, a->n_frames)) {
		go_live(a, sub);
		end(a);
	} else {
		to_snapshot(a);
	}
}

/* ---- snapshots */

struct snapshot {
	struct job job;
	struct hub_reactor *here;
	struct arena arena; /* of one try */
	struct sync_log *logs;
	uint64_t epoch, asked;
	struct retry retry;
	size_t n;
	struct attach *attaches[];
};

static void snapshot_run(struct job *j, void *state)
{
	struct snapshot *s = container_of(j, struct snapshot, job);
	j->err = sync_logs(state, &s->arena, s->logs, s->n, &s->epoch);
}

/* False: the session takes no more now. It keeps its position, from which it will be reset when it goes on. */
static bool snapshot_reset(struct attach *a, struct sub *sub, const struct sync_log *log)
{
	if (!session_takes(a->session)) {
		session_park(a->session);
		return false;
	}
	metric_add(a->home->cell, METRIC_HUB_RESETS, 1);
	sub->pos = log->head;
	sub->tell_synced = false;
	a->session->ops->reset(a->session, a->channel_id, log->head, &log->row);
	return true;
}

static bool snapshot_replay(struct attach *a, struct sub *sub, const struct sync_log *log)
{
	sub->pos_at = 0; /* the snapshot has compared it */
	for (size_t i = 0; i < log->n_events; i++) {
		struct chunk *bytes = session_encode(a->session, log->events[i]);
		bool going = session_give(sub, log->events[i], bytes);
		chunk_unref(bytes);
		if (!going) return false;
		metric_add(a->home->cell, METRIC_HUB_REPLAYED, 1);
	}
	return wanted(a) != NULL;
}

/* Whoever comes next from where this one was is served by the ring: after a pod's death that is everybody. */
static void bring_events(struct attach *a, const struct sync_log *log)
{
	if (!log->n_events) return;
	a->events = mem_alloc(log->n_events * sizeof *a->events);
	for (size_t i = 0; i < log->n_events; i++) a->events[i] = event_ref(log->events[i]);
	a->n_events = log->n_events;
	a->events_at = log->since ? log->since_at : 0; /* nothing was compared at 0 */
}

/* Brings the session to T, the snapshot's head; the owner goes on from there. */
static void snapshot_apply(struct attach *a, const struct sync_log *log)
{
	struct sub *sub = wanted(a);
	if (!sub) {
		end(a);
		return;
	}
	if (log->verdict == SYNC_GONE) {
		session_gone(a->session, a->channel_id);
		session_refresh(a->session); /* the list may know of a rejoin */
		end(a);
		return;
	}
	sub->joined_rev = a->joined_rev = log->joined_rev;
	sub->clipped = a->clipped = log->clipped;
	if (!replay_fits(a, log->n_events)) { /* others of the hello were quicker: asked again, it is a reset */
		vec_push(&a->home->snapshots, a);
		return;
	}
	if (!(log->verdict == SYNC_RESET ? snapshot_reset(a, sub, log) : snapshot_replay(a, sub, log))) {
		end(a);
		return;
	}
	if (log->verdict == SYNC_EVENTS) bring_events(a, log);
	sub->pos = a->cursor = a->known = log->head;
	sub->pos_at = a->cursor_at = 0;
	a->counted = false; /* what has come since T is no part of what it had missed */
	ask(a);
}

static void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->logs[i].n_events; k++) event_unref(s->logs[i].events[k]);
	arena_release(&s->arena);
	mem_free(s);
}

static void snapshot_submit(struct snapshot *s);

static void snapshot_again(struct retry *t)
{
	snapshot_submit(container_of(t, struct snapshot, retry));
}

static void snapshot_drop(struct retry *t)
{
	struct snapshot *s = container_of(t, struct snapshot, retry);
	for (size_t i = 0; i < s->n; i++) end(s->attaches[i]);
	snapshot_free(s);
}

static void snapshot_done(struct job *j)
{
	struct snapshot *s = container_of(j, struct snapshot, job);
	if (j->err && !s->here->hub->stopping) { /* the database is away: sessions wait for it, at their positions */
		retry_later(s->here, &s->retry);
		return;
	}
	bool ours = !j->err && !s->here->hub->stopping && hub_ours(s->here, s->asked, s->epoch);
	for (size_t i = 0; i < s->n; i++) {
		if (ours)
			snapshot_apply(s->attaches[i], &s->logs[i]);
		else
			end(s->attaches[i]); /* every session is being closed */
	}
	snapshot_free(s);
}

static int64_t most_events(const struct attach *a)
{
	int64_t most = a->home->hub->config->replay_channel;
	return a->counted && a->session->replay_left < most ? a->session->replay_left : most;
}

/* What an earlier try has read is nobody's. */
static void snapshot_ask(struct snapshot *s)
{
	arena_release(&s->arena);
	s->logs = arena_array(&s->arena, struct sync_log, s->n);
	s->asked = s->here->history;
	for (size_t i = 0; i < s->n; i++) {
		const struct attach *a = s->attaches[i];
		s->logs[i] = (struct sync_log){
			.channel_id = a->channel_id,
			.since = a->cursor == CURSOR_NONE ? 0 : a->cursor,
			.since_at = a->cursor_at,
			.user_id = a->user_id,
			.most = (size_t)most_events(a),
		};
	}
}

static void snapshot_submit(struct snapshot *s)
{
	snapshot_ask(s);
	if (lane_submit(s->here->hub->sync, &s->job)) retry_later(s->here, &s->retry);
}

static void snapshot_start(struct hub_reactor *hr, struct attach **attaches, size_t n)
{
	struct snapshot *s = mem_zalloc(sizeof *s + n * sizeof(struct attach *));
	arena_init(&s->arena);
	retry_init(&s->retry, snapshot_again, snapshot_drop);
	s->here = hr;
	s->n = n;
	for (size_t i = 0; i < n; i++) s->attaches[i] = attaches[i];
	s->job.home = hr->reactor;
	s->job.sure = true;
	s->job.run = snapshot_run;
	s->job.done = snapshot_done;
	snapshot_submit(s);
}

void attach_snapshots(struct hub_reactor *hr)
{
	for (size_t at = 0; at < hr->snapshots.n; at += SNAPSHOT_CHANNELS) {
		size_t n = hr->snapshots.n - at;
		snapshot_start(hr, hr->snapshots.p + at, n < SNAPSHOT_CHANNELS ? n : SNAPSHOT_CHANNELS);
	}
	vec_clear(&hr->snapshots);
}

void attach_drop_snapshots(struct hub_reactor *hr)
{
	for (size_t i = 0; i < hr->snapshots.n; i++) end(hr->snapshots.p[i]);
	vec_clear(&hr->snapshots);
}
