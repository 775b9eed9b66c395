#include "judge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "db.h"
#include "model/thread.h"

struct row { /* of the log */
	int64_t rev, at, user_id, message_id, author_id, nonce, changed_rev, thread_id, thread_seq;
	int64_t kept_rev;                                                     /* of a retain: what is at or below is gone */
	bool is_message, kicks, ends, bans, reacts, removes, deleted, pinned; /* ends: the channel, for all */
	char text[BODY_TEXT * 2];                                             /* a message's body, or a change's data */
	char reactions[REACTIONS_TEXT];
	char thread[THREAD_TEXT]; /* that it shows */
};
/* A membership: from a rev on, to the one that ended it. A quiet one ended at `last` without a change: whoever has not
 * heard of it goes on giving what comes, for a while. */
struct span {
	int slot;
	int64_t user_id, from, last, to, left_at; /* to: the first rev that is not theirs; INT64_MAX: a member to the end */
	bool quiet;
};
#define LATE_MS 12000 /* longer than anything keeps a pod from hearing that somebody went */
struct lineage {
	uint64_t epoch;
	struct {
		int64_t rev, min_rev;
		VEC(struct row) rows; /* ascending */
	} log[CHANNELS];
	VEC(struct span) spans;
};
struct seen {
	const struct client *client;
	int slot;
	uint64_t epoch;
	int64_t rev, at; /* of the event; of a page its moment */
	bool by_page, carries;
	struct held held;
};
struct judge {
	struct world *world;
	bool clipped[CHANNELS];
	VEC(struct lineage *) lineages;
	VEC(struct seen) seen;
};

/* ---- the log */

static const struct sql SQL_LOG = {
	"SELECT channel_id, rev, created_at, 0, message_id, author_id, nonce, changed_rev, 1, '', body, deleted_at, "
	"CASE WHEN deleted_at IS NULL THEN reactions END, pinned_at, thread_id, thread_seq, CASE WHEN thread_count > 0 "
	"THEN "
	"thread_count || ' ' || thread_last_id || ' ' || thread_last_seq || ' ' || thread_users END FROM sim_every_message "
	"UNION ALL "
	"SELECT channel_id, rev, at, "
	"user_id, "
	"message_id, actor_id, NULL, 0, 0, kind, data, NULL, NULL, NULL, NULL, NULL, NULL FROM "
	"sim_every_change ORDER BY 1, 2",
	NULL,
};
static const struct sql SQL_HEADS = { "SELECT channel_id, rev, min_rev, rev_at FROM heads", NULL };
static const struct sql SQL_SPANS = {
	"SELECT channel_id, user_id, joined_rev, left_rev, left_at, quiet FROM sim_spans ORDER BY n", NULL
};
static const struct sql SQL_STRAYS = { "SELECT channel_id, message_id, body FROM sim_strays", NULL };
static const struct sql SQL_MEMBERS = {
	"SELECT m.channel_id, m.user_id FROM members m JOIN heads h ON h.channel_id = m.channel_id WHERE m.left_rev IS "
	"NULL "
	"AND h.deleted_at IS NULL",
	NULL,
};

static struct db_rows begin(struct judge *j, const struct sql *q)
{
	struct db_rows rows;
	j->world->db->looking = true;
	if (db_query(j->world->db->look, q, DB_NO_ARGS, &rows)) abort();
	return rows;
}

static void end(struct judge *j, struct db_rows *rows)
{
	if (db_end(rows)) abort();
	j->world->db->looking = false;
}

