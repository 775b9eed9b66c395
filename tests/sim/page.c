#include "page.h"

#include <stdio.h>
#include <string.h>

#include "judge.h"
#include "store/history.h"

struct page_ask {
	struct client *client;
	int slot;
	int64_t gen, message_id; /* message_id 0: the last page */
	struct sim_pod *pod;
	struct arena arena;
	struct page page;
	enum err err;
	uint64_t epoch;
};

static void asks(void *arg);

static bool wanted(const struct page_ask *q)
{
	return q->client->shelves[q->slot].page_gen == q->gen && !q->client->world->over;
}

static void ask_free(struct page_ask *q)
{
	q->client->shelves[q->slot].asking--;
	page_release(&q->page);
	arena_release(&q->arena);
	mem_free(q);
}

static void ask_later(struct page_ask *q, int64_t in_ns)
{
	page_release(&q->page);
	arena_release(&q->arena);
	world_at(q->client->world, in_ns, asks, q);
}

/* As the database keeps them. */
static void held_reaction(struct held *h, const struct reaction *x)
{
	size_t at = strlen(h->reactions);
	int n = snprintf(h->reactions + at, REACTIONS_TEXT - at, "%s" STR_FMT " %lld", at ? ";" : "", STR_ARG(x->emoji),
					 (long long)x->count);
	for (size_t i = 0; i < x->n_users; i++) {
		at += (size_t)n;
		n = snprintf(h->reactions + at, REACTIONS_TEXT - at, "%c%lld", i ? ',' : ' ', (long long)x->user_ids[i]);
	}
}

static void held_thread(struct held *h, const struct thread *t)
{
	struct arena a;
	arena_init(&a);
	snprintf(h->thread, THREAD_TEXT, "%lld %lld %lld " STR_FMT, (long long)t->count, (long long)t->last_id,
			 (long long)t->last_seq, STR_ARG(thread_users_text(&a, t)));
	arena_release(&a);
}

static struct held held_of(const struct message *m)
{
	struct held h = { .message_id = m->message_id, .rev = m->rev, .changed_rev = m->changed_rev };
	h.author_id = m->author_id;
	h.deleted = m->deleted_at != 0;
	h.pinned = m->pinned;
	h.thread_id = m->thread_id;
	if (m->thread.count && !m->thread_id) held_thread(&h, &m->thread);
	for (int i = 0; i < 4; i++) h.nonce = h.nonce << 8 | m->nonce[i];
	for (size_t i = 0; i < m->reactions.n; i++) held_reaction(&h, &m->reactions.items[i]);
	memcpy(h.body, m->body.p ? m->body.p : "", m->body.n < BODY_TEXT ? m->body.n : BODY_TEXT - 1);
	return h;
}

/* What came meanwhile is applied to it. */
static void apply_page(struct page_ask *q)
{
	struct client *k = q->client;
	struct shelf *s = &k->shelves[q->slot];
	const struct page *p = &q->page;
	s->has_page = true;
	s->page_rev = p->channel.rev;
	s->low = p->n ? p->items[0].message_id : 0;
	trace(k->world, "c%d page of %lld as of %lld", k->index, (long long)p->channel.id, (long long)s->page_rev);
	for (size_t i = 0; i < p->n; i++) {
		const struct held h = held_of(&p->items[i]);
		judge_read(k->world->judge, k, q->slot, p->channel.rev, p->channel.rev_at, &h);
		shelf_merge(s, &h, true);
	}
	shelf_page_came(k, q->slot);
}

static void apply_one(struct page_ask *q)
{
	struct client *k = q->client;
	struct shelf *s = &k->shelves[q->slot];
	for (size_t i = 0; i < q->page.n; i++) {
		if (q->page.items[i].message_id != q->message_id) continue;
		const struct held h = held_of(&q->page.items[i]);
		judge_read(k->world->judge, k, q->slot, q->page.channel.rev, q->page.channel.rev_at, &h);
		shelf_merge(s, &h, false);
		return;
	}
	for (size_t i = 0; i < s->cache.n; i++) /* it is clipped */
		if (s->cache.p[i].message_id == q->message_id) vec_drop_swap(&s->cache, i);
}

static void answers(void *arg)
{
	struct page_ask *q = arg;
	struct world *w = q->client->world;
	bool one = q->message_id != 0;
	if (!wanted(q)) {
		ask_free(q);
	} else if (q->pod->dead || q->err || q->epoch != q->client->epoch || (one && q->client->shelves[q->slot].paging)) {
		/* also when it is refused: either the list tells why and nothing is wanted any more, or one is back in */
		ask_later(q, world_between(w, 50 * MS, 300 * MS));
	} else {
		if (one)
			apply_one(q);
		else
			apply_page(q);
		ask_free(q);
	}
}

static void reads(void *arg)
{
	struct page_ask *q = arg;
	struct world *w = q->client->world;
	if (!wanted(q)) {
		ask_free(q);
		return;
	}
	const struct actor who = { .user_id = q->client->user_id, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	const struct page_query ask = { .channel_id = channel_at(q->slot),
									.kind = q->message_id ? PAGE_AROUND : PAGE_LAST,
									.message_id = q->message_id,
									.threads = true,
									.limit = q->message_id ? 2 : PAGE_MESSAGES };
	struct db_conn *c = sim_db_take(w->db, DB_READ);
	q->err = page_read(c, &q->arena, &who, &ask, &q->page);
	q->epoch = q->page.epoch;
	sim_db_give(w->db, c);
	if (!q->err && !q->pod->dead && !hub_serves(q->pod->hub, q->epoch)) q->err = ERR_UNAVAILABLE;
	world_at(w, world_delay(w, DELAY_ANSWER), answers, q);
}

static void asks(void *arg)
{
	struct page_ask *q = arg;
	struct world *w = q->client->world;
	q->pod = wanted(q) ? pod_any(w) : NULL;
	if (q->pod)
		world_at(w, world_delay(w, DELAY_READ), reads, q);
	else if (wanted(q))
		ask_later(q, 200 * MS);
	else
		ask_free(q);
}

static void ask(struct client *k, int slot, int64_t message_id)
{
	struct page_ask *q = mem_new(struct page_ask);
	arena_init(&q->arena);
	q->client = k;
	q->slot = slot;
	q->gen = k->shelves[slot].page_gen;
	q->message_id = message_id;
	k->shelves[slot].asking++;
	world_at(k->world, world_delay(k->world, DELAY_LINK), asks, q);
}

void page_load(struct client *k, int slot)
{
	if (slot == 0) return; /* the server's log has no messages */
	k->shelves[slot].paging = true;
	ask(k, slot, 0);
}

void page_again(struct client *k, int slot, int64_t message_id)
{
	if (shelf_held(&k->shelves[slot], message_id) || k->shelves[slot].paging) ask(k, slot, message_id);
}