static void row_take(const struct db_rows *r, struct row *row)
{
	*row = (struct row){ .rev = db_i64(r, 1), .at = db_i64(r, 2), .user_id = db_i64(r, 3), .message_id = db_i64(r, 4) };
	row->author_id = db_i64(r, 5);
	const struct str nonce = db_str(r, 6);
	for (size_t i = 0; i < 4 && i < nonce.n; i++) row->nonce = row->nonce << 8 | (uint8_t)nonce.p[i];
	row->changed_rev = db_i64(r, 7);
	row->is_message = db_i64(r, 8) != 0;
	const struct str text = str_upto(db_str(r, 10), sizeof row->text - 1);
	if (text.n) memcpy(row->text, text.p, text.n);
	row->kicks = str_eq(db_str(r, 9), STR("kick"));
	row->ends = str_eq(db_str(r, 9), STR("deleted"));
	row->bans = str_eq(db_str(r, 9), STR("ban"));
	row->reacts = str_eq(db_str(r, 9), STR("reaction"));
	row->removes = str_eq(db_str(r, 9), STR("delete"));
	if (str_eq(db_str(r, 9), STR("retain"))) sscanf(row->text, "\"min_rev\":%" SCNd64, &row->kept_rev);
	row->deleted = !db_is_null(r, 11);
	row->pinned = !db_is_null(r, 13);
	row->thread_id = db_i64(r, 14);
	row->thread_seq = db_i64(r, 15);
	const struct str thread = db_str(r, 16);
	if (thread.n >= sizeof row->thread) abort();
	if (thread.n) memcpy(row->thread, thread.p, thread.n);
	const struct str reactions = db_str(r, 12);
	if (reactions.n >= sizeof row->reactions) abort();
	if (reactions.n) memcpy(row->reactions, reactions.p, reactions.n);
}

static void span_take(struct lineage *l, const struct db_rows *r)
{
	struct span s = { channel_slot(db_i64(r, 0)), db_i64(r, 1), db_i64(r, 2), INT64_MAX, INT64_MAX, 0, false };
	struct span *open = NULL;
	for (size_t i = 0; i < l->spans.n; i++) {
		struct span *x = &l->spans.p[i];
		if (x->slot == s.slot && x->user_id == s.user_id && x->to == INT64_MAX) open = x;
	}
	if (db_is_null(r, 3)) {
		vec_push(&l->spans, s);
		return;
	}
	open->quiet = db_i64(r, 5) != 0;
	open->last = db_i64(r, 3);
	open->to = open->last + open->quiet;
	open->left_at = db_i64(r, 4);
}

/* Who was there when the channel ended was told so, and no more. */
static void spans_end(struct lineage *l)
{
	for (size_t i = 0; i < l->spans.n; i++) {
		struct span *s = &l->spans.p[i];
		size_t n = l->log[s->slot].rows.n;
		const struct row *last = n ? &l->log[s->slot].rows.p[n - 1] : NULL;
		if (last && last->ends && s->to == INT64_MAX) s->last = s->to = last->rev;
	}
}

static struct lineage *read_lineage(struct judge *j)
{
	struct lineage *l = mem_new(struct lineage);
	struct db_rows rows = begin(j, &SQL_LOG);
	while (db_next(&rows)) {
		struct row row;
		row_take(&rows, &row);
		vec_push(&l->log[channel_slot(db_i64(&rows, 0))].rows, row);
	}
	end(j, &rows);
	rows = begin(j, &SQL_HEADS);
	while (db_next(&rows)) {
		int slot = channel_slot(db_i64(&rows, 0));
		l->log[slot].rev = db_i64(&rows, 1);
		l->log[slot].min_rev = db_i64(&rows, 2);
	}
	end(j, &rows);
	rows = begin(j, &SQL_SPANS);
	while (db_next(&rows)) span_take(l, &rows);
	end(j, &rows);
	spans_end(l);
	j->world->db->looking = true;
	if (epoch_read(j->world->db->look, &l->epoch)) abort();
	j->world->db->looking = false;
	return l;
}

static void lineage_free(struct lineage *l)
{
	for (int slot = 0; slot < CHANNELS; slot++) vec_release(&l->log[slot].rows);
	vec_release(&l->spans);
	mem_free(l);
}

void judge_lineage(struct judge *j)
{
	struct lineage *l = read_lineage(j);
	vec_push(&j->lineages, l);
}

static const struct row *row_at(const struct lineage *l, int slot, int64_t rev)
{
	for (size_t lo = 0, hi = l->log[slot].rows.n; lo < hi;) {
		size_t mid = (lo + hi) / 2;
		const struct row *r = &l->log[slot].rows.p[mid];
		if (r->rev == rev) return r;
		if (r->rev < rev)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- memberships */

static const struct span *span_next(const struct lineage *l, int slot, int64_t user_id, const struct span *at)
{
	for (; at < l->spans.p + l->spans.n; at++)
		if (at->slot == slot && at->user_id == user_id) return at;
	return NULL;
}

#define SPANS(l, slot, user, s)                                                                                        \
	for (const struct span *s = span_next((l), (slot), (user), (l)->spans.p); s;                                       \
		 s = span_next((l), (slot), (user), s + 1))

static bool may_see(const struct judge *j, const struct lineage *l, const struct seen *s)
{
	SPANS(l, s->slot, s->client->user_id, p)
	{
		bool held_ok = !s->carries || !j->clipped[s->slot] || s->held.rev > p->from;
		bool in_time = s->rev <= p->last ||
					   (p->quiet && world_lived_ms(j->world, s->at) <= world_lived_ms(j->world, p->left_at) + LATE_MS);
		if (s->by_page && s->rev >= p->from && s->rev < p->to && held_ok) return true;
		if (!s->by_page && in_time && held_ok && (!j->clipped[s->slot] || s->rev >= p->from)) return true;
	}
	return false;
}

static bool was_member(const struct lineage *l, int slot, int64_t user_id, int64_t rev)
{
	SPANS(l, slot, user_id, p)
	if (rev > p->from && rev < p->to) return true;
	return false;
}

/* ---- what was seen */

void judge_saw(struct judge *j, const struct client *k, const struct wire *h, const struct held *m)
{
	struct seen s = { .client = k,
					  .slot = channel_slot(h->channel_id),
					  .epoch = h->epoch,
					  .rev = h->rev,
					  .at = h->at,
					  .carries = m != NULL };
	if (m) s.held = *m;
	vec_push(&j->seen, s);
}

void judge_read(struct judge *j, const struct client *k, int slot, int64_t rev, int64_t at, const struct held *m)
{
	const struct seen s = { k, slot, k->epoch, rev, at, true, true, *m };
	vec_push(&j->seen, s);
}

/* What retention had taken when it was read, or an event about it happened; and what it has emptied is no tombstone. */
static bool was_gone(const struct lineage *l, const struct seen *s)
{
	bool removed = !s->held.deleted;
	for (size_t i = 0; s->carries && i < l->log[s->slot].rows.n; i++) {
		const struct row *r = &l->log[s->slot].rows.p[i];
		if (r->rev <= s->rev && r->kept_rev >= s->held.rev) return true;
		removed |= r->removes && r->message_id == s->held.message_id;
	}
	return s->carries && !removed;
}

/* Is it in this history, and was it theirs to see? */
static bool stands(const struct judge *j, const struct lineage *l, const struct seen *s, bool *there)
{
	if (l->epoch != s->epoch) return false;
	const struct row *r = row_at(l, s->slot, s->rev);
	if (!r && s->rev > l->log[s->slot].min_rev) return false;
	if (r && (r->at != s->at || (!s->by_page && s->carries && r->is_message && r->nonce != s->held.nonce)))
		return false;
	*there = true;
	return may_see(j, l, s) && !was_gone(l, s);
}

static void judge_one(struct judge *j, const struct seen *s)
{
	bool there = false, fine = false;
	for (size_t i = 0; i < j->lineages.n && !fine; i++) fine = stands(j, j->lineages.p[i], s, &there);
	if (!there)
		fault(j->world, "what c%d saw as %lld-r%lld was never written", s->client->index,
			  (long long)channel_at(s->slot), (long long)s->rev);
	else if (!fine)
		fault(j->world, "no right: c%d saw %s%lld-r%lld, message of r%lld", s->client->index,
			  s->by_page ? "a page of " : "", (long long)channel_at(s->slot), (long long)s->rev,
			  (long long)s->held.rev);
}

/* ---- the database */

static void judge_log(struct judge *j, const struct lineage *l, int slot)
{
	int64_t rev = l->log[slot].min_rev, last_id = 0;
	for (size_t i = 0; i < l->log[slot].rows.n; i++) {
		const struct row *r = &l->log[slot].rows.p[i];
		if (r->rev <= l->log[slot].min_rev) continue;
		if (r->rev != ++rev) {
			fault(j->world, "the log is not dense: %lld-r%lld", (long long)channel_at(slot), (long long)r->rev);
			return;
		}
		if (r->reacts && !was_member(l, slot, r->author_id, r->rev))
			fault(j->world, "a reaction by no member: %lld-r%lld of %lld", (long long)channel_at(slot),
				  (long long)r->rev, (long long)r->author_id);
		if (!r->is_message) continue;
		if (last_id && r->message_id != last_id + 1)
			fault(j->world, "message ids are not dense: %lld-%lld", (long long)channel_at(slot),
				  (long long)r->message_id);
		last_id = r->message_id;
		if (!was_member(l, slot, r->author_id, r->rev))
			fault(j->world, "written by no member: %lld-r%lld of %lld", (long long)channel_at(slot), (long long)r->rev,
				  (long long)r->author_id);
	}
	if (rev != l->log[slot].rev) fault(j->world, "the log ends before its head: %lld", (long long)channel_at(slot));
}

static void judge_edits(struct judge *j)
{
	/* a file copied back has the same epoch, so nothing tells that an id means another message now */
	if (j->world->counts.copied_back) return;
	struct db_rows rows = begin(j, &SQL_STRAYS);
	while (db_next(&rows))
		fault(j->world, "an edit hit another message: %lld-%lld is " STR_FMT, (long long)db_i64(&rows, 0),
			  (long long)db_i64(&rows, 1), STR_ARG(db_str(&rows, 2)));
	end(j, &rows);
}

/* What its root shows, counted anew from the replies. */
static void judge_thread(struct judge *j, const struct lineage *l, int slot, const struct row *root)
{
	int64_t n = 0, count = 0, last_id = 0, rev = 0;
	struct thread t = { 0 };
	char want[THREAD_TEXT] = "";
	struct arena a;
	for (size_t i = 0; i < l->log[slot].rows.n; i++) {
		const struct row *r = &l->log[slot].rows.p[i];
		if (!r->is_message || r->thread_id != root->message_id) continue;
		if (r->thread_seq != ++n)
			fault(j->world, "not the next of its thread: %lld-%lld", (long long)channel_at(slot),
				  (long long)r->message_id);
		rev = r->rev;
		if (r->deleted) continue;
		count++, last_id = r->message_id;
	}
	for (size_t i = l->log[slot].rows.n; i-- > 0;) {
		const struct row *r = &l->log[slot].rows.p[i];
		if (r->is_message && r->thread_id == root->message_id && !r->deleted) thread_name_last(&t, r->author_id);
	}
	arena_init(&a);
	if (count)
		snprintf(want, sizeof want, "%lld %lld %lld " STR_FMT, (long long)count, (long long)last_id, (long long)n,
				 STR_ARG(thread_users_text(&a, &t)));
	arena_release(&a);
	if (strcmp(want, root->thread) != 0 || root->changed_rev < rev)
		fault(j->world, "a thread counted wrong: %lld-%lld shows %s, not %s", (long long)channel_at(slot),
			  (long long)root->message_id, root->thread, want);
	j->world->counts.replies += count;
}

static void judge_threads(struct judge *j, const struct lineage *l, int slot)
{
	for (size_t i = 0; i < l->log[slot].rows.n; i++) {
		const struct row *r = &l->log[slot].rows.p[i];
		if (r->is_message && !r->thread_id && r->rev > l->log[slot].min_rev) judge_thread(j, l, slot, r);
	}
}

static int64_t number_of(const struct row *r) /* of the message or command that it came of; 0: none */
{
	const char *x = r->is_message ? NULL : strstr(r->text, "\"x");
	return r->is_message ? r->nonce : x ? strtoll(x + 2, NULL, 10) : 0;
}

static void judge_once(struct judge *j, const struct lineage *l, int slot)
{
	size_t n = (size_t)j->world->next_nonce + 1;
	uint8_t *times = mem_zalloc(n);
	for (size_t i = 0; i < l->log[slot].rows.n; i++) {
		const struct row *r = &l->log[slot].rows.p[i];
		int64_t number = number_of(r);
		if (i && r->kicks && r[-1].bans && r[-1].user_id == r->user_id) continue; /* one act, two revs */
		if (number > 0 && (size_t)number < n && ++times[number] == 2)
			fault(j->world, "written twice: %lld number %lld", (long long)channel_at(slot), (long long)number);
	}
	mem_free(times);
}

static int by_submitted(const void *a, const void *b)
{
	const struct wrote *x = a, *y = b;
	return x->submitted < y->submitted ? -1 : x->submitted > y->submitted;
}

/* Per channel first in, first out. */
void judge_order(struct judge *j, const struct sim_pod *p)
{
	int64_t last[CHANNELS] = { 0 };
	if (j->world->counts.went_back) return; /* revs were given twice */
	if (p->wrote.n) qsort(p->wrote.p, p->wrote.n, sizeof *p->wrote.p, by_submitted);
	for (size_t i = 0; i < p->wrote.n; i++) {
		int slot = channel_slot(p->wrote.p[i].channel_id);
		if (p->wrote.p[i].rev < last[slot])
			fault(j->world, "overtaken in %s: %lld-r%lld came before what has r%lld", p->name,
				  (long long)p->wrote.p[i].channel_id, (long long)p->wrote.p[i].rev, (long long)last[slot]);
		last[slot] = p->wrote.p[i].rev;
	}
}

/* ---- clients */

static const struct row *row_of(const struct lineage *l, int slot, int64_t nonce)
{
	for (size_t i = 0; i < l->log[slot].rows.n; i++)
		if (l->log[slot].rows.p[i].is_message && l->log[slot].rows.p[i].nonce == nonce) return &l->log[slot].rows.p[i];
	return NULL;
}

static bool is_member(const struct lineage *l, int slot, int64_t user_id)
{
	return was_member(l, slot, user_id, INT64_MAX - 1);
}

static void judge_letters(struct judge *j, const struct lineage *l, const struct client *k, int slot)
{
	const struct shelf *s = &k->shelves[slot];
	bool forgotten = j->world->counts.went_back && !is_member(l, slot, k->user_id); /* as is that they were in */
	for (size_t i = 0; i < s->acked.n && !forgotten; i++)
		if (!row_of(l, slot, s->acked.p[i].nonce))
			fault(j->world, "acknowledged and lost: c%d %lld m%lld", k->index, (long long)channel_at(slot),
				  (long long)s->acked.p[i].nonce);
	if (s->outbox.n && is_member(l, slot, k->user_id))
		fault(j->world, "the outbox is stuck: c%d %lld m%lld", k->index, (long long)channel_at(slot),
			  (long long)s->outbox.p[0].nonce);
	if (j->world->counts.went_back || k->pipeline > 1) return;
	int64_t last = 0;
	for (size_t i = 0; i < s->written.n; i++) {
		const struct row *r = row_of(l, slot, s->written.p[i]);
		if (r && r->rev < last)
			fault(j->world, "a sender's messages changed places: c%d %lld m%lld", k->index, (long long)channel_at(slot),
				  (long long)r->nonce);
		if (r) last = r->rev;
	}
}

static void judge_cache(struct judge *j, const struct lineage *l, const struct client *k, int slot)
{
	const struct shelf *s = &k->shelves[slot];
	if (!s->has_page) {
		fault(j->world, "no page: c%d %lld", k->index, (long long)channel_at(slot));
		return;
	}
	for (size_t i = 0; i < l->log[slot].rows.n; i++) {
		const struct row *r = &l->log[slot].rows.p[i];
		if (!r->is_message || r->rev <= l->log[slot].min_rev || r->message_id < s->low) continue;
		const struct held *m = shelf_held(s, r->message_id);
		if (!m && (s->low || r->rev > s->page_rev))
			fault(j->world, "missing: c%d %lld-%lld", k->index, (long long)channel_at(slot), (long long)r->message_id);
		else if (m &&
				 (m->nonce != r->nonce || m->changed_rev != r->changed_rev || strncmp(m->body, r->text, BODY_TEXT)))
			fault(j->world, "stale: c%d %lld-%lld is %s, not %s", k->index, (long long)channel_at(slot),
				  (long long)r->message_id, m->body, r->text);
		else if (m && m->pinned != r->pinned)
			fault(j->world, "pinned or not: c%d %lld-%lld", k->index, (long long)channel_at(slot),
				  (long long)r->message_id);
		else if (m && !r->thread_id && strcmp(m->thread, r->thread) != 0)
			fault(j->world, "another thread: c%d %lld-%lld shows %s, not %s", k->index, (long long)channel_at(slot),
				  (long long)r->message_id, m->thread, r->thread);
		else if (m && strcmp(m->reactions, r->reactions) != 0)
			fault(j->world, "other reactions: c%d %lld-%lld has %s, not %s", k->index, (long long)channel_at(slot),
				  (long long)r->message_id, m->reactions, r->reactions);
	}
	for (size_t i = 0; i < s->cache.n; i++)
		if (!row_of(l, slot, s->cache.p[i].nonce) && s->cache.p[i].rev > l->log[slot].min_rev)
			fault(j->world, "kept what is not there: c%d %lld-%lld", k->index, (long long)channel_at(slot),
				  (long long)s->cache.p[i].message_id);
}

static void judge_client(struct judge *j, const struct lineage *l, const struct client *k, int slot)
{
	const struct shelf *s = &k->shelves[slot];
	judge_letters(j, l, k, slot);
	if (!is_member(l, slot, k->user_id)) {
		if (s->has) fault(j->world, "still holds: c%d %lld", k->index, (long long)channel_at(slot));
	} else if (!s->has) {
		fault(j->world, "not converged: c%d does not know %lld", k->index, (long long)channel_at(slot));
	} else if (s->rev != l->log[slot].rev) {
		fault(j->world, "not converged: c%d %lld is at %lld of %lld", k->index, (long long)channel_at(slot),
			  (long long)s->rev, (long long)l->log[slot].rev);
	} else if (slot > 0) {
		judge_cache(j, l, k, slot);
	}
}

/* ---- whole */

struct judge *judge_create(struct world *w)
{
	struct judge *j = mem_new(struct judge);
	j->world = w;
	j->clipped[2] = true;
	return j;
}

/* Of the same time, too: another history may have come as far. */
static bool shelf_done(const struct client *k, int slot, int64_t head, int64_t at, bool member)
{
	const struct shelf *s = &k->shelves[slot];
	if (s->has != member || s->asking || (member && s->outbox.n)) return false;
	return !member || (s->rev == head && s->at == at && (slot == 0 || (s->has_page && !s->paging)));
}

bool judge_converged(struct judge *j)
{
	int64_t head[CHANNELS] = { 0 }, at[CHANNELS] = { 0 };
	bool member[CHANNELS][PEOPLE + 1] = { 0 };
	struct db_rows rows = begin(j, &SQL_HEADS);
	while (db_next(&rows)) {
		int slot = channel_slot(db_i64(&rows, 0));
		head[slot] = db_i64(&rows, 1), at[slot] = db_i64(&rows, 3);
	}
	end(j, &rows);
	rows = begin(j, &SQL_MEMBERS);
	while (db_next(&rows)) member[channel_slot(db_i64(&rows, 0))][db_i64(&rows, 1)] = true;
	end(j, &rows);
	for (int i = 0; i < CLIENTS; i++)
		for (int slot = 0; slot < CHANNELS; slot++) {
			const struct client *k = j->world->clients[i];
			if (!shelf_done(k, slot, head[slot], at[slot], member[slot][k->user_id])) return false;
		}
	return !judge_named(j->world) && judge_retained(j->world);
}

void judge_end(struct judge *j)
{
	judge_lineage(j);
	const struct lineage *l = j->lineages.p[j->lineages.n - 1];
	for (size_t i = 0; i < j->seen.n; i++) judge_one(j, &j->seen.p[i]);
	judge_given(j->world);
	const struct client *k = judge_named(j->world);
	if (k) fault(j->world, "not converged: c%d has an older name of its own", k->index);
	judge_rules(j->world);
	judge_retention(j->world);
	judge_verify(j->world);
	judge_edits(j);
	for (int slot = 0; slot < CHANNELS; slot++) {
		judge_log(j, l, slot);
		judge_once(j, l, slot);
		judge_threads(j, l, slot);
		for (int i = 0; i < CLIENTS; i++) judge_client(j, l, j->world->clients[i], slot);
	}
}

void judge_free(struct judge *j)
{
	for (size_t i = 0; i < j->lineages.n; i++) lineage_free(j->lineages.p[i]);
	vec_release(&j->lineages);
	vec_release(&j->seen);
	mem_free(j);
}
